"""Bundled nets: one model.yaml each, described in README.md; :mod:`convviz.read.bundled` finds them."""

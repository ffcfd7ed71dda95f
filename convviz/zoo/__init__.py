"""Bundled nets: one model.yaml a net, described in README.md beside them and read by :mod:`convviz.read.bundled`."""

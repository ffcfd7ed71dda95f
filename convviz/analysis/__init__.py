"""Analyses: a Graph goes in, frozen results come out."""

from convviz.analysis.receptive_field import receptive_field, unit

__all__ = ["receptive_field", "unit"]

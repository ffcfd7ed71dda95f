"""Animations: plans drawn with manim, one file per topic. Imported as `convviz.scenes`."""

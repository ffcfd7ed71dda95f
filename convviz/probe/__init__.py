"""Measurements on real modules, with torch: gradients, trained weights, tiled inference."""

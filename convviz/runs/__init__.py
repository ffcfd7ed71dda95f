"""Training runs as data: recipes, experiments, and run directories read back. Nothing here needs torch."""

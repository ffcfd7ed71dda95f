"""Training: data sets, recipes, runs and what can be said about them."""

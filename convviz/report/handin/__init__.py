"""What a course wants to be handed in: target, result and analysis of finished runs, and how to repeat them."""

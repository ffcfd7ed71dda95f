"""Pictures of training runs: curves, misclassified images, confusion, calibration, Grad-CAM, what was learned."""

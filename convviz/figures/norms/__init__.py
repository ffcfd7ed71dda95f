"""Pictures of normalization."""

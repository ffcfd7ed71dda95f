"""Results as text: one table model, a writer for each format."""

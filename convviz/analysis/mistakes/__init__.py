"""Common mistakes of normalization beside the right answer: other sets of cells, or other arithmetic."""

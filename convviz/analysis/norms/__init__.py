"""Batches normalized: who shares statistics, the statistics, results, and batches that work out whole."""

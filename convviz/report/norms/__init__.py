"""Normalized batches as text, tables, documents and plain data."""

"""Sheets and keys as text, documents and Moodle XML."""

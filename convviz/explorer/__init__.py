"""Interactive pages: an op or a net as one HTML file, or in a notebook."""

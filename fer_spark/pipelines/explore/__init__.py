"""A data set → tables, advice and a page."""

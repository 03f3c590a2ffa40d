"""Picture files before any of them is read: which names are pictures', what a walk over a folder finds."""

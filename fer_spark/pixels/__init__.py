"""Stored pixels: one description of how the faces of a column are stored, one encoder and one decoder."""

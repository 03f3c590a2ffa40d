"""Scores and explanations → a page."""

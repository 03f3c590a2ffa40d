"""Where scores are written to."""

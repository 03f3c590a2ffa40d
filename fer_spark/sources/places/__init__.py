"""Paths as tables spell them, of this machine or another, and the pictures that they mean."""

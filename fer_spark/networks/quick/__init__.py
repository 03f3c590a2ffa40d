"""Shorter ways to the same answers: fused layers, masked copies, oneDNN."""

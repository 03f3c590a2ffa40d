"""Remedies for imbalance, trained on one budget."""

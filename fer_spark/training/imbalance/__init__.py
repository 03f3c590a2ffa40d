"""Remedies for imbalance between classes: weights, losses and samplers, each as its paper defines it."""

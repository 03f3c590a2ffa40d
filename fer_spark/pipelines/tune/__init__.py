"""A search over settings of training."""

"""Shards → batches of tensors."""

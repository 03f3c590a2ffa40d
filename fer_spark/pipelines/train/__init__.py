"""Shards → a bundle."""

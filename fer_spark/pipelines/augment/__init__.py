"""Shards → shards with marked copies of the rarer classes."""

"""Pictures → shards."""

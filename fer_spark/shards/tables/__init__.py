"""Shards as tables too: the very files that the manifest lists, committed to Delta or Iceberg without a copy."""

"""Delta and Iceberg tables as Python packages open them: what scores and shards have in common."""

"""A bundle on faces of shards → explanations."""

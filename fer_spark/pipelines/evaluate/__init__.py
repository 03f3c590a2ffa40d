"""A bundle on a split of shards → figures and a page."""

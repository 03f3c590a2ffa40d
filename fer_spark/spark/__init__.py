"""What every stage shares about Spark: the session, progress on its jobs, duplicates."""

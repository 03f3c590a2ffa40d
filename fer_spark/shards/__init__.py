"""Prepared faces as Parquet shards with a manifest: written by Spark, committed whole, read by trainers."""

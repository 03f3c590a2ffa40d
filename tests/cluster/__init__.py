"""A Spark cluster of processes, for tests; and `make cluster-demo`, which runs the jobs on one from S3 to S3."""

"""The same job where pictures lie, a disk or S3, and where it runs, local mode or a cluster."""

"""fer_spark: facial expression recognition at lake scale, on Spark and PyTorch."""

__version__ = "0.1.0"

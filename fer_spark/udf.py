"""Scoring in SQL and DataFrames.

from fer_spark.udf import predict_udf, register

register(spark, "fer2013")
spark.sql("SELECT path, fer_predict(content).label FROM pictures")

predict = predict_udf("model/")
frame.withColumn("found", predict("content")).select("path", "found.label", "found.confidence")
"""

from __future__ import annotations

from fer_spark.commands.score_udf import predict_udf, register

__all__ = ["predict_udf", "register"]

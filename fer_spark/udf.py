"""Scoring and explaining in SQL and DataFrames.

from fer_spark.udf import explain_udf, predict_udf, register, register_explain

register(spark, "fer2013")
spark.sql("SELECT path, fer_predict(content).label FROM pictures")

predict = predict_udf("model/")
frame.withColumn("found", predict("content")).select("path", "found.label", "found.confidence")

register_explain(spark, "fer2013", lime=LimeSettings(samples=500))
spark.sql("SELECT path, fer_explain(content).weights FROM pictures LIMIT 20")
"""

from __future__ import annotations

from fer_spark.explaining.settings import LimeSettings
from fer_spark.serving.explain_udf import explain_udf, register_explain
from fer_spark.serving.predict_udf import predict_udf, register

__all__ = ["LimeSettings", "explain_udf", "predict_udf", "register", "register_explain"]

"""The inputs that can be scored, by name."""

from __future__ import annotations

from fer_spark.sources.settings import AUTO, SOURCES

SHARDS = "shards"
ALL_SOURCES = (AUTO, *SOURCES, SHARDS)

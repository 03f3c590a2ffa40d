"""Pictures and pages from figures that are already there: no Spark, no torch."""

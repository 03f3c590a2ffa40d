"""What a data set holds, as small tables: Spark aggregations, and pure functions over what they give."""

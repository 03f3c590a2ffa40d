"""Pictures whose values stand in a table: in one cell, or a column each."""

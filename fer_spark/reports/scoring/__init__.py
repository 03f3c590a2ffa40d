"""The page of scores and explanations."""

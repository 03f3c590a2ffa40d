"""A bundle meets pictures: what score, explain, evaluate and the SQL functions share."""

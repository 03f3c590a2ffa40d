"""Tables that Python packages commit to, from the driver: Spark writes their files, and reads those that count."""

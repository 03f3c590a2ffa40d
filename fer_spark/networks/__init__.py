"""The networks, and the bundle a trained one travels in."""

"""Where to look for faces: tiles of a large picture, turns of one on its side, and pictures that are faces already."""

"""From a picture's bytes to prepared faces: decode, detect, align, resize, normalise, measure."""

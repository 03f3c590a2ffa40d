"""Tables that are text: their encoding, separator and header."""

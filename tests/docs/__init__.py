"""docs/ says what is true."""

"""What we decide, tell and remember."""

"""What `analysis.path` is made of."""

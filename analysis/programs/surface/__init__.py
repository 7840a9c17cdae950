"""What `analysis.surface` is made of."""

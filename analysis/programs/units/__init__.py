"""What `analysis.units` is made of."""

"""What `analysis.spectrum` is made of."""

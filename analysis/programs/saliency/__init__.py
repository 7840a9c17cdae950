"""What `analysis.saliency` is made of."""

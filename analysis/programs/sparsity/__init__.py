"""What `analysis.sparsity` is made of."""

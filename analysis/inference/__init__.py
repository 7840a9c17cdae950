"""The forward pass with sparse matrices, on the host: what sparsity brings there."""

from analysis.inference.densities import break_even, thinned
from analysis.inference.host import host_program
from analysis.inference.products import Pruned, sparse_kernels

__all__ = [
    "Pruned",
    "break_even",
    "host_program",
    "sparse_kernels",
    "thinned",
]

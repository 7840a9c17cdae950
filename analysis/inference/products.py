"""Products with kernels that are sparse matrices of SciPy, on the host.

CSR, since of what there is on a CPU it is the fastest by far: see docs/measured.md. A
matrix is [outputs, inputs] and multiplies inputs [inputs, examples]. What it puts out
is [outputs, examples] in memory and seen the other way round; elementwise operations
leave that as it is, so that the next product finds its inputs in that order.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

Matrix = np.ndarray | sparse.csr_array
Pruned = Callable[[np.ndarray], Matrix]
"""From a kernel as a matrix [outputs, inputs] to what multiplies in its place."""


def sparse_kernels(kernel: np.ndarray) -> Matrix:
    """A matrix in CSR without its zeros; as it is if it has none.

    >>> sparse_kernels(np.array([[0.0, 2.0]])).nnz
    1
    """
    return kernel if kernel.all() else sparse.csr_array(kernel)


def dot(params: Any, kernel: np.ndarray, pruned: Pruned) -> Callable | None:
    """`x -> x @ kernel` for inputs [..., in] and a kernel [in, out]; None: not that."""
    (over_x, over_y), batched = params["dimension_numbers"]
    if kernel.ndim != 2 or any(batched) or tuple(over_y) != (0,) or len(over_x) != 1:
        return None
    matrix = pruned(np.ascontiguousarray(kernel.T))

    def product(x):
        if over_x[0] != x.ndim - 1:
            x = np.moveaxis(x, over_x[0], -1)
        found = (matrix @ x.reshape(-1, x.shape[-1]).T).T
        return found.reshape(*x.shape[:-1], kernel.shape[1])

    return product


def convolution(params: Any, kernel: np.ndarray, pruned: Pruned) -> Callable | None:
    """The convolution of images NHWC with a kernel HWIO; None: not that.

    The patches beneath the kernel are laid out as columns [kh kw c_in, positions] and
    multiplied by the kernel as a matrix.
    """
    numbers = params["dimension_numbers"]
    plain = (
        params["feature_group_count"] == params["batch_group_count"] == 1
        and {*params["lhs_dilation"], *params["rhs_dilation"]} == {1}
        and kernel.ndim == 4
    )
    spec = (numbers.lhs_spec, numbers.rhs_spec, numbers.out_spec)
    if not plain or spec != ((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2)):
        return None
    kh, kw, _, outputs = kernel.shape
    matrix = pruned(np.ascontiguousarray(kernel.reshape(-1, outputs).T))
    (sh, sw), padding = params["window_strides"], params["padding"]

    def product(x):
        if any(map(any, padding)):
            x = np.pad(x, ((0, 0), *padding, (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), (1, 2))
        windows = windows[:, ::sh, ::sw]
        n, h, w = windows.shape[:3]
        # [kh, kw, c_in] x [n, h, w], as `matrix` has its columns.
        columns = windows.transpose(4, 5, 3, 0, 1, 2).reshape(-1, math.prod((n, h, w)))
        return (matrix @ columns).reshape(outputs, n, h, w).transpose(1, 2, 3, 0)

    return product


PRODUCTS = {"dot_general": dot, "conv_general_dilated": convolution}

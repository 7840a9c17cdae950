"""Averages, gradients, products and diagonals of a mean loss over a data set.

`batches` is one batch, or a list or iterable of batches (a tuple is one batch). A batch
is a pytree of arrays with the examples on their leading axis. If it is a dict that has
batch["weight"], [B, ...], an example counts by the sum of its own, else once
(`landscape.weighting`), so that uneven batches, chunks and padding are weighed right.
"""

from landscape.derivatives.averages import (
    WeightedSum,
    added,
    average,
    chunks,
    sums_of,
    weighted,
)
from landscape.derivatives.batches import (
    as_batches,
    examples,
    joinable,
    joined,
    num_examples,
    same_twice,
    total_weight,
)
from landscape.derivatives.checks import (
    check_each,
    check_is_scalar,
    check_mean,
    check_rows,
    check_scalar_mean,
)
from landscape.derivatives.diagonals import diagonal, hessian_diagonal
from landscape.derivatives.products import (
    Product,
    gauss_newton_map,
    gradient,
    gradient_and_product,
    hessian_map,
    hessian_product,
    linearized,
    product_of,
)
from landscape.machine.division import first

__all__ = [
    "Product",
    "WeightedSum",
    "added",
    "as_batches",
    "average",
    "check_each",
    "check_is_scalar",
    "check_mean",
    "check_rows",
    "check_scalar_mean",
    "chunks",
    "diagonal",
    "examples",
    "first",
    "gauss_newton_map",
    "gradient",
    "gradient_and_product",
    "hessian_diagonal",
    "hessian_map",
    "hessian_product",
    "joinable",
    "joined",
    "linearized",
    "num_examples",
    "product_of",
    "same_twice",
    "sums_of",
    "total_weight",
    "weighted",
]

"""Diagonals of matrices that are known by their products."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from landscape import trees
from landscape.aliases import Batches, LossFn, Masks, Params
from landscape.arrays import check_floating, check_integer, check_key
from landscape.derivatives.products import Product, hessian_product
from landscape.errors import InputError, check_choice


def hessian_diagonal(
    loss_fn: LossFn,
    params: Params,
    batches: Batches,
    *,
    method: str = "exact",
    num_probes: int = 100,
    key: jax.Array | None = None,
    block_size: int | None = None,
    chunk_size: int | None = None,
    scan: bool = False,
    mask: Masks | None = None,
) -> Params:
    """The diagonal of the Hessian of the mean loss, shaped as `params`.

    Args:
      loss_fn, params, batches, chunk_size, scan: as in `hessian_product`.
      method, num_probes, key, block_size, mask: as in `diagonal`; where the mask is
        False the diagonal is 0, and "exact" spends no product.

    >>> loss = lambda w, batch: jnp.mean(batch @ w**3)
    >>> hessian_diagonal(loss, jnp.array([1.0, 2.0]), jnp.ones((4, 2))).tolist()
    [6.0, 12.0]
    """
    product = hessian_product(
        loss_fn, params, batches, chunk_size=chunk_size, scan=scan
    )
    return diagonal(
        product,
        params,
        method=method,
        num_probes=num_probes,
        key=key,
        block_size=block_size,
        mask=mask,
    )


def diagonal(
    product: Product,
    like: Params,
    *,
    method: str = "exact",
    num_probes: int = 100,
    key: jax.Array | None = None,
    block_size: int | None = None,
    mask: Masks | None = None,
) -> Params:
    """The diagonal of a symmetric A from v -> A v: sum_i z_i * (A z_i), entry by entry.

    "exact": z_i runs over the unit vectors, one product for each entry that is kept.
    "hutchinson": the mean over `num_probes` probes z_i of independent signs (Bekas et
    al. 2007), without bias; entry j has the variance sum_{k != j} A_jk^2 / num_probes.

    Args:
      product: takes and returns pytrees shaped as `like`; works under vmap.
      like: a pytree of float arrays.
      key: of the probes; probe i does not depend on the block size.
      block_size: probes in one vmapped product; default 32 for "exact" and 1 for
        "hutchinson", where a product is large.
      mask: booleans with the structure of `like`, whose leaves may be scalars: the
        diagonal is 0 where it is False.

    Raises:
      InputError: an unknown method, a number below 1, "hutchinson" without a key, or a
        mask that does not fit.

    >>> diagonal(lambda v: v * jnp.array([2.0, 5.0]), jnp.zeros(2)).tolist()
    [2.0, 5.0]
    """
    check_choice("method of the diagonal", method, ("exact", "hutchinson"))
    exact = method == "exact"
    check_floating(like, "what the diagonal is shaped as")
    if not exact and key is None:
        raise InputError("the method hutchinson needs a key.")
    if not exact:
        check_key(key)
    block_size = (32 if exact else 1) if block_size is None else block_size
    for name, value in (("num_probes", num_probes), ("block_size", block_size)):
        check_integer(value, name)
        if value < 1:
            raise InputError(f"{name} must be at least 1, not {value}.")
    trees.check_mask(mask, like)
    if exact:
        probe, indices = Partial(_unit_vector, like), _kept(mask, like)
    else:
        probe, indices = Partial(_signs, key, mask, like), np.arange(num_probes)
    block_size = min(block_size, max(len(indices), 1))
    total = jax.tree.map(jnp.zeros_like, like)
    for start in range(0, len(indices), block_size):
        block = indices[start : start + block_size]
        # Blocks of one size compile once; what fills the last one up does not count.
        counts = np.arange(block_size) < len(block)
        probes = _probes(probe, np.resize(block, block_size))
        total = _accumulate(total, counts, probes, jax.vmap(product)(probes))
    return total if exact else trees.scale(1 / num_probes, total)


def _kept(mask, like) -> np.ndarray:
    if mask is None:
        return np.arange(trees.size(like))
    full = jax.tree.map(lambda m, x: np.broadcast_to(m, jnp.shape(x)), mask, like)
    return np.flatnonzero(np.concatenate([x.ravel() for x in jax.tree.leaves(full)]))


def _unit_vector(like, index):
    vector, unravel = trees.ravel(like)
    return unravel(jnp.zeros_like(vector).at[index].set(1))


def _signs(key, mask, like, index):
    signs = trees.rademacher_like(jax.random.fold_in(key, index), like)
    return trees.project(mask, signs)


@jax.jit
def _probes(probe, indices):
    return jax.vmap(probe)(indices)


@jax.jit
def _accumulate(total, counts, probes, products):
    def add(leaf, z, az):
        return leaf + jax.vmap(lambda c, x: jnp.where(c, x, 0))(counts, z * az).sum(0)

    return jax.tree.map(add, total, probes, products)

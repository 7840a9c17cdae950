"""N:M sparsity: of every M neighbours among a unit's inputs N are kept."""

from collections.abc import Iterable

from landscape.aliases import Params
from landscape.layout import Rules
from landscape.sparsity import choices
from landscape.sparsity.masks import pruned_leaves
from landscape.sparsity.updater import Updater
from landscape.sparsity.updaters import gradual


def n_of_m(
    names: Iterable[str],
    n: int,
    m: int,
    start: int,
    end: int,
    every: int,
    *,
    rules: Rules = (),
) -> Updater:
    """Removes the smallest weights of every group of `m` until `n` of each are left.

    The groups are consecutive along the contraction axis, see
    `landscape.sparsity.choices.n_of_m`. All have the same number of kept weights at
    every step: m - r, with r of m - n removed by the cubic schedule of `pruning`. A
    pruned weight is never kept again.

    Args:
      names: of the kernels that have the pattern; all others stay dense.
      n, m: 1 <= n < m.
      start, end, every: in completed updates.
      rules: as of `landscape.sparsity.prunable`.

    Raises:
      InputError: the steps are out of order; or, in `init`, a name is not that of a
        kernel, or `m` does not divide the inputs of its units.

    >>> import jax.numpy as jnp
    >>> updater = n_of_m(["kernel"], 1, 4, start=0, end=2, every=1)
    >>> params = {"kernel": jnp.array([[1.0], [-4.0], [2.0], [3.0]])}
    >>> masks, state = updater.init(None, params)
    >>> for step in (1, 2):
    ...     masks, _, _ = updater.update(step, None, params, None, masks, state)
    ...     print(masks["kernel"].ravel().tolist())
    [False, True, False, False]
    [False, True, False, False]
    """
    return gradual.of_choice(choices.n_of_m(names, n, m, rules), start, end, every)


def n_of_m_of_settings(
    counts: dict[str, int],
    params: Params,
    pattern: tuple[int, int],
    pruning_steps: tuple[int, int, int],
    rules: Rules = (),
) -> Updater:
    """`n_of_m`, as a row of `landscape.registries.methods` names it."""
    names = pruned_leaves(counts, params)
    return n_of_m(names, *pattern, *pruning_steps, rules=rules)

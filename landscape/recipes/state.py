"""Everything that changes while a network is trained."""

from typing import Any, NamedTuple

import jax

from landscape.one_line import one_line


class TrainState(NamedTuple):
    """The state after `step` completed updates; saved and restored as a whole.

    It has the fields of `landscape.sparsity.SparseState`, so that an update of masked
    parameters takes it. Leaves are saved under the names of these fields: renaming or
    nesting them would leave older run folders unreadable.

    Attributes:
      step: int32 scalar, the number of completed updates.
      params: parameters, exactly 0.0 where `masks` is False.
      batch_stats: running statistics of batch norm; an empty dict without it.
      masks: booleans with the structure of `params`, True = kept; a leaf that is never
        pruned holds a scalar True.
      opt_state: state of the optax optimizer.
      updater_state: state of the mask updater.
    """

    step: jax.Array
    params: Any
    batch_stats: Any
    masks: Any
    opt_state: Any
    updater_state: Any

    __repr__ = one_line

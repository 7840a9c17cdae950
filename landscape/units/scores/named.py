"""A score by its name in the registry."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from landscape import methods
from landscape.aliases import Batches, Params
from landscape.errors import InputError, check_choice
from landscape.units.sites import Site
from landscape.units.structure import Spec
from landscape.units.taps import Tapped


def unit_scores(
    name: str,
    losses: Tapped,
    params: Params,
    batches: Batches,
    sites: Mapping[str, Site],
    spec: Spec,
    key: jax.Array | None = None,
    **settings: Any,
) -> dict[str, jax.Array]:
    """The score `name` of `landscape.methods.UNIT_SCORES`: by group, [n], no NaN.

    Args:
      losses, params, batches, sites, spec, key: as in `mean_replacement_penalty`,
        `norm` and `at_random`.
      settings: keyword arguments of the score, `chunk_size` say, which all take.

    Raises:
      InputError: there is no such score, or a score is NaN.

    >>> import jax.numpy as jnp
    >>> from landscape.units.structure import sequential
    >>> params = {"a": {"kernel": jnp.ones((2, 3))}, "b": {"kernel": jnp.ones((3, 1))}}
    >>> unit_scores("norm", None, params, None, None, sequential(params, "ab"))
    {'a': Array([1., 1., 1.], dtype=float32)}
    """
    row = methods.UNIT_SCORES[check_choice("unit score", name, methods.UNIT_SCORES)]
    score = methods.resolve(row.score)
    settings = dict(row.fixed) | settings
    scores = score(losses, params, batches, sites, spec, key, **settings)
    for group, values in scores.items():
        if count := int(np.isnan(values).sum()):
            raise InputError(
                f"the score {name} of {count} of the {len(values)} units of {group} is"
                " NaN: has the network diverged?"
            )
    return scores

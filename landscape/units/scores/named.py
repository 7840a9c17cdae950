"""A score by its name in the registry."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike

from landscape.aliases import Batches, Params
from landscape.errors import InputError, check_choice
from landscape.layout import Rules
from landscape.registries import methods
from landscape.registries.scores import UNIT_SCORES
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
    rules: Rules = (),
    **settings: Any,
) -> dict[str, jax.Array]:
    """The score `name` of `registries.scores.UNIT_SCORES`: by group, [n], no NaN.

    Args:
      losses, params, batches, sites, spec, key: as in `mean_replacement_penalty`,
        `norm` and `at_random`.
      rules: for leaves that `landscape.layout` does not know.
      settings: keyword arguments of the score, `chunk_size` say, which all take.

    Raises:
      InputError: there is no such score, or a score is NaN.

    >>> import jax.numpy as jnp
    >>> from landscape.units.structure import sequential
    >>> params = {"a": {"kernel": jnp.ones((2, 3))}, "b": {"kernel": jnp.ones((3, 1))}}
    >>> unit_scores("norm", None, params, None, None, sequential(params, "ab"))
    {'a': Array([1., 1., 1.], dtype=float32)}
    """
    row = UNIT_SCORES[check_choice("unit score", name, UNIT_SCORES)]
    score = methods.resolve(row.score)
    settings = dict(row.fixed) | settings
    if row.needs == "nothing":
        settings["rules"] = rules
    scores = score(losses, params, batches, sites, spec, key, **settings)
    check_scores(f"score {name}", scores)
    return scores


def check_scores(what: str, scores: Mapping[str, ArrayLike]) -> None:
    """Raises InputError if a score is NaN; names the group.

    >>> check_scores("score mrs", {"Dense_0": np.array([1.0, np.nan])})
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: the score mrs of 1 of the 2 units of Dense_0 is NaN: \
has the network diverged?
    """
    for group, values in scores.items():
        if count := int(np.isnan(values).sum()):
            raise InputError(
                f"the {what} of {count} of the {len(values)} units of {group} is"
                " NaN: has the network diverged?"
            )

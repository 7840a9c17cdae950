"""Scores that say nothing: the baseline."""

from collections.abc import Mapping

import jax

from landscape import rng
from landscape.aliases import Batches, Params
from landscape.arrays import check_key
from landscape.layout import Rules
from landscape.units.sites import Site
from landscape.units.structure import Spec
from landscape.units.taps import Tapped


def at_random(
    losses: Tapped | None,
    params: Params | None,
    batches: Batches | None,
    sites: Mapping[str, Site] | None,
    spec: Spec,
    key: jax.Array,
    *,
    rules: Rules = (),
    chunk_size: int | None = None,
) -> dict[str, jax.Array]:
    """Uniform in [0, 1), independent: by group, [n].

    Args:
      spec: which groups there are.
      key: equal keys give equal scores.
      losses, params, batches, sites, rules, chunk_size: not used.

    >>> spec, key = Spec({"a": 3}, {}), rng.stream(0, "units")
    >>> found = at_random(None, None, None, None, spec, key)
    >>> found["a"].shape
    (3,)
    """
    check_key(key)
    keys = rng.split(key, len(spec.sizes))
    pairs = zip(spec.sizes.items(), keys, strict=True)
    return {group: rng.uniform(each, (size,)) for (group, size), each in pairs}

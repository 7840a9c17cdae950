"""Networks of any kind with random weights, and what they compute with constants."""

import copy

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from landscape.models import widths_of
from landscape.objective import Objective
from landscape.units import (
    Network,
    mean_outputs,
    plan_removal,
    sites_of,
    specification,
    tapped_logits,
)
from landscape.units.removal.constants import replacement
from landscape.units.removal.full_size import run
from landscape.units.taps import identity


class Case:
    """A network with what is known of it, its leaves drawn at random."""

    def __init__(self, model, shape, spec_of=None, dtype=jnp.float64, seed=0):
        self.objective, self.rng = Objective(model), np.random.default_rng(seed)
        image = jnp.asarray(self.rng.normal(size=(4, *shape)), dtype)
        self.batch = {"image": image, "label": jnp.zeros(4, int)}
        shapes = jax.eval_shape(model.init, jax.random.key(0), image)

        def draw(path, leaf):
            scale = 0.5 if leaf.ndim == 1 else (leaf.size // leaf.shape[-1]) ** -0.5
            values = scale * self.rng.normal(size=leaf.shape)
            positive = path[-1].key in ("scale", "var")
            return jnp.asarray(1 + abs(values) if positive else values, dtype)

        drawn = jax.tree_util.tree_map_with_path(draw, shapes)
        self.network = Network(drawn["params"], drawn.get("batch_stats", {}))
        self.spec = (spec_of or (lambda p: specification(model, p)))(drawn["params"])

    def of(self, network):
        """The same with other weights or masks."""
        other = copy.copy(self)
        other.network = network
        return other

    def chosen(self, fraction=0.5):
        """Random units, never all of a group."""
        drawn = {g: self.rng.random(n) < fraction for g, n in self.spec.sizes.items()}
        return {g: units & (np.arange(len(units)) > 0) for g, units in drawn.items()}

    def odd(self):
        """Every second unit."""
        return {group: np.arange(n) % 2 > 0 for group, n in self.spec.sizes.items()}

    def sites(self, where="after"):
        return sites_of(self.spec, self.network.params, where)

    def constants(self):
        """Any constants, for all units."""
        return {k: self.rng.normal(size=s.size) for k, s in self.sites().items()}

    def means(self, where="after"):
        sites = self.sites(where)
        tapped = tapped_logits(self.objective, self.network.batch_stats, sites)
        return mean_outputs(tapped, self.network.params, self.batch, sites)

    def with_constants(self, chosen, values, where="after"):
        """The logits with constants where units are seen: what all is compared with."""
        sites = self.sites(where)
        tap = replacement(sites, chosen, {k: jnp.asarray(v) for k, v in values.items()})
        tapped = tapped_logits(self.objective, self.network.batch_stats, sites)
        return run(tapped, self.network.params, self.batch, tap)

    def plan(self, chosen=None, constants=None, **settings):
        network = self.network
        return plan_removal(
            self.objective,
            self.spec,
            network,
            self.batch,
            chosen,
            constants,
            **settings,
        )

    def logits(self, network, widths=None):
        model = self.objective.model
        model = model.clone(widths=widths) if widths else model
        tapped = tapped_logits(Objective(model), network.batch_stats, {})
        return run(tapped, network.params, self.batch, Partial(identity))

    def smaller(self, network):
        widths = widths_of(self.objective.model, network.params)[1]
        return self.logits(network, widths)


@pytest.fixture(scope="session")
def case_of():
    return Case


@pytest.fixture(scope="session")
def error():
    """The largest difference of logits, as a fraction of the largest logit."""

    def of(found, expected):
        assert found.shape == expected.shape and jnp.isfinite(expected).all()
        return float(jnp.abs(found - expected).max() / jnp.abs(expected).max())

    return of

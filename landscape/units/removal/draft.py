"""A plan of removal in the making."""

import jax.numpy as jnp
import numpy as np

from landscape import trees
from landscape.layout import layer_name
from landscape.units.removal.connections import at, connections
from landscape.units.removal.constants import replacement, seen
from landscape.units.removal.plan import Plan
from landscape.units.removal.readers import readers_of
from landscape.units.sites import split
from landscape.units.taps import tapped_logits

LAST = "the last unit of its group"
VARIES = "its output is not the same at all positions"


class Draft:
    """Units removed so far from a network, and units that could not be."""

    def __init__(self, objective, spec, network, batch, approximate):
        trees.check_mask(network.masks, network.params)
        self.spec, self.network, self.batch = spec, network, batch
        self.approximate = approximate
        self.readers = readers_of(objective, spec, network, batch["image"])
        self.sites = {name: reader.site for name, reader in self.readers.items()}
        self.tapped = tapped_logits(objective, network.batch_stats, self.sites)
        self.found = connections(spec, network.params, network.masks, objective.rules)
        self.by_kernel = {c.kernel: c for c in self.found}
        self.removed = self.no_units()
        self.pinned = self.no_units()
        self.constants = self.zeros()
        self.reasons = {group: {} for group in spec.sizes}
        self.waiting = {}

    def no_units(self):
        return {group: np.zeros(n, bool) for group, n in self.spec.sizes.items()}

    def zeros(self):
        return {name: np.zeros(site.size) for name, site in self.sites.items()}

    def left(self, units):
        gone = {g: self.removed[g] | self.pinned[g] for g in units}
        return {g: u & ~gone[g] for g, u in units.items()}

    def measured(self):
        """What the layers read of each unit now; NaN where that varies."""
        tap = replacement(self.sites, self.removed, self.constants)
        now = seen(self.tapped, self.network, self.batch, self.sites, tap)
        return {
            name: np.where(same, np.asarray(mean, float), np.nan)
            for name, (mean, same) in now.items()
        }

    def moving(self, name, constants):
        """[C], the units whose constants would move into what the layer reads."""
        connection = self.by_kernel[self.readers[name].kernel]
        reached = connection.kept[:, ~at(connection.outputs, self.removed)]
        return reached.any(axis=1) & (constants[name] != 0)

    def blocked(self, constants):
        """By reason and group, the units that these constants cannot replace."""
        found = {}
        for name, reader in self.readers.items():
            moving, bad = self.moving(name, constants), {}
            varies = np.isnan(constants[name])
            bad[VARIES] = moving & varies
            if reader.takes is None:
                bad[f"{name} is not linear, or has no bias for a constant"] = moving
            elif not reader.uniform and not self.approximate:
                bad[f"{name} pads with zeros, its constant is not 0"] = moving & ~varies
            for reason, units in bad.items():
                by_group = found.setdefault(reason, self.no_units())
                for group, here in split(reader.site, units).items():
                    by_group[group] = by_group[group] | np.asarray(here)
        return found

    def remove(self, kind, units, constants):
        """Removes the units that constants can replace, and notes why others stay."""
        units, blocked = self.left(units), self.blocked(constants)
        stays = self.waiting[kind] = {group: {} for group in units}
        for group, picked in units.items():
            for reason, by_group in blocked.items():
                if (picked & by_group[group]).any():
                    stays[group][reason] = picked & by_group[group]
                    picked = picked & ~by_group[group]
            if picked.any() and (picked | self.removed[group]).all():
                last = np.flatnonzero(picked)[0]
                self.pinned[group][last], picked[last] = True, False
            self.removed[group] = self.removed[group] | picked
            already = self.reasons[group].get(kind, ())
            self.reasons[group][kind] = tuple(sorted(already + _indices(picked)))
            units[group] = picked
        for name, site in self.sites.items():
            here, values = at(site.axis, units), np.nan_to_num(constants[name])
            self.constants[name] = np.where(here, values, self.constants[name])

    def plan(self):
        stays = {}
        for group in self.spec.sizes:
            why = {LAST: self.pinned[group]} if self.pinned[group].any() else {}
            for by_group in self.waiting.values():
                for reason, units in by_group[group].items():
                    why[reason] = why.get(reason, False) | units
            left = {r: u & ~self.removed[group] for r, u in why.items()}
            if why := {r: _indices(u) for r, u in left.items() if u.any()}:
                stays[group] = why
        kinds = {
            group: {kind: units for kind, units in by_kind.items() if units}
            for group, by_kind in self.reasons.items()
        }
        reasons = {group: by_kind for group, by_kind in kinds.items() if by_kind}
        moving = {n: self.moving(n, self.constants).any() for n in self.readers}
        rough = (n for n, reader in self.readers.items() if not reader.uniform)
        both = trees.named_leaves(self.network.params) | trees.named_leaves(
            self.network.batch_stats
        )
        layers = {group: [] for group in self.spec.sizes}
        for connection in self.found:
            for group in connection.outputs.names if connection.outputs else ():
                layers[group].append(layer_name(connection.kernel))
        return Plan(
            self.spec,
            {name: jnp.shape(leaf) for name, leaf in both.items()},
            {group: tuple(names) for group, names in layers.items()},
            self.readers,
            self.removed,
            self.constants,
            reasons,
            stays,
            tuple(name for name in rough if moving[name]),
        )


def _indices(units: np.ndarray) -> tuple[int, ...]:
    return tuple(map(int, np.flatnonzero(units)))

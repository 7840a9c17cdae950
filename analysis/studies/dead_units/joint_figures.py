"""The figures of smaller networks and of what joins the papers."""

from typing import Any

import numpy as np

from analysis.spectra import NEAR_ZERO
from analysis.studies.dead_units import plots_joint, plots_units, shrink_claims
from analysis.studies.dead_units.joint_claims import (
    at_both_ends,
    dead_flags,
    dead_of,
)
from analysis.studies.dead_units.paths import KINDS
from analysis.studies.dead_units.runs import Measured
from analysis.studies.dead_units.scales import TOLERANCE
from landscape.figures import Figure

_SHRUNK = ("left", "lost", "promised", "batch 1", "batch 128")


def shrunk(measured: Measured, words: dict[str, str]) -> Figure:
    """Accuracy and speed of networks made smaller; `words` are names of scores."""
    panels: dict[str, Any] = {}
    for network, seeds in measured.shrunk.items():
        lines: dict[str, Any] = {}
        for each in seeds:
            dense = each["dense"]
            for key, found in each.items():
                if key == "dense":
                    continue
                score, removal, _ = key.split(", ")
                way = "means move on" if removal == "mean" else removal
                name = f"{words[score]}, {way}"
                line = lines.setdefault(name, {k: [] for k in _SHRUNK})
                line["left"].append(100 * shrink_claims.fraction(each, key))
                line["lost"].append(shrink_claims.lost(each, key))
                line["promised"].append(dense["flops"] / found["flops"])
                for size in ("1", "128"):
                    ratio = dense["latency"][size] / found["latency"][size]
                    line[f"batch {size}"].append(ratio)
        panels[network] = lines
    return plots_units.shrunk(panels, "networks made smaller and trained on")


def spectra(measured: Measured) -> Figure:
    """U1."""
    first, *_ = measured.spectra
    whole, live = (np.array(first[which]) for which in ("whole", "live"))
    parts = [
        {
            "dead": (part["whole_near_zero"] - part["live_near_zero"]) / part["size"],
            "live": part["live_near_zero"] / part["size"],
        }
        for part in measured.spectra
    ]
    note = (
        f"the Hessian with and without dead units: first seed, and {len(parts)} seeds"
    )
    return plots_joint.spectra(whole, live, NEAR_ZERO * whole[0], parts, note)


def of_one_mask(measured: Measured) -> Figure:
    """U2."""
    panels = {
        f"{100 * float(key):g} % of the weights pruned": {
            name: (
                [dead_of(each[name]) for each in seeds],
                [each[name]["train_loss"] for each in seeds],
            )
            for name in seeds[0]
        }
        for key, seeds in measured.sparse.items()
    }
    return plots_joint.of_one_mask(panels, "networks of one mask, a point a seed")


def on_paths(measured: Measured) -> Figure:
    """U3."""
    words = {"line": "line, in the mask", "curve": "quadratic curve, dense"}
    found = {}
    for kind in KINDS:
        each = [part[kind] for part in measured.paths]
        found[words[kind]] = {
            "ts": each[0]["ts"],
            "loss": [path["loss"] for path in each],
            "dead": [
                [
                    sum(x < TOLERANCE for v in at.values() for x in v)
                    for at in p["penalty"]
                ]
                for p in each
            ],
            "still_dead": [at_both_ends(path, dead_flags(path)) for path in each],
            "still_constant": [at_both_ends(path, path["constant"]) for path in each],
        }
    note = "units on the way from the pruned to the scratch network"
    return plots_joint.on_paths(found, note)

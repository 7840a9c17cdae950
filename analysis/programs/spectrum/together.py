"""Spectra of several layers, or of several runs, each found in its own folder."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis import curvature
from analysis.programs import inputs, results
from analysis.programs.spectrum import of_run as spectrum_of_run
from analysis.programs.spectrum.figures import BETWEEN
from landscape import runs
from landscape.cli import limit_compiled_programs
from landscape.errors import InputError
from landscape.layout import layer_name
from landscape.sparsity import masks as masks_lib

Found = tuple[dict[str, Any], results.Arrays]
"""What result.json, except the settings, and arrays.npz hold."""


def by_layer(
    config: Any,
    run: Callable[[Any], dict[str, Any]],
    say: Callable[[str], None],
) -> Found:
    """The spectrum of each layer of a run that keeps enough parameters.

    Args:
      config: `analysis.spectrum.Config`.
      run: `analysis.spectrum.run`.
      say: is called with the name of each layer.

    Raises:
      InputError: there is none.
    """
    (loaded,) = inputs.load([runs.parse(config.run)], config.data_dir)
    params = loaded.state.params
    sparse = config.subspace == "sparse"
    masks = loaded.masks if sparse else masks_lib.dense(params)
    kernels = list(masks_lib.prunable(params, loaded.objective.rules))
    chosen = curvature.matching(kernels, config.layers or None)
    names = [layer_name(name) for name in kernels if name in chosen]
    found, least = {}, spectrum_of_run.MIN_PARAMETERS
    for name in names:
        if curvature.num_kept(params, masks, name) >= least:
            limit_compiled_programs()
            say(f"{name}:")
            found[name] = run(replace(config, by_layer=False, layers=(name,)))
    if not found:
        raise InputError(f"no layer of {config.run} keeps {least} parameters.")
    curves = {name: layer.pop("density") for name, layer in found.items()}
    result = {
        "size": sum(layer["size"] for layer in found.values()),
        "num_examples": next(iter(found.values()))["num_examples"],
        "by_layer": found,
        "skipped": [name for name in names if name not in found],
    }
    arrays = {
        f"{name}/{part}": np.array(values)
        for name, curve in curves.items()
        for part, values in curve.items()
    }
    return result, arrays


def by_run(
    config: Any,
    run: Callable[[Any], dict[str, Any]],
    folder: Callable[[Any], Path],
    say: Callable[[str], None],
) -> Found:
    """The spectrum of each of several runs, or their edges over the steps.

    Args:
      config, run, say: as in `by_layer`; say is called with the name of each run.
      folder: `analysis.spectrum.folder`.
    """
    found, arrays = {}, {}
    for name in (config.run, *config.others):
        limit_compiled_programs()
        say(f"{name}:")
        alone = replace(config, run=name, others=())
        found[name] = run(alone)
        parts = found[name].pop("density", None)
        if parts is None:
            parts = results.read_together(folder(alone))
        arrays |= {f"{name}{BETWEEN}{part}": np.array(x) for part, x in parts.items()}
    return {"by_run": found}, arrays

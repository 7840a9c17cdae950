"""The operator whose spectrum is sought, and the spectrum, of one run."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax

from analysis import curvature, spectra
from analysis.programs import checks, inputs, results
from analysis.programs.spectrum import figures as spectrum_figures
from analysis.programs.spectrum import resumable as resumable_spectra
from landscape import rng, runs
from landscape.cli import activity
from landscape.errors import InputError
from landscape.machine import devices
from landscape.tables import counted

MIN_PARAMETERS = 3
"""Minimum number of parameters for a spectrum."""


def found(
    config: Any, folder: Path, say: Callable[[str], None]
) -> tuple[dict[str, Any], results.Arrays]:
    """Numbers and arrays of a spectrum, without the settings.

    Args:
      config: `analysis.spectrum.Config`.
      folder: where pieces of the work are saved.
      say: is called with lines for the user.

    Raises:
      InputError: too few parameters or examples, or too many for an exact spectrum.
    """
    (run,) = inputs.load([runs.parse(config.run)], config.data_dir)
    examples = inputs.examples_of(run, config.num_examples)
    with activity("compiling the products"):
        op = operator(config, run, examples)
    if op.size < MIN_PARAMETERS:
        raise too_few(config.run, op.size, config.layers)
    if not config.layers:
        # Of a layer that has fewer, as with --by-layer, all are found.
        checks.check_top(config, config.run, op.size)
    top = min(config.top, op.size // 2) or 1
    description = op.description
    products = f"products: {description}"
    say(f"{config.operator} over {counted(op.size, 'parameter')}; {products}")
    if config.exact:
        summary = resumable_spectra.exact(op, top, say)
    else:
        steps, probes = config.num_steps, config.num_probes
        key = rng.stream(config.seed, "spectrum")
        before = resumable_spectra.storage_of(folder)
        memory = spectra.memory_needed(
            op, top, steps, probes, memory=_memory(config), before=before
        )
        say(str(memory))
        if before not in (None, memory.storage):
            where = memory._replace(storage=before).where
            say(f"it began with vectors {where}: the rest may differ in rounding")
        memory.check(
            "fewer --num-steps or --top, a smaller --memory for what is linearised, or"
            " more devices"
        )
        if memory.warning:
            say(memory.warning)
        op = memory.placed(op)
        summary = resumable_spectra.estimated(
            op, top, steps, probes, key,
            folder=folder, storage=memory.storage, say=say,
        )  # fmt: skip
    result = {
        "size": op.size,
        "num_classes": run.data.num_classes,
        "num_examples": len(examples["label"]),
        "description": description,
        **summary.result,
    }
    return result, summary.arrays | spectrum_figures.shown(summary.figure)


def operator(
    config: Any, run: runs.Run, examples: dict[str, Any], *, check: bool = True
) -> curvature.Operator:
    """The operator that a config names, of a loaded run on some examples.

    Args:
      config: `analysis.spectrum.Config`.
      run: the run; its data are not used.
      examples: what is averaged over.
      check: as in `analysis.curvature.hessian`.
    """
    state, objective = run.state, run.objective
    options = {
        "mask": run.masks if config.subspace == "sparse" else None,
        "layers": config.layers or None,
        "mesh": devices.make_mesh() if jax.device_count() > 1 else None,
        "memory": _memory(config),
        "check": check,
    }
    model_fn = objective.bind_logits(state.batch_stats)
    if config.operator == "hessian":
        loss_fn = objective.bind(state.batch_stats, l2=config.include_l2)
        return curvature.hessian(loss_fn, state.params, examples, **options)
    if config.operator == "covariance":
        loss_fn = objective.bind_per_example(state.batch_stats)
        make = curvature.gradient_covariance
        return make(loss_fn, state.params, examples, **options)
    make = {
        "gauss-newton": curvature.gauss_newton,
        "residual": curvature.residual,
    }[config.operator]
    loss = objective.bind_output_loss()
    return make(model_fn, loss, state.params, examples, **options)


def _memory(config: Any) -> int | None:
    """Bytes, as --memory says."""
    return None if config.memory is None else int(config.memory * 2**30) or 1


def too_few(run: Any, size: int, layers: Sequence[str]) -> InputError:
    """Of the layers (none: all) a run keeps fewer than `MIN_PARAMETERS` parameters."""
    return InputError(
        f"a spectrum needs at least {MIN_PARAMETERS} parameters: {run} keeps {size} of"
        f" {', '.join(layers) or 'all layers'}."
    )

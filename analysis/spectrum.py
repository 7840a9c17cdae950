"""The spectrum of the curvature of a run's loss: edges, density, trace, outliers.

    python -m analysis.spectrum runs/digits/pruned
    python -m analysis.spectrum runs/digits/pruned --operator gauss-newton
    python -m analysis.spectrum runs/digits/pruned --layers Dense_1 --exact
    python -m analysis.spectrum runs/digits/pruned --by-layer
    python -m analysis.spectrum runs/digits/pruned@init --subspace dense

The extreme eigenvalues by Lanczos, each with an error bound, and the density of the
others by stochastic Lanczos quadrature; with --exact every eigenvalue. Of the data loss
over the training split, without augmentation, batch norm with its stored statistics
(Sagun et al. 2017), over the weights that the mask keeps, or with --subspace dense over
all. --by-layer finds the spectrum of each layer with the others held fixed: a diagonal
block of the matrix. Writes result.json, arrays.npz and figure.png below RUN/analysis/,
and resumes if interrupted (except with --exact). Networks of digits take about half a
minute of CPU time.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

import sys
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from analysis.programs.options import SUBSPACES, DataOptions
from analysis.programs.spectrum_text import (
    describe,
    describe_layers,
    next_command,
)
from landscape.cli import Positional, activity, launch, limit_compiled_programs, parse
from landscape.errors import InputError, require

OPERATORS = ("hessian", "gauss-newton", "residual", "covariance")

MIN_PARAMETERS = 3
"""Minimum number of parameters for a spectrum."""


@dataclass(frozen=True)
class Config(DataOptions):
    GROUPS: ClassVar[dict[str, str]] = {"operator": "spectrum"}
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {
        "operator": OPERATORS,
        "subspace": SUBSPACES,
    }

    run: Positional[str]
    """RUN, RUN@STEP or RUN@init."""
    operator: str = "hessian"
    """hessian; gauss-newton and residual, its two parts; or covariance, the second
    moment of the gradients of single examples."""
    exact: bool = False
    """All eigenvalues, of the dense matrix; for small networks."""
    subspace: str = "sparse"
    """sparse: the weights that the mask keeps; dense: all."""
    num_steps: int = 80
    """Steps of Lanczos for each probe of the density."""
    num_probes: int = 10
    """Random probes of the density."""
    top: int = 20
    """Number of eigenvalues at each end."""
    layers: tuple[str, ...] = ()
    """Patterns (Dense_0, Conv_*) of the layers whose parameters vary; default: all."""
    include_l2: bool = False
    """Of the whole objective, with its L2 term (hessian only)."""
    memory: float | None = None
    """GiB for the linearisation that is kept; default: 4, or half of an accelerator's
    free memory."""
    by_layer: bool = False
    """A spectrum for each of the layers (their kernels with their biases) alone."""

    def __post_init__(self):
        super().__post_init__()
        for name in ("num_steps", "num_probes", "top"):
            require(self, name, getattr(self, name) > 0)
        require(self, "memory", self.memory is None or self.memory > 0, "positive")
        if self.include_l2 and self.operator != "hessian":
            raise InputError("--include-l2 goes with --operator hessian.")


def run(config: Config) -> dict[str, Any]:
    """Finds the spectrum, writes its folder, and returns the content of result.json.

    The result of the same settings is read back, if it is there; an interrupted
    spectrum resumes and ends with the same bits.

    Raises:
      InputError: the run cannot be loaded, has too few examples or no such layers, or
        is too large for an exact spectrum.
    """
    where = folder(config)
    _check(config, where)
    from analysis.programs import shell, spectrum_figures

    find, draw, words = _find, spectrum_figures.draw, describe
    if config.by_layer:
        find, draw, words = (
            _find_by_layer, spectrum_figures.draw_layers, describe_layers
        )  # fmt: skip
    return shell.read_or_compute(where, partial(find, config), draw, words)


def _check(config: Config, where: Path) -> None:
    """Refuses what can be known to fail, before JAX is loaded."""
    from analysis.programs import checks

    (run,) = checks.same_space([_ref(config)], config.data_dir)
    if not checks.is_finished(where):
        checks.num_examples(run, config.num_examples)
        checks.check_layers(_ref(config), config.layers)
        checks.load_jax(where)


def _find(config: Config, where: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Numbers and arrays of a spectrum; pieces of the work are kept in `where`."""
    from analysis.programs import inputs, resumable_spectra, spectrum_figures
    from landscape import rng, runs
    from landscape.tables import counted

    with activity("loading the run"):
        loaded = runs.load(_ref(config), data_dir=config.data_dir)
    examples = inputs.examples_of(loaded, config.num_examples)
    with activity("compiling the products"):
        op = operator(config, loaded, examples)
    if op.size < MIN_PARAMETERS:
        raise InputError(
            f"a spectrum needs at least {MIN_PARAMETERS} parameters: {config.run} keeps"
            f" {op.size} of {', '.join(config.layers) or 'all layers'}."
        )
    top = min(config.top, op.size // 2) or 1
    products = f"products: {op.description}"
    _say(f"{config.operator} over {counted(op.size, 'parameter')}; {products}")
    if config.exact:
        found = resumable_spectra.exact(op, top, _say)
    else:
        steps, probes = config.num_steps, config.num_probes
        key = rng.stream(config.seed, "spectrum")
        found = resumable_spectra.estimated(
            op, top, steps, probes, key, folder=where, say=_say
        )
    result = {
        **asdict(config),
        "layers": list(config.layers),
        "size": op.size,
        "num_examples": len(examples["label"]),
        "description": op.description,
        **found.result,
    }
    return result, found.arrays | spectrum_figures.shown(found.figure)


def _find_by_layer(config: Config, where: Path) -> tuple[dict[str, Any], Any]:
    """Numbers and arrays of the spectra of all layers, each of which has its folder."""
    import numpy as np

    from analysis import curvature
    from landscape import runs
    from landscape.layout import layer_name
    from landscape.sparsity import masks as masks_lib

    loaded = runs.load(_ref(config), data_dir=config.data_dir)
    params = loaded.state.params
    sparse = config.subspace == "sparse"
    masks = loaded.masks if sparse else masks_lib.dense(params)
    kernels = list(masks_lib.prunable(params, loaded.objective.rules))
    chosen = curvature.matching(kernels, config.layers or None)
    names = [layer_name(name) for name in kernels if name in chosen]
    sizes = {name: curvature.num_kept(params, masks, name) for name in names}
    found = {}
    for name in names:
        if sizes[name] >= MIN_PARAMETERS:
            limit_compiled_programs()
            _say(f"{name}:")
            found[name] = run(replace(config, by_layer=False, layers=(name,)))
    if not found:
        raise InputError(f"no layer of {config.run} keeps {MIN_PARAMETERS} parameters.")
    curves = {name: layer.pop("density") for name, layer in found.items()}
    first = next(iter(found.values()))
    result = {
        **asdict(config),
        "layers": list(config.layers),
        "size": sum(layer["size"] for layer in found.values()),
        "num_examples": first["num_examples"],
        "by_layer": found,
        "skipped": [name for name in names if name not in found],
    }
    arrays = {
        f"{name}/{part}": np.array(values)
        for name, curve in curves.items()
        for part, values in curve.items()
    }
    return result, arrays


def operator(config: Config, run: Any, examples: dict[str, Any]) -> Any:
    """The operator that a config names, of a loaded run on some examples."""
    import jax

    from analysis import curvature
    from landscape import devices

    state, objective = run.state, run.objective
    options = {
        "mask": run.masks if config.subspace == "sparse" else None,
        "layers": config.layers or None,
        "mesh": devices.make_mesh() if jax.device_count() > 1 else None,
        "memory": None if config.memory is None else int(config.memory * 2**30) or 1,
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


def folder(config: Config) -> Path:
    """The folder that `run` writes."""
    from analysis.programs import results

    words = [config.operator, config.subspace]
    if config.exact:
        words.append("exact")
    if config.by_layer:
        words.append("by-layer")
    settings = asdict(config)
    # The result does not depend on it.
    del settings["memory"]
    return results.folder("spectrum", words, [_ref(config)], settings)


def _ref(config: Config):
    from landscape import runs

    return runs.parse(config.run)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(config: Config) -> None:
    """Finds a spectrum; prints the result, its folder and what to try next."""
    from analysis.programs import shell

    result = run(config)
    text = describe_layers(result) if config.by_layer else describe(result)
    shell.announce(text, folder(config), next_command(config, result))


if __name__ == "__main__":
    launch(lambda: main(parse(Config, __doc__)))

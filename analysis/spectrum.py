"""The spectrum of the curvature of a run's loss: edges, density, trace, outliers.

    python -m analysis.spectrum runs/digits/pruned
    python -m analysis.spectrum runs/digits/pruned --operator gauss-newton
    python -m analysis.spectrum runs/digits/pruned --layers Dense_1 --exact
    python -m analysis.spectrum runs/digits/pruned --by-layer
    python -m analysis.spectrum runs/digits/pruned@init --subspace dense
    python -m analysis.spectrum runs/digits/pruned --steps all
    python -m analysis.spectrum runs/digits/pruned runs/digits/lottery

The extreme eigenvalues by Lanczos, each with an error bound, and the density of the
others by stochastic Lanczos quadrature; with --exact every eigenvalue. Of the data loss
over the training split, without augmentation, batch norm with its stored statistics
(Sagun et al. 2017), over the weights that the mask keeps, or with --subspace dense over
all. --by-layer finds the spectrum of each layer with the others held fixed: a diagonal
block of the matrix. --steps all follows the largest and the smallest eigenvalue over
the steps that the run kept (--keep-every), beside what the learning rate allows. Of
several runs each has its own spectrum, and all are in one figure. Writes result.json,
arrays.npz and figure.png below RUN/analysis/, and resumes if interrupted (except with
--exact). Networks of digits take about half a minute of CPU time.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

import re
import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from analysis.programs.options import SUBSPACES, DataOptions
from analysis.programs.spectrum.steps_text import check_steps, states
from analysis.programs.spectrum.text import describe, next_command
from landscape.cli import Positional, launch, parse
from landscape.errors import InputError, require
from landscape.machine import hosts
from landscape.needs import Need, when

OPERATORS = ("hessian", "gauss-newton", "residual", "covariance")


@dataclass(frozen=True)
class Config(DataOptions):
    GROUPS: ClassVar[dict[str, str]] = {"steps": "spectrum"}
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {
        "operator": OPERATORS,
        "subspace": SUBSPACES,
    }

    NEEDS: ClassVar[dict[str, Need]] = {
        **dict.fromkeys(
            ("num_steps", "num_probes"),
            when(
                lambda config: not (config.exact or config.steps),
                "is of the estimated density: it does not go with --exact or --steps",
            ),
        ),
        "top": when(lambda config: not config.steps, "does not go with --steps"),
        "seed": when(
            lambda config: not config.exact,
            "does not go with --exact, in which nothing is random",
        ),
    }

    run: Positional[str]
    """RUN, RUN@STEP or RUN@init."""
    others: Positional[tuple[str, ...]] = ()
    """More of them, compared with the first in one figure."""
    steps: tuple[str, ...] = ()
    """Steps of the training, or all that the run kept: the largest and the smallest
    eigenvalue at each; default: the spectrum of the run's last state."""
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
    """GiB of each device for the linearisation that is kept, and as much for the
    vectors of Lanczos where others can keep them; default: 4, or half of an
    accelerator's free memory, and for the vectors what is free."""
    by_layer: bool = False
    """A spectrum for each of the layers (their kernels with their biases) alone."""

    def __post_init__(self):
        super().__post_init__()
        for name in ("num_steps", "num_probes", "top"):
            require(self, name, getattr(self, name) > 0)
        require(self, "memory", self.memory is None or self.memory > 0, "positive")
        if self.include_l2 and self.operator != "hessian":
            raise InputError("--include-l2 goes with --operator hessian.")
        check_steps(self)
        if len({self.run, *self.others}) <= len(self.others):
            raise InputError("a run is named twice: spectra of the same are the same.")
        if self.others and self.by_layer:
            raise InputError("--by-layer is of one run: name a single one.")


def run(config: Config) -> dict[str, Any]:
    """Finds the spectrum, writes its folder, and returns the content of result.json.

    The result of the same settings is read back, if it is there; an interrupted
    spectrum resumes and ends with the same bits.

    Raises:
      InputError: a run cannot be loaded, has too few examples or no such layers, did
        not keep a step, or is too large for an exact spectrum.
    """
    where = folder(config)
    _check(config, where)
    from analysis.programs import shell
    from analysis.programs.spectrum import figures as spectrum_figures

    find, draw = _find, spectrum_figures.draw
    if config.others:
        find, draw = _find_each, spectrum_figures.draw_runs
    elif config.steps:
        find, draw = _follow, spectrum_figures.draw_steps
    elif config.by_layer:
        find, draw = _find_by_layer, spectrum_figures.draw_layers
    find = partial(find, config)
    return shell.read_or_compute(where, find, draw, describe, config.format)


def _check(config: Config, where: Path) -> None:
    """Refuses what can be known to fail, before JAX is loaded."""
    from analysis.programs import checks
    from landscape import runs

    finished = checks.is_finished(where)
    for ref in _refs(config):
        (run,) = checks.same_space([ref], config.data_dir)
        if not finished:
            summary = runs.read_summary(ref.folder) or {}
            if "num_params" in summary and not config.layers:
                checks.check_top(config, ref, summary["num_params"])
            checks.num_examples(run, config.num_examples)
            checks.check_layers(ref, config.layers)
    if not finished:
        checks.load_jax(where)


def _find(config: Config, where: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Numbers and arrays of a spectrum; pieces of the work are kept in `where`."""
    from analysis.programs.spectrum import of_run as spectrum_of_run

    result, arrays = spectrum_of_run.found(config, where, _say)
    return {**_settings(config), **result}, arrays


def _find_by_layer(config: Config, where: Path) -> tuple[dict[str, Any], Any]:
    """Numbers and arrays of the spectra of all layers, each of which has its folder."""
    from analysis.programs.spectrum import together as spectra_together

    result, arrays = spectra_together.by_layer(config, run, _say)
    return {**_settings(config), **result}, arrays


def _follow(config: Config, where: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Numbers and arrays of the edges at each step."""
    from analysis.programs.spectrum import edges_by_step

    result, arrays = edges_by_step.found(config, states(config), where, _say)
    return {**_settings(config), "asked": list(config.steps), **result}, arrays


def _find_each(config: Config, where: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Numbers and arrays of the spectra of all runs, each of which has its folder."""
    from analysis.programs.spectrum import together as spectra_together

    result, arrays = spectra_together.by_run(config, run, folder, _say)
    return {**_settings(config), **result}, arrays


def _settings(config: Config) -> dict[str, Any]:
    """As result.json holds them."""
    return asdict(config) | {
        "layers": list(config.layers),
        "others": list(config.others),
        "steps": list(config.steps),
    }


def folder(config: Config) -> Path:
    """The folder that `run` writes."""
    from analysis.programs import results
    from landscape import runs

    words = [config.operator, config.subspace]
    settings = asdict(config)
    # The result does not depend on it.
    del settings["memory"]
    if config.steps:
        words.append("steps")
        # Which steps are all of them may be others tomorrow.
        settings["steps"] = [runs.fingerprint(ref) for ref in states(config)]
    else:
        # Older folders have no such setting.
        del settings["steps"]
    if config.exact:
        words.append("exact")
    if config.by_layer:
        words.append("by-layer")
    refs = _refs(config)
    found = results.folder("spectrum", words, refs, settings)
    if not config.layers or found.exists():
        # Older ones do not name their layers.
        return found
    layers = [re.sub(r"[^\w.-]", "_", layer) for layer in config.layers]
    return results.folder("spectrum", [*words, *layers], refs, settings)


def _refs(config: Config):
    from landscape import runs

    return [runs.parse(name) for name in (config.run, *config.others)]


def _say(text: str) -> None:
    if hosts.is_first():
        print(text, file=sys.stderr, flush=True)


def main(config: Config) -> None:
    """Finds a spectrum; prints the result, its folder and what to try next."""
    from analysis.programs import shell

    result = run(config)
    shell.announce(describe(result), folder(config), next_command(config, result))


if __name__ == "__main__":
    launch(lambda: main(parse(Config, __doc__, distributed=True)))

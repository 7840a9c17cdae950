"""Which units of a network are dead, since when, and where; and its export.

    python -m analysis.units runs/digits/dense
    python -m analysis.units runs/digits/dense --where before --tolerance 1e-3
    python -m analysis.units runs/digits/dense --export dense.onnx

A unit (a neuron or a channel) is dead if the loss changes by less than the tolerance
when its output is replaced by its mean over the training examples (Evci 2018): in eval
mode, on the training and on the test split, at the run's state and at every state
before it that it kept (--keep-every). All scores of units are compared with that, by
Spearman's rank correlation. Writes result.json, arrays.npz and figure.png below
RUN/analysis/, and resumes if interrupted. A network of digits takes about ten seconds
of CPU time, LeNet-5 40: a forward pass is made for each unit and each kept state.

--export also writes the network to a file that other programs run: .onnx, .stablehlo or
.safetensors (pip install 'sparse-landscape[export]'). The file is read back, and its
logits are compared with the network's. One that is there already is not overwritten.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from analysis.programs.options import SPLITS
from analysis.programs.units.next_command import next_command
from analysis.programs.units.options import Config
from analysis.programs.units.text import (
    LABELS,
    check_tolerance,
    definition,
    describe,
    exported,
    title,
)
from landscape.cli import activity, launch, parse
from landscape.errors import InputError
from landscape.machine import hosts
from landscape.users.code import is_user_code

EXAMPLES = 1000
"""Of each split by default: a forward pass over them is made for each unit."""
COMPARED = 256
"""Test images on which an exported file is compared with the network."""


def run(config: Config) -> dict[str, Any]:
    """Finds the dead units, writes their folder, and returns what is in result.json.

    The result of the same settings is read back, if it is there; an interrupted one
    resumes after the last of the kept steps that it has been through. --export is not
    part of it: see `export`.

    Raises:
      InputError: the run cannot be loaded, its units are not known, the tolerance is
        below rounding, or --export cannot be written.
    """
    where = folder(config)
    _check(config, where)
    from analysis.programs import shell

    return shell.read_or_compute(
        where, partial(_measure, config), _draw, describe, config.format
    )


def _check(config: Config, where: Path) -> None:
    """Refuses what can be known to fail, before JAX is loaded."""
    from analysis.programs import checks
    from landscape import export, runs

    ref = _ref(config)
    (settings,) = checks.same_space([ref], config.data_dir)
    if config.export is not None:
        export.check(config.export)
    if checks.is_finished(where):
        return
    checks.num_examples(settings, config.num_examples)
    if ref.step is None:
        loss = runs.read_summary(ref.folder)["train_loss"]
        check_tolerance(config.tolerance, loss, str(ref))
    checks.load_jax(where)


def _measure(config: Config, where: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Numbers and arrays; what is found of each kept state is kept in `where`."""
    from analysis.programs import checks, inputs
    from analysis.programs.units import numbers as units_numbers
    from analysis.programs.units import resumable as resumable_units
    from landscape import derivatives

    refs = checks.kept_states(_ref(config))
    first_units = resumable_units.first_units(refs[-1].folder)
    (loaded,) = inputs.load([refs[-1]], config.data_dir)
    count = config.num_examples or EXAMPLES
    setup = resumable_units.setup_of(loaded, config.where, config.split, count)
    state = setup.where.whole(loaded.state)
    losses = resumable_units.losses(setup, refs)
    for name, values in losses.items():
        for ref, loss in zip(refs, values, strict=True):
            check_tolerance(config.tolerance, loss, f"{ref} on the {name} split")
    arrays = resumable_units.penalties(where, setup, refs)
    arrays |= resumable_units.scores(setup, state, config.scores, config.seed)
    found = units_numbers.judged(setup, refs, arrays, config.tolerance)
    correlations = units_numbers.correlations(setup, arrays, config.scores)
    result = {
        **{k: v for k, v in asdict(config).items() if k != "export"},
        "split": list(config.split),
        "score": list(config.scores),
        "num_examples": {
            name: sum(map(derivatives.num_examples, split))
            for name, split in setup.splits.items()
        },
        "steps": [ref.step for ref in refs],
        "losses": losses,
        "groups": found,
        "together": resumable_units.together(setup, state, arrays, config.tolerance),
        "first_units": first_units,
        "correlations": correlations,
    }
    return result, arrays


def _draw(result: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """The figure, of what `_measure` found."""
    from landscape import figures

    split = next(iter(result["losses"]))
    last = {g: arrays[f"penalty/{split}/{g}"][-1] for g in result["groups"]}
    names = {LABELS.get(k, k): v for k, v in result["correlations"].items()}
    shown = result | {"correlations": names}
    return figures.dead_units(shown, last, f"{title(result)}\n{definition(result)}")


def export(config: Config) -> Any:
    """Writes the run's network to the file of --export.

    Returns:
      `landscape.export.Written`.

    Raises:
      InputError, RunFailure: as `landscape.export.write`.
    """
    from landscape import export as formats
    from landscape import runs

    path = formats.check(config.export)
    with activity(f"writing {path}"):
        loaded = runs.load(_ref(config), data_dir=config.data_dir)
        network = formats.network_of(loaded, _ref(config))
        return formats.write(path, network, loaded.data.test["image"][:COMPARED])


def _exported(config: Config) -> str:
    """What `export` has written, in words; of several processes the first writes."""
    return exported(hosts.from_first(partial(export, config)))


def folder(config: Config) -> Path:
    """The folder that `run` writes."""
    from analysis.programs import results

    # Older analyses have this name.
    split = "both" if config.split == SPLITS else " ".join(config.split)
    settings = asdict(config) | {"split": split}
    # The result does not depend on it.
    del settings["export"]
    return results.folder("units", [config.where, split], [_ref(config)], settings)


def _ref(config: Config):
    from landscape import runs

    return runs.parse(config.run)


def main(config: Config) -> None:
    """Finds dead units; prints the result, its folder and what to try next."""
    from analysis.programs import shell

    try:
        result = run(config)
    except InputError as error:
        if config.export is None or not _is_of_the_user(config):
            raise
        print(f"{_exported(config)}\n\nUnits are not looked at: {error}")
        return
    text = describe(result)
    if config.export is not None:
        text += f"\n\n{_exported(config)}"
    shell.announce(text, folder(config), next_command(config, result))


def _is_of_the_user(config: Config) -> bool:
    """Whether the network is one of the user's own."""
    from landscape import runs

    return is_user_code(runs.read_config(_ref(config).folder).model)


if __name__ == "__main__":
    launch(lambda: main(parse(Config, __doc__, distributed=True)))

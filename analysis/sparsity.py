"""What a sparse run holds and costs, and what its sparsity really saves here.

    python -m analysis.sparsity runs/digits/pruned
    python -m analysis.sparsity runs/digits/pruned runs/digits/scratch
    python -m analysis.sparsity runs/digits/pruned --export pruned.zip

Of each run: density by layer, FLOPs of the forward pass and of the training, units
without input or output, the fraction of weights that were ever active, and the norm of
the gradient at each state that it kept (--keep-every), under its masks and under those
before. Of several runs also what their masks have in common, and what chance would
give. Of the first run the savings, measured: bytes on disk, and the time of a forward
pass of the dense, the masked and the sparse (CSR) network for 1 and for 128 examples on
this machine. Where sparsity brings nothing, that is said.

Writes result.json, arrays.npz and figure.png below RUN/analysis/; an MLP of digits
takes about ten seconds. --export also writes the sparse network to FILE.zip, which
SciPy opens and `landscape.runs.load` reads back. One that is there is not overwritten.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from analysis.programs.options import DataOptions
from analysis.programs.sparsity.text import describe, exported, next_command, title
from landscape.cli import Positional, activity, launch, parse
from landscape.errors import InputError
from landscape.machine import hosts

EXAMPLES = 1000
"""Training examples that gradients are averaged over, by default."""


@dataclass(frozen=True)
class Config(DataOptions):
    GROUPS: ClassVar[dict[str, str]] = {"export": "output"}

    runs: Positional[tuple[str, ...]]
    """RUN, RUN@STEP or RUN@init, one or more of one model. --num-examples, of the
    gradient: default 1,000, or all if fewer."""
    seed: int = field(default=0, init=False)
    """No flag: nothing here is random. Results of before have it among their
    settings."""
    export: str | None = None
    """Also write the first run's network to this .zip of sparse matrices."""

    def __post_init__(self):
        super().__post_init__()
        if not self.runs:
            raise InputError("name a run, or several.")


def run(config: Config) -> dict[str, Any]:
    """Measures, writes the folder, and returns what is in result.json.

    The result of the same settings is read back, if it is there. --export is not part
    of it: see `export`.

    Raises:
      InputError: a run cannot be loaded, two are of different models, or --export
        cannot be written.
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

    settings = checks.same_space(_refs(config), config.data_dir)
    if config.export is not None:
        if Path(config.export).suffix != runs.EXPORTED:
            raise InputError(
                f"--export writes a {runs.EXPORTED} of sparse matrices, not"
                f" {config.export!r}: python -m analysis.units writes other kinds."
            )
        export.check(config.export)
    if checks.is_finished(where):
        return
    checks.num_examples(settings[0], config.num_examples)
    checks.load_jax(where)


def _measure(config: Config, where: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Numbers and arrays."""
    from analysis.programs import inputs
    from analysis.programs.sparsity import numbers as sparsity_numbers
    from analysis.programs.sparsity import savings as sparsity_savings
    from landscape import export

    refs = _refs(config)
    loaded = inputs.load(refs, config.data_dir)
    count = config.num_examples or EXAMPLES
    found = [
        sparsity_numbers.account(each, ref, count)
        for each, ref in zip(loaded, refs, strict=True)
    ]
    first = loaded[0]
    result = {
        **{k: v for k, v in asdict(config).items() if k != "export"},
        "num_examples": min(count, len(first.data.train["label"])),
        "found": found,
        "overlaps": sparsity_numbers.overlaps(loaded, refs),
        "savings": None,
    }
    if found[0]["density"] < 1:
        network = export.network_of(first, refs[0])
        result["savings"] = {
            "sizes": sparsity_savings.sizes(network),
            "times": sparsity_savings.times(network, first.data.test["image"]),
            "machine": sparsity_savings.machine(),
        }
    return result, {}


def _draw(result: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """The figure, of what `_measure` found."""
    from landscape import figures

    name = figures.short_name(result["found"][0]["run"])
    return figures.sparsity(result, title(result, name))


def export(config: Config) -> Any:
    """Writes the first run's network to the file of --export, and reads it back.

    Returns:
      `landscape.export.Written`.

    Raises:
      InputError, RunFailure: as `landscape.export.write`; a leaf that comes back with
        other bits is a RunFailure.
    """
    from analysis.programs.sparsity import savings as sparsity_savings
    from landscape import export as formats
    from landscape import runs

    path, ref = formats.check(config.export), _refs(config)[0]
    with activity(f"writing {path}"):
        loaded = runs.load(ref, data_dir=config.data_dir)
        network = formats.network_of(loaded, ref)
        written = formats.write(
            path, network, loaded.data.test["image"][: sparsity_savings.BATCHES[-1]]
        )
        sparsity_savings.check_read_back(path, loaded)
        return written


def _exported(config: Config) -> str:
    """What `export` has written, in words; of several processes the first writes."""
    return exported(hosts.from_first(partial(export, config)))


def folder(config: Config) -> Path:
    """The folder that `run` writes."""
    from analysis.programs import results

    settings = asdict(config)
    # The result does not depend on it.
    del settings["export"]
    # Older ones had other fields.
    settings["fields"] = 2
    return results.folder("sparsity", [], _refs(config), settings)


def _refs(config: Config):
    from landscape import runs

    return [runs.parse(name) for name in config.runs]


def main(config: Config) -> None:
    """Measures; prints the result, its folder and what to try next."""
    from analysis.programs import shell

    result = run(config)
    text = describe(result)
    if config.export is not None:
        text += f"\n\n{_exported(config)}"
    shell.announce(text, folder(config), next_command(config, result))


if __name__ == "__main__":
    launch(lambda: main(parse(Config, __doc__, distributed=True)))

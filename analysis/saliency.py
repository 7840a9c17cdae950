"""Which score finds the weights that do nothing?

    python -m analysis.saliency runs/digits/pruned@init
    python -m analysis.saliency runs/digits/pruned --layers Dense_1 --scores magnitude \
taylor1_abs

The oracle is the change of the loss when a single weight is removed, for thousands of
weights of each layer. Each score of weights is compared with it by Spearman's rank
correlation, and by how much the loss rises, without retraining, when the weights of
lowest score are removed at once: of each layer, and of all. Only weights that the mask
keeps are looked at. Writes result.json, arrays.npz and figure.png below RUN/analysis/,
and resumes if interrupted. A perceptron of digits takes about 30 s of CPU time.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from analysis.programs.options import DataOptions
from analysis.programs.saliency.text import describe, next_command, title
from landscape.cli import Positional, launch, parse
from landscape.errors import require
from landscape.registries.scores import SCORES

ORACLE = "loss_change"
LEFT_OUT = (ORACLE, "obd", "synflow")
"""By default: the oracle, a score with a product for each weight, and one that knows
neither loss nor data."""
EXAMPLES = 1000


@dataclass(frozen=True)
class Config(DataOptions):
    GROUPS: ClassVar[dict[str, str]] = {"max_weights": "saliency"}
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {
        "scores": tuple(name for name in SCORES if name != ORACLE)
    }

    run: Positional[str]
    """RUN, RUN@STEP or RUN@init. --num-examples: default 1,000, or all if fewer."""
    max_weights: int = 3000
    """Weights of each layer that are removed one by one; more are drawn from."""
    layers: tuple[str, ...] = ()
    """Patterns (Dense_0, Conv_*) of the layers that are looked at; default: all."""
    scores: tuple[str, ...] = ()
    """Names of scores; default: all but synflow and obd, whose exact diagonal of the
    Hessian takes a product for each weight (obd_hutchinson estimates it)."""

    def __post_init__(self):
        super().__post_init__()
        require(self, "max_weights", self.max_weights > 1, "at least 2")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the scores, in the order of the registry."""
        chosen = self.scores or [name for name in SCORES if name not in LEFT_OUT]
        return tuple(name for name in SCORES if name in chosen)


def run(config: Config) -> dict[str, Any]:
    """Compares the scores, writes a folder, and returns the content of result.json.

    The result of the same settings is read back, if it is there; an interrupted one
    resumes and ends with the same bits.

    Raises:
      InputError: the run cannot be loaded, has too few examples, no such layers or none
        that keeps a weight, or a score is not a number.
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

    (settings,) = checks.same_space([_ref(config)], config.data_dir)
    if not checks.is_finished(where):
        checks.num_examples(settings, config.num_examples)
        checks.check_layers(_ref(config), config.layers)
        checks.load_jax(where)


def _measure(config: Config, where: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Numbers and arrays; pieces of the work are kept in `where`."""
    from analysis.programs import inputs
    from analysis.programs.saliency import numbers as saliency_numbers
    from analysis.programs.saliency import resumable as work

    (loaded,) = inputs.load([_ref(config)], config.data_dir)
    size = len(loaded.data.train["label"])
    count = config.num_examples or min(EXAMPLES, size)
    setup = work.setup_of(loaded, config.layers, count)
    arrays = work.loss_changes(where, setup, config.max_weights, config.seed)
    arrays = work.scores(where, setup, config.names, config.seed, arrays)
    arrays = work.removals(where, setup, config.names, arrays)
    result = {
        **asdict(config),
        "layers": list(config.layers),
        "scores": list(config.names),
        "num_examples": count,
        "batch_norm": "stored" if loaded.state.batch_stats else "none",
        "loss": setup.loss,
        "classes": loaded.data.num_classes,
        "fractions": list(work.FRACTIONS),
        **saliency_numbers.summary(loaded.state.params, arrays, config.names),
    }
    return result, arrays


def _draw(result: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """The figure, of what `_measure` found."""
    from landscape import figures

    return figures.scores_of_weights(result, arrays, title(result))


def folder(config: Config) -> Path:
    """The folder that `run` writes."""
    from analysis.programs import results

    settings = asdict(config) | {"scores": config.names}
    return results.folder("saliency", [], [_ref(config)], settings)


def _ref(config: Config):
    from landscape import runs

    return runs.parse(config.run)


def main(config: Config) -> None:
    """Compares scores; prints the result, its folder and what to try next."""
    from analysis.programs import shell

    result = run(config)
    shell.announce(describe(result), folder(config), next_command(config))


if __name__ == "__main__":
    launch(lambda: main(parse(Config, __doc__, distributed=True)))

"""The settings of a sparse run."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import ClassVar

from landscape.config.methods import NM, AtInitialisation, Dynamic, Levels, Phases
from landscape.config.training import TrainConfig
from landscape.errors import InputError, percent_hint, typed
from landscape.registries import methods
from landscape.registries.methods import AT_INITIALISATION
from landscape.registries.scores import SCORES


@dataclass(frozen=True)
class SparseRun(AtInitialisation, Dynamic, NM, Phases, Levels, TrainConfig):
    """One sparse run, as stored in its folder."""

    GROUPS: ClassVar[dict[str, str]] = {
        "sparsity": "sparsity",
        "score": "pruning",
        "score_examples": "pruning, snip, grasp",
        "dense_layers": "sparsity",
        "prune_start": "pruning, nm, ste",
        "mask_from": "method",
        "method": "method",
    }
    """Where groups of flags begin; a title of methods is of flags that no other one
    uses."""
    CHOICES: ClassVar[dict[str, Collection[str]]] = {
        "distribution": methods.DISTRIBUTIONS,
        "score": SCORES,
    }

    sparsity: float | None = None
    """Fraction of prunable weights that is removed, in [0, 1); default: 0.95. With --nm
    it is that of the pattern; small-dense: of the network with as many parameters."""
    distribution: str = "uniform"
    """How the sparsity is distributed over layers."""
    global_pruning: bool = False
    """Compare scores over all layers. Of pruning, imp, ste and acdc, which otherwise
    compare within each layer."""
    score: str = "magnitude"
    """pruning: weights of the lowest score go first."""
    score_scale: float | None = None
    """taylor2, taylor2_abs: factor of the second-order term; default: 1. Taylor's is
    0.5."""
    score_examples: int | None = None
    """pruning, snip, grasp: number of examples that scores are of. They are the first
    ones of the training split; default: 1024 or all; for pruning by taylor1 or
    taylor1_abs, the batch of the step."""
    dense_layers: tuple[str, ...] = ()
    """Patterns (Conv_0, Dense_*) of layers that stay dense."""
    max_sparsity: dict[str, float] = field(default_factory=dict, hash=False)
    """Maximum sparsity of layers by pattern, as in Dense_2 0.8."""
    prune_start: int | None = None
    """pruning, nm, ste: first step with a mask update; default: 0.2 of all."""
    prune_end: int | None = None
    """pruning, nm, ste: step at which the sparsity is reached. It is the last mask
    update, except with ste; default: 0.67 of all steps."""
    prune_every: int | None = None
    """pruning, nm, ste: steps between mask updates. Default: 0.01 of all steps, but 1
    for ste."""
    mask_from: str | None = None
    """The run whose final masks are taken, with its settings. By lottery, scratch,
    restart, static, set and rigl; the last four take its final weights, too."""
    rewind_to: int | None = None
    """lottery, imp: take the weights of this step instead of step 0. Those of the run
    of --mask-from, of imp those of level 0."""
    method: str = "pruning"
    """pruning, static, lottery, scratch, restart, imp (iterative magnitude pruning),
    small-dense, snip, grasp, synflow, set, rigl, nm (N:M sparsity), ste (magnitude,
    straight through), acdc (sparse and dense phases in alternation) or one of your own,
    package.module:updater (docs/add_a_method.md)."""
    method_args: tuple[str, ...] = ()
    """KEY=VALUE arguments of a --method of your own (docs/add_a_method.md)."""

    def __post_init__(self):
        super().__post_init__()
        self._require("sparsity", lambda v: v is None or 0 <= v < 1, "in [0, 1)")
        for pattern, value in self.max_sparsity.items():
            if not 0 <= value < 1:
                raise InputError(
                    f"--max-sparsity {pattern} must be in [0, 1), not"
                    f" {value}{percent_hint(value) or '.'}"
                )
        if self.global_pruning and (
            self.max_sparsity or self.distribution != "uniform"
        ):
            raise InputError(
                "--global-pruning compares all layers: it goes with neither"
                " --max-sparsity nor --distribution."
            )
        methods.check_method_args(self._named, self.method_args)
        self._check_score()
        self.check_at_initialisation()
        self.check_dynamic()
        self.check_phases()
        self.check_levels()
        self._check_method()
        self.check_nm()
        self._fill_in()

    @property
    def _named(self) -> tuple[str, ...]:
        """The methods, of which a command may have several."""
        return (self.method,) if isinstance(self.method, str) else self.method

    def _check_score(self) -> None:
        row = SCORES[self.score]
        if self.score_scale is not None:
            self._require("score_scale", math.isfinite, "finite")
            if "scale" not in row.settings:
                taking = [r.name for r in SCORES.values() if "scale" in r.settings]
                raise InputError(
                    f"--score-scale goes with --score {' or '.join(taking)}, not"
                    f" {self.score}."
                )
        self._require("score_examples", lambda v: v is None or v >= 1, "at least 1")
        named = self._named
        # What takes masks, or draws them, has no score.
        rows = [
            SCORES[AT_INITIALISATION.get(name, self.score)]
            for name in named
            if name == "pruning" or name in AT_INITIALISATION
        ]
        of_data = [row.of_data for row in rows]
        if self.score_examples is None or any(of_data):
            return
        takes = any(methods.method_row(n).taken(self.mask_from) for n in named)
        if rows or not takes:
            names = {row.name for row in rows} or {f"--method {n}" for n in named}
            raise InputError(
                "--score-examples goes with a --score of data, not"
                f" {' or '.join(sorted(names))}."
            )

    def _check_method(self) -> None:
        methods.check_method(self.method, methods.SPARSE_METHODS)
        row = methods.method_row(self.method)
        given = {
            "global_pruning": ("--global-pruning", self.global_pruning),
            "score": ("--score", self.score != "magnitude"),
            "pattern": ("--nm", self.nm is not None),
        }
        for setting, (flag, is_given) in given.items():
            # What takes masks has the settings of the run that found them.
            takes = row.taken(self.mask_from)
            if is_given and setting not in row.settings and not takes:
                raise InputError(
                    f"{flag} goes with --method {_taking(setting)}, not"
                    f" {typed(self.method)}."
                )
        if "phase_starts" in row.settings:
            self.check_phases_fit()
        if "pruning_steps" not in row.settings:
            return
        start, end, every = self.pruning_steps
        if not 0 <= start <= end <= self.steps or end < 1 or every < 1:
            raise InputError(
                f"{self.method} needs 0 <= --prune-start <= --prune-end <= --steps,"
                f" with the last two and --prune-every at least 1, not {start}, {end},"
                f" {self.steps} and {every}."
            )

    def _fill_in(self) -> None:
        """Settings whose default depends on the method."""
        if self.method == "nm" and self.nm is None:
            object.__setattr__(self, "nm", "2:4")
            self.check_nm()
        if self.sparsity is None:
            sparsity = self.sparsity_of_pattern if self.nm else 0.95
            object.__setattr__(self, "sparsity", sparsity)

    @property
    def pruning_steps(self) -> tuple[int, int, int]:
        """First update, last update and interval, in steps."""

        def default(value, fraction):
            return round(fraction * self.steps) if value is None else value

        every = 1 if self.method == "ste" else max(1, round(0.01 * self.steps))
        return (
            default(self.prune_start, 0.2),
            default(self.prune_end, 0.67),
            every if self.prune_every is None else self.prune_every,
        )


def _taking(setting: str) -> str:
    """The methods that have a setting."""
    rows = methods.METHODS.values()
    return ", ".join(row.name for row in rows if setting in row.settings)

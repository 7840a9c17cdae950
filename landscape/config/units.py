"""The settings of a network made smaller: another run's, without some of its units."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import ClassVar

from landscape.config.training import TrainConfig
from landscape.errors import InputError
from landscape.registries.scores import UNIT_SCORES

REMOVALS = ("mean", "plain")
PLACES = ("after", "before")
BUDGETS = ("keep_params", "keep_flops", "floor_accuracy")


@dataclass(frozen=True)
class UnitsConfig(TrainConfig):
    """How a network is made smaller: how far, in which rounds, and by which score."""

    GROUPS: ClassVar[dict[str, str]] = {"source": "removal of units"}
    CHOICES: ClassVar[dict[str, Collection[str]]] = {
        "score": UNIT_SCORES,
        "where": PLACES,
        "removal": REMOVALS,
    }

    source: str = ""
    """Run whose network is made smaller: RUN, RUN@STEP or RUN@init. Settings that are
    not given are its own, except --workdir and --steps."""
    keep_params: float | None = None
    """Keep at most this fraction of the parameters, in (0, 1)."""
    keep_flops: float | None = None
    """Keep at most this fraction of the FLOPs of its kernels, in (0, 1)."""
    floor_accuracy: float | None = None
    """Search for the smallest network of this validation accuracy. After fine-tuning it
    is this or above, in (0, 1); needs --num-validation."""
    rounds: int | None = None
    """Rounds of removal and fine-tuning; default: 3. Each is a run folder. With
    --floor-accuracy: rounds that are tried at most; default: 8."""
    score: str = "mrs"
    """Units of the lowest score are removed. mrs: mean replacement saliency, from one
    backward pass; rs: removal saliency; mrs_signed, rs_signed: with their sign; mrp,
    rp: the loss changes themselves, one forward pass a unit; norm, group_magnitude: of
    the weights; activation_mean, activation_std, apoz: of the outputs; at_random."""
    score_examples: int = 1000
    """Training examples that units are scored on, and their means taken. The first
    ones; all, if there are fewer."""
    where: str = "after"
    """Units are scored by their outputs after the activation, or before it."""
    removal: str = "mean"
    """Where a removed unit's output goes. mean: its mean moves into the next biases;
    plain: it is lost, as if it were 0."""
    keep_layers: tuple[str, ...] = ()
    """Layers that keep their units (Conv_0, Block_*, stream_0). But those units that
    masks have left without any weight to or from others."""

    def __post_init__(self):
        super().__post_init__()
        for name in BUDGETS:
            self._require(name, lambda v: v is None or 0 < v < 1, "in (0, 1)")
        for name in ("rounds", "score_examples"):
            self._require(name, lambda v: v is None or v >= 1, "at least 1")

    def check_budget(self) -> None:
        """Refuses settings that do not say, in one way, how far the network shrinks.

        Raises:
          InputError: no budget or several, or none to judge an accuracy by.
        """
        flags = ["--" + name.replace("_", "-") for name in BUDGETS]
        given = [
            flag
            for flag, name in zip(flags, BUDGETS, strict=True)
            if getattr(self, name) is not None
        ]
        if len(given) != 1:
            raise InputError(
                f"one of {', '.join(flags[:-1])} and {flags[-1]} says how far the"
                f" network shrinks, not {' and '.join(given) or 'none'}."
            )
        if self.floor_accuracy is not None and not self.num_validation:
            raise InputError(
                "--floor-accuracy is judged on held-out training examples, not on the"
                " test split: name their number by --num-validation, best when the"
                " network is trained that is made smaller."
            )

    @property
    def num_rounds(self) -> int:
        """Rounds, at most."""
        return self.rounds or (3 if self.floor_accuracy is None else 8)


@dataclass(frozen=True)
class UnitsRun(UnitsConfig):
    """One round of it, as stored in its folder.

    Model and widths are those of the smaller network.
    """

    parent: str = ""
    """The run whose units were removed: of an earlier round, or `source`."""
    round: int = 1
    """Which of the rounds."""
    fraction: float = 1.0
    """What this round keeps at most, as a fraction of the first network."""
    masked: dict[str, int] = field(default_factory=dict, hash=False)
    """The entries that each kernel keeps, of those kernels that have a mask."""
    method: str = field(default="units", init=False)

    def __post_init__(self):
        super().__post_init__()
        self.check_budget()

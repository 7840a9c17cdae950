"""The flags of `train.sparse`, and which of them go together; imports nothing heavy."""

from dataclasses import dataclass
from typing import ClassVar

from landscape.config import SparseRun
from landscape.errors import InputError, typed
from landscape.needs import Need, when
from landscape.registries.methods import (
    METHODS,
    SPARSE_METHODS,
    check_method,
    method_row,
)


@dataclass(frozen=True)
class Config(SparseRun):
    method: tuple[str, ...] = ("pruning", "lottery", "scratch")
    """One or more of pruning, lottery, scratch, restart, static, imp, small-dense,
    snip, grasp, synflow, set, rigl, nm, ste, acdc, or your own. imp: iterative
    magnitude pruning; nm: N:M sparsity; ste: magnitude, straight through; acdc: sparse
    and dense phases in alternation; your own: package.module:updater
    (docs/add_a_method.md). Of several, lottery, scratch and restart take the mask that
    this command's pruning finds. --seed is that of pruning, lottery and restart;
    scratch has 1000 more, for weights of its own."""

    GROUPS: ClassVar[dict[str, str]] = {"method": "method", "num_seeds": "seeds"}

    NEEDS: ClassVar[dict[str, Need]] = {
        # A sweep of --order-seed makes runs that differ by their seeds alone, too.
        "seeds_at_once": when(
            lambda config: (
                config.num_seeds > 1 or config.order_seed not in (None, config.seed)
            ),
            "has an effect only with --num-seeds, or several of --order-seed",
        )
    }

    num_seeds: int = 1
    """Repeat with this many consecutive seeds, one folder each."""
    seeds_at_once: int | None = None
    """Seeds trained side by side, at most; default: all, on a CPU one. They are in one
    compiled program, each as alone up to rounding; on a CPU more are slower."""

    def __post_init__(self):
        super().__post_init__()
        for name in ("num_seeds", "seeds_at_once"):
            self._require(name, lambda v: v is None or v >= 1, "at least 1")

    def _fill_in(self):
        """Each of the runs does for its own method."""

    def _check_method(self):
        for name in self.method:
            check_method(name, SPARSE_METHODS)
        if not self.method or len(set(self.method)) < len(self.method):
            raise InputError(
                f"--method needs one or more different names, not {typed(self.method)}."
            )
        rows = {name: method_row(name) for name in self.method}
        folders = [row.solution for row in rows.values()]
        if len(set(folders)) < len(folders):
            raise InputError(
                f"--method {' '.join(self.method)}: two of them would write the same"
                f" folder, as they are called {', '.join(folders)}."
            )
        given = self.mask_from
        taking = [name for name, row in rows.items() if "masks" in row.taken(given)]
        if taking and not self.mask_from and "pruning" not in self.method:
            raise InputError(
                f"--method {taking[0]} needs --mask-from RUN, the run whose masks it"
                " takes (or --method pruning beside it)."
            )
        if self.mask_from and len(taking) < len(self.method):
            raise InputError(
                f"--mask-from goes with --method {_named('masks')}, not"
                f" {' '.join(self.method)}."
            )
        rewinds = any("weights" in row.takes for row in rows.values())
        if self.rewind_to is not None and not rewinds:
            raise InputError(f"--rewind-to goes with --method {_named('weights')}.")
        self._check_rewinding()

    def _check_rewinding(self):
        kept = [name for name in ("pruning", "imp") if name in self.method]
        if self.rewind_to and kept:
            every = self.keep_every or self.steps
            if self.rewind_to % every or self.rewind_to > self.steps:
                raise InputError(
                    f"--rewind-to {self.rewind_to} is a step that {kept[0]} will not"
                    " keep: a multiple of --keep-every, up to --steps, is."
                )
        if self.rewind_to and self.rewind != "weights" and "imp" in self.method:
            raise InputError(
                f"--rewind {self.rewind} starts from final weights: it does not go with"
                " --rewind-to."
            )


def _named(taken: str) -> str:
    """The methods that take it from another run."""
    return " or ".join(name for name, row in METHODS.items() if taken in row.takes)


def defaults_of_mask(name: str, theirs: SparseRun) -> Config:
    """The defaults beside `--mask-from`: the settings of that run except a few."""
    names = ("workdir", "seed", "rewind_to", "method_args")
    own = {f: getattr(Config(), f) for f in names}
    # Named on the command line as well; here it lets the defaults pass their checks.
    return Config.of(theirs, **own, mask_from=name, method=("lottery",))

"""Where a run that takes masks, and perhaps weights, of another gets them from."""

from collections.abc import Callable

from landscape import runs
from landscape.aliases import Masks
from landscape.config import SparseRun
from landscape.errors import InputError
from landscape.methods import METHODS

_OF_THE_MASK = (
    "sparsity",
    "distribution",
    "dense_layers",
    "max_sparsity",
    "global_pruning",
)


def check(config: SparseRun) -> None:
    """Refuses a `mask_from` that cannot serve the method.

    Touches no device, so it comes before anything is trained.

    Raises:
      InputError: the run is dense, has the seed of a scratch run or settings of another
        mask; or a step that is needed was not kept.
    """
    takes_weights = "weights" in METHODS[config.method].takes
    source = runs.parse(config.mask_from)
    theirs = runs.read_config(source.folder)
    if not isinstance(theirs, SparseRun):
        raise InputError(f"--mask-from {config.mask_from}: a dense run has no masks.")
    if not takes_weights and theirs.seed == config.seed:
        raise InputError(
            f"--seed {config.seed} is also the seed of {config.mask_from}: a"
            f" {config.method} network needs an initialisation of its own."
        )
    for field in _OF_THE_MASK:
        seen, wanted = getattr(config, field), getattr(theirs, field)
        if seen != wanted:
            raise InputError(
                f"--{field.replace('_', '-')} {seen} is not that of"
                f" {config.mask_from}, {wanted}, whose mask is taken."
            )
    runs.step_of(source, theirs)
    if takes_weights:
        runs.step_of(_first(config, source), theirs)


def _first(config: SparseRun, source: runs.Ref) -> runs.Ref:
    """The state whose weights a lottery run takes."""
    return runs.Ref(source.folder, config.rewind_to or 0)


def start_from(config: SparseRun) -> Callable | None:
    """A function that takes masks, and perhaps weights, from the run of --mask-from.

    Returns:
      From the shapes of a state to the params, batch statistics and masks of step 0
      (None: drawn); or None if nothing is taken.
    """
    takes = METHODS[config.method].takes
    if not takes:
        return None

    def start(like):
        check(config)
        source = runs.parse(config.mask_from)
        given = runs.describe(source.folder).shapes
        if _shapes(given.masks) != _shapes(like.masks):
            raise InputError(
                f"--mask-from {config.mask_from}: its masks do not fit {config.model}"
                f" on {config.dataset}."
            )
        masks = runs.load(source).masks
        if "weights" not in takes:
            return None, None, masks
        first = runs.load(_first(config, source)).state
        return first.params, first.batch_stats, masks

    return start


def _shapes(masks: Masks) -> dict[str, tuple[int, ...]]:
    # Not above: `check` does without JAX.
    from landscape.trees import named_leaves

    return {name: mask.shape for name, mask in named_leaves(masks).items()}

"""Where a lottery or scratch run takes its mask, and its weights, from."""

from collections.abc import Callable

from landscape import runs
from landscape.config import SparseRun
from landscape.errors import InputError
from landscape.trees import named_leaves

_OF_THE_MASK = (
    "sparsity",
    "distribution",
    "dense_layers",
    "max_sparsity",
    "global_pruning",
)


def check(config: SparseRun) -> None:
    """Refuses a `mask_from` that cannot serve a lottery or scratch run.

    Touches no device, so it comes before anything is trained.
    """
    name = config.mask_from
    folder, _ = runs.parse(name)
    theirs = runs.read_config(folder)
    if not isinstance(theirs, SparseRun):
        raise InputError(f"--mask-from {name}: a dense run has no masks.")
    if config.method == "scratch" and theirs.seed == config.seed:
        raise InputError(
            f"--seed {config.seed} is also the seed of {name}: a scratch network needs"
            " an initialisation of its own."
        )
    for field in _OF_THE_MASK:
        seen, wanted = getattr(config, field), getattr(theirs, field)
        if seen != wanted:
            raise InputError(
                f"--{field.replace('_', '-')} {seen} is not that of {name}, {wanted},"
                " whose mask is taken."
            )
    runs.step_of(name)
    if config.method == "lottery":
        runs.step_of(f"{folder}@{config.rewind_to or 0}")


def start_from(config: SparseRun) -> Callable | None:
    """For lottery and scratch: what takes masks (and weights) from `mask_from`."""
    if config.method not in ("lottery", "scratch"):
        return None

    def shapes_of(masks):
        return {name: mask.shape for name, mask in named_leaves(masks).items()}

    def start(like):
        check(config)
        name = config.mask_from
        folder, _ = runs.parse(name)
        _, _, _, shapes = runs.describe(folder)
        if shapes_of(shapes.masks) != shapes_of(like.masks):
            raise InputError(
                f"--mask-from {name}: its masks do not fit {config.model} on"
                f" {config.dataset}."
            )
        masks = runs.load(name).masks
        if config.method == "scratch":
            return None, None, masks
        first = runs.load(f"{folder}@{config.rewind_to or 0}").state
        return first.params, first.batch_stats, masks

    return start

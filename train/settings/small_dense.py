"""Dense networks with as many parameters as a sparse one keeps."""

from collections.abc import Sequence
from dataclasses import replace

from landscape import data, models, trees
from landscape.config import SparseRun
from landscape.errors import InputError
from landscape.recipes import recipe
from landscape.users.code import is_user_code


def sized(settings: Sequence[SparseRun]) -> list[SparseRun]:
    """The settings with narrower networks in those of small-dense runs; says which.

    The network of such a run is narrower by one factor on all hidden widths, and as
    wide as it can be with no more parameters than the sparse network of the same
    settings has that are not removed: the kept entries of the kernels and all others
    (biases, batch norm).

    Raises:
      InputError: no narrower network has as few parameters, or its data are not there.
    """
    return [_sized(each) if each.method == "small-dense" else each for each in settings]


def _sized(config: SparseRun) -> SparseRun:
    if is_user_code(config.model):
        raise InputError(
            f"--method small-dense makes the widths of a network smaller, and"
            f" {config.model} alone knows its own: train a narrower one with"
            " train.dense and --model-args."
        )
    dataset = data.load(config)
    shape, classes = tuple(dataset.input_shape), dataset.num_classes
    named = config.model, shape, classes, tuple(config.widths), config.activation
    params = models.shapes(models.create(*named), shape)
    sizes = {name: leaf.size for name, leaf in trees.named_leaves(params).items()}
    # Biases and the parameters of batch norm are in none of the counts.
    try:
        counts = recipe.sparse_counts(config, params)
    except InputError as error:
        raise InputError(
            "--method small-dense has as many parameters as a sparse network of the"
            f" same --sparsity, of which there is none: {error}"
        ) from None
    kept = sum((sizes | counts).values())
    found = models.scaled_to(kept, *named)
    print(
        f"{config.workdir}: a dense {found.name} of widths"
        f" {' '.join(map(str, found.widths))} with {found.size:,} parameters;"
        f" {kept:,} of the {sum(sizes.values()):,} of {config.model} are left at a"
        f" sparsity of {config.sparsity}."
    )
    return replace(config, model=found.name, widths=found.widths)

"""A run out of a file of sparse matrices; imports no JAX."""

from pathlib import Path

from landscape.errors import InputError
from landscape.runs import Run


def read_run(path: Path, *, data: bool = True, data_dir: str | None = None) -> Run:
    """The run that a .zip of `landscape.export` was written from.

    Its parameters and statistics of batch norm are equal to the bit, and so are its
    masks, but that those of kernels that keep all their weights are a scalar True. The
    state of its optimizer is not in the file.

    Args:
      path: of the file.
      data, data_dir: as in `landscape.runs.load`.

    Raises:
      InputError: it is no such file, or its data set is not there.
    """
    import dataclasses

    import numpy as np

    from landscape import config
    from landscape.data import load as load_data
    from landscape.export import sparse_file
    from landscape.recipes import recipe
    from landscape.recipes.initial_state import abstract_state
    from landscape.recipes.state import TrainState

    try:
        found = sparse_file.read(path.read_bytes())
        settings = config.from_dict(found.description["settings"])
        shape = tuple(found.description["input"]["shape"][1:])
        classes = found.description["classes"]
        components = recipe.make(settings, shape, classes)
        like = abstract_state(components, shape)
        both = {"params": like.params, "batch_stats": like.batch_stats}
        values = sparse_file.variables(found, both, components.objective.rules)
        masks = sparse_file.masks(found, like.params, components.objective.rules)
    except KeyError as error:
        raise InputError(f"{path}: its description has no {error}.") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if data_dir is not None:
        settings = dataclasses.replace(settings, data_dir=data_dir)
    step = np.int32(found.description["step"])
    state = TrainState(step, values["params"], values["batch_stats"], masks, (), ())
    dataset = load_data(settings) if data else None
    model, objective = components.model, components.objective
    return Run(settings, model, objective, state, masks, dataset)

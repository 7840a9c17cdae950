"""What can be refused of runs before the first of them is trained."""

from collections.abc import Sequence
from pathlib import Path

from landscape import data, runs
from landscape.config import RunConfig
from landscape.disk import locks
from landscape.errors import InputError
from landscape.registries.methods import method_row
from landscape.runs import sources
from train.jobs import record, telemetry
from train.settings import mask_source


def check(configs: Sequence[RunConfig]) -> None:
    """Refuses runs whose folder, data set or source of masks cannot serve; no JAX.

    Of a run that is finished its folder alone is looked at; of one that takes masks
    from another of these runs not that one's.

    Args:
      configs: settings of runs, in the order in which they are to be trained.

    Raises:
      InputError: as `train.jobs.record.check_same`, `landscape.disk.locks.check_free`,
        `landscape.runs.sources.refuse_changed_code`, `landscape.data.check` and
        `train.settings.mask_source.check`.
    """
    made = {config.workdir for config in configs}
    for config in configs:
        try:
            record.check_same(Path(config.workdir), config)
        except InputError:
            # A name that is not there is what the user wants to know first.
            sources.check_code(config)
            raise
        locks.check_free(Path(config.workdir))
    for config in _unfinished(configs):
        telemetry.check(config)
        sources.refuse_changed_code(Path(config.workdir), config)
        data.check(config)
        mask_from = getattr(config, "mask_from", None)
        takes = method_row(config.method).taken(mask_from)
        if "masks" in takes and mask_from not in {None, *made}:
            mask_source.check(config)


def check_shapes(configs: Sequence[RunConfig]) -> None:
    """Refuses runs whose model, layers or sparsity do not fit their data.

    Raises:
      InputError: as `landscape.recipes.recipe.make`, or a network declares units that
        it has not.
    """
    from landscape import units
    from landscape.recipes import recipe
    from landscape.recipes.initial_state import abstract_state

    for config in _unfinished(configs):
        dataset = data.load(config)
        shape = dataset.input_shape
        made = recipe.make(config, shape, dataset.num_classes)
        if getattr(made.model, "unit_layers", ()):
            units.specification(made.model, abstract_state(made, shape).params)


def _unfinished(configs: Sequence[RunConfig]) -> list[RunConfig]:
    return [c for c in configs if runs.read_summary(Path(c.workdir)) is None]

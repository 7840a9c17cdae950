"""What the study trains and measures, part by part."""

from typing import Any, NamedTuple

from analysis.studies.gradient_flow import networks, rows, trainings
from analysis.studies.gradient_flow.config import Config
from analysis.studies.gradient_flow.scales import Scale
from analysis.studies.steps import Steps

Part = dict[str, Any]


class Measured(NamedTuple):
    """All that was measured; lists are over seeds, keys are text.

    Attributes:
      with_published: whether network and data are those of the published table.
      table: see `networks.measure`.
      example: two runs that further commands can be tried on.
    """

    with_published: bool
    table: dict[str, Part]
    example: list[str]


def measure(config: Config, scale: Scale) -> Measured:
    """Trains and measures all that is not there yet."""
    chosen = rows.chosen(config.published)
    steps = Steps(1 + scale.num_seeds * len(chosen))
    table = networks.measure(config, scale, steps)
    root = trainings.root_of(config)
    example = [rows.folder(root, rows.PRUNED, 0), rows.folder(root, chosen[0], 1)]
    return Measured(scale.published, table, example)

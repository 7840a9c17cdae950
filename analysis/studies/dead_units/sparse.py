"""U2: dead units of the pruned, lottery and scratch networks of one mask.

Expected, before anything was measured: the mask alone disconnects many units, the same
ones in all three. Beyond those the scratch network has more dead units than the pruned
one, whose weights the mask was made for (in at least 4 of 5 seeds), with the lottery
network in between; and over seeds a scratch network that has more of them than its
pruned one is also the further above its loss (rank correlation of the two differences
above 0).
"""

from typing import Any

from analysis.studies.dead_units import units
from analysis.studies.dead_units.parts import stored
from analysis.studies.dead_units.scales import Scale
from analysis.studies.difficulty.solutions import SOLUTIONS, train
from analysis.studies.difficulty.trainings import folder_of


def measure(scale: Scale, root: str, sparsity: float, seed: int) -> dict[str, Any]:
    """Solution -> `train_loss`, `test_accuracy`, and of its units what `units.look`."""
    summaries = train(scale.sparse, root, sparsity, seed)
    found = {}
    for name in SOLUTIONS:
        run = f"{folder_of(root, sparsity, seed)}/{name}"
        settings = {"examples": scale.examples}
        seen = stored(run, "units", settings, lambda r=run: _units(r, scale.examples))
        kept = {key: summaries[name][key] for key in ("train_loss", "test_accuracy")}
        found[name] = seen | kept
    return found


def _units(name: str, examples: int) -> dict[str, Any]:
    return units.as_lists(units.look(name, examples))

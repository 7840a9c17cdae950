"""The settings of the networks of the table, and what is refused of them; no JAX."""

from analysis.programs.checks import check_num_examples
from analysis.studies.gradient_flow import escape_settings, rows, sweep_settings
from analysis.studies.gradient_flow.config import Config
from analysis.studies.gradient_flow.rows import Row
from analysis.studies.gradient_flow.scales import Scale, Sweep
from landscape import data
from landscape.cli import activity
from landscape.config import RunConfig, SparseRun
from train.jobs import checks
from train.settings import levels


def root_of(config: Config) -> str:
    """The folder of the runs."""
    quick = "-quick" if config.quick else ""
    return f"{config.workdir}/gradient-flow-runs{quick}/{config.scale}"


def pruned(scale: Scale, root: str) -> SparseRun:
    """The pruned network, whose mask the others take."""
    folder = rows.folder(root, rows.PRUNED, 0)
    return SparseRun(**scale.training, method="pruning", seed=0, workdir=folder)


def of_row(scale: Scale, root: str, row: Row) -> list[RunConfig]:
    """The networks of a row."""
    if row.name == "rigl":
        # The states whose next mask update is looked at.
        row = row._replace(settings=(*row.settings, ("keep_every", scale.updates[0])))
    return [
        rows.settings_of(pruned(scale, root), root, row, index)
        for index in range(1, scale.num_seeds + 1)
    ]


def _of_sweep(sweep: Sweep, root: str) -> list[RunConfig]:
    """Its networks with equal steps; the others follow from what these cost."""
    seeds = range(sweep.num_seeds)
    settings = [
        sweep_settings.settings_of(sweep, root, entry, key, seed)
        for entry, key in sweep_settings.cells(sweep)
        for seed in seeds
    ]
    return [sweep_settings.dense(sweep, root, seed) for seed in seeds] + [
        run
        for each in settings
        for run in (levels.expand(each) if each.method == "imp" else [each])
    ]


def check(config: Config, scale: Scale) -> None:
    """Refuses what can be known to fail before the first network is trained.

    Raises:
      InputError: a folder holds another run, the data set is not there or too small, or
        a sparsity leaves nothing of a layer.
    """
    root = root_of(config)
    if config.sweep:
        settings = _of_sweep(scale.sweep, root)
    else:
        settings = [pruned(scale, root)]
        for row in rows.chosen(config.published):
            settings += of_row(scale, root, row)
        settings += [] if config.published else escape_settings.every(scale, root)
    # How wide those are follows from shapes; their folders are looked at in their turn.
    settings = [each for each in settings if each.method != "small-dense"]
    checks.check(settings)
    size = data.check(settings[0])
    check_num_examples(scale.training["dataset"], scale.examples, size)
    # One seed of each shape: those of the others are the same.
    distinct = {
        (each.method, getattr(each, "sparsity", None)): each for each in settings
    }
    with activity("loading JAX"):
        checks.check_shapes(list(distinct.values()))

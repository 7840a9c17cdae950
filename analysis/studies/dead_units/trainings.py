"""The settings of every dense network that the study trains; imports no JAX."""

from analysis.programs.checks import check_num_examples
from analysis.studies.dead_units.scales import NORMED, Scale
from analysis.studies.difficulty import scales as difficulty
from analysis.studies.difficulty import trainings as sparse
from analysis.studies.study import StudyOptions
from landscape import data
from landscape.config import DenseRun
from train.jobs import checks


def root_of(config: StudyOptions) -> str:
    """The folder of the dense runs."""
    return f"{config.workdir}/dead-units-runs{_quick(config)}/{config.scale}"


def sparse_root(config: StudyOptions, scale: Scale) -> str:
    """The folder of the sparse runs; of mnist that of the study of paper 1."""
    theirs = difficulty.SCALES[config.scale].training
    if not config.quick and _model(theirs) == _model(scale.sparse.training):
        return f"{config.workdir}/{config.scale}-{theirs['model']}"
    return f"{root_of(config)}/sparse"


def _model(training: dict) -> tuple:
    return training["model"], training.get("widths"), training.get("steps")


def _quick(config: StudyOptions) -> str:
    return "-quick" if config.quick else ""


def dense(scale: Scale, root: str, activation: str, seed: int) -> DenseRun:
    """A dense network."""
    folder = f"{root}/{activation.replace(' ', '-')}/seed-{seed}"
    settings = scale.training | {"activation": activation.removesuffix(NORMED)}
    if activation.endswith(NORMED):
        settings["model"] += "-bn"
    return DenseRun(**settings, seed=seed, workdir=folder)


def for_spectrum(scale: Scale, root: str, seed: int) -> DenseRun:
    """A network small enough that all eigenvalues of its Hessian can be found."""
    folder = f"{root}/spectrum/seed-{seed}"
    return DenseRun(**scale.spectrum, seed=seed, workdir=folder)


def check(config: StudyOptions, scale: Scale) -> None:
    """Refuses what can be known to fail before the first network is trained.

    Raises:
      InputError: a folder holds another run, or the data set is not there or too small.
    """
    root, settings = root_of(config), []
    for seed in range(scale.num_seeds):
        settings += [dense(scale, root, a, seed) for a in scale.activations]
    settings += [for_spectrum(scale, root, s) for s in range(scale.spectrum_seeds)]
    checks.check(settings)
    size = data.check(settings[0])
    check_num_examples(scale.training["dataset"], scale.examples, size)
    sparse.check(scale.sparse, sparse_root(config, scale), zeros=False)

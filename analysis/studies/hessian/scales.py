"""Sizes and settings of the study of paper 3."""

from typing import Any, NamedTuple

from analysis.studies.study import StudyOptions
from landscape import data
from landscape.config import DenseRun

PLAIN = {"model": "mlp", "schedule": "constant", "momentum": 0.0, "weight_decay": 0.0}
"""Plain gradient descent on the cross-entropy, with a constant rate."""

# name: activation, covariance multiplier, full batches
GROUPS = {
    "GD tanh, covariance 1": ("tanh", 1.0, True),
    "GD ReLU, covariance 1": ("relu", 1.0, True),
    "SGD ReLU, covariance 1": ("relu", 1.0, False),
    "SGD ReLU, covariance 10": ("relu", 10.0, False),
}
JUDGED = "SGD ReLU, covariance 1", "SGD ReLU, covariance 10"
WHOLE = "GD ReLU, covariance 1"

Model = tuple[str, tuple[int, ...]]
"""A model's name and its widths, () for one that takes none."""


class Phases(NamedTuple):
    """A training with large batches that continues with small ones.

    Attributes:
      images: the data set, and how many of its images.
      model: what is trained.
      rate: the learning rate of both phases.
      steps: of each phase.
      batches: the size of the small and of the large batches.
    """

    images: dict[str, Any]
    model: Model
    rate: float
    steps: int
    batches: tuple[int, int] = (10, 512)


class Blobs(NamedTuple):
    """Networks on Gaussian blobs; see `blobs`.

    Attributes:
      classes: numbers of clusters that claims are judged on.
      many: one more, of the first seed alone; its whole spectrum is figure 1.
      samples, dim: training examples, and their dimension.
      widths, steps, rate: of the networks.
      exact_up_to: parameters up to which the edges of a spectrum, its mean and its
        fraction near zero are read off all eigenvalues.
    """

    classes: tuple[int, ...] = (2, 5, 10, 20)
    many: int = 50
    samples: int = 1000
    dim: int = 100
    widths: tuple[int, ...] = (30, 30)
    steps: int = 3000
    rate: float = 0.1
    exact_up_to: int = 0


class Parts(NamedTuple):
    """Networks whose H and G are materialised; see `gauss_newton_parts`.

    Attributes:
      classes: numbers of clusters.
      samples, dim: training examples, and their dimension.
      widths, steps: of the networks.
      products_steps: of the network whose H is compared with jax.hessian.
    """

    classes: tuple[int, ...] = (2, 5, 10)
    samples: int = 200
    dim: int = 100
    widths: tuple[int, ...] = (12, 12)
    steps: int = 4000
    products_steps: int = 300


class Plane(NamedTuple):
    """Two clusters in the plane; see `two_clusters` and `many_initialisations`.

    Attributes:
      stds: standard deviations of the clusters; 0.2 and 1 are judged.
      per_cluster: examples.
      hidden: units of both hidden layers.
      steps: at most, of a training.
      initialisations: of one network.
      per_save: trainings between two saves.
    """

    stds: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8, 1.0)
    per_cluster: int = 100
    hidden: int = 10
    steps: int = 20_000
    initialisations: int = 300
    per_save: int = 50


class Scale(NamedTuple):
    """Settings of a scale.

    Attributes:
      images: the data set, and how many of its images.
      phases: trainings of `batch_phases`, by the name of their data.
      blobs, parts, plane: see there.
      widths, width_steps, width_rate: one hidden layer, full batches.
      batches, batch_steps, batch_rates, batch_model: small and large batch; the last
        rate is near the largest that the small batch trains with.
      exact_up_to: parameters up to which all eigenvalues are found.
      count_up_to: parameters up to which negative ones are counted, of the first seed's
        networks of the widths.
      noise_width: hidden units of `random_labels`, in both layers.
      logistic_examples: of `marchenko_pastur`.
    """

    images: dict[str, Any]
    phases: dict[str, Phases]
    num_seeds: int = 3
    blobs: Blobs = Blobs()
    parts: Parts = Parts()
    plane: Plane = Plane()
    widths: tuple[int, ...] = (10, 20, 30, 50)
    width_steps: int = 4000
    width_rate: float = 0.3
    batches: tuple[int, int] = (10, 512)
    batch_steps: int = 3000
    batch_rates: tuple[float, ...] = (0.2, 0.4)
    batch_model: Model = ("mlp", (30,))
    exact_up_to: int = 4000
    count_up_to: int = 4000
    noise_width: int = 30
    logistic_examples: int = 1000


DIGITS = {"dataset": "digits", "num_train": 1000}
MNIST = {"dataset": "mnist", "num_train": 1000}
CIFAR = {"dataset": "cifar10", "num_train": 2000}
LENET = ("lenet", (10, 20, 80))
"""The paper's network of two convolutions: 31,770 parameters on MNIST."""

SCALES = {
    "digits": Scale(DIGITS, {"digits": Phases(DIGITS, ("mlp", (30,)), 0.4, 3000)}),
    "mnist": Scale(
        MNIST,
        {
            "mnist": Phases(MNIST, LENET, 0.1, 3000),
            # The paper's small batch: with 10 examples and this rate training diverges.
            "cifar10": Phases(CIFAR, ("alexnet", ()), 0.05, 800, (32, 250)),
        },
        widths=(10, 20, 30, 50, 70),
        batch_model=LENET,
        batch_rates=(0.05, 0.1),
        exact_up_to=8000,
        count_up_to=40_000,
        plane=Plane(initialisations=5000),
        noise_width=10,
    ),
}


def full(config: StudyOptions) -> Scale:
    """The scale that a command names, with the settings that it changes."""
    scale = SCALES[config.scale]
    folder = {"data_dir": config.data_dir}
    phases = {
        name: each._replace(images=each.images | folder)
        for name, each in scale.phases.items()
    }
    return scale._replace(
        images=scale.images | folder,
        phases=phases,
        num_seeds=config.num_seeds or scale.num_seeds,
    )


def check(scale: Scale) -> None:
    """Refuses data sets that are not there or too small; imports no JAX.

    Raises:
      InputError: names the set, and the command that prepares it.
    """
    for images in (scale.images, *(each.images for each in scale.phases.values())):
        data.check(DenseRun(**images, batch_size=1))


def of(config: StudyOptions) -> Scale:
    """The scale that a command asks for."""
    return quick(config) if config.quick else full(config)


def quick(config: StudyOptions) -> Scale:
    """The same, made small; no edges by Lanczos where all eigenvalues can be found."""
    scale = full(config)
    few, steps, batches = {"num_train": 100}, 20, (10, 100)
    # No other shapes than these: compiling takes most of the time.
    model = ("mlp", (8,)) if scale.batch_model[0] == "mlp" else scale.batch_model
    return scale._replace(
        images=scale.images | few,
        num_seeds=config.num_seeds or 1,
        phases={
            name: each._replace(
                images=each.images | few, steps=steps, batches=batches,
                model=model if each.model[0] == "mlp" else each.model,
            )
            for name, each in scale.phases.items()
        },
        blobs=Blobs(
            classes=(2,), many=5, samples=100, dim=10, widths=(8, 8), steps=steps,
            exact_up_to=4000,
        ),
        parts=Parts(
            classes=(2,), samples=100, dim=10, widths=(8, 8), steps=steps,
            products_steps=steps,
        ),
        plane=Plane(
            stds=(0.2, 1.0), steps=steps, initialisations=10, per_save=10
        ),
        widths=(8,),
        width_steps=steps,
        batches=batches,
        batch_steps=steps,
        batch_rates=scale.batch_rates[:1],
        batch_model=model,
        noise_width=8,
        logistic_examples=200,
    )  # fmt: skip

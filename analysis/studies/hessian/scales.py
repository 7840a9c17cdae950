"""Sizes and settings of the study of paper 3."""

from typing import Any, NamedTuple

PLAIN = {"model": "mlp", "schedule": "constant", "momentum": 0.0, "weight_decay": 0.0}
"""Plain gradient descent on the cross-entropy, with a constant rate."""

BLOBS = PLAIN | {"dataset": "blobs", "blob_dim": 100, "widths": (30, 30)}

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
    """A training with large batches that goes on with small ones.

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


class Scale(NamedTuple):
    """Settings of a scale.

    Attributes:
      images: the data set, and how many of its images.
      classes: numbers of clusters that claims are judged on.
      many: one more, of the first seed alone; its whole spectrum is figure 1.
      blob_samples, blob_steps, blob_rate: of the networks on blobs.
      widths, width_steps, width_rate: one hidden layer, full batches.
      batches, batch_steps, batch_rates, batch_model: small and large batch; the last
        rate is near the largest that the small batch trains with.
      exact_up_to: parameters up to which all eigenvalues are found.
      count_up_to: parameters up to which negative ones are counted, of the first seed's
        networks of the widths.
      small_steps, planar_steps: of `hessian_small`, and of networks in the plane.
      starts: initialisations of `hessian_starts`.
      noise_width: hidden units of `hessian_noise`, in both layers.
      phases: trainings of `hessian_phases`, by the name of their data.
    """

    images: dict[str, Any]
    phases: dict[str, Phases]
    num_seeds: int = 3
    classes: tuple[int, ...] = (2, 5, 10, 20)
    many: int = 50
    blob_samples: int = 1000
    blob_steps: int = 3000
    blob_rate: float = 0.1
    widths: tuple[int, ...] = (10, 20, 30, 50)
    width_steps: int = 4000
    width_rate: float = 0.3
    batches: tuple[int, int] = (10, 512)
    batch_steps: int = 3000
    batch_rates: tuple[float, ...] = (0.2, 0.4)
    batch_model: Model = ("mlp", (30,))
    exact_up_to: int = 4000
    count_up_to: int = 4000
    small_steps: int = 4000
    planar_steps: int = 20_000
    starts: int = 300
    noise_width: int = 30


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
        starts=5000,
        noise_width=10,
    ),
}


def scale_of(config: Any) -> Scale:
    """The scale, with what the command says otherwise."""
    scale = SCALES[config.scale]
    folder = {"data_dir": config.data_dir}
    phases = {
        name: each._replace(images=each.images | folder)
        for name, each in scale.phases.items()
    }
    scale = scale._replace(
        images=scale.images | folder,
        phases=phases,
        num_seeds=config.num_seeds or scale.num_seeds,
    )
    return _quick(scale, config) if config.quick else scale


def _quick(scale: Scale, config: Any) -> Scale:
    few = {"num_train": 200}
    return scale._replace(
        images=scale.images | few,
        num_seeds=config.num_seeds or 1,
        classes=(2, 5),
        many=10,
        blob_samples=100,
        blob_steps=40,
        widths=scale.widths[:2],
        width_steps=40,
        batches=(10, 100),
        batch_steps=40,
        small_steps=40,
        planar_steps=40,
        starts=50,
        phases={
            name: each._replace(images=each.images | few, steps=40, batches=(10, 100))
            for name, each in scale.phases.items()
        },
    )

"""The settings that every run has: one frozen dataclass, and its checks.

Every field is a public flag of the programs that train.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from landscape import methods
from landscape.errors import InputError, check_choice, require


@dataclass(frozen=True)
class TrainConfig:
    """The settings that every run has.

    Raises:
      InputError: a value is not allowed; one sentence with the value seen.
    """

    GROUPS: ClassVar[dict[str, str]] = {
        "dataset": "data",
        "model": "model",
        "steps": "optimisation",
        "seed": "randomness",
        "workdir": "folder",
    }
    """Where groups of flags begin, and their titles; see `landscape.cli`."""

    dataset: str = "digits"
    """digits, blobs, or an image-classification set of tfds (mnist, cifar10, ...)."""
    data_dir: str | None = None
    """Where tfds keeps its prepared sets; default: its own default."""
    data_args: tuple[str, ...] = ()
    """KEY=VALUE arguments of a --dataset of your own."""
    num_train: int | None = None
    """Train on this many examples only, drawn by the data seed; default: all."""
    num_validation: int = 0
    """Hold out this many training examples, drawn by the data seed."""
    inputs: str = "standardize"
    """standardize: zero mean and unit standard deviation, by channel, over the training
    split; scale: to [0, 1]."""
    image_size: int | None = None
    """Read images in time instead of holding all in memory, cropped to this height and
    width: of a set of tfds, or of FOLDER/train/CLASS/FILE and FOLDER/test (or val)."""
    workers: int | None = None
    """Threads that decode images of --image-size; default: one a core."""
    augment: bool = False
    """Random changes of training images: a crop (4 pixels of padding) and horizontal
    flip; with --image-size a crop of random size and ratio, and flip."""
    blob_dim: int = 100
    """blobs: dimension of the inputs."""
    blob_classes: int = 10
    """blobs: number of Gaussian clusters."""
    blob_samples: int = 1000
    """blobs: number of training examples; the test split has a fifth as many."""
    blob_variance: float = 1.0
    """blobs: each cluster's covariance is this times the identity."""

    model: str = "lenet300"
    """mlp, mlp-bn (with batch norm), lenet300, lenet, lenet5, alexnet, resnet8,
    resnet20, resnet32, resnet56, wrn-10-1, wrn-16-4, wrn-22-2, wrn-28-10 (wide
    ResNets), vgg11, vgg16, resnet50 (of ImageNet), resnet50-v1 (its stride in the first
    convolution of a block), or package.module:factory of your own
    (docs/add_a_model.md)."""
    model_args: tuple[str, ...] = ()
    """KEY=VALUE arguments of a --model of your own, as in depth=3 widths=[8,16]."""
    widths: tuple[int, ...] = ()
    """mlp: hidden widths; lenet: 2 convolutions, then dense layers; alexnet: the same,
    4 in all; vgg11, vgg16: 8 or 13 convolutions, then dense layers; resnets: the 3
    stages, then those inside each block, or none; wide ResNets: the same after the
    first convolution; default: the model's own."""
    activation: str = "relu"
    """relu or tanh (mlp and lenet)."""
    initialisation: str | None = None
    """Distribution of the initial kernels: glorot_normal, glorot_uniform, he_normal,
    he_uniform, lecun_normal or lecun_uniform; default: the model's own (he_normal, but
    lecun_normal with tanh)."""

    steps: int = 3000
    """Number of updates."""
    batch_size: int = 128
    """Examples in a batch, over all devices."""
    learning_rate: float = 0.1
    """The highest learning rate of the schedule; 0.1 is for sgd, others want less."""
    schedule: str = "cosine"
    """constant, cosine (to 0 at the end) or step."""
    warmup: int = 0
    """Steps of linear warm-up from 0."""
    decay_steps: tuple[int, ...] = ()
    """step schedule: the steps at which the rate is multiplied by --decay-factor."""
    decay_factor: float = 0.1
    """step schedule: the factor at each of --decay-steps."""
    optimizer: str = "sgd"
    """An optimizer of optax by its name: sgd, adam, adamw, lion, rmsprop, ..."""
    momentum: float = 0.9
    """Momentum, of the optimizers that take it (sgd, rmsprop, ...)."""
    nesterov: bool = False
    """Nesterov momentum, of the optimizers that take it (sgd, adam, adamw, ...)."""
    weight_decay: float = 1e-4
    """w of the L2 term (w/2) * sum of squares of the kernels in the objective."""
    decay_all: bool = False
    """Biases and batch norm are in the L2 term as well."""
    decoupled_decay: float = 0.0
    """Weight decay of the optimizer itself (adamw, lion, ...); not in the objective."""
    label_smoothing: float = 0.0
    """Weight of the uniform distribution in the labels, in training."""

    seed: int = 0
    """Initialisation, and everything random of the method."""
    order_seed: int | None = None
    """Order of the examples and augmentation; default: the seed."""
    data_seed: int = 0
    """Validation split, --num-train subset, generated data; never follows --seed."""

    workdir: str | None = None
    """The run folder (of several runs the folder above them); default:
    runs/DATASET/ and the name of the solution."""
    log_every: int | None = None
    """Steps between two lines of metrics.jsonl, the longest time before a signal takes
    effect; default: 10 for ResNets, VGGs and AlexNet, 100 for the others."""
    eval_every: int | None = None
    """Steps between two evaluations; default: a twentieth of all steps."""
    save_every: int = 1000
    """Steps between two checkpoints."""
    keep_every: int | None = None
    """Steps between two checkpoints that are never deleted; default: only the first,
    the last and the one before it are kept."""
    num_devices: int | None = None
    """Devices to spread a batch over; default: all."""

    def __post_init__(self):
        methods.check_model(self.model, self.widths, self.activation, self.model_args)
        methods.check_optimizer(self.optimizer, self.nesterov, self.decoupled_decay)
        if self.initialisation is not None:
            known = methods.INITIALISATIONS
            check_choice("initialisation", self.initialisation, known)
        check_choice("schedule", self.schedule, methods.SCHEDULES)
        check_choice("kind of inputs", self.inputs, methods.INPUTS)
        self._require("workdir", lambda v: v != "", "the name of a folder")
        counts = "num_train blob_dim steps batch_size num_devices image_size workers"
        for name in f"{counts} log_every eval_every save_every keep_every".split():
            self._require(name, lambda v: v is None or v >= 1, "at least 1")
        for name in ("num_validation", "warmup", "seed", "order_seed", "data_seed"):
            self._require(
                name, lambda v: v is None or 0 <= v < 2**31, "at least 0, below 2^31"
            )
        self._require("blob_classes", lambda v: v >= 2, "at least 2")
        # A fifth of it is the test split.
        self._require("blob_samples", lambda v: v >= 5, "at least 5")
        for name in ("learning_rate", "decay_factor", "blob_variance"):
            self._require(
                name, lambda v: v > 0 and math.isfinite(v), "positive and finite"
            )
        for name in ("weight_decay", "decoupled_decay"):
            self._require(
                name, lambda v: v >= 0 and math.isfinite(v), "finite, at least 0"
            )
        for name in ("momentum", "label_smoothing"):
            self._require(name, lambda v: 0 <= v < 1, "in [0, 1)")
        self._require("warmup", lambda v: v <= self.steps, f"at most {self.steps}")
        self._require(
            "decay_steps",
            lambda v: list(v) == sorted(set(v)) and all(1 <= s < self.steps for s in v),
            f"increasing, from 1 to below --steps {self.steps}",
        )
        if self.decay_steps and self.schedule != "step":
            raise InputError("--decay-steps needs --schedule step.")
        if self.schedule == "step" and not self.decay_steps:
            raise InputError("--schedule step needs --decay-steps.")

    @classmethod
    def of(cls, other: "TrainConfig", **changes: Any) -> Self:
        """The settings that `other` shares with this class, but for `changes`.

        Shared are those of the nearest class that both are kinds of: a score of weights
        is none of units. `method` is not shared: each class has its own, named in
        `changes` or default.

        >>> TrainConfig.of(TrainConfig(steps=7), seed=1).steps
        7
        """
        common = next(kind for kind in cls.__mro__ if isinstance(other, kind))
        names = {f.name for f in dataclasses.fields(cls) if f.init} - {"method"}
        names &= {f.name for f in dataclasses.fields(common)}
        return cls(**{name: getattr(other, name) for name in names} | changes)

    def _require(self, name: str, holds, allowed: str) -> None:
        require(self, name, holds(getattr(self, name)), allowed)

    @property
    def order(self) -> int:
        """The seed of the order of examples."""
        return self.seed if self.order_seed is None else self.order_seed

    @property
    def log_interval(self) -> int:
        """Steps between two lines of metrics.jsonl."""
        return self.log_every or (10 if methods.model_row(self.model).slow else 100)

    @property
    def eval_interval(self) -> int:
        """Steps between two evaluations."""
        return self.eval_every or max(1, self.steps // 20)

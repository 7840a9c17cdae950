"""The settings that every run has: one frozen dataclass, and its checks.

Every field is a public flag of the programs that train.
"""

import dataclasses
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from landscape.config.training_needs import NEEDS
from landscape.errors import InputError, check_choices, require
from landscape.needs import Need
from landscape.registries import data_names, methods


@dataclass(frozen=True)
class TrainConfig:
    """The settings that every run has.

    Raises:
      InputError: a value is not allowed; one sentence with the value seen.
    """

    GROUPS: ClassVar[dict[str, str]] = {
        "dataset": "data",
        "blob_dim": "blobs",
        "model": "model",
        "steps": "optimisation",
        "seed": "seeds",
        "workdir": "output",
        "num_devices": "optimisation",
        "tensorboard": "output",
    }
    """Where groups of flags begin, and their titles; see `landscape.cli`."""
    CHOICES: ClassVar[dict[str, Collection[str]]] = {
        "activation": methods.ACTIVATIONS,
        "initialisation": methods.INITIALISATIONS,
        "inputs": methods.INPUTS,
        "precision": methods.PRECISIONS,
        "schedule": methods.SCHEDULES,
    }
    """The names that fields allow; see `landscape.errors.check_choices`."""
    NEEDS: ClassVar[dict[str, Need]] = NEEDS
    """What has an effect only beside other settings; see `landscape.needs`."""

    dataset: str = "digits"
    """digits, blobs, an image set of tfds (mnist, ...), files, or your own.
    Files: a folder of .npy files, an .npz file, or with --image-size a folder of images
    by class. Your own: a function, package.module:function
    (docs/add_a_data_set.md)."""
    data_dir: str | None = None
    """The folder that holds the data set; default: that of tfds. It is one of sets that
    tfds has prepared, or that into which a folder or file of arrays has moved."""
    data_args: tuple[str, ...] = ()
    """KEY=VALUE arguments of a --dataset that is a function of your own."""
    num_train: int | None = None
    """Train on this many examples, drawn by the data seed; default: all."""
    num_validation: int = 0
    """Hold out this many training examples, drawn by the data seed."""
    inputs: str = "standardize"
    """How inputs are normalised. standardize: zero mean and unit standard deviation, by
    channel, over the training split (with --image-size those of ImageNet); scale: to
    [0, 1]."""
    image_size: int | None = None
    """Read images in time, cropped to this size, instead of all at once. They are
    those of a set of tfds, or FOLDER/train/CLASS/FILE and FOLDER/test (or val)."""
    workers: int | None = None
    """Threads that decode images of --image-size; default: one a core."""
    augment: bool = False
    """Random crop and horizontal flip of training images. The crop has 4 pixels of
    padding; with --image-size it has a random size and ratio."""
    blob_dim: int = 100
    """blobs: dimension of the inputs."""
    blob_classes: int = 10
    """blobs: number of Gaussian clusters."""
    blob_samples: int = 1000
    """blobs: number of training examples. The test split has a fifth as many."""
    blob_variance: float = 1.0
    """blobs: each cluster's covariance is this times the identity."""

    model: str = "lenet300"
    """lenet300, lenet5, resnet20, resnet50, vgg16 or another network. The others: mlp,
    mlp-bn (with batch norm), lenet, alexnet, resnet8, resnet32, resnet56, resnet50-v1
    (resnet50 of ImageNet with its stride in the first 1x1 convolution of a block),
    wrn-10-1, wrn-16-4, wrn-22-2, wrn-28-10 (wide ResNets), vgg11, or your own,
    package.module:factory (docs/add_a_model.md)."""
    model_args: tuple[str, ...] = ()
    """KEY=VALUE arguments of a --model of your own. A value may be a list, as in
    depth=3 widths=[8,16]."""
    widths: tuple[int, ...] = ()
    """Widths of the layers; default: the model's own. mlp: hidden widths; lenet: 2
    convolutions, then dense layers; alexnet: the same, 4 in all; vgg11, vgg16: 8 or 13
    convolutions, then dense layers; resnets: the 3 stages, then those inside each
    block, or none; wide ResNets: the same after the first convolution."""
    activation: str = "relu"
    """Activation of mlp and lenet; all other models have relu."""
    initialisation: str | None = None
    """Distribution of the initial kernels; default: the model's own. That is he_normal,
    but lecun_normal with tanh."""

    steps: int = 3000
    """Number of updates."""
    batch_size: int = 128
    """Examples in a batch, over all devices."""
    learning_rate: float = 0.1
    """The highest learning rate; 0.1 is for sgd, others want less."""
    schedule: str = "cosine"
    """How the learning rate changes; cosine ends at 0."""
    warmup: int = 0
    """Steps of linear warm-up from 0."""
    decay_steps: tuple[int, ...] = ()
    """step schedule: the steps at which the rate decays."""
    decay_factor: float = 0.1
    """step schedule: what multiplies the rate at --decay-steps."""
    optimizer: str = "sgd"
    """sgd, adam, adamw, lion, rmsprop or another optimizer of optax."""
    momentum: float = 0.9
    """Momentum, where the optimizer has it (sgd, rmsprop, ...)."""
    nesterov: bool = False
    """Nesterov momentum, where the optimizer has it (sgd, adam, ...)."""
    weight_decay: float = 1e-4
    """w of the L2 term (w/2) * sum of squares of the kernels. It is in the
    objective."""
    decay_all: bool = False
    """Biases and batch norm are in the L2 term as well."""
    decoupled_decay: float = 0.0
    """Weight decay of the optimizer itself (adamw, lion, ...). It is not in the
    objective."""
    label_smoothing: float = 0.0
    """Weight of the uniform distribution in the training labels."""
    precision: str = "float32"
    """Precision of the forward and backward pass of training. Parameters, updates
    and everything that is evaluated or analysed are float32."""
    accumulate: int = 1
    """Parts of a batch whose gradients are computed one after the other. The update is
    that of the whole batch, to rounding; batch norm sees the parts. It takes less
    memory, and on a CPU several times as long where the model convolves."""
    remat: bool = False
    """Take less memory: compute blocks once more in the backward pass. Of ResNets and
    VGGs (rematerialisation): the same steps, up to rounding, in more time."""

    seed: int = 0
    """Random seed of the initial weights and of the method."""
    order_seed: int | None = None
    """Random seed of the order of examples and augmentation; default: --seed."""
    data_seed: int = 0
    """Random seed of splits, subsets and generated data. It never follows --seed."""

    workdir: str | None = None
    """The run folder; default: runs/DATASET/ and the name of the solution. Of several
    runs it is the folder above them."""
    log_every: int | None = None
    """Steps between two lines of metrics.jsonl; default: 100 or 10. That is 10 for
    ResNets, VGGs and AlexNet, 100 for the others; a signal takes effect after that many
    steps at most."""
    eval_every: int | None = None
    """Steps between two evaluations; default: a twentieth of all."""
    save_every: int = 1000
    """Steps between two checkpoints."""
    keep_every: int | None = None
    """Steps between two checkpoints that are kept; default: ends only. By default the
    first, the last and the one before it are never deleted."""
    num_devices: int | None = None
    """Devices to spread a batch over; default: all."""
    tensorboard: bool = False
    """Write event files of TensorBoard, too. They are in RUN/tensorboard; they need
    tensorboardX (the extra tensorboard)."""
    profile: int | None = None
    """Trace this many steps, for TensorBoard and Perfetto. The trace is in RUN/profile;
    it begins after the first window, in which steps are compiled."""

    def __post_init__(self):
        methods.check_data(self.dataset, self.data_args)
        place = data_names.located(self.dataset, self.data_dir)
        for name, value in zip(("dataset", "data_dir"), place, strict=True):
            object.__setattr__(self, name, value)
        methods.check_model(self.model, self.widths, self.activation, self.model_args)
        if self.remat:
            methods.check_remat(self.model)
        methods.check_optimizer(self.optimizer, self.nesterov, self.decoupled_decay)
        check_choices(self)
        self._require("workdir", lambda v: v != "", "the name of a folder")
        counts = "num_train blob_dim steps batch_size num_devices image_size workers"
        counts += " accumulate profile"
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
        divisor = f"a divisor of --batch-size {self.batch_size}"
        self._require("accumulate", lambda v: self.batch_size % v == 0, divisor)
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
        """The settings that `other` shares with this class, except `changes`.

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

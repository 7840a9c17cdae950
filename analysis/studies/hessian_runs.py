"""What the study of paper 3 trains, and the numbers that come of it."""

from typing import Any, NamedTuple

from analysis.studies import hessian_phases, hessian_planar, hessian_small
from analysis.studies.hessian_spectra import (
    edges,
    everything,
    mean,
    shares,
    shares_of,
)
from landscape.config import DenseRun
from train import job

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


class Measured(NamedTuple):
    """All that was measured; lists are over seeds, of dicts of numbers.

    Attributes:
      blobs: group -> number of classes -> train_loss, size, largest, smallest; of the
        first seed the mean eigenvalue; of the judged groups also initial_largest and
        initial_smallest.
      near_zero: number of classes -> share of eigenvalues near zero (first seed).
      whole: all eigenvalues of a network of 50 classes, initial and final.
      small: see `hessian_small.measure`, number of classes -> seeds.
      products: largest difference of the Hessian by products from jax.hessian.
      planar: standard deviation of two clusters in the plane -> eigenvalues.
      widths: hidden units -> train_loss, largest, smallest, size, near_zero, negative,
        and all (of the first seed, if they were found).
      batches: learning rate -> batch size -> the same.
      phases: see `hessian_phases.measure`.
      example: a run to look at.
    """

    blobs: dict[str, dict[str, list[dict[str, Any]]]]
    near_zero: dict[str, float]
    whole: dict[str, list[float]]
    small: dict[str, list[dict[str, float]]]
    products: list[float]
    planar: dict[str, list[dict[str, Any]]]
    widths: dict[str, list[dict[str, Any]]]
    batches: dict[str, dict[str, list[dict[str, Any]]]]
    phases: list[dict[str, Any]]
    example: str


class Scale(NamedTuple):
    """Settings of a scale.

    Attributes:
      images: data, and how many of them.
      classes: numbers of clusters that claims are judged on.
      many: one more, of the first seed alone; its whole spectrum is figure 1.
      blob_samples, blob_steps, blob_rate: of the networks on blobs.
      widths, width_steps, width_rate: one hidden layer, full batches.
      batches, batch_steps, batch_rates, batch_model: small and large batch; the last
        rate is near the largest that the small batch trains with.
      exact_up_to: parameters up to which all eigenvalues are found.
      count_up_to: parameters up to which negative ones are counted.
      small_steps, planar_steps: of `hessian_small` and `hessian_planar`.
      phases: settings of `hessian_phases`.
    """

    images: dict[str, Any]
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
    batch_model: tuple[str, tuple[int, ...]] = ("mlp", (30,))
    exact_up_to: int = 3000
    count_up_to: int = 4000
    small_steps: int = 4000
    planar_steps: int = 20_000
    phases: hessian_phases.Setting = hessian_phases.Setting((30,), 0.4, (3000, 3000))


SCALES = {
    "digits": Scale({"dataset": "digits", "num_train": 1000}),
    "mnist": Scale(
        {"dataset": "mnist", "num_train": 1000},
        widths=(10, 30, 50, 70),
        batch_model=("lenet", (10, 20, 80)),
        batch_rates=(0.05, 0.1),
        exact_up_to=8000,
        count_up_to=24_000,
        phases=hessian_phases.Setting((30,), 0.2, (5000, 5000)),
    ),
}


def scale_of(config) -> Scale:
    """The scale, with what the command says otherwise."""
    scale = SCALES[config.scale]
    images = scale.images | {"data_dir": config.data_dir}
    scale = scale._replace(images=images, num_seeds=config.num_seeds or scale.num_seeds)
    if not config.quick:
        return scale
    return scale._replace(
        images=images | {"num_train": 200},
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
        phases=scale.phases._replace(steps=(40, 40)),
    )


def measure(config) -> Measured:
    """Trains and measures all that is not there yet."""
    scale = scale_of(config)
    quick = "-quick" if config.quick else ""
    root = f"{config.workdir}/hessian-runs{quick}"
    images, blobs = f"{root}/{config.scale}", f"{root}/blobs"
    seeds = range(scale.num_seeds)
    widths = {
        str(h): [_width_run(scale, images, h, seed) for seed in seeds]
        for h in scale.widths
    }
    batches = {
        f"{rate:g}": {
            str(size): [_batch_run(scale, images, size, rate, seed) for seed in seeds]
            for size in scale.batches
        }
        for rate in scale.batch_rates
    }
    # What takes longest comes last: a study that is cut short has the rest.
    return Measured(
        phases=[
            hessian_phases.measure(scale.images, scale.phases, images, seed)
            for seed in seeds
        ],
        widths=widths,
        batches=batches,
        small=hessian_small.measure(blobs, scale.small_steps, seeds),
        products=hessian_small.products_against_jax(blobs, seeds),
        planar=hessian_planar.measure(blobs, scale.planar_steps, seeds),
        blobs={group: _group(scale, blobs, group, seeds) for group in GROUPS},
        near_zero={
            str(k): shares(_blob_name(blobs, JUDGED[0], k, 0))["near_zero"]
            for k in scale.classes
        },
        whole={
            when: everything(_blob_name(blobs, WHOLE, scale.many, 0) + at).tolist()
            for when, at in (("initial", "@init"), ("final", ""))
        },
        example=f"{images}/hidden-{scale.widths[0]}/seed-0",
    )


def _group(scale: Scale, root: str, group: str, seeds) -> dict[str, Any]:
    """Number of classes -> seeds; one seed of what is not judged."""
    found = {}
    for k in (*scale.classes, scale.many):
        judged = group in JUDGED and k != scale.many
        if k == scale.many and GROUPS[group][0] == "tanh":
            continue
        found[str(k)] = [
            _blob(scale, root, group, k, seed, judged)
            for seed in (seeds if judged else [0])
        ]
    return found


def _blob_name(root: str, group: str, k: int, seed: int) -> str:
    activation, variance, full = GROUPS[group]
    kind = "gd" if full else "sgd"
    return f"{root}/{kind}-{activation}-covariance-{variance:g}/k-{k}/seed-{seed}"


def _blob(
    scale: Scale, root: str, group: str, k: int, seed: int, judged: bool
) -> dict[str, Any]:
    """One network; each seed has clusters of its own."""
    activation, variance, full = GROUPS[group]
    name = _blob_name(root, group, k, seed)
    settings = DenseRun(
        **BLOBS,
        blob_classes=k,
        blob_samples=scale.blob_samples,
        blob_variance=variance,
        activation=activation,
        batch_size=scale.blob_samples if full else scale.blob_samples // 10,
        learning_rate=scale.blob_rate,
        steps=scale.blob_steps,
        seed=seed,
        data_seed=seed,
        workdir=name,
    )
    summary = job.carry_out(settings)
    found = {"train_loss": summary["train_loss"], "size": summary["num_params"]}
    found |= edges(name, max(3 * k + 2, 40))
    if seed == 0:
        found |= {"mean": mean(name)}
    if judged:
        start = edges(f"{name}@init", 2)
        found |= {f"initial_{end}": start[end] for end in ("largest", "smallest")}
    return found


def _width_run(scale: Scale, root: str, h: int, seed: int) -> dict[str, Any]:
    name = f"{root}/hidden-{h}/seed-{seed}"
    size = scale.images["num_train"]
    return _image_run(
        scale, name, seed, widths=(h,), batch_size=size, steps=scale.width_steps,
        learning_rate=scale.width_rate,
    )  # fmt: skip


def _batch_run(scale: Scale, root: str, size: int, rate: float, seed: int) -> dict:
    model, widths = scale.batch_model
    name = f"{root}/rate-{rate:g}-batch-{size}/seed-{seed}"
    return _image_run(
        scale, name, seed, model=model, widths=widths, batch_size=size,
        steps=scale.batch_steps, learning_rate=rate,
    )  # fmt: skip


def _image_run(scale: Scale, name: str, seed: int, **settings: Any) -> dict[str, Any]:
    fields = PLAIN | scale.images | settings | {"seed": seed, "workdir": name}
    summary = job.carry_out(DenseRun(**fields))
    found = {"train_loss": summary["train_loss"], "size": summary["num_params"]}
    if found["size"] <= scale.exact_up_to:
        values = everything(name)
        found |= {"largest": values[:60].tolist(), "smallest": values[:-4:-1].tolist()}
        found |= shares_of(values)
        return found | ({"all": values.tolist()} if seed == 0 else {})
    found |= edges(name, 60, bottom=max(2, found["size"] // 100))
    return found | (shares(name) if found["size"] <= scale.count_up_to else {})

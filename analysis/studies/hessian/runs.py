"""What the study of paper 3 trains, and the resulting numbers."""

from collections.abc import Callable
from typing import Any, NamedTuple

from analysis.studies.hessian import (
    batch_phases,
    blobs,
    gauss_newton_parts,
    gd_vs_sgd,
    many_initialisations,
    marchenko_pastur,
    random_labels,
    two_clusters,
)
from analysis.studies.hessian.measurements import (
    edges,
    everything,
    negative,
    negative_of,
)
from analysis.studies.hessian.scales import GROUPS, PLAIN, Scale
from analysis.studies.steps import Steps
from analysis.studies.study import StudyOptions
from analysis.studies.training import train
from landscape.config import DenseRun

OTHER_STEPS = 9
"""Those that are not of one seed, size or group."""


class Measured(NamedTuple):
    """All that was measured; lists are over seeds, of dicts of numbers.

    Attributes:
      blobs: group -> number of classes -> train_loss, size, largest, smallest; of the
        first seed the mean eigenvalue; of the judged groups also initial_largest and
        initial_smallest.
      near_zero: number of classes -> fraction of eigenvalues near zero (first seed).
      whole: all eigenvalues of a network of 50 classes, initial and final.
      small: see `gauss_newton_parts.measure`, number of classes -> seeds.
      products: largest difference of the Hessian by products from jax.hessian.
      planar: standard deviation of two clusters in the plane -> eigenvalues.
      starts: see `many_initialisations.measure`.
      pastur: see `marchenko_pastur.measure`.
      widths: hidden units -> train_loss, largest, smallest, size, and, where they were
        found, negative and all (of the first seed).
      batches: learning rate -> batch size -> the same.
      phases: name of the data -> see `batch_phases.measure`.
      noise: see `random_labels.measure`.
      descents: see `gd_vs_sgd.measure`.
      example: a run that further commands can be tried on.
    """

    blobs: dict[str, dict[str, list[dict[str, Any]]]]
    near_zero: dict[str, float]
    whole: dict[str, list[float]]
    small: dict[str, list[dict[str, float]]]
    products: list[float]
    planar: dict[str, list[dict[str, Any]]]
    starts: dict[str, Any]
    pastur: dict[str, list[dict[str, Any]]]
    widths: dict[str, list[dict[str, Any]]]
    batches: dict[str, dict[str, list[dict[str, Any]]]]
    phases: dict[str, list[dict[str, Any]]]
    noise: dict[str, dict[str, Any]]
    descents: dict[str, dict[str, Any]]
    example: str


def measure(config: StudyOptions, scale: Scale) -> Measured:
    """Trains and measures all that is not there yet."""
    quick = "-quick" if config.quick else ""
    root = f"{config.workdir}/hessian-runs{quick}"
    images, blob_runs = f"{root}/{config.scale}", f"{root}/blobs"
    seeds = range(scale.num_seeds)
    images_parts = len(scale.widths) + len(scale.batch_rates) * len(scale.batches)
    total = (images_parts + len(scale.phases)) * len(seeds) + len(GROUPS)
    steps = Steps(total + OTHER_STEPS)

    def step(what: str, measure: Callable, *arguments: Any) -> Any:
        steps.begin(what)
        return measure(*arguments)

    widths = {
        str(h): [
            _width_run(scale, images, h, seed)
            for seed in steps.each(f"{h} hidden units, seed", seeds)
        ]
        for h in scale.widths
    }
    batches = {
        f"{rate:g}": {
            str(size): [
                _batch_run(scale, images, size, rate, seed)
                for seed in steps.each(f"batch {size}, rate {rate:g}, seed", seeds)
            ]
            for size in scale.batches
        }
        for rate in scale.batch_rates
    }
    # The longest parts are last: an interrupted study has the others.
    return Measured(
        phases={
            name: [
                batch_phases.measure(each, f"{root}/{name}", seed)
                for seed in steps.each(f"both phases on {name}, seed", seeds)
            ]
            for name, each in scale.phases.items()
        },
        descents=step("gradient descent and SGD", gd_vs_sgd.measure, scale, images),
        noise=step("random labels", random_labels.measure, scale, images),
        widths=widths,
        batches=batches,
        small=step(
            "H and G on blobs",
            gauss_newton_parts.measure, scale.parts, blob_runs, seeds,
        ),
        products=step(
            "products against jax.hessian",
            gauss_newton_parts.products_against_jax, scale.parts, blob_runs, seeds,
        ),
        planar=step(
            "two clusters", two_clusters.measure, scale.plane, blob_runs, seeds
        ),
        starts=step(
            "many initialisations",
            many_initialisations.measure, scale.plane, blob_runs,
        ),
        pastur=step(
            "Marchenko and Pastur", marchenko_pastur.measure, scale.logistic_examples
        ),
        blobs={
            group: blobs.measure(scale.blobs, blob_runs, group, seeds)
            for group in steps.each("blobs,", GROUPS)
        },
        near_zero=step(
            "eigenvalues near zero",
            blobs.near_zero_fractions, scale.blobs, blob_runs,
        ),
        whole=step("a whole spectrum", blobs.whole, scale.blobs, blob_runs),
        example=f"{images}/hidden-{scale.widths[0]}/seed-0",
    )  # fmt: skip


def _width_run(scale: Scale, root: str, h: int, seed: int) -> dict[str, Any]:
    name = f"{root}/hidden-{h}/seed-{seed}"
    size = scale.images["num_train"]
    return _image_run(
        scale, name, seed, 0.01, scale.count_up_to, widths=(h,), batch_size=size,
        steps=scale.width_steps, learning_rate=scale.width_rate,
    )  # fmt: skip


def _batch_run(scale: Scale, root: str, size: int, rate: float, seed: int) -> dict:
    model, widths = scale.batch_model
    name = f"{root}/rate-{rate:g}-batch-{size}/seed-{seed}"
    return _image_run(
        scale, name, seed, 0.005, 0, model=model, widths=widths, batch_size=size,
        steps=scale.batch_steps, learning_rate=rate,
    )  # fmt: skip


def _image_run(
    scale: Scale, name: str, seed: int, left: float, count_up_to: int, **settings: Any
) -> dict[str, Any]:
    """Edges of one network, or all eigenvalues of a small one.

    Of the first seed: the fraction `left` of them at the smallest end, and the fraction
    of negative ones if there are at most `count_up_to`.
    """
    fields = PLAIN | scale.images | settings | {"seed": seed, "workdir": name}
    summary = train(DenseRun(**fields))
    found = {"train_loss": summary["train_loss"], "size": summary["num_params"]}
    size = found["size"]
    if size <= scale.exact_up_to:
        values = everything(name)
        found |= edges(name, 60, bottom=3, exact=True)
        found |= {"negative": negative_of(values)}
        return found | ({"all": values.tolist()} if seed == 0 else {})
    # The left edge is drawn of the first seed.
    found |= edges(name, 60, bottom=max(2, int(left * size)) if seed == 0 else 2)
    counted = seed == 0 and size <= count_up_to
    return found | ({"negative": negative(name)} if counted else {})

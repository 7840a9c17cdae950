"""Networks on Gaussian blobs: figures 1 and 2 of paper 3, and its table 1."""

from typing import Any

from analysis.studies.hessian.measurements import edges, everything, mean, near_zero
from analysis.studies.hessian.scales import GROUPS, JUDGED, PLAIN, WHOLE, Blobs
from analysis.studies.training import train
from landscape import runs
from landscape.config import DenseRun


def measure(scale: Blobs, root: str, group: str, seeds: range) -> dict[str, list]:
    """Number of classes -> seeds, one of what is not judged; `runs.Measured.blobs`."""
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


def near_zero_fractions(scale: Blobs, root: str) -> dict[str, float]:
    """Number of classes -> fraction of eigenvalues near zero, of the first seed."""
    found = {}
    for k in scale.classes:
        name = _blob_name(root, JUDGED[0], k, 0)
        size = runs.read_summary(runs.parse(name).folder)["num_params"]
        found[str(k)] = near_zero(name, exact=size <= scale.exact_up_to)
    return found


def whole(scale: Blobs, root: str) -> dict[str, list[float]]:
    """All eigenvalues of a network of many classes, "initial" and "final"."""
    name = _blob_name(root, WHOLE, scale.many, 0)
    ends = {"initial": f"{name}@init", "final": name}
    return {when: everything(end).tolist() for when, end in ends.items()}


def _blob_name(root: str, group: str, k: int, seed: int) -> str:
    activation, variance, full = GROUPS[group]
    kind = "gd" if full else "sgd"
    return f"{root}/{kind}-{activation}-covariance-{variance:g}/k-{k}/seed-{seed}"


def _blob(
    scale: Blobs, root: str, group: str, k: int, seed: int, judged: bool
) -> dict[str, Any]:
    """One network; each seed has clusters of its own."""
    activation, variance, full = GROUPS[group]
    name = _blob_name(root, group, k, seed)
    settings = DenseRun(
        **PLAIN,
        dataset="blobs",
        blob_dim=scale.dim,
        blob_classes=k,
        blob_samples=scale.samples,
        blob_variance=variance,
        widths=scale.widths,
        activation=activation,
        batch_size=scale.samples if full else scale.samples // 10,
        learning_rate=scale.rate,
        steps=scale.steps,
        seed=seed,
        data_seed=seed,
        workdir=name,
    )
    summary = train(settings)
    found = {"train_loss": summary["train_loss"], "size": summary["num_params"]}
    exact = found["size"] <= scale.exact_up_to
    found |= edges(name, max(3 * k + 2, 40), exact=exact)
    if seed == 0:
        found |= {"mean": mean(name, exact=exact)}
    if judged:
        start = edges(f"{name}@init", 2, exact=exact)
        found |= {f"initial_{end}": start[end] for end in ("largest", "smallest")}
    return found

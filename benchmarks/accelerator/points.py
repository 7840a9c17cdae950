"""A line between two ResNet-50s, and points and probes vmapped or one by one."""

from collections.abc import Callable, Iterator
from functools import partial

import jax
import numpy as np

from analysis import curvature, evaluation, spectra
from benchmarks.accelerator import measuring
from benchmarks.accelerator.curvature import images, network
from benchmarks.accelerator.measuring import seconds
from benchmarks.accelerator.rows import Case, Options, Row
from benchmarks.networks import make_network
from landscape import models
from landscape.objective import Objective

BATCH = 128
"""Images whose statistics batch norm takes, as in `python -m analysis.path`."""


def line(points: int) -> np.ndarray:
    """Coefficients of two ends."""
    ts = np.linspace(0, 1, points)
    return np.stack([1 - ts, ts], axis=1)


def line_cases(options: Options) -> Iterator[Case]:
    """The one line."""
    what = f"line of {5 if options.small else 51} points"
    yield what, partial(resnet_line, what, options)


def resnet_line(what: str, options: Options) -> Row:
    """On as many images as the time that is left allows."""
    name, shape, classes = network(options)
    points, batch_size = (5, 16) if options.small else (51, BATCH)
    model = models.create(name, shape, classes)
    ends = [models.init(model, jax.random.key(i), shape) for i in range(2)]
    loss_fn, statistics = evaluation.of_objective(
        Objective(model), ends[0][1], batch_norm="batch", batch_size=batch_size
    )
    part = 4 * batch_size
    size = options.round_up(part)
    # Of one shape: one program, however many there are.
    parts = [images(part, shape, classes)] * (size // part)

    def of(parts):
        params, rows = [params for params, _ in ends], line(points)
        return evaluation.evaluate(params, rows, loss_fn, parts, statistics=statistics)[
            "loss"
        ]

    compilation = measuring.timed(lambda: of(parts[:1])).compilation
    one = measuring.timed(lambda: of(parts[:1])).run
    count = min(max(int(0.8 * options.left() / one), 1), len(parts))
    run = measuring.timed(lambda: of(parts[:count])).run
    note = f"{count * part:,} images, statistics of batches of {batch_size}"
    if count < len(parts):
        note += f"; {size:,} images would take {seconds(run * len(parts) / count)}"
    precision = measuring.precision_of_products()
    each = measuring.operations((name, shape, classes), "forward")
    rate = points * count * part * each / run
    share = measuring.share(rate, precision, options)
    return Row(
        f"{what}, {precision}",
        seconds(run),
        compilation,
        share,
        measuring.memory(),
        note,
    )


def vmap_cases(options: Options) -> Iterator[Case]:
    """Points of lines, then probes of densities."""
    names = ("mlp",) if options.small else ("mlp", "lenet5", "resnet20")
    for what, make in (("points", points_of), ("probes", probes_of)):
        for name in names:
            title = f"{what} of {name}, vmap"
            yield title, partial(compared, title, partial(make, name, options))


def compared(what: str, make: Callable) -> Row:
    """vmap against one after the other: seconds of both."""
    calls, note = make()
    times = {name: measuring.repeated(call, 3) for name, call in calls.items()}
    vmapped, other = times["vmap"], times["sequential"]
    result = f"{seconds(vmapped.run)}, one after the other {seconds(other.run)}"
    note = f"{other.run / vmapped.run:.2f} times as fast; {note}"
    compilation = vmapped.compilation + other.compilation
    return Row(what, result, compilation, None, measuring.memory(), note)


def points_of(name: str, options: Options):
    """The loss at points of a line: rows vmapped in groups, or by lax.map."""
    model, ends, stats, data = make_network(name)
    size, points = (256, 8) if options.small else (1024, 51)
    data = jax.device_put({key: value[:size] for key, value in data.items()})
    loss_fn = Objective(model).bind(stats)

    def of(order):
        return evaluation.evaluate(ends[:2], line(points), loss_fn, data, order=order)

    calls = {order: partial(of, order) for order in ("vmap", "sequential")}
    return calls, f"{points} points, {size:,} images, lax.map otherwise"


def probes_of(name: str, options: Options):
    """Lanczos from several probes at once, or from one after the other."""
    model, (params, *_), stats, data = make_network(name)
    size, steps, probes = (256, 4, 2) if options.small else (1024, 20, 8)
    data = jax.device_put({key: value[:size] for key, value in data.items()})
    op = curvature.hessian(Objective(model).bind(stats), params, data, check=False)

    def of(vmap):
        return spectra.spectral_density(
            op, key=jax.random.key(0), num_steps=steps, num_probes=probes, vmap=vmap
        ).nodes

    calls = {"vmap": partial(of, True), "sequential": partial(of, False)}
    return calls, f"{probes} probes of {steps} steps, {size:,} images, {op.description}"

"""A Hessian product and a spectral density of ResNet-50 on synthetic images."""

from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp

from analysis import curvature, spectra
from benchmarks.accelerator import measuring
from benchmarks.accelerator.measuring import seconds
from benchmarks.accelerator.rows import Case, Options, Row
from landscape import models
from landscape.objective import Objective


def network(options: Options):
    """The model's name, the shape of its images and its number of classes."""
    return ("resnet8", (32, 32, 3), 10) if options.small else RESNET50


RESNET50 = "resnet50", (224, 224, 3), 1000


def images(number: int, shape: tuple[int, ...], num_classes: int):
    """A batch of normal pixels and random labels, on the device."""
    keys = jax.random.split(jax.random.key(0))
    labels = jax.random.randint(keys[1], (number,), 0, num_classes)
    return {"image": jax.random.normal(keys[0], (number, *shape)), "label": labels}


class Curvature:
    """The cases share images, and what the first product took."""

    def __init__(self, options: Options):
        self.options = options
        name, shape, classes = network(options)
        model = models.create(name, shape, classes)
        self.params, stats = models.init(model, jax.random.key(0), shape)
        self.loss = Objective(model).bind(stats)
        self.chunk = 16 if options.small else 32
        self.batch = images(options.round_up(self.chunk), shape, classes)
        self.size = len(self.batch["label"])
        self.steps = 8 if options.small else 80
        self.count = measuring.operations(network(options), "product")
        self.result = self.taken = None

    def operator(self, size: int):
        batch = jax.tree.map(lambda x: x[:size], self.batch)
        return curvature.hessian(
            self.loss, self.params, batch, chunk_size=self.chunk, check=False
        )

    def product(self, what: str, precision: str) -> Row:
        op = self.operator(self.size)
        v = jax.random.normal(jax.random.key(1), (op.size,))
        taken = measuring.timed(lambda: op.matvec(v))
        if 2 * taken.run < self.options.left():
            taken = taken._replace(run=measuring.timed(lambda: op.matvec(v)).run)
        result, note = op.matvec(v / v.size), f"{self.size:,} images, {op.description}"
        if self.result is None:
            self.result, self.taken = result, taken
        else:
            error = jnp.linalg.norm(result - self.result)
            error /= jnp.linalg.norm(self.result)
            note += f"; differs by {float(error):.1e} of its norm"
        return self._row(what, taken, self.size, precision, note)

    def rounded(self, what: str) -> Row:
        with jax.default_matmul_precision("tensorfloat32"):
            return self.product(what, "tf32")

    def density(self, what: str) -> Row:
        """On as many images as the time that is left allows."""
        size = self.size
        if self.taken is not None:
            whole = self.steps * self.taken.run
            usable = 0.8 * self.options.left() - 2 * self.taken.compilation
            chunks = int(usable / whole * self.size) // self.chunk
            size = self.chunk * min(max(chunks, 1), self.size // self.chunk)
        op = self.operator(size)
        taken = measuring.timed(
            lambda: (
                spectra.spectral_density(
                    op, key=jax.random.key(2), num_steps=self.steps, num_probes=1
                ).nodes
            )
        )
        note = f"{size:,} images, {self.steps} steps"
        if size < self.size:
            predicted = seconds(taken.run * self.size / size)
            note += f"; {self.size:,} images would take {predicted}"
        precision = measuring.precision_of_products()
        return self._row(what, taken, self.steps * size, precision, note)

    def _row(self, what, taken, examples, precision, note) -> Row:
        share = measuring.share(
            examples * self.count / taken.run, precision, self.options
        )
        return Row(
            what, seconds(taken.run), taken.compilation, share, measuring.memory(), note
        )


def cases(options: Options) -> Iterator[Case]:
    """The product in the precision that analyses have, a density, and TF32."""
    of, precision = Curvature(options), measuring.precision_of_products()
    what = f"Hessian product, {precision}"
    yield what, partial(of.product, what, precision)
    what = f"density of one probe, {precision}"
    yield what, partial(of.density, what)
    what = "Hessian product, tf32"
    if precision != "tf32":
        yield what, partial(of.rounded, what)

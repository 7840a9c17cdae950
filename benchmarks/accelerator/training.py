"""ResNet-50's training step in bfloat16, dense and masked: images a second."""

from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp

from benchmarks.accelerator import measuring
from benchmarks.accelerator.rows import RESNET50_STEP, Case, Options, Row
from landscape.config import DenseRun, SparseRun
from landscape.recipes import recipe
from landscape.recipes.initial_state import initial_state
from train.steps import step, streamed

RESNET50 = "resnet50", (224, 224, 3)
SPARSITY = 0.9
SETTINGS = {
    "learning_rate": 0.1,
    "nesterov": True,
    "weight_decay": 1e-4,
    "label_smoothing": 0.1,
    "precision": "bfloat16",
}


class Synthetic:
    """A reader as `train.steps.streamed` has it, of one batch that is on the device."""

    def __init__(self, batch_size: int, shape: tuple[int, ...], num_classes: int):
        keys = jax.random.split(jax.random.key(0))
        mean, deviation = jnp.full(3, 127.0), jnp.full(3, 64.0)
        self.split = SimpleNamespace(mean=mean, deviation=deviation)
        self._batch = {
            "image": jax.random.bits(keys[0], (batch_size, *shape), jnp.uint8),
            "label": jax.random.randint(keys[1], (batch_size,), 0, num_classes),
            "weight": jnp.ones(batch_size),
        }

    def batch(self, at: int):
        return self._batch


def cases(options: Options) -> Iterator[Case]:
    """A dense network, and one whose kernels are masked."""
    dense = partial(DenseRun)
    masked = partial(SparseRun, method="static", sparsity=SPARSITY)
    made = {"dense": dense, f"masked, {100 * SPARSITY:.0f} %": masked}
    for name, config_of in made.items():
        what = f"training step, {name}"
        yield what, partial(trained, what, config_of, options)


def trained(what: str, config_of, options: Options) -> Row:
    """Images a second of the step of streamed training, from images on the device."""
    model, shape = ("resnet8", (32, 32, 3)) if options.small else RESNET50
    classes, size = (10 if options.small else 1000), options.batch_size
    config = config_of(model=model, batch_size=size, **SETTINGS)
    made = recipe.make(config, shape, classes)
    reader = Synthetic(size, shape, classes)
    segment = streamed.make_segment(step.make(made, ordinary=True))
    state = initial_state(made, 0, shape)
    steps = 2 if options.small else 20

    def call(steps=steps):
        nonlocal state
        state, metrics = segment(state, reader, None, steps)
        return metrics

    compilation = measuring.timed(partial(call, 2)).compilation
    rate = steps * size / measuring.repeated(call).run
    share = None
    if not options.small:
        share = measuring.share(rate * RESNET50_STEP, "bfloat16", options)
    note = f"{model}, {shape[0]} pixels, batch {size}, bfloat16"
    return Row(
        what, f"{rate:,.0f} images/s", compilation, share, measuring.memory(), note
    )

"""What the form of a convolution costs: gradients of LeNet-5, batches of 128.

    python -m benchmarks.convolutions

Expected time: two minutes. Prints milliseconds a gradient, called alone and as a
step of a fori_loop (the fastest of some calls, forms alternating, without compilation),
and in brackets the ratio to the first line's gradient called alone: first for whole
networks that differ in the form of their convolutions, then for max-pooling alone at
the shape of LeNet-5's first. Last, CPU time of ResNet-20's gradient in training mode,
plain convolutions with the kernel's gradient as XLA has it and as it is here.

Expected on 2 CPU cores: the loop makes plain convolutions 5 to 6 times slower and the
others no slower; matmul takes 0.5 to 0.65 of plain called alone, in the loop too, and
one slice for each entry of the kernel ("slices") 2 to 3. Pooling as written here takes
0.05 to 0.1 of `nn.max_pool`. A busy machine moves the ratios by a third.
"""

import functools
import time

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from benchmarks.timing import race
from landscape import models
from landscape.models import conv, kernel_gradient
from landscape.objective import Objective

BATCH, STEPS, ROUNDS = 128, 10, 3
ORDER = kernel_gradient.DIMENSIONS


def slices_convolution(x, kernel, strides, padding):
    """The textbook form, for comparison: a slice for each entry; stride 1, VALID."""
    kh, kw, _, features = kernel.shape
    h, w = x.shape[1] - kh + 1, x.shape[2] - kw + 1
    columns = [x[:, i : i + h, j : j + w] for i in range(kh) for j in range(kw)]
    return jnp.concatenate(columns, axis=-1) @ kernel.reshape(-1, features)


def ways(gradient):
    """The gradient called alone, and as a step of a compiled loop."""

    def loop(variables, *data):
        def step(_, variables):
            change = gradient(variables, *data)
            return jax.tree.map(lambda v, g: v - 0.01 * g, variables, change)

        return jax.lax.fori_loop(0, STEPS, step, variables)

    return {"alone": (gradient, 1), "in a loop": (loop, STEPS)}


def seconds(function, arguments):
    start = time.perf_counter()
    jax.block_until_ready(function(*arguments))
    return time.perf_counter() - start


def compare(title, gradients, arguments):
    """Prints one line for each gradient function."""
    compiled, compiling, best = {}, {}, {}
    for name, gradient in gradients.items():
        for way, (function, steps) in ways(gradient).items():
            start = time.perf_counter()
            program = jax.jit(function).lower(*arguments).compile()
            compiling[name, way] = time.perf_counter() - start
            compiled[name, way] = program, steps
            seconds(program, arguments)
    for _ in range(ROUNDS):
        for key, (program, steps) in compiled.items():
            took = min(seconds(program, arguments) for _ in range(2)) / steps
            best[key] = min(took, best.get(key, took))
    unit = next(iter(best.values()))
    print(f"\n{title}: ms a gradient (ratio) [s to compile]")
    for name in gradients:
        cells = [
            f"{way} {1e3 * best[name, way]:7.2f} ({best[name, way] / unit:5.2f})"
            f" [{compiling[name, way]:.1f}]"
            for way in ("alone", "in a loop")
        ]
        print(f"  {name:12}", "   ".join(cells))


def network_gradient(form):
    model = models.LeNet((6, 16, 120, 84), 10, form=form)

    def loss(params, images, labels):
        logits = model.apply({"params": params}, images)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    return jax.grad(loss)


def pool_gradient(pool):
    return jax.grad(lambda x: jnp.sum(pool(x) ** 2))


def resnet_gradients():
    """Prints seconds of CPU time a gradient of ResNet-20, and those to compile it."""
    shape = (32, 32, 3)
    key, model = jax.random.key(0), models.create("resnet20", shape, 10)
    params, stats = models.init(model, key, shape)
    images = jax.random.normal(key, (BATCH, *shape))
    labels = jax.random.randint(key, (BATCH,), 0, 10)
    batch = {"image": images, "label": labels, "weight": jnp.ones(BATCH)}

    def loss(params, batch, stats):
        return Objective(model).training(params, batch, stats)[0]

    ours, calls = kernel_gradient.convolution, {}
    xla = functools.partial(jax.lax.conv_general_dilated, dimension_numbers=ORDER)
    for name, convolution in {"XLA's": xla, "here": ours}.items():
        kernel_gradient.convolution = convolution
        start = time.process_time()
        # A function of its own: the same one would not be traced again.
        gradient = jax.jit(jax.grad(lambda *at: loss(*at)))
        program = gradient.lower(params, batch, stats).compile()
        print(
            f"  {name:12} compiled in {time.process_time() - start:.1f} s of CPU time"
        )
        calls[name] = functools.partial(seconds, program, (params, batch, stats))
    for name, took in race(calls).items():
        print(f"  {name:12} {took.cpu:.3f} s of CPU time, {took.wall:.3f} s")


def main():
    conv.FORMS["slices"] = slices_convolution
    key = jax.random.key(0)
    images = jax.random.normal(key, (BATCH, 28, 28, 1))
    labels = jax.random.randint(key, (BATCH,), 0, 10)
    model = models.create("lenet5", images.shape[1:], 10)
    params, _ = models.init(model, key, images.shape[1:])
    print(f"{jax.default_backend()}, jax {jax.__version__}, batch {BATCH}")
    forms = {form: network_gradient(form) for form in conv.FORMS}
    compare("LeNet-5, by form", forms, (params, images, labels))
    pools = {
        "nn.max_pool": pool_gradient(lambda x: nn.max_pool(x, (2, 2), (2, 2))),
        "max_pool_2x2": pool_gradient(models.max_pool_2x2),
    }
    compare("pooling", pools, (jax.random.normal(key, (BATCH, 24, 24, 6)),))
    print("\nResNet-20, the kernel's gradient")
    resnet_gradients()


if __name__ == "__main__":
    main()

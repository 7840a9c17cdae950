"""Curvature of ResNet-20: products in gradients, and a density against PyTorch.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.resnet_spectra            # both
    python -m benchmarks.resnet_spectra products   # or density

ResNet-20 in eval mode, 1,024 images of 32x32x3, float32. products: in units of the
fastest gradient here (whole or in chunks), medians of 3 rounds; "operations" is what
XLA counts in the compiled program of one chunk, over those of its gradient: a
convolution other than the first has three in a gradient and six in a product. density:
20 steps of Lanczos from one probe with full re-orthogonalisation. Compilation is
reported apart; a rival that compiles nothing runs once. PyTorch takes the images in
batches of 128. "difference" is that of one product from ours, relative. About 20
minutes on 2 cores.
"""

import argparse
import time
import warnings

import jax
import numpy as np

from analysis import curvature, spectra
from benchmarks.networks import make_network, torch_network
from benchmarks.spectra_problems import compatible_torch
from benchmarks.timing import Time, race
from landscape import derivatives, trees
from landscape.objective import Objective
from landscape.tables import format_table

STEPS, CHUNK, BATCH = 20, 16, 128
MEMORY = 2**33
"""Bytes for what is linearised: 4.6 MiB an image."""


def problem():
    """Objective, parameters, statistics, data and a direction."""
    model, points, stats, data = make_network("resnet20")
    v = trees.normal_like(jax.random.key(1), points[0])
    return Objective(model), points[0], stats, jax.device_put(data), v


def compare_products():
    """Prints the cost of a product."""
    objective, params, stats, data, v = problem()
    loss, model_fn = objective.bind(stats), objective.bind_logits(stats)
    grad = jax.jit(lambda p, b: jax.grad(loss)(p, b))
    g_args = (model_fn, objective.output_loss)
    ways = {
        "linearised": {"memory": MEMORY},
        "in chunks": {"chunk_size": CHUNK},
    }
    made = {}
    for way, options in ways.items():
        options |= {"check": False}
        made[f"H {way}"] = curvature.hessian(loss, params, data, **options)
        made[f"G {way}"] = curvature.gauss_newton(*g_args, params, data, **options)
    calls = {
        "gradient, whole": lambda: grad(params, data),
        f"gradient in chunks of {CHUNK}": lambda: derivatives.gradient(
            loss, params, data, chunk_size=CHUNK
        ),
        f"gradient in chunks of {CHUNK // 2}": lambda: derivatives.gradient(
            loss, params, data, chunk_size=CHUNK // 2
        ),
    }
    calls |= {name: lambda op=op: op(v) for name, op in made.items()}
    times = race(
        {name: lambda f=f: jax.block_until_ready(f()) for name, f in calls.items()}, 3
    )
    unit = min((t for name, t in times.items() if "grad" in name), key=lambda t: t.cpu)
    counted = operations(loss, g_args, params, data, v)
    rows = [
        [name, f"{t.wall:.2f}", f"{t.cpu:.2f}", f"{t.cpu / unit.cpu:.2f}",
         f"{counted[name]:.2f}" if name in counted else "1.00", f"{t.first:.1f}"]
        for name, t in times.items()
    ]  # fmt: skip
    h, g = (made[f"{kind} linearised"].description for kind in "HG")
    print(f"linearised: {h}; G {g}")
    header = ["1,024 images", "wall s", "CPU s", "gradients", "operations", "first s"]
    print(format_table(header, rows), end="\n\n", flush=True)


def operations(loss, g_args, params, data, v):
    """Floating-point operations of each product of one chunk, over its gradient's."""
    part = jax.tree.map(lambda x: x[:CHUNK], data)

    def count(function, *args):
        return jax.jit(function).lower(*args).compile().cost_analysis()["flops"]

    maps = {
        "H": lambda p, b: derivatives.hessian_map(loss, p, b),
        "G": lambda p, b: derivatives.gauss_newton_map(*g_args, p, b),
    }
    one = count(lambda p, b: jax.grad(loss)(p, b), params, part)
    found = {}
    for name, linearize in maps.items():
        held = jax.jit(linearize)(params, part)
        apply = count(lambda product, v: product(v), held, v)
        whole = count(lambda p, b, v, make=linearize: make(p, b)(v), params, part, v)
        found |= {f"{name} linearised": apply / one, f"{name} in chunks": whole / one}
    return found


def compare_densities():
    """Prints the cost of a density, ours and theirs."""
    import curvlinops
    import hessian_eigenthings
    import pyhessian
    import torch

    compatible_torch()
    objective, params, stats, data, v = problem()
    keys = iter(jax.random.split(jax.random.key(2), 9))

    def ours(memory):
        def call():
            op = curvature.hessian(
                objective.bind(stats), params, data, memory=memory, check=False
            )
            found = spectra.spectral_density(
                op, key=next(keys), num_steps=STEPS, num_probes=1
            )
            return np.asarray(found.nodes)

        return call

    times = race({"this code, linearised": ours(MEMORY), "in chunks": ours(2**28)}, 1)
    net = torch_network("resnet20", params)
    images = np.asarray(data["image"]).transpose(0, 3, 1, 2).copy()
    labels = np.asarray(data["label"]).astype(np.int64)
    batches = [
        (torch.tensor(images[i : i + BATCH]), torch.tensor(labels[i : i + BATCH]))
        for i in range(0, len(labels), BATCH)
    ]
    loss = torch.nn.CrossEntropyLoss()
    theirs = hessian_eigenthings.HessianOperator(
        net, batches, hessian_eigenthings.supervised_loss(loss)
    )
    curv = curvlinops.HessianLinearOperator(
        net, loss, list(net.parameters()), batches, check_deterministic=False
    )
    errors = difference(objective.bind(stats), params, data, v, net, theirs)
    print(f"one product in PyTorch and here differ by {errors:.1e} of its norm")
    calls = {
        "hessian-eigenthings": lambda: hessian_eigenthings.spectral_density(
            theirs, num_runs=1, lanczos_steps=STEPS
        ),
        "PyHessian": lambda: pyhessian.hessian(
            net, loss, dataloader=batches, cuda=False
        ).density(iter=STEPS, n_v=1),
        "curvlinops, bounds known": lambda: curvlinops.lanczos_approximate_spectrum(
            curv, STEPS, num_repeats=1, boundaries=(-1.0, 10.0)
        ),
    }
    times |= {name: once(call) for name, call in calls.items()}
    mine = times["this code, linearised"]
    rows = [
        [name, f"{t.wall:.0f}", f"{t.cpu:.0f}", f"{t.wall / mine.wall:.2f}",
         f"{t.cpu / mine.cpu:.2f}", f"{max(t.first - t.wall, 0):.0f}"]
        for name, t in times.items()
    ]  # fmt: skip
    header = [f"density, {STEPS} steps", "wall s", "CPU s", "wall", "CPU", "compile s"]
    print(format_table(header, rows))


def difference(loss, params, data, v, net, theirs):
    """Of one product, over its norm; v is converted as the parameters are."""
    import torch

    direction = torch_network("resnet20", v)
    flat = torch.nn.utils.parameters_to_vector(direction.parameters()).detach()
    got = theirs.matvec(flat).detach().numpy()
    ours = derivatives.hessian_product(loss, params, data, chunk_size=CHUNK)(v)
    want = torch_network("resnet20", ours)
    want = torch.nn.utils.parameters_to_vector(want.parameters()).detach().numpy()
    return np.linalg.norm(got - want) / np.linalg.norm(want)


def once(call):
    """The time of one call."""
    start, cpu = time.perf_counter(), time.process_time()
    call()
    wall = time.perf_counter() - start
    return Time(wall, wall, time.process_time() - cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", help="products, density")
    cases = parser.parse_args().cases or ["products", "density"]
    # Peers' own: scripting, deprecated calls, complex values cast.
    warnings.simplefilter("ignore")
    if "products" in cases:
        compare_products()
    if "density" in cases:
        compare_densities()


if __name__ == "__main__":
    main()

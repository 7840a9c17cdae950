"""Operators and spectra on 1, 2, 4 and 8 devices; a test runs it in its own process."""

import re
from functools import partial
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import wasserstein_distance

from analysis import curvature, paths, spectra
from analysis.paths import fitting
from analysis.spectra import lanczos
from landscape import derivatives, models, units
from landscape.machine import devices, division
from landscape.objective import cross_entropy
from landscape.sparsity import saliency
from landscape.weighting import weighted_mean

COUNTS = 2, 4, 8
COLLECTIVE = r"= (.*?) (all-\w+|collective-\w+|reduce-scatter|ragged\S*)\("


def model_fn(params, batch):
    hidden = jnp.tanh(batch["image"] @ params["in"]["w"] + params["in"]["b"])
    return hidden @ params["out"]


def output_loss(outputs, batch):
    losses = cross_entropy(outputs, batch["label"])
    return weighted_mean(losses, batch["weight"])


def loss_fn(params, batch):
    return output_loss(model_fn(params, batch), batch)


def per_example(params, batch):
    return cross_entropy(model_fn(params, batch), batch["label"])


def inputs():
    """Parameters (40), and 65 examples in two batches: no part of them divides."""
    rng = np.random.default_rng(0)
    params = {
        "in": {"w": rng.standard_normal((4, 5)), "b": np.zeros(5)},
        "out": rng.standard_normal((5, 3)),
    }
    data = {
        "image": rng.standard_normal((65, 4)),
        "label": rng.integers(0, 3, 65).astype(np.int32),
        "weight": rng.integers(0, 3, 65).astype(float),
    }
    data["weight"][-1] = 2.0
    parts = slice(40), slice(40, 65)
    return params, [{k: x[part] for k, x in data.items()} for part in parts]


def operators(mesh, kinds=slice(None)):
    """One of each kind: whole, of a layer and in chunks, masked, centred."""
    params, batches = inputs()
    both = {"mesh": mesh, "check": False}
    mask = jax.tree.map(lambda x: np.arange(x.size).reshape(x.shape) % 3 > 0, params)
    functions = model_fn, output_loss, params, batches
    chunks = both | {"chunk_size": 16}
    gradients = per_example, params, batches
    makers = [
        partial(curvature.hessian, loss_fn, params, batches, **both),
        partial(curvature.gauss_newton, *functions, layers="in", **chunks),
        partial(curvature.residual, *functions, mask=mask, **chunks),
        partial(curvature.gradient_covariance, *gradients, **chunks, centred=True),
    ]
    return [make() for make in makers[kinds]]


def assert_close(got, want, tolerance):
    error = np.abs(np.asarray(got) - np.asarray(want)).max() / np.abs(want).max()
    assert error < tolerance, error


def moved(compiled):
    """{kind of collective: numbers that each device gets}, in a compiled program."""
    total = {}
    for shapes, kind in re.findall(COLLECTIVE, compiled.as_text()):
        for shape in re.findall(r"\[([\d,]*)\]", shapes):
            size = np.prod([int(d) for d in shape.split(",") if d])
            total[kind] = total.get(kind, 0) + int(size)
    return total


def spectrum(op):
    """Of so few rows that the basis is restarted; the probes have as many."""
    pairs = spectra.top_eigenpairs(
        op, 2, key=jax.random.key(3), tol=1e-12, max_basis=16
    )
    density = spectra.spectral_density(
        op, key=jax.random.key(3), num_steps=12, num_probes=2, pairs=pairs
    )
    return pairs, density


def distance(a, b):
    """Between two densities (Wasserstein), over the largest eigenvalue."""
    largest = np.abs(b.nodes).max()
    given = (x.ravel() for x in (a.nodes, b.nodes, a.weights, b.weights))
    return wasserstein_distance(*given) / largest


def assert_same_spectrum(op, want):
    pairs, density = spectrum(op)
    assert pairs.converged.all()
    assert_close(pairs.values, want[0].values, 1e-11)
    along = np.asarray(pairs.vectors) @ np.asarray(want[0].vectors).T
    assert_close(np.abs(along), np.eye(4), 1e-7)
    assert distance(density, want[1]) < 1e-8


def assert_memory_as_predicted(op, matvec):
    """Of the compiled product, on each device; returns what the operator takes."""
    predicted = spectra.memory_needed(op, 2, 12, 2)
    compiled = matvec.memory_analysis()
    vector = 8 * op.size
    arrays = compiled.argument_size_in_bytes - vector
    assert abs(arrays - predicted.operator) <= 64, (arrays, predicted)
    taken = compiled.temp_size_in_bytes + vector + compiled.output_size_in_bytes
    assert not predicted.estimated
    assert predicted.product / 1.3 < taken < predicted.product * 1.3, (taken, predicted)
    return predicted.operator


def on_host(matvec):
    return spectra.on_host(spectra.from_function(matvec, 40, scannable=False))


def check():
    """Products, eigenvalues and densities; what goes between devices, and is held."""
    plain = operators(None)
    exact = np.linalg.eigvalsh([plain[0].matvec(row) for row in np.eye(40)])
    want = spectrum(on_host(plain[0].matvec))
    assert_close(want[0].values, exact[[-1, -2, 1, 0]], 1e-11)
    whole = spectra.memory_needed(plain[0], 2, 12, 2).operator
    for count in COUNTS:
        kinds = slice(None) if count == 8 else slice(1)
        found = operators(devices.make_mesh(count), kinds)
        for op, twin in zip(found, plain[kinds], strict=True):
            v = np.cos(np.arange(op.size))
            matvec = jax.jit(type(op).matvec).lower(op, v).compile()
            assert_close(matvec(op, v), twin.matvec(v), 1e-12)
            # The sums over the devices, once, and no example; weights, where these are
            # added up in each product.
            extra = int(op.description.startswith("chunks"))
            sums = op.coordinates.size + extra
            assert moved(matvec) == {"all-reduce": sums}
            if twin is plain[0]:
                size = assert_memory_as_predicted(op, matvec)
                # The 65th example, and what belongs to none, is on each device.
                assert whole / count < size < whole / count + whole / 10
        divided = spectra.sharded(found[0])
        assert_same_spectrum(divided, want)
    dense = spectra.materialise(found[0])
    assert_close(dense, spectra.materialise(plain[0]), 1e-12)
    matvec = jax.jit(type(found[0]).matvec)
    assert_same_spectrum(on_host(partial(matvec, found[0])), want)
    state = lanczos.start(divided, np.ones(40), 16)
    state = lanczos.advance(divided, state, 16)
    assert {x.addressable_shards[0].data.shape for x in state.basis} == {(16, 5)}


def check_convolutions():
    """The Hessian of a network of convolutions, on divided images."""
    draw = np.random.default_rng(1)
    model = models.create("lenet", (16, 16, 1), 3, (2, 3, 4))
    batch = {
        "image": draw.standard_normal((17, 16, 16, 1)),
        "label": draw.integers(0, 3, 17).astype(np.int32),
        "weight": np.ones(17),
    }
    shapes = jax.eval_shape(model.init, jax.random.key(0), batch["image"])["params"]
    params = jax.tree.map(lambda x: draw.standard_normal(x.shape) / 3, shapes)

    def loss_fn(params, batch):
        return output_loss(model.apply({"params": params}, batch["image"]), batch)

    whole, divided = (
        curvature.hessian(loss_fn, params, batch, mesh=mesh, check=False)
        for mesh in (None, devices.make_mesh(8))
    )
    v = np.cos(np.arange(whole.size))
    assert_close(divided.matvec(v), whole.matvec(v), 1e-12)


def tapped(params, batch, tap):
    """Losses of the examples, with what weights and units are scored by."""
    z = tap("in/output", tap("in/input", batch["image"]) @ params["in"]["w"])
    hidden = tap("hidden", jnp.tanh(z + params["in"]["b"]))
    logits = tap("out/output", tap("out/input", hidden) @ params["out"]["w"])
    return cross_entropy(logits, batch["label"])


def scores(batches):
    """Of each kind of work: averages, single weights, units, outputs of units."""
    params, _ = inputs()
    params["in"]["b"] += 1.0
    params = params | {"out": {"w": params["out"]}}
    sites = {"hidden": units.Site(units.Axis(("hidden",)), (5,))}
    at = {"chunk_size": 16}
    given = tapped, params, batches
    loss = partial(tapped, tap=lambda name, x: x)
    found = [
        saliency.empirical_fisher.score(
            lambda p, b: weighted_mean(loss(p, b), b["weight"]), params, batches, **at
        ),
        units.removal_changes(*given, "in/w", np.arange(0, 20, 3), **at),
        units.unit_scores("rp", *given, sites, None, **at),
        units.output_statistics(*given, sites, **at),
    ]
    return [np.asarray(x) for x in jax.tree.leaves(found)]


def check_scores():
    """Chunks of divided examples have some of each device, and scores are the same."""
    mesh, (batch, more) = devices.make_mesh(8), inputs()[1]
    batch = {name: np.concatenate([x, more[name]]) for name, x in batch.items()}
    divided = [division.put(mesh, part) for part in division.cut(mesh, [batch])]
    sizes = [
        chunk["image"].addressable_shards[0].data.shape[0]
        for chunk in derivatives.chunks(divided, 16)
    ]
    # The 65th is on each device.
    assert sizes == [2, 2, 2, 2, 1]
    for got, want in zip(scores(divided), scores([batch]), strict=True):
        assert_close(got, want, 1e-12)


def curve(mesh):
    """The middle of a curve after 20 steps, and the arguments of its compiled loop."""
    params, batches = inputs()
    ends = jax.tree.map(jnp.asarray, params), jax.tree.map(jnp.ones_like, params)
    with mock.patch.object(fitting, "_loop", wraps=fitting._loop) as loop:
        fit = paths.fit(
            paths.straight(*ends, 2), loss_fn, batches, jax.random.key(0),
            num_steps=20, batch_size=8, mesh=mesh,
        )  # fmt: skip
    return fit.path.points[1], loop.call_args.args


def check_curve():
    """Each device holds its own examples, and a step moves those of its batch alone."""
    want, (plain, *_) = curve(None)
    for count in COUNTS:
        got, (step, carry, *rest) = curve(devices.make_mesh(count))
        jax.tree.map(partial(assert_close, tolerance=1e-12), got, want)
        held, whole = (at.args[3]["label"] for at in (step, plain))
        rows = {len(x.data) for x in held.addressable_shards}
        assert rows == {-(-len(whole) // count)}, (rows, len(whole))
        carry = jax.tree.map(jnp.copy, (got,)), carry[1]
        compiled = fitting._loop.lower(step, carry, *rest).compile()
        # 8 images of 4, labels and weights (48), indices, and the gradient (40); the
        # data are of 258 numbers.
        assert sum(moved(compiled).values()) < 150, moved(compiled)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    check()
    check_convolutions()
    check_scores()
    check_curve()
    print("agreed")

"""Spectral density and top eigenpairs, by this code and by each peer."""

from functools import partial
from importlib.util import find_spec

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse.linalg

from analysis import spectra
from benchmarks.spectra_problems import TOP, operator, torch_problem

STEPS = 80
TORCH = find_spec("torch") is not None


def density_rivals(problem, found, bounds):
    """Name to a call that leaves (nodes, weights) or (grid, values) in `found`."""
    from matfree import decomp

    objective, params, batch = problem
    keys = iter(jax.random.split(jax.random.key(1), 1000))

    def ours():
        # Linearising is part of the job.
        result = spectra.spectral_density(
            operator(problem), key=next(keys), num_steps=STEPS, num_probes=1
        )
        found["this code"] = result.nodes[0], result.weights[0]

    @jax.jit
    def matfree_tridiagonal(v, params, batch):
        grad = jax.grad(objective.data_loss)
        _, unravel = jax.flatten_util.ravel_pytree(params)

        def product(x):
            tangent = jax.jvp(lambda p: grad(p, batch), (params,), (unravel(x),))[1]
            return jax.flatten_util.ravel_pytree(tangent)[0]

        return decomp.tridiag_sym(STEPS)(product, v / jnp.linalg.norm(v))[1]

    def matfree():
        size = sum(x.size for x in jax.tree.leaves(params))
        v = jax.random.normal(next(keys), (size,))
        matrix = np.asarray(matfree_tridiagonal(v, params, batch), np.float64)
        nodes, vectors = np.linalg.eigh(matrix)
        found["matfree"] = nodes, vectors[0] ** 2

    rivals = {"this code": ours, "matfree": matfree}
    if not TORCH:
        return rivals
    net, pair, loss = torch_problem(params, batch)
    import curvlinops
    import hessian_eigenthings
    import pyhessian

    def theirs():
        op = hessian_eigenthings.HessianOperator(
            net, [pair], hessian_eigenthings.supervised_loss(loss)
        )
        result = hessian_eigenthings.spectral_density(
            op, num_runs=1, lanczos_steps=STEPS
        )
        found["hessian-eigenthings"] = result.grid, result.density

    def curv():
        op = curvlinops.HessianLinearOperator(
            net, loss, list(net.parameters()), [pair], check_deterministic=False
        )
        grid, values = curvlinops.lanczos_approximate_spectrum(
            op, STEPS, num_repeats=1, boundaries=bounds
        )
        found["curvlinops, bounds known"] = np.array(grid), np.array(values)

    def py(name, **given):
        op = pyhessian.hessian(net, loss, cuda=False, **given)
        nodes, weights = op.density(iter=STEPS, n_v=1)
        found[name] = np.array(nodes[0]), np.array(weights[0])

    pyhessians = {
        "PyHessian, a loader": {"dataloader": [pair]},
        "PyHessian, graph kept": {"data": pair},
    }
    return rivals | {
        "hessian-eigenthings": theirs,
        "curvlinops, bounds known": curv,
        **{name: partial(py, name, **given) for name, given in pyhessians.items()},
    }


def top_rivals(problem, found, products):
    """Name to a call that leaves the 10 largest eigenvalues in `found`.

    Where products are ours, their number is left in `products`.
    """
    _, params, batch = problem
    keys = iter(jax.random.split(jax.random.key(2), 1000))

    def ours(name, verify):
        pairs = spectra.top_eigenpairs(
            operator(problem), TOP, key=next(keys), which="largest", verify=verify
        )
        found[name], products[name] = pairs.values, pairs.products

    def scipy_product(name):
        op, calls = operator(problem).to_scipy(), []
        counted = scipy.sparse.linalg.LinearOperator(
            op.shape, lambda x: calls.append(1) or op.matvec(x), dtype=op.dtype
        )
        found[name] = scipy.sparse.linalg.eigsh(
            counted, TOP, which="LA", tol=1e-6, return_eigenvectors=False
        )
        products[name] = len(calls)

    rivals = {
        "this code": partial(ours, "this code", True),
        "this code, verify=False": partial(ours, "this code, verify=False", False),
        "scipy over our product": partial(scipy_product, "scipy over our product"),
    }
    if not TORCH:
        return rivals
    net, pair, loss = torch_problem(params, batch)
    import curvlinops
    import hessian_eigenthings

    def theirs():
        op = hessian_eigenthings.HessianOperator(
            net, [pair], hessian_eigenthings.supervised_loss(loss)
        )
        result = hessian_eigenthings.lanczos(
            op, k=TOP, max_iter=60, reorthogonalize=True, which="LA", tol=1e-6
        )
        found["hessian-eigenthings, 60 steps"] = np.array(result.eigenvalues)

    def curv():
        op = curvlinops.HessianLinearOperator(
            net, loss, list(net.parameters()), [pair], check_deterministic=False
        ).to_scipy()
        found["curvlinops, scipy"] = scipy.sparse.linalg.eigsh(
            op, TOP, which="LA", tol=1e-6, return_eigenvectors=False
        )

    return rivals | {
        "hessian-eigenthings, 60 steps": theirs,
        "curvlinops, scipy": curv,
    }

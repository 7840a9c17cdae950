"""What a notebook shows of an object with arrays is one line that says what it is."""

import importlib
import pkgutil

import jax
import jax.numpy as jnp
import numpy as np

import analysis
import landscape
from analysis import curvature, spectra
from landscape import objective, runs
from landscape.config import SparseRun
from landscape.recipes import recipe, state
from train.jobs import job, opening

# Their fields are numbers, words, paths and functions; a run's is tested below.
PLAIN = {
    "Axis", "Barrier", "Bulk", "Content", "Cost", "Inertia", "Kind", "Memory", "Named",
    "Point", "Ref", "Row", "Run", "Site", "Spec", "Trace", "Updater", "Written",
}  # fmt: skip
UNLIFTED = [
    objective.Aux, objective.Objective, recipe.Components, runs.Description,
    state.TrainState, opening.Opened,
]  # fmt: skip
ARRAYS = np.zeros((40, 50))


def tuples():
    """Every NamedTuple that a room lifts, and those of the top of landscape."""
    found = {kind.__name__: kind for kind in UNLIFTED}
    for top in (landscape, analysis):
        for module in pkgutil.iter_modules(top.__path__, f"{top.__name__}."):
            if module.ispkg and "studies" not in module.name:
                names = vars(importlib.import_module(module.name)).items()
                found |= {n: k for n, k in names if hasattr(k, "_fields")}
    return {name: kind for name, kind in found.items() if name not in PLAIN}


def test_every_tuple_of_arrays_is_one_line():
    fields = [{"a": ARRAYS, "b": [ARRAYS] * 3}, ARRAYS, jnp.ones(300)]
    for name, kind in tuples().items():
        text = repr(kind(*(fields[i % 3] for i in range(len(kind._fields)))))
        assert text.startswith(f"{name}(") and "\n" not in text, name
        assert f"{kind._fields[0]}=<4 leaves, 8,000 entries>" in text, name
        assert len(text) < 400, name


def test_an_operator_says_its_kind_size_dtype_and_products():
    def loss(w, x):
        return jnp.mean((x @ w["a"] + w["b"].sum()) ** 2)

    params = {"a": jnp.ones(200), "b": jnp.ones(3)}
    mask = {"a": np.arange(200) < 50, "b": True}
    H = curvature.hessian(loss, params, jnp.ones((300, 200)), mask=mask)
    text = "hessian, 53 kept of 203 entries in 2 of 2 leaves, float32; linearised once"
    assert repr(H).startswith(f"Operator({text}") and len(repr(H)) < 200
    assert repr(H.coordinates) == (
        "Coordinates(203 of 203 entries, in 2 of 2 leaves, float32)"
    )
    layer = curvature.hessian(loss, params, jnp.ones((300, 200)), layers="a")
    assert "hessian, 200 entries in 1 of 2 leaves" in repr(layer)
    kinds = [op.kind for op in (H - H, 2 * H + 0.1, 3 * (H + H), -H)]
    assert kinds == [
        "hessian - hessian", "c * hessian + c", "c * (hessian + hessian)", "-hessian",
    ]  # fmt: skip
    # Inside jit its arrays are tracers.
    seen = []
    jax.jit(lambda op: seen.append(repr(op)))(H)
    assert seen == [repr(H)]
    assert repr(spectra.from_matrix(np.eye(300))) == "Symmetric(300 x 300, float32)"


def test_a_run_says_its_name_method_step_and_sparsity(tmp_path):
    settings = {"model": "mlp", "widths": (6,), "num_train": 40, "batch_size": 20}
    folder = str(tmp_path / "pruned")
    job.run_training(SparseRun(**settings, steps=4, sparsity=0.5, workdir=folder))
    run = runs.load(folder)
    words = "step 4: pruning, mlp on digits, 460 parameters, sparsity 50.00 %"
    assert repr(run) == f"Run({folder}, {words})"
    for part in (run.state, run.data, run.objective):
        assert "\n" not in repr(part) and len(repr(part)) < 400
    assert "step=4," in repr(run.state) and "digits" in repr(run.data)

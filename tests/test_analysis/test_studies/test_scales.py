"""Every scale of every study, its small one, the next command; nothing is trained."""

import importlib
import shlex

import jax
import pytest

from analysis import path, spectrum, surface, units
from analysis.studies import study
from analysis.studies.dead_units import scales as dead_units
from analysis.studies.dead_units.config import Config as DeadUnits
from analysis.studies.difficulty import scales as difficulty
from analysis.studies.difficulty.config import Config as Difficulty
from analysis.studies.difficulty.solutions import SOLUTIONS
from analysis.studies.gradient_flow import scales as gradient_flow
from analysis.studies.gradient_flow.config import Config as GradientFlow
from analysis.studies.hessian import scales as hessian
from analysis.studies.hessian.config import Config as Hessian
from analysis.studies.plateau import scales as plateau
from analysis.studies.plateau.config import Config as Plateau
from analysis.studies.subspace import scales as subspace
from analysis.studies.subspace.config import Config as Subspace
from landscape.cli import parse
from landscape.errors import InputError

ROOT = "my runs/sparsity-0.98/seed-0/{}"
STUDIES = [
    (DeadUnits, dead_units),
    (Difficulty, difficulty),
    (GradientFlow, gradient_flow),
    (Hessian, hessian),
    (Plateau, plateau),
    (Subspace, subspace),
]
# The first scale of each study, and what differs only in another one.
DIGITS = {
    "dead-units": {
        "training steps 40 instead of 1500",
        "stages (0, 20, 40) instead of (0, 100, 500, 1500)",
        "activations (relu) instead of (relu, tanh, relu with batch norm)",
        "examples 200 instead of 1000",
        "spectrum widths (4, 4) instead of (30, 20)",
        "sparse training steps 40 instead of 1500",
        "sparse fit_steps 20 instead of 1500",
        "shrink rounds 1 instead of 3",
    },
    "difficulty": {
        "training num_train 300",
        "training prune_every 5",
        "training steps 60",
        "num_seeds 1 instead of 5",
        "zeros (0, 0.95) instead of (0, 0.95, 0.98, 0.99, 0.995, 0.999, 1)",
        "zeros_seeds 1 instead of 2",
        "fit_steps 40 instead of 4000",
        "points 11 instead of 71",
    },
    "gradient-flow": {
        "training steps 40 instead of 3000",
        "training prune_end 25 instead of 1800",
        "num_seeds 2 instead of 5",
        "updates (19) instead of (499, 1497)",
        "escape_sparsities (0.98) instead of (0.98, 0.99)",
        "sweep num_seeds 1 instead of 5",
        "sweep sparsities (0.9) instead of (0.8, 0.9, 0.95, 0.98, 0.99)",
    },
    "hessian": {
        "images num_train 100 instead of 1000",
        "phases digits steps 20 instead of 3000",
        "num_seeds 1 instead of 3",
        "blobs classes (2) instead of (2, 5, 10, 20)",
        "blobs exact_up_to 4000 instead of 0",
        "plane initialisations 10 instead of 300",
        "batch_model (mlp, (8)) instead of (mlp, (30))",
    },
    "plateau": {
        "training num_train 300",
        "training steps 60 instead of 1500",
        "training warmup 0 instead of 100",
        "blocks 2 instead of 9",
        "num_seeds 1 instead of 3",
        "points 11 instead of 41",
        "num_examples 256 instead of None",
    },
    "subspace": {
        "solutions training steps 60",
        "solutions points 11 instead of 71",
        "solutions num_seeds 1 instead of 3",
        "minimise_steps 20 instead of 1000",
        "curvature_examples 100 instead of None",
    },
}
CIFAR = {
    "training schedule cosine instead of step",
    "training decay_steps () instead of (32000, 48000)",
}


def named(config, module):
    return study.differences(module.full(config), module.of(config))


@pytest.mark.parametrize(
    "make, module, name",
    [
        (make, module, name)
        for make, module in STUDIES
        for name in make.CHOICES["scale"]
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_quick_changes_a_scale_and_says_what(make, module, name):
    full, quick = (make(scale=name, quick=q, num_seeds=None) for q in (False, True))
    assert type(module.of(quick)) is type(module.of(full)) is module.Scale
    # Without --quick the scale is the full one, and there is nothing to say.
    assert module.of(full) == module.full(full) and named(full, module) == []
    found = named(quick, module)
    assert len(set(found)) == len(found) > 0
    if name == make.CHOICES["scale"][0]:
        assert DIGITS[make.NAME] <= set(found)
    # Only a schedule with steps is replaced: the others have cosine already.
    assert (set(found) >= CIFAR) == (name == "cifar10-full")
    assert name == "cifar10-full" or not any("schedule" in each for each in found)


@pytest.mark.parametrize("make, module", [(Difficulty, difficulty), (Plateau, plateau)])
def test_a_path_is_evaluated_on_no_more_than_is_trained_on(make, module):
    for name in make.CHOICES["scale"]:
        for quick in (False, True):
            scale = module.of(make(scale=name, quick=quick))
            trained = scale.training.get("num_train", 1297)
            trained = scale.training.get("blob_samples", trained)
            assert (scale.num_examples or 0) <= trained


def test_a_quick_study_compiles_with_few_optimisations():
    name = "jax_disable_most_optimizations"
    before = jax.config.values[name]
    with study.few_optimisations(False):
        assert jax.config.values[name] == before
    with pytest.raises(InputError), study.few_optimisations(True):
        assert jax.config.values[name]
        raise InputError("a run is refused.")
    assert jax.config.values[name] == before


def test_the_report_lists_what_differs(capsys, tmp_path):
    config = Hessian(quick=True, workdir=str(tmp_path))
    changed = named(config, hessian)
    study.report(config, "table", "notes", ["a.png"], "python -m b", changed)
    printed = capsys.readouterr().out
    assert "Settings that differ: images num_train 100 instead of 1000;" in printed
    assert "blobs exact_up_to 4000 instead of 0" in printed


@pytest.mark.parametrize(
    ("program", "flags", "following"),
    [
        (
            "difficulty",
            ["--num-examples", "9"],
            (surface, {"runs": tuple(map(ROOT.format, SOLUTIONS)), "num_examples": 9}),
        ),
        ("dead_units", [], (units, {"run": "my runs/a"})),
        ("gradient_flow", [], (path, {"run_a": "my runs/a", "run_b": "b c"})),
        ("hessian", [], (spectrum, {"run": "my runs/a", "exact": True})),
        (
            "plateau",
            [],
            (
                path,
                {"run_a": "my runs/whole/seed-0@init", "run_b": "my runs/whole/seed-0"},
            ),
        ),
        (
            "subspace",
            [],
            (spectrum, {"run": ROOT.format("scratch"), "include_l2": True}),
        ),
    ],
)
def test_the_next_command_of_a_study_is_of_its_runs(
    program, flags, following, capsys, monkeypatch
):
    main = importlib.import_module(f"analysis.studies.{program}.__main__")
    found = {"sparsities_used": ["0.9", "0.98"], "root": "my runs"}
    found |= {"table": "", "text": "", "example": "my runs/a"}
    found |= {"compared": ["my runs/a", "b c"], "sweep": {}, "updates": []}
    monkeypatch.setattr(main, "run", lambda config: found)
    main.main(parse(main.Config, argv=flags))
    words = shlex.split(capsys.readouterr().out.rpartition("Next: ")[2])
    module, settings = following
    assert words[:3] == ["python", "-m", module.__name__]
    assert parse(module.Config, argv=words[3:]) == module.Config(**settings)

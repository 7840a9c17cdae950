"""Arrows between the rooms, and purity of the pure modules, read off the code."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(
    path.relative_to(ROOT)
    for room in ("landscape", "train", "analysis")
    for path in (ROOT / room).rglob("*.py")
)
IMPURE = {"os", "time", "pathlib", "orbax", "matplotlib"}
# They read, write, or talk to the machine: that is what they are for.
IMPURE_MODULES = {
    "landscape/checkpoint.py",
    "landscape/devices.py",
    "landscape/digests.py",
    "landscape/program.py",
    "landscape/progress.py",
    "landscape/runs.py",
    "landscape/sealed.py",
    "analysis/path.py",
    "analysis/results.py",
    "analysis/runs.py",
    "analysis/spectrum.py",
    "analysis/spectrum_pieces.py",
    "analysis/surface.py",
    "analysis/piecewise.py",
}
LEAVES = {"errors", "trees", "rng", "schedules", "optimizers", "tables"}


def imported(path):
    """Full names of what a module imports, `from a import b` as `a.b`."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms(path):
    return {name.split(".")[0] for name in imported(path)}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_flow_downwards(path):
    allowed = {
        "landscape": set(),
        "train": {"landscape"},
        "analysis": {"landscape"} | ({"train"} if "studies" in path.parts else set()),
    }[path.parts[0]]
    above = {"landscape", "train", "analysis"} - allowed - {path.parts[0]}
    assert not rooms(path) & above


@pytest.mark.parametrize("path", FILES, ids=str)
def test_pure_modules_touch_neither_files_nor_clock_nor_figures(path):
    if path.parts[0] == "train" or {"data", "figures", "studies"} & set(path.parts):
        return
    if str(path) not in IMPURE_MODULES:
        assert not rooms(path) & IMPURE


def test_figures_is_the_only_importer_of_matplotlib():
    importers = {str(path.parent) for path in FILES if "matplotlib" in rooms(path)}
    assert importers == {"landscape/figures"}


def test_leaves_models_and_sparsity_know_little():
    for path in FILES:
        if path.parts[0] != "landscape":
            continue
        inner = {n.split(".")[1] for n in imported(path) if n.startswith("landscape.")}
        if path.stem in LEAVES and len(path.parts) == 2:
            assert inner <= {"errors"}, path
        if "models" in path.parts:
            assert inner <= {"errors", "models"}, path
        if "sparsity" in path.parts:
            curvature = {"products", "diagonal", "averages", "objective"}
            assert inner <= LEAVES | curvature | {"sparsity"}, path


def test_the_settings_import_nothing_heavy():
    heavy = {"jax", "flax", "orbax", "tensorflow_datasets", "numpy", "optax"}
    for path in ("landscape/config.py", "landscape/errors.py", "landscape/program.py"):
        assert not rooms(path) & heavy

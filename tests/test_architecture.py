"""Arrows between the rooms, and purity of the pure ones, read off the code."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(
    path.relative_to(ROOT)
    for top in ("landscape", "train", "analysis")
    for path in (ROOT / top).rglob("*.py")
)
PROGRAMS = {
    "path", "report", "runs", "saliency", "sparsity", "spectrum", "surface", "units"
}  # fmt: skip
# What a room of analysis/ imports of the others.
ARROWS = {
    "curvature": set(),
    "spectra": set(),
    "evaluation": set(),
    "inference": {"evaluation"},
    "paths": {"evaluation"},
    "planes": {"evaluation"},
    "alignment": {"planes"},
    "programs": {
        "curvature",
        "spectra",
        "evaluation",
        "inference",
        "paths",
        "planes",
        "alignment",
    },
}
# A page has what the programs print of their results.
ARROWS["reports"] = {"programs"} | PROGRAMS - {"report"}
ARROWS["studies"] = ARROWS["programs"] | {"programs"} | PROGRAMS
# The same of train/.
TRAIN_ARROWS = {
    "settings": set(),
    "steps": set(),
    "jobs": {"settings", "steps"},
    "shrinking": {"jobs", "settings", "steps"},
}
PURE_LEAVES = {
    "aliases",
    "arrays",
    "callables",
    "errors",
    "layout",
    "machine.backend",
    "needs",
    "one_line",
    "patterns",
    "recipes.optimizers",
    "recipes.schedules",
    "registries",
    "rng",
    "tables",
    "trees",
    "weighting",
}
LEAVES_OF_LEAVES = {
    "aliases",
    "callables",
    "errors",
    "registries",
    "rng",
    "trees",
    "users.code",
}
# Their files are rooms of their own, as far as arrows go.
SEVERAL_KINDS = {"disk", "machine", "recipes", "users"}
IMPURE = {"os", "time", "pathlib", "orbax", "matplotlib"}
# They read, write, or talk to the machine: that is what they are for.
IMPURE_PLACES = {
    "landscape/buckets",
    "landscape/data",
    "landscape/machine/devices.py",
    "landscape/disk",
    "landscape/machine/hosts.py",
    "landscape/machine/joining.py",
    "landscape/machine/latency.py",
    "landscape/checkpoint",
    "landscape/registries/data_names.py",
    "landscape/export",
    "landscape/runs",
    "landscape/users/code.py",
    "landscape/users/files.py",
    "landscape/cli",
    "landscape/figures",
    "train",
    *(f"analysis/{name}.py" for name in PROGRAMS),
    "analysis/programs",
    "analysis/reports",
    "analysis/studies",
}


def imported(path):
    """Full names of what a module imports, `from a import b` as `a.b`."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def tops(path):
    return {name.split(".")[0] for name in imported(path)}


def inside(path, top):
    """The rooms and files of `top` that a module imports."""
    return {place(n) for n in imported(path) if n.startswith(f"{top}.")}


def place(name):
    """The room of a module, or the file, with its room where that is of several kinds.

    >>> place("landscape.sparsity.masks"), place("landscape.recipes.schedules.at")
    ('sparsity', 'recipes.schedules')
    """
    _, room, *rest = name.split(".")
    return f"{room}.{rest[0]}" if room in SEVERAL_KINDS and rest else room


def lifted(room):
    """The names that the `__init__` of a room lifts; None if it lifts none."""
    for node in ast.parse((ROOT / room / "__init__.py").read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__":
            return ast.literal_eval(node.value)
    return None


ROOMS = sorted({path.parent for path in FILES if len(path.parts) == 3})
LIFTED = {room: names for room in ROOMS if (names := lifted(room)) is not None}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_flow_downwards(path):
    allowed = {
        "landscape": set(),
        "train": {"landscape"},
        "analysis": {"landscape"} | ({"train"} if "studies" in path.parts else set()),
    }[path.parts[0]]
    above = {"landscape", "train", "analysis"} - allowed - {path.parts[0]}
    assert not tops(path) & above
    room = path.parts[1]
    if path.parts[0] == "analysis" and room in ARROWS:
        assert inside(path, "analysis") <= ARROWS[room] | {room}
    elif path.parts[0] == "analysis":
        assert "studies" not in inside(path, "analysis")
    elif path.parts[0] == "train" and room in TRAIN_ARROWS:
        assert inside(path, "train") <= TRAIN_ARROWS[room] | {room}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_what_a_room_does_not_lift_is_its_own(path):
    for name in imported(path):
        for room, names in LIFTED.items():
            prefix = ".".join(room.parts)
            if name.startswith(f"{prefix}.") and room not in path.parents:
                assert name.removeprefix(f"{prefix}.") in names, name


def test_the_top_of_analysis_lists_the_programs():
    files = {path.stem for path in FILES if path.parent == Path("analysis")}
    assert files == PROGRAMS | {"__init__"}


def test_the_top_of_train_lists_the_programs():
    files = {path.stem for path in FILES if path.parent == Path("train")}
    assert files == {"dense", "sparse", "units", "__init__"}


def test_an_init_lifts_names_and_holds_no_code():
    for path in FILES:
        if path.name == "__init__.py":
            for node in ast.parse((ROOT / path).read_text()).body:
                assert isinstance(node, ast.Expr | ast.ImportFrom | ast.Assign), path


@pytest.mark.parametrize("room", LIFTED, ids=str)
def test_a_lifted_name_hides_no_file_of_its_room(room):
    """`from room import name` is the file itself where a file has that name."""
    inner = {path.stem for path in FILES if path.parent == room}
    inner |= {path.parent.name for path in FILES if path.parent.parent == room}
    files = {name for name in LIFTED[room] if name in inner}
    names = set(imported(room / "__init__.py"))
    assert {f"{'.'.join(room.parts)}.{name}" for name in files} <= names


@pytest.mark.parametrize("path", FILES, ids=str)
def test_pure_modules_touch_neither_files_nor_clock_nor_figures(path):
    places = {str(path), *map(str, path.parents)}
    if not places & IMPURE_PLACES:
        assert not tops(path) & IMPURE


MADE_WITH_IMPL = "jax.random.key", "jax.random.wrap_key_data"


def test_random_numbers_are_drawn_in_one_file():
    """Elsewhere settings of the process would decide on them."""
    for path in FILES:
        if path == Path("landscape/rng.py"):
            continue
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                named = any(word.arg == "impl" for word in node.keywords)
                assert (
                    not name.startswith("jax.random.")
                    or name in ("jax.random.fold_in", "jax.random.key_data")
                    or (name in MADE_WITH_IMPL and named)
                ), f"{path}: {name}"


def test_only_files_that_draw_import_matplotlib():
    for path in FILES:
        if "matplotlib" in tops(path):
            draws = path.name.startswith("plots") and "studies" in path.parts
            assert draws or "figures" in path.parts, path


def test_leaves_models_and_sparsity_know_little():
    for path in FILES:
        if path.parts[0] != "landscape":
            continue
        inner = inside(path, "landscape")
        if place(".".join(path.with_suffix("").parts)) in PURE_LEAVES:
            assert inner <= LEAVES_OF_LEAVES, path
        if "models" in path.parts:
            known = {"aliases", "errors", "registries", "machine.backend", "layout"}
            known |= {"models", "users.code"}
            assert inner <= known, path
        if "sparsity" in path.parts:
            known = PURE_LEAVES | {"derivatives", "objective", "sparsity"}
            assert inner <= known, path
        if "export" in path.parts:
            known = PURE_LEAVES | {"buckets", "export", "disk.files", "disk.folders"}
            # A run is made out of a file as it is out of a folder.
            known |= {"config", "data", "runs", "sparsity"}
            known |= {
                f"recipes.{name}" for name in ("initial_state", "recipe", "state")
            }
            assert inner <= known, path
        if "units" in path.parts:
            known = PURE_LEAVES | {"derivatives", "objective"}
            known |= {"models", "sparsity", "units"}
            assert inner <= known, path


def test_the_settings_import_nothing_heavy():
    heavy = {"jax", "flax", "orbax", "tensorflow_datasets", "numpy", "optax"}
    paths = [path for path in FILES if path.parts[:2] == ("landscape", "config")]
    paths += [path for path in FILES if path.parts[:2] == ("landscape", "registries")]
    names = "errors needs patterns users/code cli/program cli/__init__"
    paths += [Path(f"landscape/{name}.py") for name in names.split()]
    for path in paths:
        assert not tops(path) & heavy


def names_of(module):
    """The names at the top of a module of this repository."""
    path = ROOT / module.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom | ast.Import):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            names = (n for target in node.targets for n in ast.walk(target))
            yield from (name.id for name in names if isinstance(name, ast.Name))
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


def test_what_benchmarks_import_is_there():
    """No test runs them: a name that moves would leave them broken."""
    for path in (ROOT / "benchmarks").rglob("*.py"):
        for name in imported(path):
            module, _, last = name.rpartition(".")
            if module.split(".")[0] in ("analysis", "benchmarks", "landscape", "train"):
                file = ROOT / name.replace(".", "/")
                there = file.is_dir() or file.with_suffix(".py").exists()
                assert there or last in names_of(module), f"{path.name}: {name}"

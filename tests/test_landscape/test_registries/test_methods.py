"""The registry: every row names what is there, and --help names every row."""

import ast
import inspect
import re

import optax
import pytest

from landscape import config
from landscape.cli import groups_of
from landscape.config import DenseRun, SparseRun, TrainConfig, UnitsConfig
from landscape.registries import methods
from landscape.registries.scores import UNIT_SCORES
from train import sparse


def help_texts(*classes):
    """The docstrings of the fields, as --help shows them."""
    texts = {}
    for each in classes:
        (tree,) = ast.parse(inspect.getsource(each)).body
        for field, text in zip(tree.body, tree.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                texts[field.target.id] = text.value.value
    return texts


@pytest.mark.parametrize(
    ("flag", "values"),
    [
        ("method", methods.SPARSE_METHODS),
        ("model", methods.MODELS),
        ("dataset", methods.DATA_SETS),
    ],
)
def test_the_help_of_a_flag_names_every_value_that_is_allowed(flag, values):
    for classes in [(TrainConfig, SparseRun), (TrainConfig, SparseRun, sparse.Config)]:
        words = set(re.findall(r"[\w-]+", help_texts(*classes)[flag]))
        assert set(values) <= words


def test_the_help_of_a_unit_score_names_every_score():
    words = set(re.findall(r"\w+", help_texts(UnitsConfig)["score"]))
    assert set(UNIT_SCORES) <= words


def test_the_help_of_a_flag_names_the_methods_of_its_group():
    titles = groups_of(sparse.Config)
    classes = [each for each in sparse.Config.__mro__ if each is not object]
    for name, text in help_texts(*classes[::-1]).items():
        title = titles.get(name, "")
        first = re.match(r"([\w, -]+):", text)
        named = set(first[1].split(", ")) if first else set()
        known = methods.METHODS.keys()
        if set(title.split(", ")) <= known and named <= known:
            assert named & set(title.split(", ")), name


def test_every_row_names_functions_and_settings_that_are_there():
    flags = {f for kind in (DenseRun, SparseRun) for f in kind.__dataclass_fields__}
    for row in methods.METHODS.values():
        assert callable(methods.resolve(row.updater))
        assert all(hasattr(SparseRun(), name) for name in row.settings)
        assert set(row.takes) <= {
            "masks", "weights", "solution", "level", "network"
        }  # fmt: skip
    for row in methods.MODELS.values():
        assert callable(methods.resolve(row.create))
    for row in [*methods.DATA_SETS.values(), methods.TFDS]:
        assert callable(methods.resolve(row.read))
        assert set(row.settings) <= flags


def test_the_optimizers_are_optax_s_and_take_what_is_listed():
    settings = {"momentum", "nesterov", "weight_decay"}
    for name, takes in methods.OPTIMIZERS.items():
        there = inspect.signature(getattr(optax, name)).parameters
        needed = {n for n, p in there.items() if p.default is p.empty}
        assert "learning_rate" in there and needed <= {"learning_rate"}
        assert set(takes) == settings & there.keys()
    assert not methods.OPTIMIZERS.keys() & methods.REFUSED_OPTIMIZERS.keys()


def test_a_row_is_found_under_its_own_name():
    for table in (methods.METHODS, methods.MODELS, methods.DATA_SETS):
        assert all(row.name == name for name, row in table.items())


def test_a_dense_run_has_no_method_to_choose():
    assert config.to_dict(DenseRun())["method"] == "dense"
    with pytest.raises(TypeError):
        DenseRun(method="pruning")

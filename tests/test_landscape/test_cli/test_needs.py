"""Settings without an effect are refused where they are given, and nowhere else."""

import importlib
from dataclasses import dataclass
from typing import ClassVar

import pytest

from landscape.cli import command, parse, parse_sweep
from landscape.config import DenseRun
from landscape.errors import InputError
from landscape.needs import Need, has_effect, needs_of, only
from train import dense, sparse

REFUSED = [
    ("train.dense", "--optimizer adam --momentum 0.9", "rmsprop, sgd or sm3, not adam"),
    ("train.dense", "--decay-factor 0.5", "--schedule step, not cosine"),
    ("train.dense", "--decay-all --weight-decay 0", "only with --weight-decay"),
    ("train.dense", "--blob-dim 9", "--blob-dim goes with --dataset blobs, not digits"),
    ("train.dense", "--data-dir /data", "digits and blobs are in no folder"),
    ("train.dense", "--data-seed 0", "only with --num-train, --num-validation, blobs"),
    ("train.dense", "--workers 2", "has an effect only with --image-size"),
    ("train.settings.sparse_options", "--seeds-at-once 2", "only with --num-seeds"),
    ("analysis.path", "a b --fit-steps 9", "--kind quadratic or cubic, not line"),
    ("analysis.path", "a b --subspace dense", "--kind quadratic or cubic, not line"),
    ("analysis.path", "a b --seed 1", "only with --align or --kind quadratic or cubic"),
    ("analysis.surface", "a --margin 1", "--plane through or trajectory, not random"),
    ("analysis.surface", "a b c --extent 1", "random or eigenvectors, not through"),
    ("analysis.spectrum", "a --exact --num-probes 3", "--exact or --steps"),
    ("analysis.spectrum", "a --exact --seed 3", "--exact, in which nothing is random"),
    ("analysis.spectrum", "a --steps all --top 20", "--top does not go with --steps"),
    ("analysis.units", "a --score norm --seed 1", "only with --score at_random"),
    ("analysis.sparsity", "a --seed 1", "no --seed: nothing here is random"),
    ("analysis.studies.hessian.config", "--data-dir d", "digits and blobs are in no"),
    ("analysis.studies.plateau.config", "--scale blobs --data-dir d", "has no effect"),
]
ALLOWED = [
    ("train.dense", "--optimizer adam sgd --momentum 0.5"),
    ("train.dense", "--dataset blobs --blob-dim 9 --data-seed 3"),
    ("train.dense", "--num-train 99 --data-seed 3"),
    ("train.dense", "--data-dir None"),
    ("train.settings.sparse_options", "--num-seeds 2 --seeds-at-once 2"),
    ("train.settings.sparse_options", "--order-seed 0 1 --seeds-at-once 2"),
    ("analysis.path", "a b --kind line cubic --fit-steps 9 --seed 1"),
    ("analysis.path", "a b --align --seed 1"),
    ("analysis.surface", "a --extent 2 --seed 1"),
    ("analysis.spectrum", "a --exact --top 3"),
    ("analysis.units", "a --seed 1"),
    ("analysis.studies.hessian.config", "--scale mnist --data-dir d"),
]


def read(module, line):
    found = importlib.import_module(module)
    kind = getattr(found, "Flags", None) or found.Config
    return parse_sweep(kind, fixed={}, argv=line.split())


@pytest.mark.parametrize(("module", "line", "message"), REFUSED)
def test_a_given_setting_without_an_effect_is_refused(module, line, message):
    with pytest.raises(InputError, match=message):
        read(module, line)


@pytest.mark.parametrize(("module", "line"), ALLOWED)
def test_a_setting_with_an_effect_at_one_point_is_not(module, line):
    assert read(module, line)


def test_commands_can_share_a_file_of_settings(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text('momentum = 0.5\ndata-dir = "/data"\n')
    for optimizer in ("sgd", "adam"):
        words = ["--config", str(path), "--optimizer", optimizer]
        assert parse(DenseRun, argv=words).momentum == 0.5
    with pytest.raises(InputError, match="--momentum goes with --optimizer"):
        parse(DenseRun, argv=[*words, "--momentum", "0.5"])


def test_what_another_run_brings_is_not_given():
    def inherited(said):
        return {"optimizer": "adam", "momentum": 0.5}

    assert parse(DenseRun, argv=[], inherited=inherited).momentum == 0.5
    with pytest.raises(InputError, match="--momentum goes with"):
        parse(DenseRun, argv=["--momentum", "0.5"], inherited=inherited)


@dataclass(frozen=True)
class Settings:
    NEEDS: ClassVar[dict[str, Need]] = {"depth": only("kind", "deep")}

    kind: str = "flat"
    depth: int = 1


def test_commands_name_no_setting_without_an_effect():
    assert command("m", Settings("flat", 9)) == "python -m m"
    assert command("m", Settings("deep", 9)) == "python -m m --kind deep --depth 9"


@pytest.mark.parametrize("kind", [dense.Config, sparse.Config])
def test_every_need_is_of_a_field(kind):
    config = kind()
    for name in needs_of(kind):
        assert has_effect(config, name) in (True, False)
        assert hasattr(config, name)

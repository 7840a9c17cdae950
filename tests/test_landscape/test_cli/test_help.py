"""What --help prints, of every program: two screens, nothing that says nothing."""

import configparser
import importlib
import itertools
from pathlib import Path

import pytest
import yaml

from landscape.cli import parse
from landscape.cli.flags import flags_of
from landscape.errors import InputError, check_choices, choices_of
from landscape.registries.methods import DATA_SETS, METHODS
from train import sparse

ROOT = Path(__file__).parents[3]
FILES = [
    *ROOT.glob("analysis/[a-z]*.py"),
    *ROOT.glob("analysis/studies/*/__main__.py"),
    *(ROOT / "train" / f"{name}.py" for name in ("dense", "sparse", "units")),
    ROOT / "landscape/data/prepare.py",
]
PROGRAMS = sorted(".".join(f.relative_to(ROOT).with_suffix("").parts) for f in FILES)


@pytest.fixture
def printed(monkeypatch, capsys):
    """What a program prints of `--help` on a terminal of 100 columns."""
    monkeypatch.setenv("COLUMNS", "100")

    def of(name, words="--help"):
        module = importlib.import_module(name)
        with pytest.raises(SystemExit) as stop:
            # With all flags that some programs add.
            parse(
                module.Config, module.__doc__, inherited=dict, distributed=True,
                argv=words.split(),
            )  # fmt: skip
        assert not stop.value.code
        return capsys.readouterr().out

    return of


def test_the_programs_are_found():
    assert {"analysis.path", "analysis.studies.hessian.__main__"} < {*PROGRAMS}
    assert len(PROGRAMS) >= 16


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_fits_two_screens_and_has_each_flag_with_its_first_sentence(name, printed):
    text = printed(name)
    lines = text.splitlines()
    assert len(lines) <= 100 and max(map(len, lines)) <= 100
    for noise in ("None", "(default: )", "[]", "{}", "[False]", "options:"):
        assert noise not in text
    flat = " ".join(text.split())
    flags = flags_of(importlib.import_module(name).Config, texts=True)
    for flag in flags.values():
        assert flag.text, flag.word
        of_methods = {*flag.group.split(", ")} <= {*METHODS, *DATA_SETS}
        shown = flag.name.upper() if flag.positional else f"--{flag.word}"
        assert (f" {shown} " in flat) != of_methods, flag.word
    blank = [a == b == "" for a, b in itertools.pairwise(lines)]
    assert not any(blank)


@pytest.mark.parametrize("name", PROGRAMS)
def test_choices_are_those_of_the_check_and_hold_the_default(name):
    config_class = importlib.import_module(name).Config
    flags = {flag.name: flag for flag in flags_of(config_class).values()}
    for field, allowed in choices_of(config_class).items():
        default = flags[field].default
        if isinstance(default, str):
            assert default in allowed
        settings = object.__new__(config_class)
        for other in choices_of(config_class):
            object.__setattr__(settings, other, allowed[0] if other == field else None)
        check_choices(settings)
        object.__setattr__(settings, field, allowed[0] + "x")
        with pytest.raises(InputError, match=f"meant '{allowed[0]}'"):
            check_choices(settings)


def test_short_choices_stand_for_the_value_and_long_ones_where_they_are_asked(printed):
    text = printed("analysis.path")
    assert "--kind {line,quadratic,cubic}" in text and "--points INT" in text
    assert "--score NAME" in printed("train.sparse", "--method pruning --help")
    assert "taylor1_abs, taylor2" in printed("train.sparse", "--help score")


def test_the_method_comes_first_and_its_own_flags_where_it_is_named(printed):
    text = printed("train.sparse")
    assert text.index("--method ") < text.index("--mask-from RUN", 1000)
    assert "--drop-fraction" not in text and "acdc, imp and with" in text
    for words in ("--method rigl --help", "--method=set --help"):
        text = printed("train.sparse", words)
        assert "--drop-fraction FLOAT" in text and "--levels" not in text
    flat = " ".join(text.split())
    assert "--blob-dim" not in flat and "--dataset blobs: --method" in flat
    assert "--blob-dim INT" in printed("train.dense", "--dataset blobs --help")


def test_help_of_a_flag_says_all_about_it(printed):
    whole = printed("train.sparse", "--help keep_every")
    assert "--keep-every INT" in whole and "are never deleted." in whole
    assert "Default: 0.1." in printed("train.sparse", "--help --learning-rate")
    two = printed("train.sparse", "--method rigl --help update_every steps")
    assert "--update-every" in two and "--steps" in two and "usage" not in two
    with pytest.raises(InputError, match=r"no --stpes; perhaps you meant --steps\?"):
        parse(sparse.Config, argv=["--help", "stpes"])


def test_versions_name_the_packages_that_decide_numbers(printed):
    lines = printed("analysis.path", "--version").splitlines()
    assert lines[0].startswith("sparse-landscape ")
    assert lines[1].startswith("Python 3.") and lines[2].startswith("jax 0.")


def test_the_version_to_cite_is_that_of_the_package():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert cited["cff-version"] == "1.2.0"
    assert str(cited["version"]) == setup["metadata"]["version"]
    assert cited["license"] == setup["metadata"]["license"]

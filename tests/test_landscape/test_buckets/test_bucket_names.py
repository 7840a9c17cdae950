"""What names of folders in buckets mean, and what a user reads of them."""

import importlib.util
import sys

import fsspec
import pytest

from landscape import buckets, runs
from landscape.cli import Point, launch
from landscape.config import DenseRun
from landscape.disk.folders import folder_of
from landscape.errors import InputError
from train import units


def test_a_name_of_a_bucket_is_a_copy_and_back():
    for name in ("memory://b/run", "memory://b/run/", "memory://b/runs/a b@3"):
        folder = folder_of(name)
        assert buckets.name_of(folder) == name.rstrip("/") == buckets.shown(str(folder))
        assert folder_of(str(folder)) == folder
    assert str(runs.parse("memory://b/run@3")) == f"{folder_of('memory://b/run')}@3"
    assert buckets.name_of(folder.home()) is None


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gs:/b/run", "perhaps you meant 'gs://b/run'"),
        ("s3:run", "perhaps you meant 's3://run'"),
        ("s3:///b/run", "perhaps you meant 's3://b/run'"),
        ("gs://", "must be gs://BUCKET/FOLDER"),
        ("memory://b//run", "without empty names"),
        ("gs://b/../run", "must be gs://BUCKET/FOLDER"),
        ("GS://b/run", r"in buckets of gs://, s3://, not of GS://"),
        ("ftp://b/run", r"in buckets of gs://, s3://, not of ftp://"),
    ],
)
def test_what_is_no_name_of_a_bucket_makes_no_folder(name, sentence):
    with pytest.raises(InputError, match=sentence):
        folder_of(name)


def test_a_package_that_is_missing_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    buckets.transfer._system.cache_clear()
    with pytest.raises(InputError, match=r"needs gcsfs: pip install -e '\.\[gs\]'"):
        folder_of("gs://no-such-bucket/run")


@pytest.mark.parametrize("flag", ["dataset", "data_dir"])
def test_data_in_a_bucket_are_refused(flag):
    sentence = rf"^--{flag.replace('_', '-')} gs://b/x/ is in a bucket: copy it to a"
    with pytest.raises(InputError, match=sentence):
        DenseRun(**{flag: "gs://b/x/"})


@pytest.mark.parametrize("workdir", ["memory://b/run", None])
def test_networks_are_not_made_smaller_in_a_bucket(workdir):
    config = units.Config(source="memory://b/dense", workdir=workdir)
    name = workdir or "memory://b/dense-small"
    with pytest.raises(InputError, match=f"^--workdir {name} is in a bucket: name a"):
        units.run_sweep([Point(config, {})])


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (FileNotFoundError("b/b/o"), "there is no bucket memory://b, or no such file"),
        (PermissionError("403"), "no permission: 403"),
        (RuntimeError("Anonymous caller"), "Anonymous caller"),
    ],
)
def test_a_bucket_that_cannot_be_read_is_refused_in_a_sentence(
    failure, why, monkeypatch
):
    def find(*args, **options):
        raise failure

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "find", find)
    with pytest.raises(InputError, match=rf"^memory://b/x cannot be read \({why}"):
        folder_of("memory://b/x")


def test_programs_print_the_names_and_not_where_the_copies_are(capsys):
    folder = folder_of("memory://b/run")

    def run():
        print("written to", folder, end=".\n")
        print(folder, file=sys.stderr)
        raise InputError(f"{folder}/a is no run")

    with pytest.raises(SystemExit):
        launch(run)
    printed = capsys.readouterr()
    assert printed.out == "written to memory://b/run.\n"
    assert printed.err == "memory://b/run\nerror: memory://b/run/a is no run\n"


def test_a_program_whose_output_is_closed_ends_as_usual(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    launch(lambda: print("lost"))

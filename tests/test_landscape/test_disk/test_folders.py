"""Any name that a folder can have is one name everywhere, or refused as such."""

import os
import shlex
import string
from pathlib import Path

import numpy as np
import pytest

from landscape import checkpoint, runs
from landscape.disk.folders import folder_of
from landscape.errors import InputError
from landscape.recipes.state import TrainState
from landscape.tables import format_table

PRINTABLE = [character for character in string.printable if character != "/"]


@pytest.mark.parametrize("name", [*PRINTABLE, "é", "漢字", "a@20", "@init", "-x", "~"])
def test_a_name_is_that_folder_typed_printed_and_parsed_again(
    name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    if name != ".":
        os.mkdir(name)
    # As a user must type it where the shell or the flags would misread it.
    typed = f"./{name}" if name[0] in "-~" else name
    for text in (typed, f"{typed}/", str(tmp_path / name)):
        folder = folder_of(text)
        assert os.path.samefile(folder, tmp_path / name)
        for step in (None, 7):
            ref = runs.Ref(folder, step)
            (word,) = shlex.split(shlex.quote(str(ref)))
            assert not word.startswith("-")
            found = runs.parse(word)
            assert os.path.samefile(found.folder, folder) and found.step == step


def test_the_step_of_a_run_is_meant_where_a_folder_has_the_name_of_both(tmp_path):
    (tmp_path / "a@20").mkdir()
    assert runs.parse(f"{tmp_path}/a@20") == runs.Ref(tmp_path / "a@20", None)
    assert runs.parse(f"{tmp_path}/a/@20") == runs.Ref(tmp_path / "a", 20)
    assert str(runs.Ref(tmp_path / "a", 20)) == f"{tmp_path}/a/@20"


def test_a_run_of_any_name_has_one_row_in_a_table():
    lines = format_table(["run", "loss"], [["a\nb\tc", "1"], ["d", "2"]]).splitlines()
    assert lines[2:] == ["a\ufffdb\ufffdc     1", "d         2"]


def test_home_is_expanded():
    assert folder_of("~/runs") == Path.home() / "runs"
    assert runs.parse("~/run@3") == runs.Ref(Path.home() / "run", 3)


@pytest.mark.parametrize(
    "name", ["", "a\0b", os.fsdecode(b"\xff"), "n" * 256, "é" * 128, "a/" * 1900]
)
def test_what_cannot_be_written_is_refused_in_a_sentence(name):
    with pytest.raises(InputError, match="name of a folder"):
        folder_of(name)


NAMES = ["".join(PRINTABLE), "gs:", "d[1]", "é漢字", "n" * 255]


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_is_saved_in_a_folder_of_any_name(name, tmp_path):
    state = TrainState(np.int32(3), {"w": np.ones(2)}, {}, {}, (), ())
    checkpoint.save(tmp_path / name, state)
    found, _ = checkpoint.restore(tmp_path / name, state)
    np.testing.assert_array_equal(found.params["w"], state.params["w"])

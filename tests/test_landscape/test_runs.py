"""A run's name, once parsed, is the folder and the step that were meant."""

from pathlib import Path

import pytest

from landscape import runs
from landscape.errors import InputError


def test_a_step_is_told_from_a_name_with_an_at_sign(tmp_path):
    assert runs.parse("a@b/run") == runs.Ref(Path("a@b/run"), None)
    assert runs.parse("a@b/run@7") == runs.Ref(Path("a@b/run"), 7)
    whole = tmp_path / "run@7"
    whole.mkdir()
    assert runs.parse(str(whole)) == runs.Ref(whole, None)
    assert runs.parse(f"{whole}@init") == runs.Ref(whole, 0)


def test_a_ref_is_parsed_to_itself_and_its_text_to_it():
    ref = runs.Ref(Path("runs/pruned"), 40)
    assert runs.parse(ref) is ref and runs.parse(str(ref)) == ref


def test_what_is_no_step_is_refused():
    with pytest.raises(InputError, match="a number or init"):
        runs.parse("runs/pruned@last")

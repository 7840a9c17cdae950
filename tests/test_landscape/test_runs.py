"""A run's name, once parsed, is the folder and the step that were meant."""

import json
from pathlib import Path

import pytest

from landscape import config, runs
from landscape.errors import InputError
from landscape.runs import fingerprints


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


def test_settings_that_came_later_leave_fingerprints_as_they_were(
    tmp_path, monkeypatch
):
    """Else every new one would have all analyses of before computed again."""
    monkeypatch.setattr(fingerprints, "step_of", lambda ref, settings: 7)
    monkeypatch.setattr(
        fingerprints.checkpoint_tables, "digest", lambda folder, step: "digest"
    )

    def fingerprint(settings):
        (tmp_path / runs.CONFIG).write_text(json.dumps(config.to_dict(settings)))
        return runs.fingerprint(runs.Ref(tmp_path, 7))

    # As they were before there were scores and networks made smaller.
    assert fingerprint(config.DenseRun()) == "f991536d18a46a1a"
    assert fingerprint(config.SparseRun()) == "16304cb194c212e5"
    assert fingerprint(config.SparseRun(score="taylor1")) != "16304cb194c212e5"


def test_runs_are_found_below_runs_and_checkpoints_are_not_walked(tmp_path):
    inside = ("", "checkpoints/100/state", "levels/level-0", "checkpoints/level-1")
    for run in ("b/run", "a", "checkpoints/c"):
        for place in inside:
            folder = tmp_path / run / place
            folder.mkdir(parents=True, exist_ok=True)
            (folder / runs.CONFIG).write_text("{}")
    (tmp_path / "a" / runs.CONFIG).unlink()
    found = [str(folder.relative_to(tmp_path)) for folder in runs.find(tmp_path)]
    # Of a folder that is no run `checkpoints` is a name like another.
    assert found == [
        "a/checkpoints/100/state",
        "a/checkpoints/level-1",
        "a/levels/level-0",
        "b/run",
        "b/run/levels/level-0",
        "checkpoints/c",
        "checkpoints/c/levels/level-0",
    ]

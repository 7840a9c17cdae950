"""`python -m analysis.runs`: a row a run, whatever its state."""

import json

from analysis import runs as program
from landscape import runs
from landscape.config import DenseRun, to_dict


def test_a_row_says_in_words_how_far_a_run_is(tmp_path):
    summary = {
        "method": "dense", "sparsity": 0.0, "num_nonzero": 9, "num_params": 1200,
        "train_loss": 0.5, "test_accuracy": 0.9, "seed": 0,
    }  # fmt: skip
    ended = {"step": 3, "seconds": 1.0, "ended": "the loss of step 3 is not finite"}
    files = {
        "a-new": {},
        "b-one": {runs.SUMMARY: summary},
        "c-wild": {runs.TIMINGS: ended},
        "d-resumed": {runs.TIMINGS: ended | {"ended": None}},
        "e-damaged": {},
    }
    for name, content in files.items():
        (tmp_path / name).mkdir()
        content = {runs.CONFIG: to_dict(DenseRun(steps=1)), **content}
        for file, values in content.items():
            (tmp_path / name / file).write_text(json.dumps(values) + "\n")
    damaged = tmp_path / "e-damaged" / runs.TIMINGS
    damaged.write_text("x\n")
    rows = program.run(program.Config((str(tmp_path),))).splitlines()[2:]
    states = [row.split("  ")[-1] for row in rows]
    assert "1,200" in rows[1]
    assert states == [
        "started, nothing saved",
        "finished, 1 step",
        "diverged: the loss of step 3 is not finite",
        "started, nothing saved",
        f"unreadable: line 1 of {damaged} is not JSON (Expecting value: line 1 column 1"
        " (char 0)): remove that line.",
    ]

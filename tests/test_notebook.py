"""The notebook docs/curvature.ipynb does what it says."""

import json
from pathlib import Path

import numpy as np

NOTEBOOK = Path(__file__).parents[1] / "docs" / "curvature.ipynb"


def test_the_notebook_runs_from_top_to_bottom(capsys):
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    assert not any(c.get("outputs") for c in cells)
    names = {"__name__": "notebook"}
    for number, source in enumerate(code):
        exec(compile(source, f"curvature.ipynb, code cell {number}", "exec"), names)
    assert "loss" in capsys.readouterr().out
    pairs, G = names["pairs"], names["G"]
    assert names["H"].size == G.size == 64 * 20 + 20 + 20 * 10 + 10
    # What its text says of the two ends.
    v = np.asarray(pairs.vectors[0])
    assert abs(v @ np.asarray(G.matvec(v)) / pairs.values[0] - 1) < 0.05
    assert -pairs.values[-1] < 0.1 * pairs.values[0]
    assert len(names["figure"].axes) == 4

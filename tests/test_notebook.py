"""The notebook docs/curvature.ipynb does what it says."""

import ast
import json
from pathlib import Path

import numpy as np

NOTEBOOK = Path(__file__).parents[1] / "docs" / "curvature.ipynb"


def test_the_notebook_runs_from_top_to_bottom(capsys):
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    # It is stored as it ran: what a cell prints or shows is beside it.
    assert all(c["outputs"] for c in cells if c["cell_type"] == "code")
    assert NOTEBOOK.stat().st_size < 2e5
    names = {"__name__": "notebook"}
    for number, source in enumerate(code):
        where = f"curvature.ipynb, code cell {number}"
        *lines, last = ast.parse(source).body
        exec(compile(ast.Module(lines, []), where, "exec"), names)
        shown = isinstance(last, ast.Expr)
        if shown:
            shown = eval(compile(ast.Expression(last.value), where, "eval"), names)
        else:
            exec(compile(ast.Module([last], []), where, "exec"), names)
    assert "loss" in capsys.readouterr().out
    pairs, G = names["pairs"], names["G"]
    assert names["H"].size == G.size == 64 * 20 + 20 + 20 * 10 + 10
    # What its text says of the two ends.
    v = np.asarray(pairs.vectors[0])
    assert abs(v @ np.asarray(G.matvec(v)) / pairs.values[0] - 1) < 0.05
    assert -pairs.values[-1] < 0.1 * pairs.values[0]
    assert len(shown.axes) == 4 and shown._repr_png_()

"""The notebooks of docs/ do what they say."""

import ast
import json
from pathlib import Path

import numpy as np

DOCS = Path(__file__).parents[1] / "docs"


def executed(name):
    """What a notebook's code cells leave, run from top to bottom: names, and figures
    that are shown."""
    cells = json.loads((DOCS / name).read_text())["cells"]
    code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    # It is stored as it ran: what a cell prints or shows is beside it.
    assert all(c["outputs"] for c in cells if c["cell_type"] == "code")
    assert (DOCS / name).stat().st_size < 3e5
    names, shown = {"__name__": "notebook"}, []
    for number, source in enumerate(code):
        where = f"{name}, code cell {number}"
        *lines, last = ast.parse(source).body
        exec(compile(ast.Module(lines, []), where, "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), where, "eval"), names)
            shown += [] if value is None else [value]
        else:
            exec(compile(ast.Module([last], []), where, "exec"), names)
    return names, shown


def test_the_notebook_of_curvature_runs_from_top_to_bottom(capsys):
    names, shown = executed("curvature.ipynb")
    assert "loss" in capsys.readouterr().out
    pairs, G = names["pairs"], names["G"]
    assert names["H"].size == G.size == 64 * 20 + 20 + 20 * 10 + 10
    # What its text says of the two ends.
    v = np.asarray(pairs.vectors[0])
    assert abs(v @ np.asarray(G.matvec(v)) / pairs.values[0] - 1) < 0.05
    assert -pairs.values[-1] < 0.1 * pairs.values[0]
    assert len(shown[-1].axes) == 4 and shown[-1]._repr_png_()


def test_the_notebook_of_paths_runs_from_top_to_bottom(capsys):
    names, shown = executed("paths.ipynb")
    # Loss and accuracy of the paths, of the plane each with the bar of its colours.
    assert [len(figure.axes) for figure in shown] == [2, 2, 4]
    assert capsys.readouterr().out.count("barrier") == 3
    barrier, ts = names["paths"].barrier, names["ts"]
    # What its text says: aligned units lower the barrier, the curve has none.
    line, after, curve = (
        barrier(ts, names[path]["loss"]).barrier for path in ("line", "after", "curve")
    )
    assert line > 0.2 and after < line / 4 and curve < 1e-3
    # The ends of the line on which nothing was trained are the networks themselves.
    for t, params in ((0, names["a"]), (1, names["b"])):
        at = int(np.argmax(ts == t))
        expected = names["loss"](params, names["train"])
        np.testing.assert_allclose(names["line"]["loss"][at], expected, rtol=1e-5)
    # A and the aligned B lie in one basin, B in another one.
    plane, values = names["plane"], np.asarray(names["values"]["loss"])
    alphas, betas = names["alphas"], names["betas"]
    low = [
        values[abs(betas - y).argmin(), abs(alphas - x).argmin()]
        for x, y in (*plane.coordinates, plane.coordinates[[0, 2]].mean(0))
    ]
    assert max(low) < 0.15 < values[:, abs(alphas - 10).argmin()].min()

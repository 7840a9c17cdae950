"""Figures say what they show: labels, units, every curve of every run."""

from landscape import figures

LINES = [
    {"step": 0, "split": "test", "loss": 2.3, "accuracy": 0.1},
    {"step": 5, "split": "train", "loss": 1.0, "accuracy": 0.5, "sparsity": 0.0},
    {"step": 9, "split": "train", "loss": 0.5, "accuracy": 0.8, "sparsity": 0.95},
    {"step": 9, "split": "test", "loss": 0.6, "accuracy": 0.75},
]


def test_every_run_has_its_curves_and_every_label_its_colour():
    figure = figures.training({"pruned": [LINES, LINES], "scratch": [LINES]})
    loss, accuracy, sparsity = figure.axes
    assert [len(axes.lines) for axes in figure.axes] == [6, 3, 3]
    first, second, other = (line.get_color() for line in accuracy.lines)
    assert first == second != other
    assert list(accuracy.lines[0].get_ydata()) == [10.0, 75.0]
    assert list(sparsity.lines[0].get_xdata()) == [5, 9]
    assert "nats" in loss.get_ylabel() and "%" in accuracy.get_ylabel()
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["pruned", "scratch", "training", "test"]


def test_more_labels_than_colours_are_drawn_without_a_warning(tmp_path):
    figure = figures.training({str(i): [LINES] for i in range(9)})
    figures.save(figure, tmp_path / "new" / "figure.png")
    assert (tmp_path / "new" / "figure.png").stat().st_size > 1000

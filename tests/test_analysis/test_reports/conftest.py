"""Runs and studies to report on, and pages taken apart."""

import json
from html.parser import HTMLParser

import numpy as np
import pytest

from analysis import report
from landscape import figures, runs
from landscape.config import SparseRun, to_dict
from landscape.tables import format_table

EVIL = "<script>alert(1)</script>&\"'"
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Elements, checked to be closed in order; and the cells of each table."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.tables, self.words = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("th", "td"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "th" in self.open or "td" in self.open:
            self.tables[-1][-1][-1] += data
        if not {"script", "style"} & set(self.open):
            self.words.append(data.strip())

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def lines(factor):
    found = []
    for step in (0, 5, 10):
        loss = factor / (1 + step)
        found.append({"step": step, "split": "test", "loss": loss, "accuracy": 0.9})
        found.append({"step": step, "split": "train", "loss": loss, "sparsity": 0.1})
    return "\n".join(map(json.dumps, found)) + "\n"


def make(folder, accuracy, params=1200, **settings):
    folder.mkdir(parents=True)
    config = SparseRun(**settings, steps=10, workdir=str(folder))
    (folder / runs.CONFIG).write_text(json.dumps(to_dict(config)))
    (folder / runs.METRICS).write_text(lines(1 + config.seed))
    found = {
        "method": config.method, "seed": config.seed, "test_accuracy": accuracy,
        "sparsity": 0.9, "num_nonzero": 90, "num_params": params,
        "train_loss": 0.5, "test_loss": 0.25,
    }  # fmt: skip
    (folder / runs.SUMMARY).write_text(json.dumps(found))


def draw(path):
    figures.save(figures.curves({"a": [([0, 1], [1.0, 2.0])]}, "loss"), path)


@pytest.fixture(scope="package")
def evil():
    """The name of a run that is no HTML."""
    return EVIL


@pytest.fixture(scope="package")
def root(tmp_path_factory):
    """Two seeds of two learning rates, one with a surface; and a study."""
    root = tmp_path_factory.mktemp("report")
    for rate in (0.1, 0.02):
        for seed in (0, 1):
            accuracy = 0.9 + rate + seed / 100
            folder = root / "runs" / f"rate-{rate}-{seed}"
            make(folder, accuracy, learning_rate=rate, seed=seed)
    make(root / "runs" / EVIL, 0.5, params=1_100_000, model="mlp", widths=(9,))
    surface = root / "runs" / "rate-0.1-0" / "analysis" / "surface-random-1a2b"
    surface.mkdir(parents=True)
    found = {
        "runs": ["runs/rate-0.1-0@5"], "plane": "random", "subspace": "sparse",
        "num_examples": 9, "batch_norm": "none", "minimum": 0.25, "maximum": 8.0,
        "minimum_at": [0.0, 1.0], "not_finite": 0, "same_masks": True,
    }  # fmt: skip
    (surface / "result.json").write_text(json.dumps(found))
    np.savez(surface / "arrays.npz")
    draw(surface / "figure.png")
    study = root / "studies" / "subspace-digits"
    study.mkdir(parents=True)
    header = ["", "claim", "ours", "seeds", "paper", "verdict"]
    rows = [
        ["C1", "it is < 1", "0.5 +- 0.1", "2 of 2", "-", "holds"],
        ["C2", "it is not", "10", "0 of 2", "0.28", "DOES NOT HOLD"],
    ]
    text = format_table(header, rows) + "\n\n1 of 2 claims hold.\n"
    (study / "claims.txt").write_text(text)
    (study / "result.json").write_text('{"scale": "digits", "claims": []}')
    draw(study / "figure-10.png")
    draw(study / "figure-9.png")
    return root


@pytest.fixture(scope="package")
def parse():
    """A page as a `Page`."""
    return Page


@pytest.fixture(scope="package")
def written():
    """Writes a page; returns what the program found, its text, and the page parsed."""

    def write(*sources, output):
        found = report.run(report.Config(tuple(map(str, sources)), output=str(output)))
        text = output.read_text()
        return found, text, Page(text)

    return write

"""Flags with several values: a run folder for each combination."""

import re
import shlex
from pathlib import Path

import pytest

from landscape import figures, runs
from landscape.config import SparseRun
from landscape.errors import InputError
from train import dense, sparse, units
from train.jobs import record
from train.settings import sweep

PAGE = Path(__file__).parents[3] / "docs/command_line.md"

TINY = (
    "--model mlp --widths 8 --num-train 200 --batch-size 20 --steps 20 --log-every 10"
    " --method static"
)


def folders(program, words):
    return [
        run.workdir
        for point in program.read(words.split())
        for run in program.expand(point.config, point.folder)
    ]


def test_each_value_has_a_folder_below_that_of_all():
    assert folders(sparse, "--method snip --sparsity 0.8 0.95") == [
        "runs/digits/sparsity-0.8/snip", "runs/digits/sparsity-0.95/snip"
    ]  # fmt: skip
    assert folders(sparse, "--method snip --sparsity 0.8 .9 --workdir w") == [
        "w/sparsity-0.8", "w/sparsity-0.9"
    ]  # fmt: skip
    assert folders(dense, "--learning-rate 1e-2 0.1 --num-seeds 2") == [
        "runs/digits/learning-rate-0.01/dense-seed0",
        "runs/digits/learning-rate-0.01/dense-seed1",
        "runs/digits/learning-rate-0.1/dense-seed0",
        "runs/digits/learning-rate-0.1/dense-seed1",
    ]


def test_names_of_files_and_of_code_are_plain_in_names_of_folders():
    assert folders(dense, "--dataset digits my_data:moons ~/points/ --workdir w") == [
        "w/dataset-digits", "w/dataset-my_data_moons", "w/dataset-points"
    ]  # fmt: skip
    # One folder has them all, without --workdir too.
    assert folders(dense, "--dataset digits blobs") == [
        "runs/dataset-digits/dense", "runs/dataset-blobs/dense"
    ]  # fmt: skip


def test_several_flags_give_all_combinations_in_the_order_of_their_names():
    words = "--optimizer sgd adam --batch-size 8 9 --method static --workdir w"
    expected = [
        "w/batch-size-8/optimizer-sgd", "w/batch-size-8/optimizer-adam",
        "w/batch-size-9/optimizer-sgd", "w/batch-size-9/optimizer-adam",
    ]  # fmt: skip
    assert folders(sparse, words) == expected
    words = "--batch-size 8 9 --method static --workdir w --optimizer sgd adam"
    assert folders(sparse, words) == expected
    points = sparse.read(words.split())
    assert points[1].swept == {"batch_size": 8, "optimizer": "adam"}
    assert [each.config.optimizer for each in points] == ["sgd", "adam"] * 2


def test_masks_are_those_of_the_same_point_and_seed():
    points = sparse.read("--sparsity 0.8 0.9 --method pruning scratch".split())
    made = [run for p in points for run in sparse.expand(p.config, p.folder)]
    assert [(run.sparsity, run.mask_from) for run in made if run.mask_from] == [
        (0.8, "runs/digits/sparsity-0.8/pruned"),
        (0.9, "runs/digits/sparsity-0.9/pruned"),
    ]


def test_what_a_recipe_brings_follows_the_values_of_each_point():
    words = "--preset difficulty-resnet50 --sparsity 0.8 0.96"
    found = [point.config for point in sparse.read(words.split())]
    assert [each.prune_every for each in found] == [2000, 1000]


def test_a_network_is_made_smaller_to_several_sizes():
    points = units.read("--keep-params 0.5 0.2".split())
    assert [p.folder for p in points] == ["keep-params-0.5", "keep-params-0.2"]


def test_settings_that_change_no_result_are_not_swept():
    # What is true or false has no values to sweep.
    assert sweep.FIXED.keys() == (sweep.FIXED.keys() | runs.FREE) - {
        "tensorboard",
        "remat",
    }


@pytest.mark.parametrize("name", [*sweep.FIXED, "like", "config"])
def test_what_all_runs_share_has_one_value(name):
    program = units if name == "source" else sparse
    flag = {"source": "from"}.get(name, name.replace("_", "-"))
    with pytest.raises(InputError, match=f"--{flag} takes one value, not 3 4"):
        program.read([f"--{flag}", "3", "4"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--sparsity 0.9 0.90", "--sparsity has a value twice: 0.9 0.9"),
        ("--sparsity 0.9 1.5", r"in \[0, 1\), not 1.5"),
        ("--sparsity 0.9 95%", "perhaps you meant 0.95"),
        ("--model mlp lenet6", "perhaps you meant 'lenet"),
        ("--method rigl --levels 2 3", "--levels goes with --method imp, not rigl"),
        ("--dataset ./a a/", "--dataset ./a and a/ would both be in .* dataset-a: "),
        ("--seed 1 2", "--num-seeds makes runs of several"),
    ],
)
def test_each_value_is_checked_before_anything_is_made(words, message):
    with pytest.raises(InputError, match=message):
        sparse.read(words.split())


def test_a_sweep_trains_all_ends_with_one_table_and_is_resumable(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(figures, "save", lambda figure, path: None)
    words = [*TINY.split(), "--sparsity", "0.5", "0.8", "--workdir", str(tmp_path)]
    points = sparse.read(words)
    sparse.run_sweep(points[:1])
    (half,) = [path.stat().st_mtime_ns for path in tmp_path.rglob(runs.SUMMARY)]
    capsys.readouterr()
    summaries = sparse.run_sweep(sparse.read(words))
    rows = [row.split() for row in capsys.readouterr().out.splitlines()]
    assert [row[:2] for row in rows if row[:1] == ["static"]] == [
        ["static", "0.5"], ["static", "0.8"]
    ]  # fmt: skip
    assert ["Next:", "python", "-m", "analysis.runs", str(tmp_path)] in rows
    assert [s["sparsity_target"] for s in summaries] == [0.5, 0.8]
    after = {path.stat().st_mtime_ns for path in tmp_path.rglob(runs.SUMMARY)}
    assert half in after and len(after) == 2


def test_the_commands_of_the_page_are_read(tmp_path, monkeypatch, capsys):
    page = PAGE.read_text()
    (tmp_path / "settings.toml").write_text(
        re.search("```toml\n(.*?)```", page, re.S)[1]
    )
    monkeypatch.chdir(tmp_path)
    record.open_folder(Path("runs/digits/pruned"), SparseRun(workdir="w"))
    lines = re.findall(r"^python -m train.sparse (.*?)(?: *#.*)?$", page, re.M)
    assert len(lines) == 8
    for line in lines:
        if "--help" in line or "--version" in line:
            with pytest.raises(SystemExit):
                sparse.read(shlex.split(line))
            continue
        points = sparse.read(shlex.split(line))
        values = len(re.findall(r" 0\.\d+", line)) or 1
        assert len(points) == (3 * 2 if values == 5 else values), line

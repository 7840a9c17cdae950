"""What a command line stands for: the runs it makes, and in which folders."""

import itertools
import json

import pytest

from landscape import runs
from landscape.config import DenseRun, SparseRun, UnitsRun
from landscape.errors import InputError
from train import dense, sparse
from train.jobs import record


def read(words):
    (point,) = sparse.read(words)
    return point.config


def made_by(**options):
    return [
        (each.method, each.seed, each.workdir, each.mask_from)
        for each in sparse.expand(sparse.Config(**options))
    ]


def test_the_main_job_is_pruning_then_lottery_and_scratch_in_its_mask():
    assert made_by() == [
        ("pruning", 0, "runs/digits/pruned", None),
        ("lottery", 0, "runs/digits/lottery", "runs/digits/pruned"),
        ("scratch", 1000, "runs/digits/scratch", "runs/digits/pruned"),
    ]


def test_several_seeds_make_one_folder_each():
    assert made_by(method=("pruning", "scratch"), num_seeds=2, workdir="w") == [
        ("pruning", 0, "w/pruned-seed0", None),
        ("scratch", 1000, "w/scratch-seed0", "w/pruned-seed0"),
        ("pruning", 1, "w/pruned-seed1", None),
        ("scratch", 1001, "w/scratch-seed1", "w/pruned-seed1"),
    ]
    folders = [each.workdir for each in dense.expand(dense.Config(num_seeds=2))]
    assert folders == ["runs/digits/dense-seed0", "runs/digits/dense-seed1"]


def test_a_restart_takes_the_solution_of_the_pruning_beside_it_and_its_seed():
    found = made_by(method=("pruning", "restart", "static"), workdir="w", seed=4)
    assert found[1:] == [
        ("restart", 4, "w/restart", "w/pruned"), ("static", 4, "w/static", None)
    ]  # fmt: skip
    found = made_by(method=("static", "restart"), mask_from="m", workdir="w")
    assert {each[-1] for each in found} == {"m"}


def test_levels_are_folders_below_that_of_their_seed():
    found = made_by(method=("imp",), num_seeds=2, workdir="w", sparsity=0.3)
    assert [each[2:] for each in found[:3]] == [
        ("w-seed0/level-0", None),
        ("w-seed0/level-1", "w-seed0/level-0"),
        ("w-seed0/level-2", "w-seed0/level-1"),
    ]
    assert {each[1] for each in found[3:]} == {1}
    beside = made_by(method=("imp", "pruning"), workdir="w", levels=1)
    assert [each[2] for each in beside] == [
        "w/pruned", "w/imp/level-0", "w/imp/level-1"
    ]  # fmt: skip


def test_levels_remove_an_equal_share_of_what_is_left_until_the_target():
    config = SparseRun(sparsity=0.9, level_fraction=0.3)
    kept = [1 - s for s in config.level_sparsities()]
    ratios = [b / a for a, b in itertools.pairwise(kept)]
    assert kept[0] == 1 and ratios[:-1] == pytest.approx([0.7] * 6)
    assert kept[-1] == pytest.approx(0.1) and 0.7 <= ratios[-1] < 1
    # What is met exactly takes no further level; fewer levels end in a larger one.
    assert SparseRun(sparsity=0.36).level_sparsities() == [0, 0.2, 0.36]
    assert SparseRun(sparsity=0.9, levels=1).level_sparsities() == [0, 0.9]
    assert SparseRun(sparsity=0.9, levels=3).level_sparsities()[1:] == [0.2, 0.36, 0.9]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": 12}, "at most 11, not 12"),
        ({"sparsity": 0.0}, "must not be 0"),
        ({"level_fraction": 0.001}, "at most 100 are made"),
        ({"rewind": "learning-rate", "rewind_to": 3000}, "does not go with"),
        ({"rewind_to": 7}, "imp will not keep"),
        ({"mask_from": "r"}, "--mask-from goes with"),
        ({"rewind": "rate"}, "learning-rate"),
    ],
)
def test_levels_that_lead_nowhere_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        made_by(**{"method": ("imp",), "sparsity": 0.9} | options)


def test_one_method_fills_the_folder_that_is_named():
    assert made_by(method=("static",), workdir="here") == [("static", 0, "here", None)]


def test_mask_from_brings_all_settings_but_workdir_seed_and_method(tmp_path):
    theirs = SparseRun(
        steps=77, model="mlp", widths=(9, 8), sparsity=0.5, seed=3,
        workdir=str(tmp_path / "pruned"), max_sparsity={"Dense_2": 0.4},
    )  # fmt: skip
    record.open_folder(tmp_path / "pruned", theirs)
    name = str(tmp_path / "pruned")
    config = read(["--mask-from", name, "--batch-size", "5"])
    assert (config.steps, config.widths, config.sparsity) == (77, (9, 8), 0.5)
    assert (config.batch_size, config.method) == (5, ("lottery",))
    assert config.max_sparsity == {"Dense_2": 0.4}
    assert (config.seed, config.workdir, config.mask_from) == (0, None, name)


def test_what_takes_masks_has_the_number_of_scored_examples_of_their_run(tmp_path):
    name = str(tmp_path / "snip")
    record.open_folder(tmp_path / "snip", SparseRun(method="snip", score_examples=9))
    config = read(["--mask-from", name, "--method", "restart"])
    assert [each.score_examples for each in sparse.expand(config)] == [9]
    both = read("--method snip static --score-examples 9".split())
    assert [each.score_examples for each in sparse.expand(both)] == [None, 9]
    with pytest.raises(InputError, match="of data, not magnitude"):
        SparseRun(score_examples=9)


@pytest.mark.parametrize(
    ("line", "setting", "expected"),
    [
        ("pruning lottery nm --nm 2:4", "nm", [None, None, "2:4"]),
        ("pruning nm --nm 1:4", "sparsity", [0.75, 0.75]),
        ("pruning nm ste --nm 1:4 --sparsity 0.9", "sparsity", [0.9, 0.75, 0.75]),
        ("rigl nm --nm 2:4 --distribution erk", "distribution", ["erk", "uniform"]),
        ("pruning rigl acdc --global-pruning", "global_pruning", [True, False, True]),
        (
            "pruning scratch set --score taylor1",
            "score",
            ["taylor1"] * 2 + ["magnitude"],
        ),
        ("pruning snip synflow --score-examples 9", "score_examples", [None, 9, None]),
        ("pruning rigl --sparse-init unit", "sparse_init", ["dense", "unit"]),
    ],
)
def test_of_several_methods_each_has_the_flags_that_it_knows(line, setting, expected):
    made = sparse.expand(read(f"--method {line}".split()))
    assert [getattr(each, setting) for each in made] == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("set rigl --global-pruning", "--global-pruning goes with --method pruning"),
        ("pruning acdc --sparse-init unit", "not pruning acdc, which starts dense"),
        ("nm ste --nm 1:4 --sparsity 0.9", "does not go with --nm 1:4"),
    ],
)
def test_a_flag_that_no_method_knows_is_refused(line, message):
    with pytest.raises(InputError, match=message):
        sparse.expand(read(f"--method {line}".split()))


@pytest.mark.parametrize("flag", ["--mask-from", "--workdir"])
def test_a_value_that_is_missing_is_told_as_of_every_flag(flag):
    with pytest.raises(InputError, match=f"{flag} needs a value"):
        read([flag])


def test_the_settings_of_a_run_come_back_from_its_folder(tmp_path):
    config = SparseRun(dense_layers=("Dense_0",), max_sparsity={"Dense_1": 0.5})
    record.open_folder(tmp_path / "r", config)
    assert runs.read_config(tmp_path / "r") == config


def test_settings_are_shared_between_the_kinds_of_runs_but_for_the_method():
    dense = DenseRun(steps=70, init_zeros=0.5)
    assert SparseRun.of(dense) == SparseRun(steps=70)
    assert SparseRun.of(dense, method="static").method == "static"
    assert DenseRun.of(SparseRun(steps=70, method="static")) == DenseRun(steps=70)
    # A score of weights is none of units, though the flag has one name.
    units = UnitsRun.of(SparseRun(steps=70, score="obd"), keep_params=0.5)
    assert units.score == "mrs" and units.steps == 70


def test_a_folder_with_other_settings_is_refused_unless_they_change_nothing(tmp_path):
    config = SparseRun(steps=100)
    record.open_folder(tmp_path, config)
    record.check_same(tmp_path, SparseRun(steps=100, log_every=7, num_devices=3))
    with pytest.raises(InputError, match="steps 100 there, 101 here"):
        record.check_same(tmp_path, SparseRun(steps=101))


def test_metrics_are_truncated_to_the_step_from_which_a_run_resumes(tmp_path):
    record.append(tmp_path, runs.METRICS, *({"step": s, "x": 0.1} for s in (0, 5, 10)))
    whole = (tmp_path / runs.METRICS).read_text()
    with open(tmp_path / runs.METRICS, "a") as file:
        file.write('{"step": 15, "x"')
    record.truncate_metrics(tmp_path, 10)
    assert (tmp_path / runs.METRICS).read_text() == whole
    record.truncate_metrics(tmp_path, 5)
    assert [line["step"] for line in runs.read_metrics(tmp_path)] == [0, 5]
    record.truncate_metrics(tmp_path, None)
    assert runs.read_metrics(tmp_path) == []


def test_lines_that_two_processes_wrote_are_kept_once_and_in_order(tmp_path):
    line = [
        {"step": step, "split": split, "x": step / 10}
        for step in (0, 5, 10)
        for split in ("train", "test")
    ]
    record.append(tmp_path, runs.METRICS, *line)
    unbroken = (tmp_path / runs.METRICS).read_bytes()
    # One was at step 10 when the other was at 5.
    with open(tmp_path / runs.METRICS, "w") as file:
        written = [*line[:2], *line[4:], *line[:4], line[5], line[2]]
        file.writelines(json.dumps(each) + "\n" for each in written)
    record.truncate_metrics(tmp_path, 10)
    assert (tmp_path / runs.METRICS).read_bytes() == unbroken


def test_timings_hold_the_clock_and_metrics_do_not(tmp_path):
    record.append(tmp_path, runs.TIMINGS, {"step": 1, "seconds": 0.5})
    record.append(tmp_path, runs.TIMINGS, {"step": 2, "seconds": 0.25})
    assert record.seconds(tmp_path) == 0.75
    assert json.loads((tmp_path / runs.TIMINGS).read_text().splitlines()[0])

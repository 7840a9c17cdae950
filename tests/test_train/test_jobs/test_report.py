"""What a command prints and draws of several levels."""

from landscape.config import SparseRun
from train.jobs import report
from train.settings import levels


def runs_of(seeds):
    """Two levels of each seed, and a pruned network."""
    settings = []
    for seed in seeds:
        imp = SparseRun(
            method="imp", sparsity=0.2, seed=seed, workdir=f"w/imp-seed{seed}"
        )
        settings.append(SparseRun(seed=seed, workdir=f"w/pruned-seed{seed}"))
        settings += levels.expand(imp)
    summaries = [
        {"train_loss": 0.1 * i, "test_accuracy": 0.01 * i, "num_nonzero": 100 - i}
        for i in range(len(settings))
    ]
    return settings, summaries


def test_seeds_of_a_level_are_averaged_and_levels_are_not():
    settings, summaries = runs_of([3, 4])
    lines = report.seeds_table(
        list(map(report.label, settings)), summaries
    ).splitlines()[2:]
    cells = [line.split("  ") for line in lines]
    assert [line[0] for line in cells] == ["pruning", "imp level-0", "imp level-1"]
    # Accuracies of 0 and 3 %, 1 and 4, 2 and 5: a deviation of 3 / sqrt(2) each.
    assert [line.split()[-4:] for line in lines] == [
        [mean, "+-", "2.12", "%"] for mean in ("1.50", "2.50", "3.50")
    ]


def test_of_several_levels_the_last_is_what_is_shown():
    settings, _ = runs_of([3, 4])
    shown = [run.workdir for run in report._without_levels_between(settings)]
    assert shown == [
        "w/pruned-seed3", "w/imp-seed3/level-1", "w/pruned-seed4", "w/imp-seed4/level-1"
    ]  # fmt: skip
    assert report.next_command(settings) == "python -m analysis.runs w"
    assert report.next_command(settings[1:3]).endswith("analysis.runs w/imp-seed3")


def test_a_curve_is_of_the_levels_of_one_seed():
    settings, summaries = runs_of([3, 4])
    found = report._by_level(settings, summaries, [run.method for run in settings])
    assert [[len(seed) for seed in group] for group in found.values()] == [
        [1, 1], [2, 2]
    ]  # fmt: skip
    assert found["imp"][1] == [(96, 0.04), (95, 0.05)]


def test_masks_that_are_not_as_sparse_as_was_asked_are_told():
    config = SparseRun(method="m:wave", workdir="w/wave", sparsity=0.8)
    near = {"sparsity": 0.80002, "sparsity_asked": 0.8}
    assert report.other_sparsity(config, near) is None
    assert report.other_sparsity(config, {"sparsity": 0.5}) is None
    told = report.other_sparsity(config, {"sparsity": 0.6, "sparsity_asked": 0.8})
    assert "w/wave have sparsity 60.00 % where 80.00 % was asked for" in told

"""Published recipes as settings of train.sparse."""

import math

import pytest

from landscape import models, sparsity
from landscape.config import SparseRun
from landscape.errors import InputError
from landscape.recipes import recipe
from landscape.registries import methods
from train import dense, sparse
from train.settings import presets


def config_of(words):
    (point,) = sparse.read(words.split())
    return point.config


@pytest.mark.parametrize(
    ("sparsity_asked", "schedule"),
    [(0.8, (12_500, 40_000, 2_000)), (0.99, (12_500, 36_000, 500))],
)
def test_the_preset_of_paper_1_is_its_appendix(sparsity_asked, schedule):
    words = f"--preset difficulty-resnet50 --sparsity {sparsity_asked}"
    (run,) = sparse.expand(config_of(words))
    assert run.pruning_steps == schedule
    assert (run.steps, run.batch_size, run.learning_rate) == (48_000, 4_096, 1.6)
    # Epochs 5 and 50, 120, 140 of 1,281,167 images.
    assert (run.warmup, *run.decay_steps) == (1_564, 15_639, 37_534, 43_790)
    assert run.label_smoothing == (0.1 if sparsity_asked == 0.8 else 0.0)
    shapes = models.shapes(
        models.create("resnet50", (224, 224, 3), 1_000), (224, 224, 3)
    )
    kept = recipe.sparse_counts(run, shapes)
    sizes = sparsity.prunable(shapes)
    removed = {k: 1 - count / math.prod(sizes[k]) for k, count in kept.items()}
    assert removed.pop("Conv_0/kernel") == 0
    assert removed.pop("Dense_0/kernel") == pytest.approx(0.8)
    assert len(removed) == 52
    assert {round(value, 3) for value in removed.values()} == {sparsity_asked}


def test_the_preset_of_rigl_keeps_a_fifth_of_all_weights():
    (run,) = sparse.expand(config_of("--preset rigl-resnet50"))
    assert (run.method, run.steps, run.last_update) == ("rigl", 32_000, 25_000)
    assert run.decay_steps == presets.epochs(30, 70, 90)
    shapes = models.shapes(
        models.create("resnet50", (224, 224, 3), 1_000), (224, 224, 3)
    )
    kept = sum(recipe.sparse_counts(run, shapes).values())
    total = sum(map(math.prod, sparsity.prunable(shapes).values()))
    assert kept == round(0.2 * total)


def test_the_preset_of_resnet20_is_the_recipe_of_its_authors():
    (point,) = dense.read(["--preset", "cifar10-resnet20"])
    (alone,) = dense.expand(point.config)
    runs = sparse.expand(config_of("--preset cifar10-resnet20"))
    assert [run.method for run in runs] == ["pruning", "static", "rigl"]
    for run in (alone, *runs):
        assert (run.model, run.steps, run.batch_size) == ("resnet20", 64_000, 128)
        assert (run.learning_rate, run.decay_steps) == (0.1, (32_000, 48_000))
        assert (run.schedule, run.decay_factor) == ("step", 0.1)
        assert (run.momentum, run.nesterov) == (0.9, False)
        assert (run.weight_decay, run.decay_all, run.augment) == (1e-4, True, True)
    assert runs[2].last_update == 48_000
    shapes = models.shapes(models.create("resnet20", (32, 32, 3), 10), (32, 32, 3))
    sizes = {k: math.prod(v) for k, v in sparsity.prunable(shapes).items()}
    for run in runs:
        kept = recipe.sparse_counts(run, shapes)
        assert sum(kept.values()) == round(0.1 * sum(sizes.values()))
        assert min(kept.values()) > 0


def test_the_preset_of_a_dense_network_is_no_run_to_be_like():
    with pytest.raises(InputError, match="--preset and --like each bring all"):
        dense.read("--preset cifar10-resnet20 --like runs/a".split())
    with pytest.raises(InputError, match="cifar10-resnet20"):
        dense.read(["--preset", "rigl-resnet50"])


def test_flags_win_over_a_preset():
    config = config_of("--preset rigl-resnet50 --dataset digits --steps 30000")
    assert (config.dataset, config.steps, config.batch_size) == (
        "digits",
        30_000,
        4_096,
    )
    assert config.workdir is None


def test_a_refusal_says_which_settings_are_the_presets():
    words = "--preset difficulty-resnet50 --steps 20"
    with pytest.raises(InputError, match="That --warmup is of --preset difficulty"):
        config_of(words)
    with pytest.raises(InputError, match=r"at most 20, not 99\.$"):
        config_of(f"{words} --warmup 99")


def test_what_a_file_replaces_is_not_said_to_be_the_presets(tmp_path):
    # Its value is that by default.
    file = tmp_path / "settings.json"
    file.write_text('{"schedule": "cosine"}')
    words = f"--preset difficulty-resnet50 --config {file}"
    with pytest.raises(InputError, match="That --decay-steps is of --preset"):
        config_of(words)


def test_every_preset_is_of_a_method_and_its_name_is_checked():
    for name in presets.PRESETS:
        assert set(presets.of(name)["method"]) <= set(methods.METHODS)
        assert set(presets.of(name)) <= set(SparseRun.__dataclass_fields__)
    with pytest.raises(InputError, match="perhaps you meant 'rigl-resnet50'"):
        config_of("--preset rigl-resnet5")
    for flag in ("--like", "--mask-from"):
        with pytest.raises(InputError, match=f"--preset and {flag} each bring all"):
            config_of(f"--preset rigl-resnet50 {flag} runs/a")

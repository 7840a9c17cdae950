"""Training on images that are read in time."""

import io
import json
import re
import shutil
import threading
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from PIL import Image

from analysis.programs.sparsity import savings
from landscape import data, export, runs
from landscape.config import DenseRun, SparseRun
from landscape.data import streaming
from landscape.errors import InputError, RunFailure
from landscape.machine import devices, hosts, latency
from landscape.machine.hosts_disagreement import differences
from landscape.runs import sources
from train import units
from train.jobs import damage, job
from train.steps import evaluate, streamed

SIZE = 8


def write_images(root, per_class=12):
    """Three classes of PNG files of varied sizes, each of its own mean colour."""
    generator = np.random.default_rng(0)
    for split, count in (("train", per_class), ("test", 4)):
        for label, name in enumerate("abc"):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                shape = (*generator.integers(9, 15, 2), 3)
                pixels = generator.integers(0, 120, shape).astype(np.uint8)
                pixels[..., label] += 130
                stream = io.BytesIO()
                Image.fromarray(pixels).save(stream, "PNG")
                (root / split / name / f"{i}.png").write_bytes(stream.getvalue())
    return str(root)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("images"))


def settings(images, workdir, **more):
    return dict(
        dataset=images, image_size=SIZE, augment=True, model="mlp", widths=(4,),
        batch_size=10, steps=8, log_every=4, eval_every=4, keep_every=4,
        learning_rate=0.02, workdir=str(workdir),
    ) | more  # fmt: skip


@pytest.fixture(scope="module")
def trained(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("streamed") / "run"
    return folder, job.run_training(DenseRun(**settings(images, folder)))


def test_a_resumed_run_ends_with_the_same_bits(images, trained, tmp_path):
    folder, summary = trained
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / runs.SUMMARY).unlink()
    shutil.rmtree(copy / runs.CHECKPOINTS / "8")
    again = job.run_training(DenseRun(**settings(images, copy, workers=1)))
    assert again | {"seconds": 0} == summary | {"seconds": 0}
    states = [runs.load(str(path), data=False).state for path in (folder, copy)]
    for one, other in zip(*map(jax.tree.leaves, states), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_network_is_made_smaller_on_images_that_are_read_in_time(
    trained, tmp_path, capsys
):
    folder, _ = trained
    words = ["--from", str(folder), "--keep-params", "0.6", "--rounds", "1"]
    points = units.read([*words, "--steps", "2", "--workdir", str(tmp_path / "small")])
    units.run_sweep(points)
    accuracy = runs.read_summary(tmp_path / "small")["test_accuracy"]
    (row,) = re.findall("test accuracy.*", capsys.readouterr().out)
    assert row.split()[-2:] == [f"{100 * accuracy:.2f}", "%"]


def test_forward_passes_are_timed_on_images_that_are_read_in_time(trained, monkeypatch):
    monkeypatch.setattr(latency, "CALLS", 2)
    name = str(trained[0])
    run = runs.load(name)
    network = export.network_of(run, runs.parse(name))
    assert savings.times(network, run.data.test["image"]).keys() == {"1", "128"}


def test_damaged_images_are_counted_over_all_starts_of_a_run(
    trained, tmp_path, monkeypatch
):
    """Of 36 images one may be damaged here; it is found before a restart."""
    monkeypatch.setattr(streaming.batches, "TOLERATED", 0.04)
    root = tmp_path / "images"
    config = DenseRun(**settings(write_images(root), tmp_path / "run"))
    (root / "train" / "b" / "5.png").write_bytes(b"cut")
    job.run_training(config)
    (found,) = json.loads((tmp_path / "run" / damage.FILE).read_text())["train"]
    # As in another process.
    streaming.open_sources.cache_clear()
    splits = {"train": data.load(config).train}
    damage.recall(tmp_path / "run", splits)
    stream = splits["train"].stream
    assert list(stream.damaged) == [int(found)]
    assert stream.source.name_of(int(found)) == str(root / "train" / "b" / "5.png")
    broken = stream._replace(source=stream.source._replace(read=lambda i: (b"", 0)))
    with pytest.raises(RunFailure, match=r"2 of 36 images cannot be .*b/5\.png \("):
        streaming.batches.example(broken, (int(found) + 1) % 36, 0)
    # What another process has found counts here, too.
    stream.damaged.clear()
    monkeypatch.setattr(hosts, "gathered", lambda mine: [mine, {"train": {1: "a"}}])
    damage.share(tmp_path, splits)
    assert stream.damaged == {1: "a"}
    monkeypatch.setattr(hosts, "gathered", lambda mine: [mine, {"train": {2: "b"}}])
    with pytest.raises(RunFailure, match="2 of 36 images"):
        damage.share(tmp_path, splits)


def test_where_masks_change_the_reading_goes_on_and_a_failure_ends_it(
    images, tmp_path, monkeypatch
):
    """Masks change in a program of its own, which takes the batches of the others."""
    begun, ahead = [], streaming.ahead

    def counted(stream, *args):
        begun.append(stream.augmented)
        return ahead(stream, *args)

    monkeypatch.setattr(streaming, "ahead", counted)
    config = SparseRun(
        **settings(images, tmp_path / "run", keep_every=None), method="pruning",
        sparsity=0.5, prune_start=2, prune_every=2, prune_end=6,
    )  # fmt: skip
    assert job.run_training(config)["sparsity"] == 0.5
    # Those of evaluations are not augmented.
    assert begun.count(True) == 1
    diverging = settings(images, tmp_path / "nan", learning_rate=1e30, steps=1000)
    with pytest.raises(RunFailure) as failure:  # which holds its frames
        job.run_training(DenseRun(**diverging))
    assert "not finite" in str(failure.value)
    left = [each.name for each in threading.enumerate()]
    assert not [name for name in left if name.startswith(("images", "batches"))]


def test_every_example_counts_once_in_the_evaluation(trained):
    folder, summary = trained
    run = runs.load(str(folder))
    split = run.data.test
    whole = {name: column[:] for name, column in split.items()}
    assert whole["image"].shape == (12, SIZE, SIZE, 3)
    state, objective = run.state, run.objective
    logits = run.model.apply({"params": state.params}, whole["image"], train=False)
    right = float((np.argmax(logits, 1) == whole["label"]).mean())
    loss = float(objective.data_loss(state.params, whole, state.batch_stats))
    assert summary["test_accuracy"] == pytest.approx(right)
    assert summary["test_loss"] == pytest.approx(loss, rel=1e-5)
    # A batch that does not divide the split is filled up with what counts nothing.
    mesh = devices.make_mesh(1)
    found = [
        evaluate.evaluate(objective, state.params, {}, split, mesh, batch_size=size)
        for size in (5, 12)
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_the_pixels_are_the_centre_normalised_by_imagenet(images):
    config = DenseRun(**settings(images, "unused"))
    split = data.load(config).train
    stream = split.stream
    with streaming.batches.concurrent.futures.ThreadPoolExecutor(1) as pool:
        stored = streaming.batch(pool, stream, np.array([5]), 0)["image"]
    mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    expected = (stored / 255.0 - mean) / deviation
    found = split["image"][5:6]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.dtype == np.float32
    on_device = streamed.normalised({"image": stored}, split.mean, split.deviation)
    np.testing.assert_allclose(on_device["image"], found, atol=1e-5)
    scaled = data.load(DenseRun(**settings(images, "unused", inputs="scale")))
    np.testing.assert_allclose(scaled.train["image"][5:6], stored / 255, atol=1e-6)


@pytest.mark.parametrize("change", ["name", "size"])
def test_another_file_is_noticed_by_other_processes_and_when_a_run_resumes(
    trained, images, tmp_path, change
):
    other = tmp_path / "images"
    shutil.copytree(images, other)
    where = other / "train" / "c"
    if change == "name":
        (where / "11.png").rename(where / "last.png")
    else:
        (where / "11.png").write_bytes((where / "11.png").read_bytes() + b"\0")
    ours, theirs = (
        data.load(DenseRun(**settings(str(folder), "unused")))
        for folder in (images, other)
    )
    with pytest.raises(InputError, match=r"\(other train files\)"):
        sources.check_data(trained[0], theirs)
    said = differences(sources.describe_data(theirs), sources.describe_data(ours))
    assert said == "other train files"
    older = json.loads((trained[0] / sources.SOURCES).read_text())
    for split in ("train", "test"):
        del older["data"][split]["files_crc32"]
    (tmp_path / sources.SOURCES).write_text(json.dumps(older))
    sources.check_data(tmp_path, theirs)
    older["data"]["train"]["unknown"] = 1
    (tmp_path / sources.SOURCES).write_text(json.dumps(older))
    with pytest.raises(InputError, match="trained on other data"):
        sources.check_data(tmp_path, theirs)


def test_examples_held_out_are_not_trained_on(images):
    config = DenseRun(**settings(images, "unused", num_validation=6, num_train=20))
    found = data.load(config)
    names = [
        {split.stream.source.name_of(i) for i in range(len(split["label"]))}
        for split in (found.train, found.validation)
    ]
    assert [len(each) for each in names] == [20, 6]
    assert not names[0] & names[1]


def test_masks_are_found_at_step_0_from_the_first_images(images, tmp_path):
    config = SparseRun(
        **settings(images, tmp_path / "snip", steps=2, keep_every=None),
        method="snip", sparsity=0.5, score_examples=20,
    )  # fmt: skip
    assert job.run_training(config)["sparsity"] == 0.5


def test_more_than_fits_into_memory_is_refused(images, monkeypatch):
    split = data.load(DenseRun(**settings(images, "unused"))).train
    monkeypatch.setattr(streaming.splits, "LARGEST", 10 * 4 * 3 * SIZE**2)
    free = 3 * 2 * 12 * 4 * 3 * SIZE**2
    monkeypatch.setattr(devices, "own_host_memory", lambda: free)
    monkeypatch.setattr(hosts, "count_here", lambda: 2)
    with pytest.raises(InputError, match="--num-examples must be at most 12"):
        split["image"][:13]
    assert split["image"][:12].shape == (12, SIZE, SIZE, 3)
    monkeypatch.setattr(devices, "own_host_memory", lambda: None)
    with pytest.raises(InputError, match="--num-examples must be at most 10"):
        split["image"][:11]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dataset": "digits"}, "and digits are no files"),
        ({"num_train": 37}, "--num-train 37 is more than the 36 training examples"),
        ({"dataset": "./nowhere"}, "nowhere: there is no such folder"),
        ({"batch_size": 40}, "--batch-size 40 is more than the 36"),
    ],
)
def test_settings_that_do_not_fit_are_refused(images, wrong, message):
    config = DenseRun(**settings(images, "unused", **wrong))
    for check in (data.check, data.load):
        with pytest.raises(InputError, match=message):
            check(config)


def test_two_batches_at_most_are_on_the_devices_before_their_step_is_done(monkeypatch):
    seen = []

    class Reader:
        split = SimpleNamespace(mean=0.0, deviation=1.0)

        def batch(self, at):
            seen.append(f"put {at}")
            return at

    def made(step, state, batch, mean, deviation):
        return state, {"loss": np.float32(batch)}

    monkeypatch.setattr(streamed, "_single", made)
    monkeypatch.setattr(
        jax, "block_until_ready", lambda x: seen.append(f"done {x['loss']:.0f}")
    )
    streamed.make_segment(None)(SimpleNamespace(step=3), Reader(), None, 4)
    assert seen == ["put 3", "put 4", "done 3", "put 5", "done 4", "put 6"]

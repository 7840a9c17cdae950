"""Checkpoints: the same bits back, what is kept, and what is said of what is not."""

import asyncio
import logging
import shutil
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape.checkpoint import checkpoints, digests, verified_folder
from landscape.disk import checkpoint_tables
from landscape.errors import InputError
from landscape.recipes.state import TrainState
from landscape.trees import named_leaves

OPTIMIZERS = {
    "momentum": optax.sgd(0.1, momentum=0.9, nesterov=True),
    "plain": optax.sgd(0.1),
    "adamw": optax.adamw(optax.cosine_decay_schedule(1e-3, 100)),
    "adamw in bfloat16": optax.adamw(1e-3, mu_dtype=jnp.bfloat16),
    "accumulating": optax.MultiSteps(optax.adamw(1e-3), every_k_schedule=3),
    "masked": optax.masked(optax.adam(1e-3), {"Dense_0": True, "Dense_1": False}),
    "injected": optax.inject_hyperparams(optax.sgd)(learning_rate=0.1, momentum=0.9),
    "factored": optax.adafactor(1e-3, min_dim_size_to_factor=4),
}


def make_state(step: int, optimizer=OPTIMIZERS["momentum"], dtype=jnp.float32):
    """A state after one update, with masks whole and scalar, and empty nodes."""
    keys = jax.random.split(jax.random.key(step), 3)
    params = {
        "Dense_0": {
            "kernel": jax.random.normal(keys[0], (7, 5), dtype),
            "bias": jnp.zeros(5, dtype),
        },
        "Dense_1": {"kernel": jax.random.normal(keys[1], (5, 3), dtype)},
    }
    masks = {
        "Dense_0": {
            "kernel": jax.random.bernoulli(keys[2], 0.3, (7, 5)),
            "bias": jnp.bool_(True),
        },
        "Dense_1": {"kernel": jnp.bool_(True)},
    }
    params = jax.tree.map(lambda mask, p: jnp.where(mask, p, 0), masks, params)
    _, opt_state = optimizer.update(params, optimizer.init(params), params)
    updater_state = {"scores": None, "counts": (), "last": jnp.int32(step)}
    return TrainState(jnp.int32(step), params, {}, masks, opt_state, updater_state)


def assert_same_bits(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    chex.assert_trees_all_equal_shapes_and_dtypes(a, b)
    for name, leaf in named_leaves(a).items():
        assert np.asarray(leaf).tobytes() == np.asarray(named_leaves(b)[name]).tobytes()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_state_comes_back_bit_for_bit_for_every_kind_of_optimizer(name, tmp_path):
    state = make_state(3, OPTIMIZERS[name])
    checkpoints.save(tmp_path, state)
    like = jax.eval_shape(lambda: make_state(3, OPTIMIZERS[name]))
    restored, refused = checkpoints.restore(tmp_path, like)
    assert_same_bits(restored, state)
    assert not refused


def test_a_state_in_bfloat16_comes_back_bit_for_bit(tmp_path):
    state = make_state(3, dtype=jnp.bfloat16)
    assert state.params["Dense_0"]["kernel"].dtype == jnp.bfloat16
    checkpoints.save(tmp_path, state)
    restored, _ = checkpoints.restore(tmp_path, state)
    assert_same_bits(restored, state)


def test_unusual_numbers_and_shapes_come_back_bit_for_bit(tmp_path):
    odd_nan = np.array([0x7FC00123, 0xFFC00001, 0x7F800000, 1], np.uint32)
    tree = {
        "minus zero": np.full((2, 3), -0.0, np.float32),
        "all zero": np.zeros((4, 4), np.float32),
        "nan, infinity, subnormal": odd_nan.view(np.float32),
        "no entries": np.zeros((0, 3), np.float32),
        "float64": np.array([np.pi]),
        "unsigned": np.arange(5, dtype=np.uint8),
        "by columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "Python number": 3,
    }
    state = TrainState(np.int32(0), tree, {}, {}, (), ())
    checkpoints.save(tmp_path, state)
    restored, _ = checkpoints.restore(tmp_path, state)
    assert restored.params["Python number"].dtype == np.int32
    tree["Python number"] = np.int32(3)
    assert_same_bits(restored, state)


def test_a_state_spread_over_a_mesh_is_saved_as_a_whole(tmp_path):
    mesh = jax.make_mesh((1,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec()
    placed = jax.device_put(make_state(3), jax.NamedSharding(mesh, spec))
    checkpoints.save(tmp_path, placed)
    assert_same_bits(checkpoints.restore(tmp_path, placed)[0], make_state(3))


def test_without_a_checkpoint_the_answer_is_a_fresh_start(tmp_path):
    assert checkpoints.restore(tmp_path / "missing", make_state(0)) is None
    assert checkpoints.restore(tmp_path, make_state(0)) is None
    assert checkpoints.steps(tmp_path) == []


def test_the_first_the_newest_the_one_before_and_the_grid_are_kept(tmp_path):
    for step in range(7):
        state = TrainState(np.int32(step), {"w": np.ones(2)}, {}, {}, (), ())
        checkpoints.save(tmp_path / "few", state)
        checkpoints.save(tmp_path / "many", state, keep_every=3)
    assert checkpoints.steps(tmp_path / "few") == [0, 5, 6]
    assert checkpoints.steps(tmp_path / "many") == [0, 3, 5, 6]
    assert {path.name for path in (tmp_path / "few").iterdir()} == {"0", "5", "6"}


def test_a_step_asked_for_is_the_step_given(tmp_path):
    for step in (0, 10, 20):
        checkpoints.save(tmp_path, make_state(step), keep_every=10)
    restored, refused = checkpoints.restore(tmp_path, make_state(0), step=10)
    assert_same_bits(restored, make_state(10))
    assert not refused


def test_a_step_that_was_not_kept_is_answered_with_those_that_were(tmp_path):
    for step in (0, 10, 20):
        checkpoints.save(tmp_path, make_state(step), keep_every=10)
    with pytest.raises(InputError, match=r"step 15 was not kept.*: 0, 10, 20"):
        checkpoints.restore(tmp_path, make_state(0), step=15)
    with pytest.raises(InputError, match="those kept: none"):
        checkpoints.restore(tmp_path / "missing", make_state(0), step=0)


def test_saving_the_same_state_again_writes_nothing(tmp_path):
    checkpoints.save(tmp_path, make_state(3))
    before = (tmp_path / "3").stat()
    checkpoints.save(tmp_path, make_state(3))
    after = (tmp_path / "3").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_another_state_of_the_same_step_replaces_the_one_there(tmp_path):
    checkpoints.save(tmp_path, make_state(3))
    other = make_state(4)._replace(step=jnp.int32(3))
    checkpoints.save(tmp_path, other)
    assert_same_bits(checkpoints.restore(tmp_path, other)[0], other)
    assert [path.name for path in tmp_path.iterdir()] == ["3"]


def test_saving_over_a_damaged_checkpoint_mends_it(tmp_path):
    checkpoints.save(tmp_path, make_state(3))
    (tmp_path / "3" / "state" / "_METADATA").unlink()
    checkpoints.save(tmp_path, make_state(3))
    restored, refused = checkpoints.restore(tmp_path, make_state(0))
    assert_same_bits(restored, make_state(3))
    assert not refused


def test_the_newest_sound_one_before_the_new_one_is_kept(tmp_path):
    for step in (0, 10, 20):
        checkpoints.save(tmp_path, make_state(step))
    (tmp_path / "20" / "state" / "_METADATA").write_text("{}")
    checkpoints.save(tmp_path, make_state(30))
    assert checkpoints.steps(tmp_path) == [0, 10, 30]


def test_old_checkpoints_go_only_after_the_new_one_is_on_the_disk(
    tmp_path, monkeypatch
):
    events = []
    flush, rename = verified_folder.flush, Path.rename

    def noted_flush(path):
        events.append(("flush", path.relative_to(tmp_path).as_posix()))
        flush(path)

    def noted_rename(path, target):
        if path.parent == tmp_path:
            events.append(("rename", path.name, target.name))
        return rename(path, target)

    for step in (0, 10, 20):
        checkpoints.save(tmp_path, make_state(step))
    monkeypatch.setattr(verified_folder, "flush", noted_flush)
    monkeypatch.setattr(Path, "rename", noted_rename)
    checkpoints.save(tmp_path, make_state(30))

    new = "30.orbax-checkpoint-tmp"
    born = events.index(("rename", new, "30"))
    inside = [p.relative_to(tmp_path / "30") for p in (tmp_path / "30").rglob("*")]
    assert len(inside) > 10
    for path in [Path("."), *inside]:
        assert ("flush", (Path(new) / path).as_posix()) in events[:born]
    listed = events.index(("flush", "."))
    gone = events.index(("rename", "10", "10.old.orbax-checkpoint-tmp"))
    assert born < listed < gone


def test_a_state_of_another_kind_is_refused_with_the_first_leaf_that_differs(tmp_path):
    state = make_state(3)
    checkpoints.save(tmp_path, state)
    wider = state._replace(params=state.params | {"Dense_1": {"kernel": np.ones(4)}})
    with pytest.raises(
        InputError,
        match=r"leaf params/Dense_1/kernel is float32\[5,3\] there and float64\[4\] he",
    ):
        checkpoints.restore(tmp_path, wider)
    fewer = state._replace(masks={"Dense_0": state.masks["Dense_0"]})
    with pytest.raises(
        InputError, match=r"leaf masks/Dense_1/kernel is bool\[\] there and missing"
    ):
        checkpoints.restore(tmp_path, fewer)
    more = state._replace(batch_stats={"mean": np.ones(2)})
    with pytest.raises(
        InputError, match=r"batch_stats/mean is missing there and float64\[2\] here"
    ):
        checkpoints.restore(tmp_path, more)


def test_checkpoints_work_where_an_event_loop_runs_as_in_a_notebook(tmp_path):
    async def cell():
        checkpoints.save(tmp_path, make_state(3))
        return checkpoints.restore(tmp_path, make_state(0))

    assert_same_bits(asyncio.run(cell())[0], make_state(3))


def test_a_relative_folder_will_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checkpoints.save(Path("run/checkpoints"), make_state(3))
    shutil.move("run", "moved")
    restored, _ = checkpoints.restore(Path("moved/checkpoints"), make_state(0))
    assert_same_bits(restored, make_state(3))


def test_orbax_is_silent_and_others_are_not(tmp_path, caplog, capfd, monkeypatch):
    checkpoints.save(tmp_path, make_state(3))
    checkpoints.restore(tmp_path, make_state(0))
    assert not caplog.records
    assert capfd.readouterr() == ("", "")
    save = verified_folder.ocp.Checkpointer.save

    def chatty(*args, **kwargs):
        logging.getLogger("absl").warning("a word of somebody else")
        save(*args, **kwargs)

    monkeypatch.setattr(verified_folder.ocp.Checkpointer, "save", chatty)
    checkpoints.save(tmp_path, make_state(4))
    assert [record.message for record in caplog.records] == ["a word of somebody else"]


def test_a_seal_shows_every_single_bit_that_is_off():
    content = {"name": "3", "leaves": {"w": {"type": "float32[2]", "crc32": 7}}}
    text = checkpoint_tables.seal(content).encode()
    assert checkpoint_tables.unseal(text) == content
    for bit in range(8 * len(text)):
        flipped = bytearray(text)
        flipped[bit // 8] ^= 1 << bit % 8
        assert checkpoint_tables.unseal(bytes(flipped)) is None
    for end in range(len(text)):
        assert checkpoint_tables.unseal(text[:end]) is None
    assert checkpoint_tables.unseal(text + b"\n") is None
    assert checkpoint_tables.unseal(b"[1]") is None


@settings(deadline=None, max_examples=25)
@given(
    dtype=st.sampled_from(["float32", "float16", "int32", "uint8", jnp.bfloat16]),
    size=st.integers(1, 40),
    data=st.data(),
)
def test_a_digest_tells_bits_dtypes_and_shapes_apart(dtype, size, data):
    raw = data.draw(st.binary(min_size=4 * size, max_size=4 * size))
    array = np.frombuffer(raw, dtype)
    bit = data.draw(st.integers(0, 32 * size - 1))
    flipped = bytearray(raw)
    flipped[bit // 8] ^= 1 << bit % 8
    others = [
        np.frombuffer(bytes(flipped), dtype),
        array.view(np.int8),
        array.reshape(1, -1),
    ]
    own = digests.leaf_digests({"w": array})
    assert own == digests.leaf_digests({"w": array.copy()})
    assert all(digests.leaf_digests({"w": other}) != own for other in others)


def test_two_leaves_of_one_name_are_refused():
    with pytest.raises(InputError, match="would both be called"):
        digests.named_arrays({"a": {"b": np.ones(1)}, "a/b": np.ones(1)})

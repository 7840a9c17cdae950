"""Methods whose pruned weights come back: straight through, and AC/DC; slow twins."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscape.config import SparseRun
from landscape.errors import InputError
from landscape.recipes import schedules
from landscape.sparsity import choices, updaters

SHAPES = {"a": (6, 7), "b": (4, 5), "bias": (7,)}
COUNTS = {"a": 5, "b": 12}
STEPS = 25


def moving():
    """Weights that change at every step, with ties and zeros among them."""
    draw = np.random.default_rng(0)
    start, slope = (
        {k: draw.normal(size=s) for k, s in SHAPES.items()} for _ in range(2)
    )
    return {
        k: np.stack([start[k] + t * slope[k] / 9 for t in range(1, STEPS + 1)])
        .round(1)
        .astype(np.float32)
        for k in SHAPES
    }


def history(updater, trajectory):
    """Masks after every step, and where they are said to change."""
    masks, state = updater.init(None, {k: w[0] for k, w in trajectory.items()})

    def body(masks, inputs):
        step, params = inputs
        masks, _, info = updater.update(step, None, params, None, masks, state)
        return masks, (masks, info["changed"])

    inputs = jnp.arange(1, STEPS + 1), trajectory
    return jax.device_get(jax.jit(lambda xs: jax.lax.scan(body, masks, xs)[1])(inputs))


def largest(params, counts, global_=False):
    """A stable sort of the magnitudes, by layer or over both."""
    names, masks = list(COUNTS), {}
    for group in [names] if global_ else [[name] for name in names]:
        flat = np.concatenate([np.abs(params[k]).ravel() for k in group])
        kept = np.zeros(flat.size, bool)
        best = np.argsort(-flat, kind="stable")[: sum(counts[k] for k in group)]
        kept[best] = True
        for k in group:
            size = params[k].size
            masks[k], kept = kept[:size].reshape(SHAPES[k]), kept[size:]
    return masks


def check(masks, changed, wanted):
    """`wanted`: masks after every step; None where they are those of before."""
    before = {k: np.ones(SHAPES[k], bool) for k in COUNTS}
    for i, want in enumerate(wanted):
        want = before if want is None else want
        for name in COUNTS:
            np.testing.assert_array_equal(masks[name][i], want[name], str((i, name)))
        assert changed[i] == any((want[k] != before[k]).any() for k in COUNTS), i
        before = want
    assert masks["bias"].shape == (STEPS,) and masks["bias"].all()


@pytest.mark.parametrize("global_", [False, True], ids=["by layer", "global"])
@pytest.mark.parametrize(
    ("start", "end", "every"), [(3, 13, 4), (0, 1, 1), (25, 25, 9)]
)
def test_masks_straight_through_are_the_largest_latent_weights(
    start, end, every, global_
):
    choice = choices.by_layer(COUNTS, global_)
    updater = updaters.straight_through(choice, start, end, every)
    trajectory, wanted = moving(), []
    masks, changed = history(updater, trajectory)
    for step in range(1, STEPS + 1):
        # To the end of training, long after `end`.
        if step in {*range(start, STEPS + 1, every), end} and step >= start:
            params = {k: w[step - 1] for k, w in trajectory.items()}
            counts = {
                k: params[k].size
                - schedules.cubic_removed(step, params[k].size - n, start, end)
                for k, n in COUNTS.items()
            }
            wanted.append(largest(params, counts, global_))
        else:
            wanted.append(None)
    check(masks, changed, wanted)
    kept = sum(int(masks[k][-1].sum()) for k in COUNTS)
    assert kept == sum(COUNTS.values())
    if start == 3:
        back = [masks[k][1:] & ~masks[k][:-1] for k in COUNTS]
        assert any(m[end:].any() for m in back)


def test_n_of_m_straight_through_lets_weights_of_a_group_come_back():
    updater = updaters.straight_through(choices.n_of_m(["kernel"], 1, 2), 0, 1, 1)
    rows = np.array([[1.0, 2.0, 5.0, 4.0], [3.0, 2.0, 5.0, 6.0], [3.0, 3.0, 0.0, 0.0]])
    masks, state = updater.init(None, {"kernel": rows[0][:, None]})
    assert state.latent["kernel"].ravel().tolist() == rows[0].tolist()
    seen = []
    for step, row in enumerate(rows, 1):
        params = {"kernel": jnp.asarray(row[:, None])}
        masks, _, info = updater.update(step, None, params, None, masks, state)
        seen.append("".join("01"[int(kept)] for kept in masks["kernel"].ravel()))
        assert info["changed"]
    assert seen == ["0110", "1001", "1010"]


@pytest.mark.parametrize("global_", [False, True], ids=["by layer", "global"])
def test_acdc_alternates_and_keeps_the_final_counts_in_every_sparse_phase(global_):
    choice = choices.by_layer(COUNTS, global_)
    updater = updaters.acdc(choice, [3, 9, 16], [7, 12])
    trajectory = moving()
    masks, changed = history(updater, trajectory)
    wanted = [None] * STEPS
    for step in (3, 9, 16):
        params = {k: w[step - 1] for k, w in trajectory.items()}
        wanted[step - 1] = largest(params, COUNTS, global_)
    for step in (7, 12):
        wanted[step - 1] = {k: np.ones(SHAPES[k], bool) for k in COUNTS}
    check(masks, changed, wanted)


@pytest.mark.parametrize(
    ("sparse", "dense"),
    [([3], [1]), ([3, 5], []), ([3, 5], [6]), ([0], []), ([3, 3], [3]), ([], [])],
)
def test_phases_that_do_not_alternate_are_refused(sparse, dense):
    with pytest.raises(InputError, match="must start in alternation"):
        updaters.acdc(choices.by_layer(COUNTS), sparse, dense)


def test_the_default_phases_are_those_of_the_paper_s_resnet():
    """Of its configuration for 100 epochs: prune at 10, 20, ... 70 and 85, restore all
    at 15, 25, ... 75."""
    sparse, dense = SparseRun(method="acdc", steps=100).phase_starts
    assert sparse == (10, 20, 30, 40, 50, 60, 70, 85)
    assert dense == (15, 25, 35, 45, 55, 65, 75)


@pytest.mark.parametrize(
    ("lengths", "starts"),
    [
        # One round fits exactly; with one step more the dense phase is longer.
        ((5, 2, 3, 4), ((5, 10), (8,))),
        ((5, 2, 3, 3), ((5, 11), (8,))),
        ((1, 1, 1, 1), ((1, 3, 5, 7, 9, 11, 13), (2, 4, 6, 8, 10, 12))),
    ],
)
def test_the_phases_fill_the_run_and_the_last_is_sparse(lengths, starts):
    names = "first_dense_steps", "dense_steps", "sparse_steps", "last_sparse_steps"
    given = dict(zip(names, lengths, strict=True))
    assert SparseRun(method="acdc", steps=14, **given).phase_starts == starts


def test_phases_longer_than_the_run_are_refused():
    with pytest.raises(
        InputError, match=r"within --steps 14, but 5 \+ 3 \+ 2 \+ 5 are"
    ):
        SparseRun(
            method="acdc", steps=14, first_dense_steps=5, dense_steps=2,
            sparse_steps=3, last_sparse_steps=5,
        )  # fmt: skip

import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape import rng

TRACED = jax.jit(lambda seed, *counters: rng.stream(seed, "order", *counters))


def draw(key):
    return np.asarray(jax.random.bits(key, (4,))).tolist()


SEEDS = st.integers(0, 2**31 - 1)


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS, epoch=SEEDS, step=SEEDS)
def test_traced_counters_give_the_keys_of_static_ones(seed, epoch, step):
    traced = TRACED(seed, epoch, step)
    assert draw(traced) == draw(rng.stream(seed, "order", epoch, step))


def test_seed_name_and_every_counter_change_the_key():
    keys = [
        rng.stream(0, "init"),
        rng.stream(1, "init"),
        rng.stream(0, "order"),
        rng.stream(0, "init", 0),
        rng.stream(0, "init", 1),
        rng.stream(0, "init", 0, 1),
        rng.stream(0, "init", 1, 0),
    ]
    assert len({tuple(draw(key)) for key in keys}) == len(keys)


def test_another_process_draws_the_same():
    # Another seed of `hash`, on which nothing may depend.
    hash_seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    code = (
        "import jax; from landscape import rng;"
        "print(jax.random.bits(rng.stream(7, 'augment', 3), (4,)).tolist())"
    )
    out = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout.strip() == str(draw(rng.stream(7, "augment", 3)))

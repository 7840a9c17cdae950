"""What a spectrum is said to take, against the arrays there are and what is chosen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis import curvature, spectra
from analysis.spectra import basis, lanczos, memory, quadrature, recurrence, storage
from landscape.errors import InputError
from landscape.machine import devices

N = 4096
ROW = 4 * N
MIB = 2**20


@pytest.fixture
def op():
    values = jnp.linspace(-1, 1, N)
    return spectra.from_function(jax.tree_util.Partial(jnp.multiply, values), N)


def size(tree):
    return sum(x.nbytes for x in jax.tree.leaves(tree))


def test_vectors_take_what_is_said(op):
    needed = spectra.memory_needed(op, 20, 80, 10)
    assert needed.operator == ROW
    # 140 vectors of 40 pairs, as whole blocks, twice at a restart.
    before = size(jax.live_arrays())
    state = lanczos.start(op, jnp.ones(N), 140)
    made = basis.restarted(state.basis, np.ones((73, 144)), 140)
    got = size(jax.live_arrays()) - before
    block = basis._added.lower(made[0], np.ones((16, 16)), made[1], None).compile()
    got += block.memory_analysis().temp_size_in_bytes
    assert got < needed.pairs < 1.1 * got
    # 40 locked vectors and 80 steps, for one probe at a time.
    state = lanczos.start(op, jnp.ones(N), 80, locked=jnp.eye(40, N, 1))
    assert size(state) + 80 * ROW < needed.density < size(state) + 95 * ROW
    assert needed.vectors == max(needed.pairs, needed.density, needed.trace)
    assert needed.total == ROW + needed.product + needed.vectors


@pytest.mark.parametrize(
    ("free", "limit", "on_cpu", "mesh", "chosen"),
    [
        (None, None, True, False, "device"),
        (9 * MIB, None, True, False, "device"),
        (9 * MIB, MIB, True, False, "device"),
        (9 * MIB, MIB, True, True, "sharded"),
        (9 * MIB, None, True, True, "device"),
        (MIB, None, True, True, "sharded"),
        (10**9, None, False, True, "vmapped"),
        (9 * MIB, None, False, True, "device"),
        (9 * MIB, MIB, False, True, "sharded"),
        (MIB, None, False, False, "host"),
        (MIB // 2, None, False, True, "host"),
    ],
)
def test_vectors_go_where_there_is_room(
    monkeypatch, op, free, limit, on_cpu, mesh, chosen
):
    mesh = jax.sharding.AbstractMesh((8,), ("data",)) if mesh else None
    monkeypatch.setattr(devices, "free_memory", lambda: free)
    monkeypatch.setattr(memory, "on_cpu", lambda: on_cpu)
    monkeypatch.setattr(storage, "mesh_of", lambda op: mesh)
    needed = spectra.memory_needed(op, 20, 80, 10, memory=limit)
    assert needed.storage == chosen
    assert memory.WHERE[chosen] in str(needed)
    needed.check()
    if chosen in ("vmapped", "device", "host"):
        placed = needed.placed(op)
        assert isinstance(placed, storage.OnHost) == (chosen == "host")
        assert placed.scannable == (on_cpu or chosen == "vmapped")
        assert np.allclose(placed.matvec(np.ones(N)), op.matvec(jnp.ones(N)))


def test_a_spectrum_that_resumes_keeps_its_vectors_where_they_were(monkeypatch, op):
    mesh = jax.sharding.AbstractMesh((8,), ("data",))
    monkeypatch.setattr(storage, "mesh_of", lambda op: mesh)
    free = 9 * MIB
    monkeypatch.setattr(devices, "free_memory", lambda: free)
    found = [spectra.memory_needed(op, 20, 80, 10, before=b) for b in (None, "sharded")]
    assert [x.storage for x in found] == ["device", "sharded"]
    free = MIB
    # There is no room as before.
    assert spectra.memory_needed(op, 20, 80, 10, before="device").storage == "sharded"


def test_a_product_takes_in_a_loop_of_lanczos_what_is_said():
    data = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
    op = curvature.hessian(loss, jnp.ones((8, 24)), data, check=False)
    needed = spectra.memory_needed(op, 2, 12, 1)
    assert not needed.estimated and "a product 0" in str(needed)
    state = lanczos.start(op, jnp.ones(op.size), 16)
    taken = recurrence.loop.lower(op, state, 16).compile().memory_analysis()
    assert 0.9 < taken.temp_size_in_bytes / needed.product < 1.3


def loss(w, x):
    return jnp.mean(jnp.tanh(x @ w) ** 4)


def test_what_a_product_is_only_estimated_to_take_is_no_reason_to_refuse(op):
    op = spectra.from_function(op.matvec, N, scannable=False)
    needed = spectra.memory_needed(op, 20, 80, 2)
    assert needed.estimated and "a product at most about" in str(needed)
    certain = needed.vectors
    for free in (certain, certain + needed.product):
        found = needed._replace(free=free)
        found.check()
        assert (found.warning is None) == (free > certain)
    with pytest.raises(InputError, match="on each device"):
        needed._replace(free=certain - 1).check()


def test_vmapped_probes_hold_their_bases_as_often_as_is_said(monkeypatch, op):
    monkeypatch.setattr(memory, "on_cpu", lambda: False)
    needed = spectra.memory_needed(op, 1, 12, 2)
    assert needed.storage == "vmapped"
    locked = jnp.eye(2, N)
    states = [lanczos.start(op, jnp.ones(N), 12, locked=locked) for _ in range(2)]
    states = jax.tree.map(lambda *x: jnp.stack(x), *states)
    loop = quadrature._vmapped.lower(op, states, 14, jax.random.key(0)).compile()
    found = loop.memory_analysis()
    got = found.argument_size_in_bytes + found.temp_size_in_bytes
    assert got < needed.density < 1.1 * got


def test_of_a_container_what_its_limit_leaves_is_free(monkeypatch, tmp_path):
    """Pages of files that were read are counted as used, and are not."""
    (tmp_path / "memory.max").write_text(f"{9 * MIB}\n")
    (tmp_path / "memory.current").write_text(f"{8 * MIB}\n")
    stat = f"anon {2 * MIB}\nactive_file {4 * MIB}\ninactive_file {2 * MIB}\n"
    (tmp_path / "memory.stat").write_text(stat)
    monkeypatch.setattr(devices, "CGROUPS", tmp_path)
    assert devices.free_host_memory() == 7 * MIB
    (tmp_path / "memory.max").write_text("max\n")
    assert devices.free_host_memory() > 9 * MIB


def test_what_does_not_fit_is_refused_in_a_sentence(monkeypatch, op):
    needed = spectra.memory_needed(op, 20, 80, 2)
    with pytest.raises(InputError, match=r"5.1 MiB on each device .* the 1 MiB"):
        needed._replace(free=MIB).check()
    with pytest.raises(InputError, match=r"MiB on the host .*free: fewer --top"):
        needed._replace(storage="host", host=MIB).check("fewer --top")
    # A product is on the device wherever the vectors are.
    with pytest.raises(InputError, match=r"MiB on each device .* the 0.0"):
        needed._replace(storage="host", free=MIB // 64).check()
    monkeypatch.setattr(jax, "local_devices", lambda backend=None: 1 / 0)
    needed._replace(free=None).check()

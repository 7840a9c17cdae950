"""Long programs stay below the number of memory maps that a process may hold."""

import jax
import jax.numpy as jnp
import numpy as np

from landscape.cli import limit_compiled_programs


def test_above_the_limit_programs_are_dropped_and_results_are_the_same():
    step = jax.jit(lambda x: jnp.sin(x) * 3.0 + x**2)
    x = jnp.linspace(0, 1, 7)
    before = np.asarray(step(x))
    assert not limit_compiled_programs(max_maps=10**9)
    assert step._cache_size() == 1
    assert limit_compiled_programs(max_maps=0)
    assert step._cache_size() == 0
    # One program, compiled twice on one machine.
    np.testing.assert_array_equal(np.asarray(step(x)), before)


def test_the_limit_is_an_eighth_of_what_the_system_allows(tmp_path, monkeypatch):
    from landscape.cli import compiled_programs

    maps, limit = tmp_path / "maps", tmp_path / "max_map_count"
    monkeypatch.setattr(compiled_programs, "MAPS", maps)
    monkeypatch.setattr(compiled_programs, "LIMIT", limit)
    assert not limit_compiled_programs(max_maps=0)  # There is no /proc.
    limit.write_text("40\n")
    maps.write_text("a map\n" * 5)
    assert not limit_compiled_programs()
    maps.write_text("a map\n" * 6)
    assert limit_compiled_programs()

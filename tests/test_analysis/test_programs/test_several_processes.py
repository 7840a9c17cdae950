"""Two processes that analyse a run together, as two hosts do."""

import json
import signal
import socket
import time
from pathlib import Path

import jax
import numpy as np

from analysis import path, spectrum
from analysis.programs import inputs, results
from landscape.cli import parse
from tests.test_analysis import over_processes

ROOT = Path(__file__).parents[3]
PROGRAM = """
import json, sys
from landscape.cli import watch_signals
watch_signals()
import jax
import numpy as np
from analysis import path, spectra, spectrum
from analysis.programs import inputs
from landscape import rng
from landscape.machine import devices
from landscape.cli import launch, parse
from tests.test_analysis import over_processes

inputs.FLOPS_PER_SAVE = 1  # so that each point is saved
words, paths, place = map(json.loads, sys.argv[1:])

def main():
    flags = [*words, *place]
    spectrum.main(parse(spectrum.Config, distributed=True, argv=flags))
    divided = spectra.sharded(spectra.from_matrix(np.eye(5)), devices.make_mesh())
    # Each process has the whole rows in the end.
    assert spectra.xtrace(divided, 10, key=rng.stream(0, "trace")).value == 5
    with jax.enable_x64(True):
        print("numbers", json.dumps(over_processes.numbers(devices.make_mesh())))
    path.main_of_several(parse(path.Flags, argv=paths))

launch(main)
"""
POINTS = 301
"""Enough for the signal to come seconds before the last, on a busy machine too."""


def words_of(run, output):
    """The command lines of a spectrum and of a line."""
    shared = ["--output", str(output), "--num-examples", "100"]
    spectra = "--exact --top 1 --layers Dense_1".split()
    paths = f"--points {POINTS}"
    return (
        [run, *spectra, *shared],
        [f"{run}@init", run, *paths.split(), *shared],
    )


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def program(words, index, port):
    """What comes after `python` for one of the two processes."""
    place = ["--coordinator", f"127.0.0.1:{port}", "--num-processes", "2"]
    arguments = map(json.dumps, (*words, [*place, "--process-id", str(index)]))
    return ["-c", PROGRAM, *arguments]


def test_two_processes_find_what_one_does_and_a_signal_to_one_ends_both(
    tmp_path, names, monkeypatch, start_program
):
    """A spectrum and a line; one process continues the path that two began."""
    spectra, paths = words_of(names["pruned"], tmp_path / "both")
    both, port = tmp_path / "both", free_port()
    settings = {"JAX_NUM_CPU_DEVICES": "2", "JAX_PLATFORMS": "cpu"}
    started = [
        start_program(program((spectra, paths), index, port), ROOT, settings)
        for index in (0, 1)
    ]
    try:
        while not list(both.glob(f"path*/{results.PARTIAL}")):
            if any(process.poll() is not None for process in started):
                break
            time.sleep(0.02)
        started[1].send_signal(signal.SIGTERM)
        said = [process.communicate(timeout=300) for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [143, 143], said
    assert "Written to" in said[0][0] and "Written to" not in said[1][0]
    found = json.loads(said[0][0].split("numbers ")[1].splitlines()[0])
    with jax.enable_x64(True):
        over_processes.assert_same(found, over_processes.numbers(None))
    (partial,) = both.glob(f"path*/{results.PARTIAL}")
    kept = results.read_arrays(partial)
    assert 0 < len(kept["values/loss"]) < POINTS
    assert "The same command resumes from there." in said[0][1]
    monkeypatch.setattr(inputs, "FLOPS_PER_SAVE", 50_000)
    alone = words_of(names["pruned"], tmp_path / "alone")
    for words in ((spectra, paths), alone):
        spectrum.run(parse(spectrum.Config, argv=words[0]))
        path.main_of_several(parse(path.Flags, argv=words[1]))
    for one in (tmp_path / "alone").iterdir():
        found, expected = (
            json.loads((folder / results.RESULT).read_text())
            for folder in (both / one.name, one)
        )
        assert not (both / one.name / results.PARTIAL).exists()
        for name in ("losses", "accuracies", "largest", "smallest", "trace"):
            if name in expected:
                # The smallest eigenvalue is 0 to rounding of the largest, about 1.
                np.testing.assert_allclose(
                    found[name], expected[name], rtol=1e-4, atol=1e-6
                )
    arrays = results.read_arrays(both / partial.parent.name / results.ARRAYS)
    np.testing.assert_array_equal(arrays["loss"][: len(kept["values/loss"])],
                                  kept["values/loss"])  # fmt: skip

"""The README's commands on embedded data are executed as they stand there."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
TRAINING = "python -m train.sparse"
SMALL_SALIENCY = "--max-weights 20 --num-examples 100 --scores magnitude taylor1_abs"
SMALL_SPECTRUM = "--num-steps 20 --num-probes 2 --top 3 --num-examples 300"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.S)


def commands():
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    programs = [line.split("#")[0].strip() for line in lines]
    return dict.fromkeys(line for line in programs if line.startswith("python -m"))


NEED_DATA = [line for line in commands() if "data-dir" in line]
TAKE_MASKS = [line for line in commands() if "mask-from" in line]
EMBEDDED = [
    line for line in commands() if line not in {TRAINING, *NEED_DATA, *TAKE_MASKS}
]


@pytest.fixture(scope="module")
def run(start_program):
    """Runs a program compiled as a user's is, unless the environment says otherwise."""

    def run(words, cwd, start=start_program, **environment):
        # What one command compiles, the next ones use.
        cache = {
            "JAX_COMPILATION_CACHE_DIR": str(cwd / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
        process = start(words, cwd, {"XLA_FLAGS": ""} | cache | environment)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory, run, start_process):
    """A folder with the runs of the main job, and what it printed."""
    folder = tmp_path_factory.mktemp("readme")
    # From the start of Python on, as it stands there.
    done = run(shlex.split(TRAINING)[1:], folder, start_process)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_the_main_job_prints_and_draws_its_three_networks(trained):
    folder, printed = trained
    assert TRAINING in commands()
    for name in ("pruned", "lottery", "scratch"):
        assert name in printed
        assert (folder / "runs/digits" / name / "figures" / "training.png").exists()
    assert (folder / "runs/digits/figures/methods.png").exists()


@pytest.mark.parametrize("line", EMBEDDED)
def test_a_command_on_embedded_data_runs(trained, run, line):
    # Studies take minutes and spectra half a one; tests of their own run them small.
    line += " --help" if "studies" in line else ""
    line += f" {SMALL_SPECTRUM}" if "spectrum" in line else ""
    line += f" {SMALL_SALIENCY}" if "saliency" in line else ""
    line += " --steps 60 --rounds 1" if "train.units" in line else ""
    # A spectrum compiles most: with the tests' few optimisations, in half the time.
    few = {"XLA_FLAGS": os.environ["XLA_FLAGS"]} if "spectrum" in line else {}
    words = shlex.split(line)
    done = run(words[1:], trained[0], **few)
    assert done.returncode == 0, done.stderr


def test_the_commands_that_take_masks_run(trained, run):
    folder, _ = trained
    small = "--method pruning --sparsity 0.98 --steps 60 --workdir runs/pruned"
    done = run(["-m", "train.sparse", *small.split()], folder)
    assert done.returncode == 0, done.stderr
    for line in TAKE_MASKS:
        done = run(shlex.split(line)[1:], folder)
        assert done.returncode == 0, (line, done.stderr)


def test_the_notebook_lines_run(trained, run):
    notebook, _ = blocks("python")
    fields = set("config model objective state masks data".split())
    notebook += f"\nassert set(run._fields) == {fields}"
    done = run(["-c", notebook], trained[0])
    assert done.returncode == 0, done.stderr


def test_the_loop_of_ones_own_runs_on_linen_nnx_and_a_dict():
    x = np.random.default_rng(0).normal(size=(4, 8, 12)).astype("float32")
    network = linen.Dense(5)
    graph, of_nnx = nnx.split(nnx.Linear(12, 5, rngs=nnx.Rngs(0)), nnx.Param)
    kernel = {"layer": {"kernel": jnp.ones((12, 5))}}
    for params, apply in (
        (network.init(jax.random.key(0), x[0]), network.apply),
        (of_nnx, lambda params, x: nnx.merge(graph, params)(x)),
        (kernel, lambda params, x: x @ params["layer"]["kernel"]),
    ):

        def loss_fn(params, batch, apply=apply):
            return jnp.mean((apply(params, batch) - 1) ** 2)

        _, loop = blocks("python")
        names = dict(params=params, loss_fn=loss_fn, batches=x)
        exec(loop, names)
        after = [k for k in jax.tree.leaves(names["params"]) if k.ndim == 2]
        assert [np.count_nonzero(kernel) for kernel in after] == [6]
        assert names["state"].step == 4


@pytest.mark.parametrize("line", NEED_DATA)
def test_a_command_that_needs_a_data_set_names_flags_that_exist(tmp_path, run, line):
    done = run(shlex.split(line)[1:], tmp_path)
    # The set is not there: everything else about the command must be right.
    assert done.returncode == 2
    assert "landscape.data.prepare" in done.stderr or "[prepare]" in done.stderr


def test_every_path_and_make_target_that_the_readme_names_is_there():
    for path in re.findall(r"\]\((docs/[^)]+)\)", TEXT):
        assert (ROOT / path).exists(), path
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", "\n".join(blocks("bash")), re.M):
        assert f"\n{target}:" in makefile


def test_every_folder_of_the_readmes_table_is_there():
    table = TEXT.partition("## Where things are")[2]
    folders = re.findall(r"^\| `([\w/]+/)`", table, re.M)
    assert len(folders) > 15
    for folder in folders:
        assert (ROOT / folder).is_dir(), folder

"""The README's commands on embedded data are executed as they stand there."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.S)


def commands():
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    programs = [line.split("#")[0].strip() for line in lines]
    return [line for line in programs if line.startswith("python -m")]


def run(*words, cwd):
    # What one command compiles, the next ones use.
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(cwd / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    return subprocess.run(
        [sys.executable, *words], cwd=cwd, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | cache,
    )  # fmt: skip


def test_the_commands_on_embedded_data_and_the_notebook_lines_run(tmp_path):
    other = ("data-dir", "mask-from")
    embedded = dict.fromkeys(
        line for line in commands() if not any(flag in line for flag in other)
    )
    assert "python -m train.sparse" in embedded
    printed = ""
    for line in embedded:
        # Minutes; tests of their own run them small.
        line += " --help" if "studies" in line else ""
        done = run(*shlex.split(line)[1:], cwd=tmp_path)
        assert done.returncode == 0, (line, done.stderr)
        printed += done.stdout
    small = "--sparsity 0.98 --steps 60 --workdir runs/pruned".split()
    run("-m", "train.sparse", "--method", "pruning", *small, cwd=tmp_path)
    for line in commands():
        if "mask-from" in line:
            again = run(*shlex.split(line)[1:], cwd=tmp_path)
            assert again.returncode == 0, (line, again.stderr)
    for name in ("pruned", "lottery", "scratch"):
        assert name in printed
        assert (tmp_path / "runs/digits" / name / "figures" / "training.png").exists()
    assert (tmp_path / "runs/digits/figures/methods.png").exists()
    (notebook,) = blocks("python")
    fields = set("config model objective state masks data".split())
    notebook += f"\nassert set(run._fields) == {fields}"
    done = run("-c", notebook, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_commands_that_need_a_data_set_name_flags_that_exist(tmp_path):
    for line in commands():
        if "data-dir" in line:
            words = shlex.split(line)[1:]
            done = run(*words, cwd=tmp_path)
            # The set is not there: everything else about the command must be right.
            assert done.returncode == 2
            assert "landscape.data.prepare" in done.stderr or "[prepare]" in done.stderr


def test_every_path_and_make_target_that_the_readme_names_is_there():
    for path in re.findall(r"\]\((docs/[^)]+)\)", TEXT):
        assert (ROOT / path).exists(), path
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", "\n".join(blocks("bash")), re.M):
        assert f"\n{target}:" in makefile

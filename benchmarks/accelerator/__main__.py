"""What a GPU or TPU does with the programs here, in one command of nine minutes.

    python -m benchmarks.accelerator
    python -m benchmarks.accelerator train torch --batch-size 128
    python -m benchmarks.accelerator products --images 2000 --seconds 300
    python -m benchmarks.accelerator --small

train     ResNet-50's step in bfloat16 at 224 pixels, dense and masked: images a second
torch     the same in PyTorch (channels last, autocast, torch.compile)
products  a Hessian product and an 80-step density of ResNet-50 on 10,000 images
path      51 points of a line between two ResNet-50s on 10,000 images
seeds     LeNet seeds trained in one program against one after the other
vmap      points of lines and probes of densities, vmapped against one after the other

Each part has a process of its own and a share of `--seconds`, whatever the ones before
left included; one that fails or takes too long is a row that says so. Images are
synthetic and on the device. Results are without compilation; memory is the most that
the part's process has held so far (`memory_stats`). Where 10,000 images take too long,
fewer are taken, and the time of all is predicted. Analyses multiply float32 in full;
with JAX_DEFAULT_MATMUL_PRECISION=tensorfloat32 all rows are in TF32. `--small` runs
every part on a CPU with small networks, in about a minute and a half.

The fast part of the test suite on a GPU (XLA_FLAGS= leaves out the flags of CPUs, full
precision is what tolerances are made for, and processes share the memory):

    XLA_FLAGS= JAX_DEFAULT_MATMUL_PRECISION=highest \
XLA_PYTHON_CLIENT_PREALLOCATE=false \
python -m pytest -n 4 --dist loadfile tests/test_landscape/test_derivatives \
tests/test_landscape/test_sparsity tests/test_landscape/test_models \
tests/test_analysis/test_curvature tests/test_analysis/test_spectra \
tests/test_analysis/test_evaluation tests/test_analysis/test_paths
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time

from benchmarks.accelerator.rows import Options, Row, markdown, read, report

PARTS = {
    # Seconds of 520.
    "train": 110,
    "torch": 70,
    "products": 190,
    "path": 70,
    "seeds": 35,
    "vmap": 45,
}
GRACE = 5
"""Seconds for a part to end by itself after its time."""


def cases_of(part: str, options: Options):
    """Name and function of each row of a part; imports what it needs."""
    if part == "torch":
        from benchmarks.accelerator import torch_training

        return torch_training.cases(options)
    from benchmarks.accelerator import curvature, points, seeds, training

    return {
        "train": training.cases,
        "products": curvature.cases,
        "path": points.line_cases,
        "seeds": seeds.cases,
        "vmap": points.vmap_cases,
    }[part](options)


def run_part(part: str, seconds: float, flags: argparse.Namespace) -> list[Row]:
    """The rows of a part, measured by another process within that many seconds."""
    python = flags.torch_python if part == "torch" else sys.executable
    given = [word for word in sys.argv[1:] if word not in PARTS]
    command = [python, "-m", "benchmarks.accelerator", part, *given]
    environment = {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.92"} | os.environ
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [*command, "--child", str(seconds)], stdout=output, env=environment
        )
        ended = ""
        try:
            process.wait(seconds + GRACE)
        except subprocess.TimeoutExpired:
            ended = f"stopped after {seconds:.0f} s"
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        rows = read(output.read())
    if not ended and process.returncode:
        ended = f"ended with status {process.returncode}"
    return [*rows, Row(part, ended)] if ended else rows


def read_flags() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--seconds", type=float, default=520, help="for all parts")
    parser.add_argument("--small", action="store_true", help="sizes for a CPU")
    parser.add_argument("--batch-size", type=int, help="of training; default 256")
    parser.add_argument("--images", type=int, help="of analyses; default 10000")
    parser.add_argument("--num-seeds", type=int, help="trained together; default 8")
    parser.add_argument(
        "--peak-tflops", type=float, nargs="+", help="in bfloat16, and in float32"
    )
    parser.add_argument(
        "--torch-python", default=sys.executable, help="a Python that has PyTorch"
    )
    parser.add_argument("--child", type=float, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if unknown := set(flags.parts) - set(PARTS):
        parser.error(f"no part {min(unknown)!r}: of {', '.join(PARTS)}.")
    return flags


def main() -> None:
    """Prints the rows of each part as it ends, and the whole table last."""
    flags = read_flags()
    if flags.child:
        options = Options.of(flags)
        report(cases_of(flags.parts[0], options), options)
        return
    parts = [part for part in PARTS if part in (flags.parts or PARTS)]
    end, rows = time.monotonic() + flags.seconds, []
    for i, part in enumerate(parts):
        left = end - time.monotonic() - GRACE
        weight = PARTS[part] / sum(PARTS[each] for each in parts[i:])
        found = run_part(part, max(left * weight, 1.0), flags)
        rows += found
        for row in found:
            print(f"{row.what}: {row.result} {row.note}", file=sys.stderr, flush=True)
    print(markdown(rows))


if __name__ == "__main__":
    main()

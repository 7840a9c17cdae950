"""How soon a wrong input is refused, and what a table of runs costs.

    python -m benchmarks.refusals

Each line is a process of its own: CPU seconds of it and its children, and wall time;
medians over the rounds, after one that is not counted. Trains three small runs first.
Half a minute.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from landscape.tables import format_table

ROOT = Path(__file__).parents[1]
ROUNDS = 5
TRAINING = "train.sparse --steps 20 --num-train 200 --workdir runs"
LINES = {
    "value": "train.dense --learning-rate -1",
    "model": "train.dense --model lenet30",
    "optimizer": "train.dense --optimizer sgdd",
    "batch size": "train.dense --batch-size 5000",
    "folder": "train.dense --workdir runs/pruned",
    "run": "analysis.path runs/prund runs/lottery",
    "number of examples": "analysis.spectrum runs/pruned --num-examples 5000",
    "masks of a curve": "analysis.path runs/pruned runs/pruned@init --kind cubic",
    "layer of a run": "analysis.spectrum runs/pruned --layers Dense_9",
    "place of units": "analysis.units runs/pruned --where befor",
    "suffix of an exported file": "analysis.units runs/pruned --export net.onx",
    "tolerance below rounding": "analysis.units runs/pruned --tolerance 1e-9",
    "sizes of a study": "analysis.studies.difficulty --num-examples 5000",
    "data set (asks tfds)": "train.dense --dataset mnits",
    "layer to train (needs shapes)": "train.sparse --dense-layers Dense_9",
    "no mistake: analysis.runs of three runs": "analysis.runs runs",
}


def run(line: str, folder: str) -> tuple[int, float, float]:
    """Status, wall and CPU seconds of one program."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", *line.split()]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True)
    wall, after = (
        time.perf_counter() - start,
        resource.getrusage(resource.RUSAGE_CHILDREN),
    )
    cpu = sum(
        getattr(after, name) - getattr(before, name)
        for name in ("ru_utime", "ru_stime")
    )
    return done.returncode, wall, cpu


def main() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as folder:
        status, _, _ = run(TRAINING, folder)
        assert status == 0
        rows = []
        for what, line in LINES.items():
            times = [run(line, folder) for _ in range(ROUNDS + 1)][1:]
            wanted = 0 if what.startswith("no mistake") else 2
            assert all(status == wanted for status, _, _ in times), line
            wall, cpu = (statistics.median(t[i] for t in times) for i in (1, 2))
            rows.append([what, f"{cpu:.2f}", f"{wall:.2f}", line])
    print(format_table(["wrong", "CPU s", "wall s", "command"], rows))


if __name__ == "__main__":
    main()

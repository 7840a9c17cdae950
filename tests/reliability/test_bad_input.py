"""Promise 10: a mistake gets one clear sentence and status 2, and nothing is written.

Every line of the tables runs in one process in which JAX has no device at all, so a
device that is touched before the mistake is found shows as another error. First come
those that need no JAX, and then those that need the shapes of a network.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from landscape.config import DenseRun, SparseRun
from train.jobs import job

ROOT = Path(__file__).parents[2]
TABLE = [
    ("train.sparse --dataset mnits", "mnist"),
    ("train.sparse --dataset digit", "perhaps you meant 'digits'"),
    ("train.sparse --dataset mnist --data-dir empty", "landscape.data.prepare mnist"),
    ("train.sparse --dataset ./empty", "empty holds no x_train"),
    ("train.sparse --dataset none.npz", "none.npz: there is no such file"),
    ("train.sparse --dataset my_data:spirals", "there is no module my_data"),
    ("train.sparse --dataset my_data.py:spirals", "the module without .py"),
    ("train.sparse --dataset sys:exit --data-args a", "must be KEY=VALUE"),
    ("train.sparse --data-args a=1", "--data-args a=1 goes with a --dataset of"),
    ("train.sparse --method my_methods:wave", "there is no module my_methods"),
    ("train.sparse --method landscape.trees:nom", "perhaps you meant 'norm'"),
    ("train.sparse --method-args a=1", "--method-args a=1 goes with a --method of"),
    ("train.sparse --model lenet30", "perhaps you meant 'lenet300'"),
    ("train.sparse --method prunning", "perhaps you meant 'pruning'"),
    ("train.sparse --distribution unifrom", "perhaps you meant 'uniform'"),
    ("train.sparse --optimizer adm", "perhaps you meant 'adam'"),
    ("train.sparse --optimizer lbfgs", "it needs the loss at other points"),
    ("train.sparse --schedule cosin", "perhaps you meant 'cosine'"),
    ("train.sparse --optimizer adagrad --nesterov", "does not take --nesterov"),
    ("train.sparse --sparsity 1.0", "in [0, 1), not 1.0"),
    ("train.sparse --sparsity -0.1", "in [0, 1), not -0.1"),
    ("train.sparse --sparsity nan", "in [0, 1), not nan"),
    ("train.sparse --max-sparsity Dense_2 1.5", "Dense_2"),
    ("train.sparse --batch-size 1298", "1298"),
    ("train.sparse --batch-size 0", "at least 1, not 0"),
    ("train.sparse --num-train 5000", "5000"),
    ("train.sparse --num-validation 1297", "1297"),
    ("train.sparse --steps 0", "at least 1, not 0"),
    ("train.sparse --learning-rate inf", "positive and finite"),
    ("train.sparse --prune-start 50 --prune-end 10", "50, 10"),
    ("train.sparse --method lottery", "--mask-from"),
    ("train.sparse --method static --rewind-to 5", "--rewind-to"),
    ("train.sparse --method lottery --mask-from nowhere", "nowhere"),
    ("train.sparse --method lottery --mask-from pruend", "perhaps you meant 'pruned'"),
    ("train.sparse --method lottery --mask-from unfinished", "not finished"),
    ("train.sparse --method lottery --mask-from future", "format version 99"),
    ("train.sparse --method pruning --mask-from pruned", "--mask-from"),
    ("train.sparse --method lottery --mask-from dense", "dense"),
    ("train.sparse --method lottery --mask-from pruned --rewind-to 7", "0, 20"),
    ("train.sparse --method scratch --mask-from pruned", "initialisation of its own"),
    ("train.sparse --method lottery --mask-from pruned --sparsity 0.5", "0.95"),
    ("train.sparse --method static --global-pruning", "--global-pruning"),
    ("train.sparse --global-pruning --max-sparsity Dense_2 0.5", "--max-sparsity"),
    ("train.sparse --rewind-to 5", "will not keep"),
    (
        "train.sparse --method lottery --mask-from levels",
        "holds 3 runs: level-0, level-9, level-10; perhaps you meant 'levels/level-10'",
    ),
    ("train.sparse --method scratch --mask-from pruned", "as with --seed 1"),
    ("train.sparse --score taylor1_ab", "perhaps you meant 'taylor1_abs'"),
    ("train.sparse --method rigl --update-every 0", "at least 1, not 0"),
    ("train.sparse --method rigl --update-end 3001", "1 ... --steps 3000, not 3001"),
    ("train.sparse --method set --drop-fraction 1", "in (0, 1), not 1.0"),
    ("train.sparse --method set --drop-fraction 0", "in (0, 1), not 0.0"),
    ("train.sparse --method rigl --drop-schedule cosin", "perhaps you meant 'cosine'"),
    (
        "train.sparse --method set --steps 100 --update-every 80",
        "--method set changes no mask",
    ),
    ("train.sparse --method rigl --global-pruning", "pruning, imp, ste, acdc, not"),
    ("train.sparse --method static --score obd", "--score goes with --method pruning"),
    ("train.sparse --method snip --score obd", "--score goes with --method pruning"),
    ("train.sparse --method snip --distribution erk", "unless --per-layer is given"),
    ("train.sparse --method synflow --score-examples 9", "of data, not synflow"),
    ("train.sparse --method synflow --score-rounds 0", "at least 1, not 0"),
    ("train.sparse --method grasp --grasp-temperature 0", "positive and finite, not 0"),
    ("train.sparse --method pruning --sparse-init unit", "not pruning, which starts"),
    ("train.sparse --sparse-init units", "perhaps you meant 'unit'"),
    ("train.sparse --initialisation he_norml", "perhaps you meant 'he_normal'"),
    ("train.dense --model wrn-22-3", "perhaps you meant 'wrn-22-2'"),
    ("train.sparse --score-scale 0.5", "--score taylor2 or taylor2_abs, not magnitude"),
    ("train.sparse --score-examples 9", "a --score of data, not magnitude"),
    ("train.sparse --method static --score-examples 9", "data, not --method static"),
    ("train.sparse --score obd --score-examples 0", "at least 1, not 0"),
    ("train.sparse --score obd --score-examples 1298", "than the 1297 training"),
    ("train.sparse --method lottery --mask-from pruned --score obd", "not lottery"),
    ("train.sparse --method imp --levels 30", "--levels must be at most 14, not 30"),
    ("train.sparse --method imp --sparsity 0", "--sparsity must not be 0"),
    ("train.sparse --method imp --level-fraction 1", "in (0, 1), not 1.0"),
    ("train.sparse --method imp --rewind rate", "learning-rate"),
    ("train.sparse --method imp --rewind-to 5", "imp will not keep"),
    ("train.sparse --method imp --mask-from pruned", "not imp"),
    ("train.sparse --method restart", "--mask-from RUN"),
    ("train.sparse --method restart --mask-from dense", "a dense run gives no masks"),
    ("train.sparse --method restart --mask-from pruned --rewind-to 0", "or imp"),
    ("train.sparse --method pruning --levels 3", "--method imp, not pruning"),
    ("train.sparse --method static --prune_every=3", "--prune-every goes with"),
    ("train.sparse --method small-dense --dataset mnits", "mnist"),
    ("train.sparse --method nm --nm 4:4", "1 <= N < M, as in 2:4, not 4:4"),
    ("train.sparse --method nm --nm 2-4", "not 2-4"),
    ("train.sparse --method ste --nm 2:4 --sparsity 0.9", "whose sparsity is 0.5"),
    ("train.sparse --method nm --sparsity 0.95", "--nm 2:4, whose sparsity is 0.5"),
    ("train.sparse --method acdc --nm 2:4", "--nm goes with --method nm or ste, not"),
    ("train.sparse --method nm --nm 2:4 --distribution erk", "and --distribution"),
    ("train.sparse --method ste --score obd", "--score goes with --method pruning"),
    ("train.sparse --method ste --prune-end 3001", "ste needs 0 <="),
    ("train.sparse --method acdc --dense-steps 9000", "450 are 9900"),
    ("train.sparse --method acdc --sparse-steps 0", "at least 1, not 0"),
    ("train.dense --schedule step --decay-steps 5000", "below --steps 3000"),
    ("train.dense --workdir a-file/inside", "a-file"),
    ("train.sparse --method pruning --steps 30 --workdir pruned", "other settings"),
    ("train.dense --model resnet20 --widths 3 4", "widths"),
    ("train.dense --model mlp --widths 0", "at least 1"),
    ("train.dense --dataset blobs --model lenet5", "lenet5"),
    ("train.dense --warmup 5000", "at most 3000"),
    ("train.dense --decay-steps 10", "--schedule step"),
    ("train.dense --modle lenet300", "--model"),
    ("train.dense --workdir a-file", "a-file"),
    ("analysis.runs nowhere", "nowhere"),
    ("analysis.runs empty", "no run folder"),
    ("analysis.runs . --sort acuracy", "perhaps you meant 'test_accuracy'"),
    ("analysis.runs . --filter sparsity>0.99", "no run matches --filter"),
    ("analysis.runs . --descending", "--descending needs --sort"),
    ("analysis.report nowhere", "nowhere is not a folder"),
    ("analysis.report a-file", "a-file is not a folder"),
    ("analysis.report empty", "neither a run folder nor the results of a study"),
    ("analysis.report pruned --output page.pdf", "must end in .html"),
    ("analysis.report pruned --output a-file/page.html", "cannot be written"),
    ("analysis.path nowhere pruned", "nowhere is not a run folder"),
    ("analysis.path pruned pruend", "perhaps you meant 'pruned'"),
    ("analysis.path pruned unfinished", "not finished"),
    ("analysis.path pruned pruned@7", "0, 20"),
    ("analysis.path pruned dense --kind quadratc", "perhaps you meant 'quadratic'"),
    ("analysis.path pruned dense --points 70", "must be odd"),
    ("analysis.path pruned dense --extend -1", "not -1"),
    ("analysis.path pruned dense --fit-steps 0", "at least 1, not 0"),
    ("analysis.path pruned dense --batch-norm eval", "re-estimated"),
    ("analysis.path pruned narrow", "different spaces"),
    ("analysis.surface pruned dense narrow", "different spaces"),
    ("analysis.surface pruned dense", "analysis.path"),
    ("analysis.surface pruned dense future unfinished", "not of 4 runs"),
    ("analysis.surface pruned --plane trajectry", "perhaps you meant 'trajectory'"),
    ("analysis.surface pruned --plane through", "does not go with 1 run"),
    ("analysis.surface pruned --plane trajectory", "at least 3"),
    ("analysis.surface pruned --points 10", "must be odd"),
    ("analysis.surface pruned --extent 0", "positive, not 0"),
    ("analysis.spectrum nowhere", "nowhere is not a run folder"),
    ("analysis.spectrum a-file", "is not a run folder, but a file"),
    ("analysis.spectrum .", "but holds 5 runs: dense, future, narrow"),
    ("train.dense --workdir=", "--workdir must be the name of a folder"),
    ("analysis.spectrum unfinished", "not finished"),
    ("analysis.spectrum pruned --operator hesian", "perhaps you meant 'hessian'"),
    ("analysis.spectrum pruned --top 0", "at least 1, not 0"),
    ("analysis.spectrum pruned --operator residual --include-l2", "--include-l2"),
    ("analysis.spectrum pruned --memory 0", "--memory must be positive, not 0.0"),
    ("analysis.studies.difficulty --scale mnits", "perhaps you meant 'mnist'"),
    ("analysis.studies.difficulty --sparsities 0.9 0.8", "must increase"),
    ("analysis.studies.difficulty --num-seeds 0", "at least 1, not 0"),
    ("analysis.studies.difficulty --scale mnist --data-dir empty", "prepare mnist"),
    ("analysis.units nowhere", "nowhere is not a run folder"),
    ("analysis.units unfinished", "not finished"),
    ("analysis.units pruned@7", "0, 20"),
    ("analysis.units pruned --where befor", "perhaps you meant 'before'"),
    ("analysis.units pruned --split tset", "perhaps you meant 'test'"),
    ("analysis.units pruned --score nrom", "perhaps you meant 'norm'"),
    ("analysis.units pruned --tolerance 0", "positive and finite, not 0"),
    ("analysis.units pruned --tolerance 1e-9", "float32 rounds it by 1.2e-07"),
    ("analysis.units pruned --num-examples 201", "than the 200 training"),
    ("analysis.units pruned --export net.onx", "perhaps you meant '.onnx'"),
    ("analysis.units pruned --export a-file/net.onnx", "cannot be written"),
    ("train.units", "--from RUN names the run"),
    ("train.units --from nowhere --keep-params 0.2", "nowhere is not a run folder"),
    ("train.units --from unfinished --keep-params 0.2", "not finished"),
    ("train.units --from dense@7 --keep-params 0.2", "0, 20"),
    ("train.units --from dense", "how far the network shrinks, not none"),
    ("train.units --from dense --keep-params 0.2 --keep-flops 0.5", "and --keep-flops"),
    ("train.units --from dense --keep-params 20", "perhaps you meant 0.2"),
    ("train.units --from dense --keep-flops 0", "in (0, 1), not 0.0"),
    ("train.units --from dense --floor-accuracy 0.9", "--num-validation"),
    ("train.units --from dense --keep-params 0.2 --score mrss", "meant 'mrs'"),
    ("train.units --from dense --keep-params 0.2 --where befor", "meant 'before'"),
    ("train.units --from dense --keep-params 0.2 --rounds 0", "at least 1, not 0"),
    ("train.units --from dense --keep-params 0.2 --widths 9", "is not that of dense"),
    ("train.units --from dense --keep-params 0.2 --workdir dense", "other settings"),
    ("train.units --from dense --keep-params 0.2 --workdir a-file", "is a file"),
    ("train.dense --init-zeros 1.5", "in [0, 1], not 1.5"),
    ("train.dense --dataset blobs --batch-size 2000", "than the 1000 training"),
    ("train.dense --dataset blobs --augment", "--augment needs images"),
    ("train.dense --model resnet20 --activation tanh", "relu, not tanh"),
    ("train.dense --model lenet --widths 6", "at least 2 widths"),
    ("train.dense --optimizer adam --decoupled-decay 0.1", "--decoupled-decay"),
    ("train.sparse --method pruning lottery --workdir a-file", "a-file"),
    ("analysis.path pruned dense --num-examples 201", "than the 200 training"),
    ("analysis.path pruned dense --kind quadratic", "no sparse subspace"),
    ("analysis.path pruned dense --kind cubic --batch-size 201", "than the 200 ex"),
    ("analysis.surface pruned --num-examples 201", "than the 200 training"),
    ("analysis.spectrum pruned --num-examples 201", "than the 200 training"),
    ("analysis.spectrum pruned --layers Dense_9", "perhaps you meant 'Dense_1'"),
    ("analysis.spectrum pruned@7", "0, 20"),
    ("analysis.studies.difficulty --model lenet30", "perhaps you meant 'lenet300'"),
    ("analysis.studies.difficulty --num-examples 1298", "than the 1,297 training"),
    ("analysis.studies.hessian --scale mnist --data-dir empty", "prepare mnist"),
    ("analysis.studies.subspace --scale mnist --data-dir empty", "prepare mnist"),
]
SHAPES = [
    ("train.dense --workdir new", "no device with JAX_PLATFORMS=none_such"),
    ("analysis.path pruned dense", "no device with JAX_PLATFORMS=none_such"),
    ("analysis.spectrum pruned", "no device with JAX_PLATFORMS=none_such"),
    ("train.sparse --sparsity 0.9999", "leaves nothing of"),
    ("train.sparse --dense-layers Dense_9", "Dense_9"),
    ("train.sparse --distribution er --dense-layers Dense_0 Dense_1 Dense_2", "dense"),
    ("train.sparse --method lottery --mask-from pruned --widths 9 --model mlp", "fit"),
    ("train.sparse --method imp --sparsity 0.9999", "leaves nothing of"),
    ("train.sparse --method small-dense --sparsity 0.9999", "leaves nothing of"),
    ("train.sparse --method small-dense --model lenet5", "16"),
    (
        "train.sparse --method nm --nm 2:5",
        "2:5 does not fit Dense_0 (64 inputs a unit)",
    ),
    ("train.dense --model lenet5", "16"),
    ("analysis.studies.difficulty --sparsities 0.95 0.9999", "leaves nothing of"),
    ("analysis.studies.subspace --model lenet5", "16x16"),
    ("analysis.spectrum narrow", "holds another kind of state"),
    ("analysis.surface narrow", "holds another kind of state"),
    ("analysis.units narrow", "holds another kind of state"),
    ("train.units --from narrow --keep-params 0.5", "holds another kind of state"),
    ("train.units --from dense --keep-params 0.01", "below the smallest network"),
    ("train.units --from dense --keep-params 0.5 --keep-layers Dense_9", "Dense_0"),
    ("train.units --from dense --keep-params 0.5 --keep-layers *", "no units to"),
]
LISTING = "analysis.runs ."
QUICK = [
    "train.sparse --help",
    "train.units --help steps",
    "analysis.spectrum --help",
    "analysis.studies.hessian --help",
    "train.dense --version",
]
PROGRAM = """
import contextlib, io, json, runpy, sys
for line in json.load(sys.stdin):
    sys.argv = line.split()
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as stop:
        status = stop.code
    except Exception as error:
        status = repr(error)
    loaded = "jax" in sys.modules
    print(json.dumps([status, out.getvalue() + err.getvalue(), loaded]), flush=True)
"""


def files(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def mistakes(lines, folder, **environment):
    """Of each command line, all in one process: status, what was printed, and whether
    JAX is loaded after it."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(lines),
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answers = map(json.loads, done.stdout.splitlines())
    return dict(zip(lines, answers, strict=True))


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    small = {"model": "mlp", "widths": (8,), "steps": 20, "num_train": 200}
    job.run_training(SparseRun(**small, workdir=str(folder / "pruned")))
    job.run_training(DenseRun(**small, workdir=str(folder / "dense")))
    shutil.copytree(folder / "pruned", folder / "future")
    config = json.loads((folder / "future/config.json").read_text())
    config["format_version"] = 99
    (folder / "future/config.json").write_text(json.dumps(config))
    config |= {"format_version": 1, "widths": [9]}
    shutil.copytree(folder / "pruned", folder / "narrow")
    (folder / "narrow/config.json").write_text(json.dumps(config))
    shutil.copytree(folder / "pruned", folder / "unfinished")
    (folder / "unfinished/summary.json").unlink()
    for level in (0, 9, 10):
        shutil.copytree(folder / "pruned", folder / f"levels/level-{level}")
    (folder / "empty").mkdir()
    (folder / "a-file").touch()
    before = files(folder)
    lines = [LISTING, *QUICK, *(line for line, _ in TABLE + SHAPES)]
    answers = mistakes(lines, folder, JAX_PLATFORMS="none_such")
    assert files(folder) == before
    assert {p.name for p in folder.iterdir() if p.is_dir()} == {
        "pruned", "dense", "future", "narrow", "unfinished", "empty", "levels"
    }  # fmt: skip
    return answers


@pytest.mark.parametrize(("line", "expected"), TABLE + SHAPES)
def test_a_mistake_gets_one_sentence_and_status_2(line, expected, outcomes):
    status, message, _ = outcomes[line]
    assert status == 2, (status, message)
    assert expected in message
    # Behind what was noted before, at the end and on one line.
    assert message.splitlines()[-1].startswith("error: "), message
    assert "Traceback" not in message


def test_what_needs_no_shapes_is_refused_before_jax_is_loaded(outcomes):
    late = [line for line, _ in TABLE if outcomes[line][2]]
    assert not late, f"JAX is loaded by {late[0]}"


def test_runs_are_listed_without_jax(outcomes):
    status, printed, loaded = outcomes[LISTING]
    assert status == 0 and not loaded
    rows = {line.split()[0]: line for line in printed.splitlines()}
    assert "finished, 20 steps" in rows["dense"]
    assert "saved at step 20 of 20" in rows["unfinished"]
    assert "format version 99" in rows["future"]


@pytest.mark.parametrize("line", QUICK)
def test_help_and_versions_load_no_jax(line, outcomes):
    status, printed, loaded = outcomes[line]
    assert not status and not loaded
    assert printed.count("\n") > 2


def test_what_the_devices_cannot_do_is_refused(tmp_path):
    lines = {
        "train.dense --num-devices 64 --workdir r": "64 is more than the 4",
        "train.dense --batch-size 10 --workdir r": "not divisible by the 4 devices",
    }
    found = mistakes(
        list(lines), tmp_path, JAX_NUM_CPU_DEVICES="4", JAX_PLATFORMS="cpu"
    )
    for line, expected in lines.items():
        status, message, _ = found[line]
        assert status == 2 and expected in message
    assert not (tmp_path / "r").exists()


def test_a_process_ends_with_status_2_and_writes_nothing(finish, folder):
    status, _, err = finish(*"train.sparse --method lottery --workdir r".split())
    assert status == 2 and "--mask-from" in err
    assert not list(folder.iterdir())

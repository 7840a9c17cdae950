"""What was probably meant is said in the refusal."""

import pytest

from analysis.path import Config as Path
from analysis.path import Flags as Paths
from analysis.spectrum import Config as Spectrum
from landscape.cli import parse
from landscape.config import DenseRun, SparseRun
from landscape.errors import InputError
from train.sparse import Config as Sparse

WRONG = [
    (SparseRun, "--lr 0.1", "no --lr; perhaps you meant --learning-rate?"),
    (SparseRun, "--lr=0.1", "no --lr; perhaps you meant --learning-rate?"),
    (SparseRun, "--batchsize 9", "no --batchsize; perhaps you meant --batch-size?"),
    (SparseRun, "--epochs 3", "--steps (an epoch takes the number of examples"),
    (SparseRun, "--density 0.1", "--sparsity (the fraction that is removed"),
    (Spectrum, "run --probes 3", "no --probes; perhaps you meant --num-probes?"),
    (SparseRun, "--steps 1e3", "an integer, not '1e3'; perhaps you meant 1000?"),
    (SparseRun, "--steps=10k", "an integer, not '10k'; perhaps you meant 10000?"),
    (SparseRun, "--steps 1,000", "an integer, not '1,000'; perhaps you meant 1000?"),
    (SparseRun, "--steps 1.5", "--steps must be an integer, not '1.5'."),
    (SparseRun, "--steps many", "--steps must be an integer, not 'many'."),
    (SparseRun, "--num-train 1e2", "not '1e2'; perhaps you meant 100?"),
    (SparseRun, "--widths 30 1e1", "not '1e1'; perhaps you meant 10?"),
    (SparseRun, "--sparsity 95%", "a number, not '95%'; perhaps you meant 0.95?"),
    (Sparse, "--method lottery --method pruning", "--method is given twice: its"),
    (SparseRun, "--seed 1 2 --seed 3", "--seed is given twice: its values stand after"),
    (DenseRun, "--sparsity 0.9", "a dense network has none; python -m train.sparse"),
    (Paths, "--kind line cubci A B", "unknown kind 'cubci': perhaps you meant 'c"),
    (SparseRun, "--max-sparsity a 0.8 --max_sparsity b 0.9", "--max-sparsity is given"),
    (Path, "a b --points 1e1", "not '1e1'; perhaps you meant 10?"),
    (Path, "a b c", "'c' is one too many, after a and b"),
    (Path, "a", "RUN_B must be given: see --help."),
    (Spectrum, "--layers Dense_0 run", "RUN must be given: 'run' is read as a v"),
    (Path, "--run-a x", "there is no --run-a."),
    (SparseRun, "here", "'here' is one too many: a flag begins with --"),
    (SparseRun, "--sparsty 0.9", "no --sparsty; perhaps you meant --sparsity?"),
    (SparseRun, "--model m.CNN", "lenet5, mlp, mlp-bn, package.module:factory, res"),
    (SparseRun, "--xyzzy", "there is no --xyzzy."),
    (SparseRun, "--steps", "--steps needs a value."),
    (SparseRun, "--steps --seed 1", "--steps needs a value."),
    (SparseRun, "--augment=yes", "--augment has no value; --no-augment is its"),
    (SparseRun, "--no-steps 3", "there is no --no-steps"),
    (SparseRun, "--max-sparsity a 0.8 b", "pairs of a name and a value, not a 0.8 b"),
    (SparseRun, "--workdir -x", "there is no -x; a value that begins with -"),
    (SparseRun, "--seed 0 1", "--seed takes one value, not 0 1."),
    (SparseRun, "--sparsity 1.0", "--sparsity must be in [0, 1), not 1.0."),
]


@pytest.mark.parametrize(("config", "words", "message"), WRONG)
def test_a_flag_or_number_of_elsewhere_names_the_one_here(config, words, message):
    with pytest.raises(InputError) as error:
        parse(config, argv=words.split())
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_percent_is_recognised():
    for settings in ({"sparsity": 95.0}, {"max_sparsity": {"Dense_0": 95.0}}):
        with pytest.raises(InputError, match=r"not 95.0; perhaps you meant 0.95\?"):
            SparseRun(**settings)
    with pytest.raises(InputError, match=r"not -1\.$"):
        SparseRun(sparsity=-1)


def test_what_is_right_is_read():
    words = "--steps 10 --num-train None --model mlp --widths 3 4"
    # Of a flag of one value the last one counts, as in other programs.
    words += " --max-sparsity Dense_0 0.8 --steps 20"
    words += " --learning-rate 1e-3 --no-augment --weight_decay=1e-4 --prune-every 2"
    found = parse(SparseRun, argv=words.split())
    assert (found.steps, found.num_train, found.widths) == (20, None, (3, 4))
    assert (found.learning_rate, found.weight_decay) == (1e-3, 1e-4)
    assert found.max_sparsity == {"Dense_0": 0.8}


def test_a_value_may_begin_with_a_minus():
    words = "--workdir=-x --max-sparsity Dense_0 -0.5 --widths"
    with pytest.raises(InputError, match=r"Dense_0 must be in \[0, 1\), not -0.5"):
        parse(SparseRun, argv=words.split())
    found = parse(SparseRun, argv=["--workdir=-x", "--data-dir", "None", "--widths"])
    assert (found.workdir, found.data_dir, found.widths) == ("-x", None, ())


def test_names_of_runs_may_follow_a_number():
    found = parse(Path, argv=["--points", "5", "a", "--extend=0.5", "b"])
    assert (found.points, found.run_a, found.extend, found.run_b) == (5, "a", 0.5, "b")


def test_names_of_runs_may_follow_values_that_are_listed():
    for words in ("--kind line cubic a b", "--format pdf svg --kind line cubic a b"):
        found = parse(Paths, argv=words.split())
        assert (found.kind, found.runs) == (("line", "cubic"), ("a", "b"))
    words = "--steps all --format pdf svg run other"
    found = parse(Spectrum, argv=words.split())
    assert (found.format, found.run, found.others) == (
        ("pdf", "svg"), "run", ("other",)
    )  # fmt: skip
    # Of what is no value nothing else can be meant.
    for words in ("--kind lin a b", "a b --kind line lin"):
        with pytest.raises(InputError, match="unknown kind 'lin'"):
            parse(Paths, argv=words.split())


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("--sparsity 0,9", "0.9"),
        ("--widths 20,30", "20 30"),
        ("--steps 1,000", "1000"),
    ],
)
def test_commas_are_read_as_they_are_meant(words, meant):
    with pytest.raises(InputError, match=rf"perhaps you meant {meant}\?"):
        parse(SparseRun, argv=words.split())

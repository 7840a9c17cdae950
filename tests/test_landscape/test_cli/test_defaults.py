"""Settings out of a file: --config FILE, below the flags."""

import dataclasses
import json

import pytest

from analysis.path import Config as Path
from landscape.cli import parse
from landscape.config import SparseRun, from_dict, to_dict
from landscape.errors import InputError

FILES = {
    "a.json": '{"learning-rate": 0.5, "widths": [8, 4], "model": "mlp",'
    ' "augment": true, "max_sparsity": {"Dense_0": 0.5}, "num_train": null,'
    ' "dense_layers": "Dense_1"}',
    "a.toml": 'learning-rate = 0.5\nwidths = [8, 4]\nmodel = "mlp"\naugment = true\n'
    'dense_layers = ["Dense_1"]\n[max_sparsity]\nDense_0 = 0.5\n',
    "a.yaml": "learning_rate: 5e-1\nwidths: [8, 4]\nmodel: mlp\naugment: true\n"
    "dense-layers: Dense_1\nnum-train:\nmax-sparsity: {Dense_0: 0.5}\n",
}
EXPECTED = SparseRun(
    learning_rate=0.5, widths=(8, 4), model="mlp", augment=True,
    max_sparsity={"Dense_0": 0.5}, dense_layers=("Dense_1",),
)  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_each_kind_gives_defaults_and_flags_win(name, tmp_path):
    (tmp_path / name).write_text(FILES[name])
    words = ["--config", str(tmp_path / name)]
    assert parse(SparseRun, argv=words) == EXPECTED
    typed = [*words, "--no-augment", "--learning-rate=0.1", "--widths", "9"]
    expected = dataclasses.replace(
        EXPECTED, augment=False, learning_rate=0.1, widths=(9,)
    )
    assert parse(SparseRun, argv=typed) == expected


def test_an_integer_in_a_file_is_the_number_that_the_flag_would_be(tmp_path):
    (tmp_path / "a.json").write_text('{"weight_decay": 0, "max-sparsity": {"a": 0}}')
    found = parse(SparseRun, argv=["--config", str(tmp_path / "a.json")])
    typed = parse(SparseRun, argv="--weight-decay 0 --max-sparsity a 0".split())
    assert repr(found) == repr(typed)


def test_of_two_files_the_second_wins_and_names_of_runs_may_stand_in_one(tmp_path):
    (tmp_path / "a.toml").write_text('run_a = "x"\nkind = "cubic"\npoints = 5')
    (tmp_path / "b.toml").write_text("points = 7")
    words = f"--config {tmp_path}/a.toml y --config={tmp_path}/b.toml".split()
    with pytest.raises(InputError, match="RUN_B must be given"):
        parse(Path, argv=words)
    found = parse(Path, argv=["v", "w", *words[:2], words[3]])
    assert (found.run_a, found.run_b, found.kind, found.points) == (
        "v",
        "w",
        "cubic",
        7,
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.json",
            '{"lr": 1}',
            "there is no setting lr; perhaps you meant --learning-",
        ),
        ("a.json", '{"stepz": 1}', r"stepz; perhaps you meant --steps\?"),
        (
            "a.json",
            '{"steps": "1e3"}',
            "a.json: steps must be an integer, not '1e3'; p",
        ),
        ("a.json", '{"steps": 1e3}', r"not '1000.0'; perhaps you meant 1000\?"),
        ("a.json", '{"steps": true}', "steps must be an integer, not True"),
        ("a.json", '{"steps": null}', "steps must be an integer, not None"),
        ("a.json", '{"augment": 1}', "augment must be true or false, not 1"),
        ("a.json", '{"max_sparsity": [1]}', "must be names with numbers, not"),
        ("a.json", '{"widths": [8, true]}', "must be a list of integers, not"),
        ("a.json", "[1]", "must hold names and values"),
        ("a.json", "{", "is no JSON file"),
        ("a.toml", "steps = ", "is no TOML file"),
        ("a.yaml", "widths: [8", r"is no YAML file: expected .* \(line 1\)|line 2"),
        ("a.yaml", "nm: 2:4", r"nm must be text \(in quotes\), not 124"),
        ("a.yaml", "sparsity: 95%", "not '95%'; perhaps you meant 0.95"),
        ("a.yaml", "sparsity: 1.5", r"--sparsity must be in \[0, 1\), not 1.5"),
        ("a.txt", "", "must end in one of .json, .toml, .yaml, .yml"),
        ("b.json", None, "b.json: No such file"),
        ("a.json", json.dumps(to_dict(SparseRun())), "by --like"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_in_a_sentence(name, text, message, tmp_path):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message) as error:
        parse(SparseRun, argv=["--config", str(tmp_path / name)])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("widths", "8", "widths must be a list of integers, not '8'"),
        ("steps", "3", "steps must be an integer, not '3'"),
        ("sparsity", [0.9], "sparsity must be a number, not"),
        ("max_sparsity", {"a": None}, "max_sparsity must be names with numbers"),
    ],
)
def test_a_stored_setting_of_another_kind_is_named_with_its_kind(name, value, message):
    stored = json.loads(json.dumps(to_dict(EXPECTED)))
    assert from_dict(stored) == EXPECTED
    with pytest.raises(InputError, match=message):
        from_dict(stored | {name: value})


def test_an_integer_that_was_stored_for_a_number_stays_one():
    # Else the fingerprints of analyses of before would be others.
    stored = to_dict(SparseRun(weight_decay=0, max_sparsity={"a": 0}))
    found = from_dict(stored)
    assert type(found.weight_decay) is int and type(found.max_sparsity["a"]) is int

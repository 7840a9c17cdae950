"""What is missing or damaged is named in the page, and never a traceback."""

import shutil

import pytest

from analysis import report
from landscape import runs
from landscape.errors import InputError


@pytest.fixture
def damaged(root, tmp_path):
    """A copy in which nearly everything is broken."""
    shutil.copytree(root / "runs" / "rate-0.1-0", tmp_path / "d" / "run")
    shutil.copytree(root / "studies", tmp_path / "d" / "studies")
    run, study = tmp_path / "d" / "run", tmp_path / "d" / "studies" / "subspace-digits"
    (run / runs.METRICS).write_text("x\n")
    home = run / "analysis"
    (home / "surface-random-1a2b" / "figure.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for name, content in (("result.json", "{}"), ("figure.png", "not an image")):
        (home / "path-line-b-1").mkdir(exist_ok=True)
        (home / "path-line-b-1" / name).write_text(content)
    (home / "spectrum-hessian-2").mkdir()
    (home / "units-mrs-3").mkdir()
    (home / "units-mrs-3" / "partial.npz").touch()
    (home / "units-mrs-3" / "command.txt").write_text("python -m analysis.units r\n")
    (home / "path-cubic-c-5").mkdir()
    (home / "path-cubic-c-5" / ".lock").touch()
    (home / "dead-units-counts-4").mkdir()
    (study / "result.json").write_text('{"claims": [')
    (study / "claims.txt").write_text("gone\n")
    (study / "figure-9.png").write_bytes(b"")
    (tmp_path / "d" / "future").mkdir()
    (tmp_path / "d" / "future" / runs.CONFIG).write_text('{"format_version": 99}')
    return tmp_path / "d"


@pytest.mark.draws
def test_what_is_missing_or_damaged_is_named_in_the_page(damaged, written, tmp_path):
    found, _, html = written(damaged, output=tmp_path / "page.html")
    words = " ".join(html.words)
    for part in (
        "future: ", "metrics.jsonl is not JSON",
        "surface-random-1a2b/figure.png is damaged",
        "path-line-b-1/result.json cannot be put into words",
        "path-line-b-1/figure.png is damaged", "spectrum-hessian-2 has no result.json",
        "units-mrs-3 is not finished: python -m analysis.units r resumes it",
        "path-cubic-c-5 is being computed.", "claims.txt has no table of verdicts",
        "subspace-digits/result.json is missing", "figure-9.png cannot be read",
    ):  # fmt: skip
        assert part in words, part
    assert len(found["problems"]) == 9 and len(found["unfinished"]) == 2
    assert all(problem in words for problem in found["problems"])
    assert "Below RUN/analysis/: 1 other result," in words
    assert "Surface: run@5" in words


def test_a_page_of_a_study_alone_has_no_table_of_runs(root, written, tmp_path):
    study = root / "studies" / "subspace-digits"
    found, text, _ = written(study, study, output=tmp_path / "page.html")
    assert found["summary"] == "1 study" and 'id="runs"' not in text


def test_with_nothing_to_report_it_says_so_and_writes_nothing(written, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="neither a run folder nor the results of a"):
        written(tmp_path / "empty", output=tmp_path / "page.html")
    for settings, words in (
        ({"sources": ("nowhere",)}, "nowhere is not a folder"),
        ({"sources": ()}, "at least one folder"),
        ({"sources": (str(tmp_path),), "output": "page.pdf"}, "must end in .html"),
    ):
        with pytest.raises(InputError, match=words):
            report.Config(**settings)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]

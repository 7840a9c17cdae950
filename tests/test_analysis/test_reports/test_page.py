"""The page of `python -m analysis.report`: what it shows, and how it is built."""

import html
import json
import re
import shutil
import subprocess

import pytest

from analysis import surface

BROWSERS = "chromium chromium-browser google-chrome google-chrome-stable chrome".split()
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="module")
def page(root, written):
    return written(root, output=root / "out" / "page.html")


def test_the_page_has_every_run_sortable_and_the_settings_that_differ(page, evil):
    found, text, parsed = page
    assert found["summary"] == "5 runs, 1 analysis, 1 study"
    assert found["problems"] == [] and "Missing or damaged" not in text
    table, means = parsed.tables[:2]
    assert table[0] == [
        "run", "model", "seed", "widths", "learning rate", "parameters", "non-zeros",
        "sparsity", "train loss", "test loss", "test accuracy",
    ]  # fmt: skip
    assert [row[-1] for row in table[1:]] == [
        "50.00 %", "92.00 %", "93.00 %", "100.00 %", "101.00 %"
    ]  # fmt: skip
    assert [row[0] for row in means[1:]] == [evil, "rate-0.02-{0,1}", "rate-0.1-{0,1}"]
    assert means[2][-1] == "92.50 ±\u00a00.71 %"
    orders = [a["data-order"] for a in parsed.all("td") if a["data-label"] == "seed"]
    assert orders == ["0", "0", "1", "0", "1"]
    words = " ".join(parsed.words)
    assert "Common settings" in words and "batch size" in words


def test_it_says_of_an_analysis_what_its_program_prints(page, root):
    words = page[2].words
    assert "Surface: rate-0.1-0@5" in words
    (path,) = root.glob("runs/rate-0.1-0/analysis/*/result.json")
    printed = surface.describe(json.loads(path.read_text())).splitlines()
    assert len(printed) > 1 and "0.25" in printed[1]
    assert all(line in words for line in printed)


def test_it_has_the_verdicts_of_a_study_and_its_figures_in_their_order(page):
    _, text, parsed = page
    claims = parsed.tables[2]
    assert claims[0][0] == "check"
    assert claims[1] == [
        "C1",
        "it is < 1",
        "0.5 ±\u00a00.1",
        "2 of 2",
        "\u2013",
        "holds",
    ]
    assert '<span class="verdict fails">DOES NOT HOLD</span>' in text
    captions = re.findall("<figcaption>(Fig.*?)</figcaption>", text)
    assert captions == ["Figure 9", "Figure 10"]


def test_curves_are_drawn_and_every_figure_is_told_in_words(page):
    images = page[2].all("img")
    assert len(images) == 4 + 1 + 2
    assert all(image["src"].startswith("data:image/png;base64,") for image in images)
    assert all(image["alt"] and int(image["width"]) > 100 for image in images)
    alt = images[1]["alt"]
    assert alt.startswith("Test loss (nats) over steps. At the end:")
    assert "learning rate 0.02 0.136" in alt


def test_the_page_needs_nothing_from_elsewhere_and_names_are_text(page, evil):
    _, text, parsed = page
    assert evil not in text and evil in parsed.words
    assert len(parsed.all("script")) == 1
    for tag, attrs in parsed.elements:
        outside = [attrs[a] for a in ("src", "href", "action") if a in attrs]
        assert all(name.startswith(("data:image/png;", "#")) for name in outside), tag
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style and "@import" not in style


@pytest.mark.draws
def test_the_same_content_gives_the_same_page(page, root, written):
    again = written(root, output=root / "out" / "again.html")[1]
    assert again == page[1]


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_a_click_sorts_the_table_in_a_browser(page, parse, evil, tmp_path):
    click = """<script>
    const heads = [...document.querySelectorAll("thead button")];
    const click = (text) => heads.find((b) => b.textContent === text).click();
    click("widths");  // Missing in all other runs.
    document.title = document.querySelector("tbody th").textContent;
    click("parameters");
    click("parameters");
    </script></body>"""
    path = tmp_path / "click.html"
    path.write_text(page[1].replace("</body>", click))
    done = subprocess.run(
        [BROWSER, "--headless", "--disable-gpu", "--no-sandbox",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert f"<title>{html.escape(evil, quote=False)}</title>" in done.stdout
    table = parse(done.stdout).tables[0]
    sizes = [row[table[0].index("parameters")] for row in table[1:]]
    assert sizes == ["1,100,000"] + ["1,200"] * 4

"""The HTML of a page: one file without a link to anything outside it."""

from typing import Any

import jinja2

from analysis.programs.runs import rows as run_rows
from analysis.reports import studies, training_curves, views
from analysis.reports.content import Content
from analysis.reports.texts import Table
from landscape.tables import counted

TEMPLATE = "page.html.jinja"
MOST_BLOCKS = 8
"""Paragraphs and tables of an analysis that are shown at once."""


def render(content: Content, title: str) -> tuple[str, list[str]]:
    """The page, and what is missing or damaged, in sentences.

    The same content gives the same page: no date is in it.

    Args:
      content: what it shows.
      title: of the page.
    """
    differing = run_rows.differing(content.rows)
    curves = training_curves.draw(content.groups, differing, content.short)
    settings, defaults = views.of_settings(content)
    problems = [*content.problems, *curves.problems]
    page = _environment().get_template(TEMPLATE)
    text = page.render(
        title=title,
        summary=summary(content),
        sources=list(map(str, content.sources)),
        settings=settings,
        defaults=defaults,
        runs=views.of_runs(content) if content.rows else None,
        means=views.of_means(content),
        curves=curves.pictures,
        keys=curves.keys,
        analyses=content.analyses,
        studies=[(study, _counts(study)) for study in content.studies],
        notes=[*curves.notes, *content.notes, *content.unfinished],
        problems=problems,
    )
    # A name of a folder may have bytes that are no text.
    return text.encode(errors="replace").decode(), problems


def summary(content: Content) -> str:
    """How much the page shows, in words."""
    counts = [
        counted(len(content.rows), "run"),
        counted(len(content.analyses), "analysis", "analyses"),
        counted(len(content.studies), "study", "studies"),
    ]
    there = [words for words in counts if not words.startswith("0 ")]
    return ", ".join(there)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("analysis.reports", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"view": views.of_text}
    environment.filters |= {"shown": views.shown, "folded": folded}
    environment.filters |= {"split_study": studies.split}
    environment.tests["table"] = _is_table
    return environment


def folded(blocks: list[str | Table]) -> tuple[list[str | Table], list[str | Table]]:
    """The blocks of a long text up to its first table, and those that are folded."""
    tables = [i for i, block in enumerate(blocks) if isinstance(block, Table)]
    if len(blocks) <= MOST_BLOCKS or not tables:
        return blocks, []
    return blocks[: tables[0] + 1], blocks[tables[0] + 1 :]


def _counts(study: studies.Study) -> list[tuple[int, str, str]]:
    """How many claims have a verdict, the class of it, and the word."""
    found = studies.verdicts(study)
    return [(count, *studies.VERDICTS[verdict]) for verdict, count in found.items()]


def _is_table(block: Any) -> bool:
    return isinstance(block, Table)

"""What a page shows: the runs, analyses and studies below some folders."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from analysis.programs.runs import means as run_means
from analysis.programs.runs import rows as run_rows
from analysis.programs.runs.means import Group
from analysis.programs.runs.rows import Row
from analysis.reports import analyses, names, studies
from analysis.reports.analyses import Analysis
from analysis.reports.studies import Study
from landscape.disk.folders import folder_of
from landscape.errors import InputError
from landscape.tables import counted

MOST = 60
"""Analyses that a page shows; the others are counted."""


class Content(NamedTuple):
    """What was found.

    Attributes:
      sources: the folders that were named.
      rows: the runs.
      groups: those that differ by seeds alone together.
      short: folder of a run -> its name on the page.
      analyses: of these runs, at most `MOST`.
      studies: results of studies.
      notes: what else is there and not shown, in sentences.
      unfinished: analyses that run or were interrupted, in sentences.
      problems: what is missing or damaged, in sentences.
    """

    sources: list[Path]
    rows: list[Row]
    groups: list[Group]
    short: dict[Path, str]
    analyses: list[Analysis]
    studies: list[Study]
    notes: list[str]
    unfinished: list[str]
    problems: list[str]


def gather(sources: Sequence[str]) -> Content:
    """Reads what there is at or below the folders; what is damaged is a problem.

    Raises:
      InputError: one is not a folder, or there is nothing to show in any of them.
    """
    places = list(dict.fromkeys(map(folder_of, sources)))
    folders = run_rows.find(places)
    found = studies.find(places)
    if not folders and not found:
        where = " and ".join(map(str, places))
        raise InputError(
            f"{where} holds neither a run folder nor the results of a study, so there"
            " is nothing to report; python -m train.sparse makes runs."
        )
    rows = run_rows.rows(folders)
    short = names.shortened(folders)
    problems = [
        f"{short[row.folder]}: {row.values['state'].removeprefix('unreadable: ')}"
        for row in rows
        if not row.settings
    ]
    shown: list[Analysis] = []
    unfinished: list[str] = []
    left = parts = 0
    for row in rows:
        for folder in analyses.find(row.folder):
            if not analyses.is_of_a_program(folder):
                parts += 1
            elif len(shown) == MOST:
                left += 1
            else:
                analysis = analyses.read(folder, short[row.folder])
                problems += analysis.problems
                unfinished += filter(None, [analysis.unfinished])
                shown += [analysis] if analysis.blocks or analysis.picture else []
    found_studies = [studies.read(folder) for folder in found]
    problems += [problem for study in found_studies for problem in study.problems]
    notes = []
    if left:
        more = counted(left, "more analysis", "more analyses")
        notes.append(f"Not shown here: {more} of these runs.")
    if parts:
        others = counted(parts, "other result")
        notes.append(
            f"Below RUN/analysis/: {others}, of no program that a page knows (parts"
            " of studies, which have tables of their own)."
        )
    order = {name: i for i, name in enumerate(analyses.PROGRAMS)}
    shown.sort(key=lambda each: order[each.program])
    groups = run_means.groups([row for row in rows if row.settings])
    every = notes, unfinished, problems
    return Content(places, rows, groups, short, shown, found_studies, *every)

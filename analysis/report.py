"""One HTML page of runs, their analyses and studies, to read, print or send.

    python -m analysis.report runs/digits
    python -m analysis.report runs/digits runs/studies/difficulty-digits --output \
report.html

The table of the runs, which a click sorts, mean and deviation over seeds, the settings
that differ, training curves, the paths, surfaces and spectra below RUN/analysis/, and
the verdicts of studies with their figures. The file needs no network and no server.
Takes about 4 s, and no JAX.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from landscape.cli import Positional, activity, launch, parse
from landscape.disk.folders import folder_of
from landscape.errors import InputError
from landscape.tables import counted

SUFFIXES = (".html", ".htm")


@dataclass(frozen=True)
class Config:
    GROUPS: ClassVar[dict[str, str]] = {"output": "page"}

    sources: Positional[tuple[str, ...]]
    """Folders of runs or of studies, or folders above them."""
    output: str = "report.html"
    """The file that the page is written to; a folder that is missing is made."""
    title: str | None = None
    """The title of the page; default: the names of the folders."""

    def __post_init__(self):
        if not self.sources:
            raise InputError("name at least one folder of runs or of a study.")
        if folder_of(self.output).suffix not in SUFFIXES:
            raise InputError(f"--output must end in .html, not {self.output!r}.")
        for source in self.sources:
            if not folder_of(source).is_dir():
                raise InputError(f"{source} is not a folder.")


def run(config: Config) -> dict[str, Any]:
    """Writes the page.

    Returns:
      `summary`, what it shows in words; `problems`, what was missing or damaged, and
      `unfinished`, the analyses without a result yet, in sentences; `path` and `bytes`
      of the file.

    Raises:
      InputError: there is nothing to show, or the file cannot be written.
      RunFailure: it could not be written after all.
    """
    from landscape.disk.files import (
        check_writable,
        make_parent,
        write_atomically,
        writing,
    )

    path = folder_of(config.output)
    if path.is_dir():
        raise InputError(f"--output {config.output} is a folder, not a file.")
    check_writable(path.parent, "choose another --output")
    from analysis import reports

    with activity("reading runs and studies"):
        content = reports.gather(config.sources)
    with activity("drawing the page"):
        text, problems = reports.render(content, config.title or _title(config))
    with writing(path, "Runs and studies are as they were."):
        make_parent(path)
        write_atomically(path, text)
    return {
        "summary": reports.summary(content),
        "problems": problems,
        "unfinished": content.unfinished,
        "path": path,
        "bytes": len(text.encode()),
    }


def _title(config: Config) -> str:
    return ", ".join(Path(folder_of(name)).resolve().name for name in config.sources)


def main(config: Config) -> None:
    """Writes the page; prints what it shows, where it is, and how to open it."""
    found = run(config)
    print(f"{found['summary']}.")
    if found["unfinished"]:
        count = counted(len(found["unfinished"]), "analysis is", "analyses are")
        print(f"{count} not finished (the page names them), as")
        print(f"  {found['unfinished'][0]}")
    if found["problems"]:
        count = counted(len(found["problems"]), "part is", "parts are")
        print(f"{count} missing or damaged (the page names them), as")
        print(f"  {found['problems'][0]}")
    print(f"\nWritten to {found['path']} ({found['bytes'] / 1e6:.1f} MB)")
    print(f"Next: {shlex.join(['python', '-m', 'webbrowser', str(found['path'])])}")


if __name__ == "__main__":
    launch(lambda: main(parse(Config, __doc__)))

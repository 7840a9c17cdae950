"""Parts of a study, stored one by one in the folder of the run that they are of."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from analysis.programs import results
from landscape import runs
from landscape.cli import activity, limit_compiled_programs


def stored(
    study: str,
    names: str | Sequence[str],
    what: str,
    settings: dict[str, Any],
    measure: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """The content of `measure()` for runs, or an older one; values json can hold.

    Args:
      study: its name.
      names: of the runs, as "RUN@STEP"; the part is in the folder of the first.
      what: was measured, a word.
      settings: that it depends on, beside the runs' own.
      measure: measures.
    """
    names = [names] if isinstance(names, str) else names
    refs = [runs.parse(name) for name in names]
    folder = results.folder(study, [what], refs, settings)
    found = results.read(folder)
    if found is None:
        limit_compiled_programs()
        print(f"{names[0]}: {what}", file=sys.stderr, flush=True)
        with activity(what):
            found = measure()
        results.write(folder, found)
    return found

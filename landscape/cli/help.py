"""What --help prints: what a program does, and its flags in groups, on two screens.

Of a flag the first sentence of its docstring; `--help FLAG` has all of it. Flags that
go with some values of --method or --dataset alone are shown where one is named.
"""

import re
import shutil
import textwrap
from collections.abc import Mapping, Sequence

from landscape.cli.commands import this_program
from landscape.cli.flag_text import default_of, name_of, row
from landscape.cli.flags import Flag, flags_of
from landscape.cli.guesses import meant_by
from landscape.errors import InputError
from landscape.registries.methods import DATA_SETS, METHODS

WIDEST, NARROWEST = 100, 60
FIRST = ("method", "sparsity")
LAST = ("data", "model", "optimisation", "seeds", "output", "defaults")
"""Groups of flags that are shown before and after the others."""
OWNERS = {"method": METHODS, "dataset": DATA_SETS}
"""Flags with values that have flags of their own: groups with these as their title."""
NAMED = {"processes": "Run by several processes, one a host"}
"""Groups of which the names alone are shown, and what they are for."""


def help_asked(
    config_class: type,
    description: str | None,
    words: Sequence[str],
    own: Mapping[str, Flag],
) -> str | None:
    """The text that --help asks for on a command line; None if it does not.

    Args:
      config_class: the dataclass whose fields are the flags.
      description: the docstring of the program.
      words: the command line.
      own: flags that are no fields.

    Raises:
      InputError: `--help FLAG`, and there is no such flag.
    """
    asked = [i for i, word in enumerate(words) if word in ("--help", "-h")]
    if not asked:
        return None
    flags = flags_of(config_class, texts=True) | own
    behind = words[asked[0] + 1 :]
    are_names = all(not word.startswith("-") for word in behind) or len(words) == 2
    if behind and are_names:
        return "\n\n".join(explain(flags, word) for word in behind)
    return overview(flags, description or "", _chosen(words))


def overview(flags: Mapping[str, Flag], description: str, chosen: set[str]) -> str:
    """The help of a program.

    Args:
      flags: all of it.
      description: what it does, and how it is called.
      chosen: methods and data sets whose own flags are shown.
    """
    width = _width()
    named = [flag for flag in flags.values() if flag.positional]
    usage = [name_of(flag) for flag in named]
    lines = [f"usage: {' '.join([_program(), *usage, '[flags]'])}", ""]
    lines += _described(description, width)
    if named:
        lines.append("")
    for flag in named:
        lines += row(f"  {flag.name.upper()}", flag, width)
    hidden: dict[str, dict[str, None]] = {}
    more: list[str] = []
    for title, group in _groups(flags).items():
        users, owner = title.split(", "), _owner(title, flags)
        if owner and not chosen & {*users}:
            hidden[owner] = hidden.get(owner, {}) | dict.fromkeys(users)
            continue
        if title in NAMED:
            more.append(f"{NAMED[title]}: {', '.join('--' + f.word for f in group)}.")
            continue
        lines += ["", f"of --{owner} {title}:" if owner else f"{title}:"]
        for flag in group:
            lines += row(f"  --{name_of(flag)}", flag, width)
    lines.append("")
    if hidden:
        those = [f"--{owner} {', '.join(names)}" for owner, names in hidden.items()]
        example = f"--{next(iter(hidden))} NAME --help"
        lines += textwrap.wrap(
            f"More flags go with {' and with '.join(those)}: {example} has them.", width
        )
    for sentence in more:
        lines += textwrap.wrap(sentence, width)
    named = [flag.word for flag in flags.values() if not flag.positional]
    some = "steps" if "steps" in named else named[0]
    lines += textwrap.wrap(
        f"All about one flag: --help FLAG, as in --help {some}. Versions: --version.",
        width,
    )
    return "\n".join(lines)


def _described(description: str, width: int) -> list[str]:
    """A docstring: its paragraphs wrapped, its commands broken as a shell allows."""
    lines: list[str] = []
    for paragraph in description.strip().split("\n\n"):
        if not paragraph.startswith(" "):
            lines += ["", *textwrap.wrap(" ".join(paragraph.split()), width)]
            continue
        lines.append("")
        for command in paragraph.splitlines():
            # A flag and its value stay together.
            whole = re.sub(r"(--[\w-]+) (?=[^-\s])", "\\1\0", command)
            parts = textwrap.wrap(
                whole, width - 2, subsequent_indent=" " * 8,
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
            broken = " \\\n".join(parts).replace("\0", " ")
            lines += broken.splitlines()
    return lines[1:]


def explain(flags: Mapping[str, Flag], word: str) -> str:
    """All about one flag.

    Raises:
      InputError: there is none; with the one that was probably meant.
    """
    asked = word.lstrip("-").replace("_", "-").lower()
    flag = flags.get(asked)
    if flag is None:
        raise InputError(f"there is no --{asked}{meant_by(asked, flags)}")
    name = flag.name.upper() if flag.positional else f"--{name_of(flag)}"
    lines = [name, *_wrapped(flag.text, _width())]
    if flag.choices:
        lines += _wrapped(f"Allowed: {', '.join(flag.choices)}.", _width())
    if default := default_of(flag):
        lines.append(f"    Default: {default}.")
    return "\n".join(lines)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent="    ", subsequent_indent="    ")


def _groups(flags: Mapping[str, Flag]) -> dict[str, list[Flag]]:
    """The flags of each title, in the order in which they are shown."""
    found: dict[str, list[Flag]] = {}
    for flag in flags.values():
        if not flag.positional:
            found.setdefault(flag.group, []).append(flag)

    def place(title: str) -> int:
        if title in FIRST:
            return FIRST.index(title) - len(FIRST)
        if title in DATA_SETS:
            title = "data"
        return 1 + LAST.index(title) if title in LAST else 0

    return {title: found[title] for title in sorted(found, key=place)}


def _owner(title: str, flags: Mapping[str, Flag]) -> str | None:
    """The flag with some values of which alone the flags of a group go."""
    for word, known in OWNERS.items():
        if word in flags and {*title.split(", ")} <= {*known}:
            return word
    return None


def _chosen(words: Sequence[str]) -> set[str]:
    """The methods and data sets that a command line names."""
    found: set[str] = set()
    taking = False
    for word in words:
        if word.startswith("-"):
            flag, _, value = word.removeprefix("--").partition("=")
            taking = flag in OWNERS
            found |= {value} if taking else set()
        elif taking:
            found.add(word)
    return found


def _program() -> str:
    return f"python -m {this_program()}" if this_program() else "program"


def _width() -> int:
    return max(NARROWEST, min(WIDEST, shutil.get_terminal_size().columns))

"""How --help writes one flag: the placeholder of its value, its text, its default."""

import re
import textwrap

from landscape.cli.flags import REQUIRED, Flag
from landscape.config import ONE, PAIRS

COLUMN = 28
"""Where the texts begin."""
LONGEST_CHOICES = 60
"""Letters of a list of choices that is shown in the place of a value."""

METAVARS = {
    "data_args": "KEY=VALUE", "model_args": "KEY=VALUE", "method_args": "KEY=VALUE",
    "workdir": "DIR", "data_dir": "DIR", "output": "PATH", "roots": "DIR",
    "sources": "DIR", "csv": "FILE", "json": "FILE", "filter": "CONDITION",
    "sort": "COLUMN", "columns": "COLUMN",
    "mask_from": "RUN", "source": "RUN", "like": "RUN", "run": "RUN", "runs": "RUN",
    "others": "RUN",
    "export": "FILE", "config": "FILE", "nm": "N:M", "layers": "PATTERN",
    "dense_layers": "PATTERN", "keep_layers": "PATTERN", "max_sparsity": "PATTERN",
}  # fmt: skip
"""The placeholder of a field's value, if it is not its name or kind."""


def row(start: str, flag: Flag, width: int) -> list[str]:
    """A flag and its first sentence, on one line if they fit."""
    text = _first_sentence(flag.text)
    default = default_of(flag)
    if default and "efault" not in text:
        text = f"{text} [{default}]"
    indent = " " * COLUMN
    lines = textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    if len(start) > COLUMN - 2 or not lines:
        together = f"{start}  {text}"
        return [together] if len(together) <= width else [start, *lines]
    return [start + lines[0][len(start) :], *lines[1:]]


def _first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence, without it.

    >>> _first_sentence("At most 0.5, e.g. here, of sgd, adam, ... or so. a: this.")
    'At most 0.5, e.g. here, of sgd, adam, ... or so'
    """
    end = re.search(r"(?<!\.\.)(?<!e\.g)(?<!i\.e)(?<! al)\.( |$)", text)
    return text[: end.start()] if end else text


def name_of(flag: Flag) -> str:
    """A flag with the placeholder of its values."""
    if flag.kind is bool:
        return flag.word if not flag.default else f"[no-]{flag.word}"
    value = METAVARS.get(flag.name or flag.word, _value(flag))
    if flag.positional:
        value = value if flag.takes != ONE else flag.name.upper()
        many = f"{value} [{value} ...]" if flag.takes != ONE else value
        return many if flag.default is REQUIRED else f"[{many}]"
    if flag.takes == PAIRS:
        return f"{flag.word} {value} {_kind(flag)} ..."
    return f"{flag.word} {value}{'' if flag.takes == ONE else ' ...'}"


def _value(flag: Flag) -> str:
    listed = "{" + ",".join(flag.choices) + "}"
    if flag.choices and len(listed) <= LONGEST_CHOICES:
        return listed
    return _kind(flag)


def _kind(flag: Flag) -> str:
    return {int: "INT", float: "FLOAT"}.get(flag.kind, "NAME")


def default_of(flag: Flag) -> str:
    """The default, if there is one that says something."""
    if flag.default is REQUIRED or flag.default in (None, False, "", (), {}):
        # 0 is equal to False.
        return "0" if flag.default == 0 and flag.default is not False else ""
    if isinstance(flag.default, tuple):
        return " ".join(map(str, flag.default))
    if isinstance(flag.default, float):
        return f"{flag.default:g}"
    return "yes" if flag.default is True else str(flag.default)

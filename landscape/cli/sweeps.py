"""Makes the settings of a command line: words, a file of settings, another run; and
all combinations, where flags of one value are given several."""

import itertools
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from landscape.cli import host_flags
from landscape.cli.defaults import CONFIG, LIKE, PRESET, settings_of, with_origin
from landscape.cli.flags import REQUIRED, Flag, flags_of
from landscape.cli.help import help_asked
from landscape.cli.versions import by_package, versions
from landscape.cli.words import Given, tell_apart, twice, value_of
from landscape.config import ONE
from landscape.errors import InputError
from landscape.machine import hosts
from landscape.needs import check_needs

Config = TypeVar("Config")
# What a line and its file say, by the names of the fields, and perhaps of "like" ->
# the defaults that another run brings.
Inherited = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Point(NamedTuple):
    """The settings of one point of a sweep, and the values that are its own."""

    config: Any
    swept: dict[str, Any]

    @property
    def folder(self) -> str:
        """A folder for it, below that of the sweep; "" if nothing is swept.

        >>> Point(None, {"sparsity": 0.9, "model": "nets.small:cnn"}).folder
        'sparsity-0.9/model-nets.small_cnn'
        >>> Point(None, {"dataset": "../points/"}).folder
        'dataset-points'
        """
        parts = [
            f"{name.replace('_', '-')}-{_plain(value)}"
            for name, value in self.swept.items()
        ]
        return "/".join(parts)


def _plain(value: Any) -> str:
    """A value as part of a name: without what separates folders, or a module's name."""
    parts = re.split(r"[^\w.+-]+", str(value))
    return "_".join(part for part in parts if part.strip("."))


def parse(
    config_class: type[Config],
    description: str | None = None,
    *,
    inherited: Inherited | None = None,
    distributed: bool = False,
    argv: Sequence[str] | None = None,
) -> Config:
    """Makes a config from the command line; every field is a flag.

    --config FILE replaces the defaults of fields; --help and --version print and end
    the program.

    Args:
      config_class: a frozen dataclass.
      description: the docstring of the program.
      inherited: gives more defaults, below those of the file: what another run brings.
        The program has --like RUN with it.
      distributed: whether several processes can run the program together: it has
        --distributed and the other `host_flags.FLAGS`, and joins them here.
      argv: the words; default: those of the process.

    Raises:
      InputError: a word, a file or a value is not allowed, or several processes have
        different settings; in one sentence.

    >>> from landscape.config import DenseRun
    >>> parse(DenseRun, argv=["--steps", "9"]).steps
    9
    """
    (point,) = parse_sweep(
        config_class,
        description,
        inherited=inherited,
        distributed=distributed,
        argv=argv,
    )
    return point.config


def parse_sweep(
    config_class: type[Config],
    description: str | None = None,
    *,
    inherited: Inherited | None = None,
    fixed: Mapping[str, str] | None = None,
    presets: Collection[str] = (),
    distributed: bool = True,
    argv: Sequence[str] | None = None,
) -> list[Point]:
    """As `parse`, where a flag of one value may have several: all combinations.

    Args:
      config_class, description, inherited, distributed, argv: as of `parse`.
      fixed: the fields that may not have several values, and why; None: all.
      presets: names of recipes that `inherited` knows; with them there is --preset.

    Returns:
      A point for each combination; the last of the flags that are swept, in the order
      of their names, varies fastest.

    >>> from landscape.config import DenseRun
    >>> words = "--steps 9 --seed 1 2".split()
    >>> for point in parse_sweep(DenseRun, fixed={}, argv=words):
    ...     print(point.folder, point.config.seed, point.config.steps)
    seed-1 1 9
    seed-2 2 9
    """
    words = list(sys.argv[1:] if argv is None else argv)
    flags = flags_of(config_class)
    own = {CONFIG.word: CONFIG} | ({LIKE.word: LIKE} if inherited else {})
    if distributed:
        own |= host_flags.FLAGS
    if presets:
        own |= {PRESET.word: PRESET._replace(choices=tuple(presets))}
    text = versions() if "--version" in words else None
    if text is None:
        text = help_asked(config_class, description, words, own)
    if text is not None:
        print(text)
        sys.exit()
    given = tell_apart(flags | own, words)
    swept = _swept(given, fixed)
    file: dict[str, Any] = {}
    for flag, values, _ in given:
        if flag == CONFIG:
            file |= settings_of(values[0], flags)
    usual = {flag.name: flag.default for flag in flags.values()}
    typed = {e.flag.name: value_of(e) for e in given if e.flag.name}
    points = []
    for chosen in itertools.product(*swept.values()):
        each = dict(zip(swept, chosen, strict=True))
        # What is inherited may depend on the values of this point.
        below = dict(inherited(file | _said(given) | each)) if inherited else {}
        values = usual | below | file | typed | each
        _check_complete(flags, values, given)
        try:
            points.append(Point(config_class(**values), each))
        except InputError as error:
            # What was typed needs no origin, nor do defaults, nor what a file replaces.
            brought = [
                {
                    n: v
                    for n, v in part.items()
                    if n not in typed and v == values[n] != usual.get(n)
                }
                for part in (file, below)
            ]
            raise with_origin(error, *brought, _said(given)) from None
    _check_apart(points)
    # None and () are as by default; commands may share a file.
    named = {name for name, value in typed.items() if value not in (None, ())}
    check_needs([point.config for point in points], named)
    if distributed:
        # Last: what one process refuses must not cost the others a wait.
        host_flags.join(_said(given))
        host_flags.check_same([point.config for point in points])
        if hosts.are_several():
            from landscape.machine.backend import number_settings

            hosts.check_equal("versions", by_package() | number_settings())
    return points


def _swept(
    given: Sequence[Given], fixed: Mapping[str, str] | None
) -> dict[str, list[Any]]:
    """The fields that are given several values, and these."""
    found: dict[str, list[Any]] = {}
    for each in given:
        flag, texts, _ = each
        # The last of a repeated flag counts, unless it is that of a sweep.
        if sum(e.flag == flag for e in given) > 1 and flag.takes == ONE and texts[1:]:
            raise twice(flag)
        if flag.takes != ONE or len(texts) < 2:
            continue
        if fixed is None or flag.name in fixed or not flag.name:
            why = f": {fixed[flag.name]}" if fixed and flag.name in fixed else ""
            raise InputError(
                f"--{flag.word} takes one value, not {' '.join(texts)}{why}."
            )
        values = [value_of(each._replace(values=[text])) for text in texts]
        if len(set(values)) < len(values):
            raise InputError(
                f"--{flag.word} has a value twice: {' '.join(map(str, values))}."
            )
        found[flag.name] = values
    return dict(sorted(found.items()))


def _check_apart(points: Sequence[Point]) -> None:
    """Raises InputError if two values, as ./points and points/, have one folder."""
    seen: dict[str, dict[str, Any]] = {}
    for point in points:
        if other := seen.get(point.folder):
            name = next(k for k in other if other[k] != point.swept[k])
            values = f"{other[name]} and {point.swept[name]}"
            raise InputError(
                f"--{name.replace('_', '-')} {values} would both be in the folder"
                f" {point.folder}: train them one by one."
            )
        seen[point.folder] = point.swept


def _said(given: Sequence[Given]) -> dict[str, Any]:
    """What flags say, of several values that are swept the first; and --like."""
    return {each.flag.name or each.flag.word: value_of(each) for each in given}


def _check_complete(
    flags: Mapping[str, Flag], values: Mapping[str, Any], given: Sequence[Given]
) -> None:
    missing = [flag for flag in flags.values() if values[flag.name] is REQUIRED]
    if not missing:
        return
    names = [
        flag.name.upper() if flag.positional else f"--{flag.word}" for flag in missing
    ]
    where = "see --help"
    many = [e for e in given if e.flag.takes != ONE and e.values[1:]]
    if missing[0].positional and many:
        flag, texts, _ = many[-1]
        where = f"{texts[-1]!r} is read as a value of --{flag.word}, name runs first"
    raise InputError(f"{' and '.join(names)} must be given: {where}.")

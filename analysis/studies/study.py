"""What the studies share: flags, the files they leave, and what they print."""

import contextlib
import functools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from analysis.programs.options import check_formats
from analysis.studies.claims import Claim, verdict
from landscape.disk import locks
from landscape.disk.files import check_writable, write_atomically, writing
from landscape.disk.folders import folder_of
from landscape.errors import InputError, check_choices, percent_hint, require
from landscape.needs import Need, when
from landscape.registries.methods import DATA_SETS, check_model

RESULT = "result.json"

T = TypeVar("T")

AGAIN = "Finished parts are kept: the same command reads them back."


@dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """Flags of every study.

    Attributes:
      NAME: of the study, and of the folder of its results.
      CHOICES: its scales, by the name of that field.

    Raises:
      InputError: a value is not allowed.
    """

    NAME: ClassVar[str]
    CHOICES: ClassVar[dict[str, tuple[str, ...]]]
    GROUPS: ClassVar[dict[str, str]] = {
        "scale": "study",
        "num_seeds": "seeds",
        "data_dir": "data",
        "workdir": "output",
        "quick": "study",
    }

    NEEDS: ClassVar[dict[str, Need]] = {
        "data_dir": when(
            lambda config: config.scale not in DATA_SETS,
            "has no effect: digits and blobs are in no folder",
        )
    }

    scale: str = "digits"
    """The data, and the sizes that go with them."""
    num_seeds: int | None = None
    """Number of seeds; default: the scale's own."""
    data_dir: str | None = None
    """Where tfds keeps its prepared sets."""
    workdir: str = "runs/studies"
    """The folder of the runs and of the results."""
    quick: bool = False
    """A small part of everything, to see that it works; the verdicts mean nothing."""
    format: tuple[str, ...] = ("png",)
    """Formats of the figures: png, pdf, svg, or several of them."""

    def __post_init__(self):
        object.__setattr__(self, "workdir", str(folder_of(self.workdir)))
        check_choices(self)
        require(self, "num_seeds", self.num_seeds is None or self.num_seeds > 0)
        check_formats(self.format)

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return Path(self.workdir) / "-".join([self.NAME, *self._words()])

    def _words(self) -> list[str]:
        return [self.scale, "quick"] if self.quick else [self.scale]


@dataclass(frozen=True, kw_only=True)
class SparseStudyOptions(StudyOptions):
    """Flags of the studies of pruned, lottery and scratch networks."""

    GROUPS: ClassVar[dict[str, str]] = {"model": "study"}

    model: str | None = None
    """Another model than the scale's own."""
    sparsities: tuple[float, ...] = ()
    """Sparsities to train at, lowest to highest; default: the scale's own."""

    def __post_init__(self):
        super().__post_init__()
        if self.model is not None:
            check_model(self.model, (), "relu")
        rising = list(self.sparsities) == sorted(set(self.sparsities))
        if not rising or any(not 0 < s < 1 for s in self.sparsities):
            hint = percent_hint(max(self.sparsities))
            raise InputError(
                "--sparsities must increase and lie in (0, 1), not"
                f" {' '.join(map(str, self.sparsities))}{hint or '.'}"
            )

    def _words(self) -> list[str]:
        scale, *rest = super()._words()
        return [scale, self.model, *rest] if self.model else [scale, *rest]


def one_process(run: Callable[..., T]) -> Callable[..., T]:
    """Makes a function of a study's settings refuse while another process is in it.

    What is locked is the folder of the results; one that cannot be written is refused
    as well. Studies that share runs go side by side; the one that comes to a run that
    the other is training is refused there.
    """

    @functools.wraps(run)
    def locked(config: StudyOptions, *args: Any, **options: Any) -> T:
        check_writable(config.folder, "choose another --workdir")
        with locks.locked(config.folder):
            return run(config, *args, **options)

    return locked


@contextlib.contextmanager
def few_optimisations(quick: bool) -> Iterator[None]:
    """If `quick`, programs are compiled here with few optimisations.

    Compiling is most of what a quick study does, and each program computes little.
    """
    import jax

    name = "jax_disable_most_optimizations"
    before = jax.config.values[name]
    jax.config.update(name, before or quick)
    try:
        yield
    finally:
        jax.config.update(name, before)


def write(
    config: StudyOptions, measured: Any, claims: Sequence[Claim], texts: dict[str, str]
) -> dict[str, Any]:
    """Writes the texts and result.json; returns the content of the latter.

    Args:
      config: the study's settings.
      measured: a NamedTuple of values that json can hold.
      claims: all of them, judged.
      texts: name of a file -> its content.
    """
    result = {
        **asdict(config),
        "claims": [c._asdict() | {"verdict": verdict(c)} for c in claims],
        **measured._asdict(),
    }
    content = texts | {RESULT: json.dumps(result, indent=1)}
    for name, text in content.items():
        with writing(config.folder / name, AGAIN):
            config.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(config.folder / name, text + "\n")
    return result


def differences(full: Any, small: Any) -> list[str]:
    """The fields of a scale that differ in another one, in words.

    Args:
      full, small: NamedTuples of one class; their fields may be NamedTuples or dicts.

    >>> from typing import NamedTuple
    >>> class Scale(NamedTuple):
    ...     steps: int
    ...     classes: tuple
    >>> differences(Scale(4000, (2, 5)), Scale(40, (2, 5)))
    ['steps 40 instead of 4000']
    """
    found = []
    for name, before in _fields(full).items():
        after = _fields(small)[name]
        if _fields(before) and _fields(after):
            found += [f"{name} {each}" for each in differences(before, after)]
        elif before != after:
            found.append(f"{name} {_short(after)} instead of {_short(before)}")
    # What the full scale leaves at its default, except empty values.
    new = {name: x for name, x in _fields(small).items() if name not in _fields(full)}
    return found + [f"{name} {_short(x)}" for name, x in sorted(new.items()) if x]


def _fields(value: Any) -> dict[str, Any]:
    if hasattr(value, "_asdict"):
        return value._asdict()
    return value if isinstance(value, dict) else {}


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_short, value))})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def report(
    config: StudyOptions,
    text: str,
    notes: str,
    files: Sequence[str],
    command: str,
    changed: Sequence[str],
) -> None:
    """Prints the results, what they mean, where the files are and what to try next.

    `files` are names or patterns; those of figures end in .png, whatever the formats.
    `changed` is what --quick changes in the scale; see `differences`.
    """
    # Not above: --help answers without what the programs import.
    from analysis.programs import shell

    text = f"{text}\n\n{notes}"
    if config.quick:
        text += (
            "\n--quick: the networks are hardly trained, so the verdicts mean nothing."
            f" Settings that differ: {'; '.join(changed)}."
        )
    shown = [
        name.replace(".png", f".{kind}")
        for name in files
        for kind in (config.format if name.endswith(".png") else [""])
    ]
    shell.announce(text, config.folder, command, [*shown, RESULT])

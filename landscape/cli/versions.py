"""What --version prints."""

import importlib.metadata
import platform

PACKAGE = "sparse-landscape"
OTHERS = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "scipy")
"""Packages that decide a run's numbers, and how they are stored."""


def versions() -> str:
    """The version of this package, and of those that decide its numbers.

    >>> versions().splitlines()[0].startswith("sparse-landscape ")
    True
    """
    python = f"Python {platform.python_version()} ({platform.platform()})"
    return "\n".join([_line(PACKAGE), python, *map(_line, OTHERS)])


def by_package() -> dict[str, str]:
    """The versions that all processes must have, by name.

    >>> "jax" in by_package()
    True
    """
    names = (PACKAGE, *OTHERS)
    return {"python": platform.python_version()} | {n: _version(n) for n in names}


def _line(name: str) -> str:
    return f"{name} {_version(name)}"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed: pip install -e .)"

"""The files behind `package.module:name`: found, read and hashed without importing."""

import ast
import difflib
import hashlib
import importlib.util
import os
import pkgutil
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import NamedTuple

from landscape.errors import InputError
from landscape.one_line import one_line
from landscape.users.code import check_name, search_here

# Their versions are in summary.json, and no user's code is in them.
_OURS = {"landscape", "train", "analysis"}
_INSTALLED = {"site-packages", "dist-packages"}
_STANDARD = Path(os.__file__).parent


class Code(NamedTuple):
    """The files that a name of the user's own stands for.

    Attributes:
      name: `package.module:name`.
      folder: in which the top-level package or module is.
      files: SHA-256 of each file by its path in that folder: the one that defines the
        name, and those that it imports, directly or through others, of its own
        top-level package or beside it (beside an installed package: none). Imports
        are read off the source; those made by calls, and data files, are not seen.
    """

    name: str
    folder: str
    files: dict[str, str]

    __repr__ = one_line


def find(module: str) -> Path | None:
    """The file of a module, as importing would find it; None if there is none.

    Nothing is imported. A package has the file `__init__.py`, if it has one.

    >>> find("landscape.users.files").name, find("landscape").name
    ('files.py', '__init__.py')
    >>> find("landscape.no_such_file")
    """
    spec = _spec(module)
    if spec is None or not spec.has_location:
        return None
    return Path(str(spec.origin))


def check(flag: str, name: str) -> None:
    """Refuses a name whose module is not there, or does not define it; imports nothing.

    Raises:
      InputError: names the flag, what is not there, and the nearest name that is.

    >>> check("--model", "landscape.users.files:find")
    >>> check("--model", "landscape.users.files:fnd")
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: --model landscape.users.files:fnd: files.py \
defines no 'fnd': perhaps you meant 'find'?
    """
    check_name(flag, name)
    module, _, attribute = name.partition(":")
    importlib.invalidate_caches()
    spec = _spec(module)
    if spec is None:
        raise InputError(f"{flag} {name}: {_missing(module)}")
    file = find(module)
    if file is None or file.suffix != ".py":
        return
    try:
        known = _defined(ast.parse(file.read_bytes()))
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise InputError(
            f"{flag} {name}: {file.name}{line} is not Python:"
            f" {getattr(error, 'msg', error)}."
        ) from None
    if known is not None and attribute not in known:
        near = difflib.get_close_matches(attribute, sorted(known), n=1, cutoff=0.5)
        hint = f": perhaps you meant {near[0]!r}?" if near else "."
        raise InputError(f"{flag} {name}: {file.name} defines no {attribute!r}{hint}")


def digests(name: str) -> Code | None:
    """The files that `package.module:name` stands for; None if there is no module.

    >>> code = digests("landscape.errors:InputError")
    >>> sorted(code.files), len(code.files["landscape/errors.py"])
    (['landscape/__init__.py', 'landscape/errors.py'], 64)
    """
    module = name.partition(":")[0]
    top = module.partition(".")[0]
    importlib.invalidate_caches()
    spec, root = _spec(module), _root(top)
    if spec is None or root is None:
        return None
    installed = _is_installed(root, root)
    files, seen, left = {}, set(), [module]
    while left:
        each = left.pop()
        if each in seen:
            continue
        seen.add(each)
        above = each.partition(".")[0]
        if above != top and (installed or above in _OURS):
            continue
        # What is above a module is run when it is imported.
        left += [each.rpartition(".")[0]] if "." in each else []
        file = find(each)
        if file is None or not file.is_relative_to(root):
            continue
        # An environment may lie inside of the user's own folder.
        if installed or not _is_installed(file, file.relative_to(root)):
            content = file.read_bytes()
            path = file.relative_to(root).as_posix()
            files[path] = hashlib.sha256(content).hexdigest()
            if file.suffix == ".py":
                left += _imported(content, each, file.stem == "__init__")
    return Code(name, str(root), dict(sorted(files.items())))


def _spec(module: str) -> ModuleSpec | None:
    """How a module would be imported; not even its package is."""
    search_here()
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except ValueError:  # of what has no file, as __main__ of a shell
        return None
    name = top
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        spec = _inside(name, list(spec.submodule_search_locations))
    return spec


def _inside(name: str, folders: Sequence[str]) -> ModuleSpec | None:
    """How a module of a package would be imported, of the folders of the package.

    `PathFinder` wants a package without __init__.py to have been imported.
    """
    found = ModuleSpec(name, None, is_package=True)
    for folder in folders:
        finder = pkgutil.get_importer(folder)
        spec = finder.find_spec(name) if finder else None
        if spec is not None and spec.loader is not None:
            return spec
        if spec is not None:
            found.submodule_search_locations += spec.submodule_search_locations or []
    return found if found.submodule_search_locations else None


def _root(top: str) -> Path | None:
    """The folder in which a top-level package or module is."""
    spec = _spec(top)
    if spec is None:
        return None
    if spec.submodule_search_locations is not None:
        return Path(next(iter(spec.submodule_search_locations))).parent
    return Path(str(spec.origin)).parent if spec.has_location else None


def _is_installed(path: Path, part: Path) -> bool:
    """Whether a path is that of an installed package, by a part of it, or Python's."""
    return bool(_INSTALLED & {*part.parts}) or path.is_relative_to(_STANDARD)


def _missing(module: str) -> str:
    top, here = module.partition(".")[0], Path.cwd()
    root = _root(top)
    if root is not None:
        return f"there is no module {module} in {root / top}."
    # As __pycache__ is none.
    beside = {path.stem for path in here.glob("*.py")}
    beside |= {path.parent.name for path in here.glob("*/__init__.py")}
    near = difflib.get_close_matches(top, sorted(beside), n=1, cutoff=0.5)
    hint = f": perhaps you meant {near[0]}?" if near else "."
    return f"there is no module {top} in {here} or on PYTHONPATH{hint}"


def _defined(tree: ast.Module) -> set[str] | None:
    """The names that a module has at its top level; None if that is not to be seen."""
    found: set[str] = set()
    left: list[ast.AST] = [tree]
    while left:
        node = left.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                found.add(alias.asname or alias.name.partition(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        left += ast.iter_child_nodes(node)
    return None if found & {"*", "__getattr__"} else found


def _imported(source: bytes, module: str, is_package: bool) -> Iterator[str]:
    """Modules that a file imports, and names that may be modules of a package."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            if base:
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names)

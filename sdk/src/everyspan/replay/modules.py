"""The user's modules that declare what a replay may run: named by the user, never by a trace."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any

from everyspan import _own
from everyspan.replay.errors import ReplayError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = "pyproject.toml"
#: `[tool.everyspan.replay]` with `load = ["my_agent"]`.
TABLE = "tool.everyspan.replay"
_MODULE = re.compile(r"[\w-]+(\.[\w-]+)*")


def load_declared(given: Sequence[str]) -> None:
    """Imports the modules that --load gives, else those that pyproject.toml names.

    Raises ReplayError.
    """
    for name in given:
        load(name, f"--load {name}")
    if not given:
        for name in _of_file(Path.cwd() / FILE):
            load(name, f"{FILE}, {TABLE}: {name}")


def load(name: str, said: str) -> Any:
    """The imported module; what it and its package hold counts as the user's own. `said`: where the
    user named it. Raises ReplayError."""
    if not _MODULE.fullmatch(name):
        raise ReplayError(f"{said} is no name of a module such as my_agent")
    here = os.getcwd()
    # First: what is installed may have packages of the same names.
    if sys.path[:1] not in ([here], [""]):
        sys.path.insert(0, here)
    _own.named.add(name.partition(".")[0])
    _take_folder(name, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise ReplayError(
                f"{said}: there is no module {error.name} here; run the replay in the agent's "
                f"folder and environment (now {here}, {sys.executable})"
            ) from error
        raise ReplayError(f"{said}: importing it failed: {error}") from error
    except Exception as error:
        raise ReplayError(
            f"{said}: importing it failed: {type(error).__name__}: {error}"
        ) from error


def _take_folder(name: str, here: str) -> None:
    """A folder here without __init__.py is a package too, but an installed one of the same name
    would come before it."""
    top, _, rest = name.partition(".")
    folder = Path(here, top)
    inner = folder / rest.partition(".")[0]
    if not rest or top in sys.modules or not (inner.is_dir() or Path(f"{inner}.py").is_file()):
        return
    installed = PathFinder.find_spec(top)
    if installed is None or installed.origin is None or folder in Path(installed.origin).parents:
        return
    spec = ModuleSpec(top, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    sys.modules[top] = module_from_spec(spec)


def _of_file(path: Path) -> list[str]:
    try:
        found: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise ReplayError(f"{path} can't be read: {error}") from error
    for key in TABLE.split("."):
        found = found.get(key, {})
        if not isinstance(found, dict):
            raise ReplayError(f"{path}: {key} of {TABLE} is no table")
    names = found.get("load", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ReplayError(f'{path}: load of {TABLE} is no list of modules such as ["my_agent"]')
    return names

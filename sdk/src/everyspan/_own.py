"""Which loaded modules are the user's own: those under the working directory, and those named."""

from __future__ import annotations

import os
import sys
from typing import Any

from everyspan import _source

#: Top packages of the modules that the user named for a replay.
named: set[str] = set()


def is_own(module: str) -> bool:
    """Whether `module` is loaded from below the working directory, or was named.

    What is installed is a library, even where the environment lies in the working directory.
    """
    if module.partition(".")[0] in named:
        return True
    file = table(sys.modules.get(module)).get("__file__")
    if not isinstance(file, str):
        return False
    path = os.path.realpath(file)
    here = os.path.join(os.path.realpath(os.getcwd()), "")
    return path.startswith(here) and not _source.is_library(path)


def class_of(module: str, qualified: str) -> type | None:
    """The class that a loaded module defines under that name; None where there is none."""
    found: Any = sys.modules.get(module)
    for part in qualified.split("."):
        found = table(found).get(part)
    if isinstance(found, type) and (found.__module__, found.__qualname__) == (module, qualified):
        return found
    return None


def table(of: Any) -> Any:
    """The names that a module or class holds itself.

    Never `getattr`: a module may import others in its `__getattr__`.
    """
    try:
        return object.__getattribute__(of, "__dict__")
    except AttributeError:
        return {}

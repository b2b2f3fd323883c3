"""Values of a rule that stand in a file beside it: ``one_of = { file = "gl_codes.txt" }``.

Read where the rule file is read, by the command or by the service that follows a folder, never for
a caller over HTTP: what reaches the service are values.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from errno import ENOENT
from pathlib import Path
from typing import Any

from classify.custom.classifier_definition import DefinitionError

FIELDS = ("one_of", "none_of")
_MOST_BYTES, _MOST_VALUES = 1 << 20, 20_000


def filled_in(content: dict[str, Any], folder: Path) -> tuple[dict[str, Any], bytes]:
    """The rule with the values in place of the files, and what the files hold, one after the other.
    A line of a file is a value; empty ones and those that begin with # are none. Raises
    DefinitionError."""
    read = b""
    for condition in _conditions(content):
        for field in FIELDS:
            named = condition.get(field)
            if isinstance(named, dict):
                if set(named) != {"file"} or not isinstance(named["file"], str):
                    raise DefinitionError(
                        f'{field}: write a list of values, or {{ file = "values.txt" }}'
                    )
                values, data = _values(folder / named["file"], field)
                condition[field] = values
                read += data
    return content, read


def _conditions(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in ("only", "fail_if"):
        found = content.get(name)
        for each in found if isinstance(found, list) else ():
            if isinstance(each, dict):
                yield each


def _values(path: Path, field: str) -> tuple[list[str], bytes]:
    try:
        if not path.is_file():
            # A pipe would never end, and a name that no file can have is no OSError.
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT))
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        # What is cut within a letter is too long before it is no text.
        text = data.decode("utf-8-sig", "ignore" if len(data) > _MOST_BYTES else "strict")
    except OSError as error:
        raise DefinitionError(
            f"{field}: {path}: {error.strerror}; the file is looked for beside the rule's"
        ) from error
    except UnicodeDecodeError as error:
        raise DefinitionError(f"{field}: {path} is no UTF-8 text; a value a line") from error
    lines = [line.strip() for line in text.splitlines()]
    values = list(dict.fromkeys(each for each in lines if each and not each.startswith("#")))
    if len(data) > _MOST_BYTES or len(values) > _MOST_VALUES:
        raise DefinitionError(
            f"{field}: {path} is over {_MOST_VALUES:,} values or {_MOST_BYTES:,} bytes; split it,"
            " or write what they have in common as matches"
        )
    if not values:
        raise DefinitionError(f"{field}: {path} has no value; write one a line")
    return values, data

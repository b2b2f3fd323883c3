"""What to do about a failure: the first entry of the playbook that fits, filled with its facts."""

from __future__ import annotations

import logging
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.errors import UserError
from service.pattern import Pattern, PatternTimeoutError, pattern

logger = logging.getLogger(__name__)

OWN = Path(__file__).parents[1] / "playbook"
#: What an entry may speak of.
FACTS = (
    "service environment step steps step_name step_kind tool model prompt evidence code"
    " trace_id documents count"
).split()


class PlaybookError(UserError):
    """A playbook file can't be read; the text names file, entry and remedy."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    #: A regular expression that the evidence must match; '' for any.
    when: str = ""
    fix: str = Field(min_length=1)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    entry: list[_Entry] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """``when``: what the evidence must match."""

    when: Pattern
    fix: str


Playbook = Mapping[str, list[Entry]]
"""Classifier, or kind of an operational alert, to its entries, most special first."""


def read_playbook(own: str = "") -> Playbook:
    """Everyspan's files, after those of the folder ``own``. Raises PlaybookError."""
    found: dict[str, list[Entry]] = {}
    folders = [Path(own)] if own else []
    if own and not folders[0].is_dir():
        raise PlaybookError(f"EVERYSPAN_PLAYBOOK: {own} is no folder")
    for folder in (*folders, OWN):
        for path in sorted(folder.glob("*.toml")):
            found.setdefault(path.stem, []).extend(_read(path))
    return found


def suggested(playbook: Playbook, name: str, facts: Mapping[str, str]) -> str:
    """The fix for a failure of ``name``; of 'default' where it has no entry."""
    for key in (name, "default"):
        for entry in playbook.get(key, []):
            if _holds(entry.when, facts["evidence"]):
                return " ".join(entry.fix.format_map(facts).split())
    return ""


def _holds(when: Pattern, evidence: str) -> bool:
    try:
        return when.search(evidence)
    except PatternTimeoutError as error:
        logger.warning("playbook: %s", error)
        return False


def _read(path: Path) -> list[Entry]:
    try:
        document = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PlaybookError(f"{path}: {error}") from error
    except RecursionError as error:
        raise PlaybookError(f"{path}: it is nested too deeply") from error
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise PlaybookError(f"{path}: {where}: {problem['msg']}") from error
    entries = []
    for number, each in enumerate(document.entry, 1):
        try:
            names = {name for _, name, _, _ in string.Formatter().parse(each.fix) if name}
            when = pattern(each.when, ignore_case=True)
        except ValueError as error:
            raise PlaybookError(f"{path}: entry {number}: {error}") from error
        if unknown := sorted(names - set(FACTS)):
            raise PlaybookError(
                f"{path}: entry {number}: {{{unknown[0]}}} is no fact; use {', '.join(FACTS)}"
            )
        try:
            each.fix.format_map(dict.fromkeys(FACTS, ""))
        except (ValueError, LookupError) as error:
            raise PlaybookError(f"{path}: entry {number}: fix: {error}") from error
        entries.append(Entry(when, each.fix))
    return entries

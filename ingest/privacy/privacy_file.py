"""What is taken out before it is stored, in one TOML file, checked when the service starts."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Literal

from everyspan.masking.pseudonyms import KINDS, check_name
from pydantic import BaseModel, ConfigDict, ValidationError

from clickhouse.span import SPAN_COLUMNS, Span
from service.errors import UserError
from service.pattern import PatternError, pattern

#: ``keep``: no rule changes it. ``mask``: the whole value becomes a mark. ``hash``: the same with
#: the key, so that one value has one mark. ``drop``: it is left out.
Action = Literal["keep", "mask", "hash", "drop"]
#: Stands for all that people and models said: prompts, answers, arguments, results, documents.
CONTENT = "content"
#: Columns that no attribute fills.
_FIXED = frozenset(
    "trace_id span_id parent_span_id name step_kind start_time duration_ms status attributes"
    " resource_attributes events links scope_name scope_version convention fingerprint id_reuse"
    " twin_of time_to_first_token_ms".split()
)
#: Columns that an attribute fills and that are no text.
_NO_TEXT = frozenset(
    column.name
    for column in dataclass_fields(Span)
    if column.name not in _FIXED and column.default != ""
)


class PrivacyError(UserError):
    """The file can't be used; the text names the key and the remedy."""


@dataclass(frozen=True, slots=True)
class PrivacyRules:
    """``kinds``: masked wherever they stand. ``patterns``: kinds of the user's own, to regular
    expressions. ``fields``: column or attribute (``*`` at its end for all that begin so) to what
    is done with it. ``key``: of the marks, '' for none."""

    kinds: tuple[str, ...] = ()
    patterns: tuple[tuple[str, str], ...] = ()
    fields: tuple[tuple[str, Action], ...] = ()
    key: str = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    mask: list[str] = []
    patterns: dict[str, str] = {}
    fields: dict[str, Action] = {}


def read_privacy(path: str, key: str) -> PrivacyRules | None:
    """None without a path. Raises PrivacyError."""
    if not path:
        return None
    try:
        document = tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PrivacyError(f"EVERYSPAN_PRIVACY_FILE: {path} can't be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise PrivacyError(f"{path} is no TOML: {error}") from error
    try:
        found = _File.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise PrivacyError(
            f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}; a file has mask ="
            " [kinds], [patterns] and [fields]"
        ) from error
    _check(path, found, key)
    return PrivacyRules(
        tuple(dict.fromkeys(found.mask)),
        tuple(found.patterns.items()),
        tuple(found.fields.items()),
        key,
    )


def _check(path: str, found: _File, key: str) -> None:
    for kind in found.mask:
        if kind not in KINDS:
            raise PrivacyError(f"{path}: mask: there is no '{kind}'; choose of {', '.join(KINDS)}")
    for name, said in found.patterns.items():
        try:
            check_name(name)
            if name in KINDS:
                raise ValueError("the kind is there already; give it another name")
            if pattern(said).values(""):
                raise ValueError("it matches a text without a character")
        except (PatternError, ValueError) as error:
            raise PrivacyError(f"{path}: patterns.{name}: {error}") from error
    for name, action in found.fields.items():
        if name in _FIXED:
            raise PrivacyError(
                f"{path}: fields.{name}: spans can't be kept without it; name an attribute or one"
                f" of {', '.join(column for column in SPAN_COLUMNS if column not in _FIXED)}"
            )
        if name == CONTENT and action != "drop":
            raise PrivacyError(f"{path}: fields.{CONTENT}: it can be 'drop' only")
        if "*" in name[:-1] or name in ("", "*"):
            raise PrivacyError(
                f"{path}: fields.'{name}': write the whole name, or its beginning with a * at the"
                " end"
            )
        if action in ("mask", "hash") and name in _NO_TEXT:
            raise PrivacyError(f"{path}: fields.{name}: it is no text; it can be 'drop' only")
        if action == "hash" and not key:
            raise PrivacyError(
                f"{path}: fields.{name}: hash needs EVERYSPAN_PRIVACY_KEY, a long random text that"
                " stays the same"
            )
    if not (found.mask or found.patterns or found.fields):
        raise PrivacyError(f"{path}: nothing is taken out; write mask = {list(KINDS)}")

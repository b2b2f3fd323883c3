"""What is taken out before it is stored, in one TOML file, checked when the service starts."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Literal

from everyspan.masking.pseudonyms import KINDS, check_name
from pydantic import BaseModel, ConfigDict, ValidationError

from clickhouse.span import SPAN_COLUMNS, Span
from service.errors import UserError
from service.keys import DEFAULT, PROJECT
from service.pattern import PatternError, pattern

#: ``keep``: no rule changes it. ``mask``: the whole value becomes a mark. ``hash``: the same with
#: the key, so that one value has one mark. ``drop``: it is left out.
Action = Literal["keep", "mask", "hash", "drop"]
#: The less is left of a value, the stricter; a project's rules may only be stricter.
STRICTNESS: Mapping[Action, int] = {"keep": 0, "hash": 1, "mask": 2, "drop": 3}
#: Column or attribute (``*`` at its end for all that begin so), and what is done with it.
Fields = tuple[tuple[str, Action], ...]
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
    expressions. ``fields``: of all projects; ``own``: of one besides, the stricter of both counts.
    ``key``: of the marks, '' for none. ``projects``: the rules of those that have more, whole."""

    kinds: tuple[str, ...] = ()
    patterns: tuple[tuple[str, str], ...] = ()
    fields: Fields = ()
    own: Fields = ()
    key: str = ""
    projects: tuple[tuple[str, PrivacyRules], ...] = ()

    def of(self, project: str) -> PrivacyRules:
        """What holds for a project, '' for the default one."""
        return next((rules for name, rules in self.projects if name == project), self)

    @property
    def takes_out(self) -> bool:
        """Whether there is any rule."""
        return bool(self.kinds or self.patterns or self.fields or self.own)


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid")

    mask: list[str] = []
    patterns: dict[str, str] = {}
    fields: dict[str, Action] = {}


class _File(_Rules):
    projects: dict[str, _Rules] = {}


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
            " [kinds], [patterns] and [fields], and the same for one project in [projects.NAME]"
        ) from error
    _check(path, found, key)
    projects = []
    for name, more in found.projects.items():
        _check(path, more, key, f"projects.{name}.")
        _check_adds(path, name, found, more)
        projects.append(("" if name == DEFAULT else name, _rules(key, found, more)))
    shared = _rules(key, found)
    if not (shared.takes_out or any(rules.takes_out for _, rules in projects)):
        raise PrivacyError(f"{path}: nothing is taken out; write mask = {list(KINDS)}")
    return replace(shared, projects=tuple(projects))


def _rules(key: str, shared: _Rules, more: _Rules | None = None) -> PrivacyRules:
    more = more or _Rules()
    return PrivacyRules(
        tuple(dict.fromkeys([*shared.mask, *more.mask])),
        tuple({**shared.patterns, **more.patterns}.items()),
        tuple(shared.fields.items()),
        tuple(more.fields.items()),
        key,
    )


def action_of(fields: Fields, names: Sequence[str]) -> tuple[str, Action] | None:
    """(name of the field, what is done with it) for an attribute by any of its ``names``: a whole
    name counts before the beginnings of names, of which the strictest does."""
    exact = {name: done for name, done in fields if not name.endswith("*")}
    for name in names:
        if name in exact:
            return name, exact[name]
    found = [
        (name[:-1].rstrip("._-*"), done)
        for name, done in fields
        if name.endswith("*") and names and names[0].startswith(name[:-1])
    ]
    return max(found, key=lambda each: STRICTNESS[each[1]], default=None)


def _check_adds(path: str, project: str, shared: _Rules, more: _Rules) -> None:
    """A project's rules only add to those of all: whoever writes the file relies on these."""
    where = f"{path}: projects.{project}"
    if project != DEFAULT and not PROJECT.fullmatch(project):
        raise PrivacyError(
            f"{where}: no project can have this name; use lower-case letters, digits and hyphens,"
            f" or '{DEFAULT}' for the one that needs no key"
        )
    if twice := sorted(set(shared.patterns) & set(more.patterns)):
        raise PrivacyError(
            f"{where}.patterns.{twice[0]}: the kind is there for all projects already; give it"
            " another name"
        )
    for name, action in more.fields.items():
        if action == "keep":
            raise PrivacyError(
                f"{where}.fields.{name}: a project's rules can only take out more than those of"
                " all; write keep above, or leave it out"
            )
        held = action_of(tuple(shared.fields.items()), [name.rstrip("*")])
        if held is not None and STRICTNESS[held[1]] > STRICTNESS[action]:
            raise PrivacyError(
                f"{where}.fields.{name}: '{action}' leaves more than the '{held[1]}' of all"
                " projects; a project's rules can only be stricter"
            )


def _check(path: str, found: _Rules, key: str, within: str = "") -> None:
    path = f"{path}: {within}"
    for kind in found.mask:
        if kind not in KINDS:
            raise PrivacyError(f"{path}mask: there is no '{kind}'; choose of {', '.join(KINDS)}")
    for name, said in found.patterns.items():
        try:
            check_name(name)
            if name in KINDS:
                raise ValueError("the kind is there already; give it another name")
            if pattern(said).values(""):
                raise ValueError("it matches a text without a character")
        except (PatternError, ValueError) as error:
            raise PrivacyError(f"{path}patterns.{name}: {error}") from error
    for name, action in found.fields.items():
        if name in _FIXED:
            raise PrivacyError(
                f"{path}fields.{name}: spans can't be kept without it; name an attribute or one"
                f" of {', '.join(column for column in SPAN_COLUMNS if column not in _FIXED)}"
            )
        if name == CONTENT and action != "drop":
            raise PrivacyError(f"{path}fields.{CONTENT}: it can be 'drop' only")
        if "*" in name[:-1] or name in ("", "*"):
            raise PrivacyError(
                f"{path}fields.'{name}': write the whole name, or its beginning with a * at the end"
            )
        if action in ("mask", "hash") and name in _NO_TEXT:
            raise PrivacyError(f"{path}fields.{name}: it is no text; it can be 'drop' only")
        if action == "hash" and not key:
            raise PrivacyError(
                f"{path}fields.{name}: hash needs EVERYSPAN_PRIVACY_KEY, a long random text that"
                " stays the same"
            )

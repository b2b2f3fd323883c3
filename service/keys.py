"""Keys of projects, as gates see them: whose a request is, and what it may do.

Whoever shows a service's own token, or needs none, is the operator: writes to the default project,
sees all of them, and does what concerns all. A key is one project's.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from service.errors import UserError

Scope = Literal["write", "read", "review", "alerts", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

#: Of the name of a project. `default` stands for the one that needs no key: ''.
PROJECT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
DEFAULT = "default"

_FORM = re.compile(r"es_[0-9a-f]{8}_[A-Za-z0-9_-]{43}")


class KeysUnknownError(UserError):
    """Which keys there are is not known now: the storage is away."""


@dataclass(frozen=True, slots=True)
class Key:
    """``id``: the part of it that may be shown. ``project``: '' for the default one.
    ``spans_per_second``: 0 for as many as come."""

    id: str
    project: str
    name: str
    scopes: frozenset[str]
    spans_per_second: int = 0


class Keys(Protocol):
    """Knows the keys that hold now."""

    def find(self, text: str) -> Key | None:
        """The key that the text is; None where it is none, or one no longer. Raises
        KeysUnknownError."""


class NoKeys:
    """Where nobody has keys."""

    def find(self, text: str) -> Key | None:
        """None."""
        return None


@dataclass(frozen=True, slots=True)
class Who:
    """``key``: None for the operator. ``secret``: the key itself, to ask another service with."""

    key: Key | None = None
    secret: str = ""

    @property
    def project(self) -> str | None:
        """The one that may be read; None for all."""
        return None if self.key is None else self.key.project

    @property
    def writes_to(self) -> str:
        """The project of what is sent."""
        return "" if self.key is None else self.key.project

    @property
    def name(self) -> str:
        """For the audit."""
        return "operator" if self.key is None else f"key {self.key.id}"

    def may(self, scope: Scope) -> bool:
        """Whether a key has the scope; an operator has all."""
        return self.key is None or scope in self.key.scopes


OPERATOR = Who()
#: Who asks, in the course of a request.
ASKING: ContextVar[Who] = ContextVar("asking", default=OPERATOR)


def is_key(text: str) -> bool:
    """Whether it has the form of a key."""
    return bool(_FORM.fullmatch(text))


def told(project: str) -> str:
    """The name of a project, for people."""
    return project or DEFAULT

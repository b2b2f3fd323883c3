"""The table ``api_keys``: keys as they are made, listed and revoked.

A key is `es_`, its id, and 32 random bytes. Only its SHA-256 is stored: a slow hash is for what
people choose and others guess. Two keys of one project hold at a time, so that one can take the
other's place before that is revoked.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from service.errors import UserError
from service.keys import DEFAULT, PROJECT, SCOPES, Key
from service.moments import utc

if TYPE_CHECKING:  # readers load no client
    from clickhouse_connect.driver.client import Client

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = (
    *("id", "project", "name", "scopes", "hash", "spans_per_second", "created_at", "revoked_at"),
)
_LONGEST_NAME = 100


class NoSuchKeyError(UserError):
    """A key can't be made as asked, or there is none of that id. The text says why."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key with what is known of it. NEVER: it was not revoked, or not used yet."""

    key: Key
    created_at: datetime
    revoked_at: datetime = NEVER
    used_at: datetime = NEVER


def holding(database: str) -> str:
    """SQL of all keys that hold: id, project, name, scopes, hash and spans_per_second."""
    return (
        "SELECT id, project, name, scopes, hash, spans_per_second FROM"
        f" (SELECT * FROM {database}.api_keys ORDER BY changed_at DESC LIMIT 1 BY id)"
        " WHERE revoked_at = toDateTime64(0, 3, 'UTC')"
    )


def digest(text: str) -> str:
    """As it is stored."""
    return hashlib.sha256(text.encode()).hexdigest()


def create(
    client: Client,
    database: str,
    project: str,
    scopes: Collection[str],
    *,
    name: str = "",
    spans_per_second: int = 0,
) -> tuple[StoredKey, str]:
    """A new one, and the text that is shown once. ``project``: its name, `default` for the one that
    needs no key. Raises NoSuchKeyError, and clickhouse-connect's errors."""
    if not PROJECT.fullmatch(project):
        raise NoSuchKeyError(
            f"project '{project[:80]}': take small letters, digits and hyphens, 63 at most"
        )
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise NoSuchKeyError(f"scope '{unknown[0][:80]}' is none; there are {', '.join(SCOPES)}")
    if not scopes:
        raise NoSuchKeyError(f"a key without a scope opens nothing; there are {', '.join(SCOPES)}")
    if len(name) > _LONGEST_NAME:
        raise NoSuchKeyError(f"a key's name has {_LONGEST_NAME} characters at most")
    number = secrets.token_hex(4)
    text = f"es_{number}_{secrets.token_urlsafe(32)}"
    key = Key(
        number,
        "" if project == DEFAULT else project,
        name,
        frozenset(scopes),
        spans_per_second,
    )
    stored = StoredKey(key, datetime.now(UTC))
    _put(client, database, stored, digest(text))
    return stored, text


def revoke(client: Client, database: str, number: str) -> StoredKey:
    """The key with this id holds no longer. Raises NoSuchKeyError where there is none that does."""
    found = client.query(
        f"SELECT {', '.join(_COLUMNS)} FROM {database}.api_keys WHERE id = {{id:String}}"
        " ORDER BY changed_at DESC LIMIT 1",
        parameters={"id": number},
    ).result_rows
    if not found or utc(found[0][7]) > NEVER:
        raise NoSuchKeyError(
            f"no key {number[:80]} holds; `everyspan key list` shows those that do"
        )
    before = _stored(found[0])
    after = StoredKey(before.key, before.created_at, datetime.now(UTC))
    _put(client, database, after, str(found[0][4]))
    return after


def read(client: Client, database: str) -> list[StoredKey]:
    """All that ever were, the newest first."""
    used = {
        str(number): utc(at)
        for number, at in client.query(
            f"SELECT id, max(used_at) FROM {database}.api_key_uses GROUP BY id"
        ).result_rows
    }
    rows = client.query(
        f"SELECT {', '.join(_COLUMNS)} FROM {database}.api_keys ORDER BY changed_at DESC"
        " LIMIT 1 BY id"
    ).result_rows
    found = [_stored(row, used.get(str(row[0]), NEVER)) for row in rows]
    return sorted(found, key=lambda each: each.created_at, reverse=True)


def note_uses(client: Client, database: str, ids: Iterable[str], at: datetime) -> None:
    """These were used."""
    client.insert(
        "api_key_uses",
        [[number, at] for number in ids],
        column_names=["id", "used_at"],
        database=database,
    )


def _put(client: Client, database: str, stored: StoredKey, hashed: str) -> None:
    key = stored.key
    client.insert(
        "api_keys",
        [
            [
                *(key.id, key.project, key.name, sorted(key.scopes), hashed, key.spans_per_second),
                *(stored.created_at, stored.revoked_at),
            ]
        ],
        column_names=list(_COLUMNS),
        database=database,
    )


def _stored(row: Sequence[Any], used_at: datetime = NEVER) -> StoredKey:
    number, project, name, scopes, _, limit, created_at, revoked_at = row
    return StoredKey(
        Key(str(number), str(project), str(name), frozenset(map(str, scopes)), int(limit)),
        utc(created_at),
        utc(revoked_at),
        used_at,
    )

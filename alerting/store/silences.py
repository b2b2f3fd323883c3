"""Silences: matchers, and until when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from alerting.routing import Matcher
from alerting.store.file import AlertFile, now_ms
from alerting.whose import whose
from clickhouse.set_aside import set_aside, why


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts whose labels all match are not told until then (ms since 1970). ``project``: whose
    alone, '' for the default one; None for all."""

    id: int
    matchers: tuple[Matcher, ...]
    until: int
    comment: str
    project: str | None = None

    def matches(self, labels: Mapping[str, str]) -> bool:
        if self.project is not None and whose(labels) != self.project:
            return False
        return all(matcher.matches(labels) for matcher in self.matchers)


class Silences:
    """The table of the same name."""

    def __init__(self, file: AlertFile) -> None:
        self._file = file

    def add(
        self,
        matchers: Mapping[str, str],
        until: int,
        comment: str = "",
        project: str | None = None,
    ) -> Silence:
        """From now on. ``until``: ms since 1970."""
        with self._file.transaction() as connection:
            found = connection.execute(
                "INSERT INTO silences (matchers, until, created_at, comment, project)"
                " VALUES (?, ?, ?, ?, ?) RETURNING id",
                (json.dumps(dict(matchers)), until, now_ms(), comment, project),
            ).fetchall()
        each = tuple(Matcher(label, value) for label, value in matchers.items())
        return Silence(int(found[0][0]), each, until, comment, project)

    def remove(self, number: int, project: str | None = None) -> bool:
        """False where there is none of that id, or it is not this project's."""
        with self._file.transaction() as connection:
            done = connection.execute(
                "DELETE FROM silences WHERE id = ? AND (? IS NULL OR project = ?)",
                (number, project, project),
            )
            return bool(done.rowcount)

    def active(self) -> list[Silence]:
        """Those that hold now."""
        found: list[Silence] = []
        unreadable: dict[str, str] = {}
        for number, text, until, comment, project in self._file.rows(
            "SELECT id, matchers, until, comment, project FROM silences WHERE until > ?"
            " ORDER BY id",
            (now_ms(),),
        ):
            try:
                matchers = [Matcher(label, str(value)) for label, value in json.loads(text).items()]
            except (ValueError, AttributeError) as error:
                # It silences nothing: what it was for is told.
                unreadable[str(number)] = why(error)
                continue
            found.append(Silence(int(number), tuple(matchers), int(until), str(comment), project))
        set_aside(self._file.path, "silences", unreadable)
        return found

    def forget(self, before: int) -> None:
        """Those that were over before then (ms since 1970)."""
        with self._file.transaction() as connection:
            connection.execute("DELETE FROM silences WHERE until < ?", (before,))

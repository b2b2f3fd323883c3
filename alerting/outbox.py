"""What is to be told to whom: on disk from the notification until a destination has taken it.

States of a delivery: pending → sent, or dead after too many tries or a refusal; silenced, held
(the alert flaps) and folded (told with others) are never sent by themselves.

A delivery is marked as sent after its destination has taken it. A stop in between sends it again:
PagerDuty, Opsgenie and webhooks know it by its key, Slack, Teams and e-mail would show it twice.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from alerting.message import Event
from alerting.notification import Alert
from alerting.routing import Matcher
from alerting.spool import Received, Spool
from clickhouse.set_aside import set_aside, why

#: Changes of state within so long that make an alert a flapping one, and how long it must be
#: steady to be one no more, in ms.
FLAPPING_CHANGES, FLAPPING_MS, STEADY_MS = 6, 3_600_000, 900_000
#: No delivery waits longer for its next try. One that is due later was given its time before the
#: clock was set back, and is due now.
LONGEST_SECONDS = 3600.0
_STATUSES = ("pending", "sent", "dead", "silenced", "held", "folded")


@dataclass(frozen=True, slots=True)
class Delivery:
    """Times in ms since 1970. ``fold``: id of the delivery that it was told with."""

    id: int
    destination: str
    fingerprint: str
    event: Event
    dedup_key: str
    alert: Alert
    status: str
    created_at: int
    due_at: int
    sent_at: int | None
    attempts: int
    error: str
    fold: int | None
    repeats: int


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts whose labels all match are not told until then (ms since 1970)."""

    id: int
    matchers: tuple[Matcher, ...]
    until: int
    comment: str


class Outbox:
    """One connection behind a lock: any thread may call. Raises SpoolError when opened."""

    def __init__(self, path: Path) -> None:
        self._spool = Spool(path)
        self._connection = self._spool.connection
        self._lock = threading.RLock()
        #: Deliveries whose alert can't be read, and why.
        self._unreadable: dict[int, str] = {}
        self._path = str(path)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._spool.close()

    def unprocessed(self) -> list[Received]:
        """Notifications that nothing was made of yet, oldest first."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT id, received_at, last_received_at, times_received, body FROM notifications"
                " WHERE NOT processed ORDER BY id LIMIT 100"
            ).fetchall()
        return [Received(*row) for row in rows]

    def take(self, received: Received, alerts: Sequence[tuple[Alert, list[str]]]) -> int:
        """Make deliveries of a notification's alerts, each with the names of its destinations.

        All or nothing; a notification that was taken makes none. Returns new deliveries.
        """
        made = 0
        with self._transaction():
            done = self._connection.execute(
                "UPDATE notifications SET processed = 1 WHERE id = ? AND NOT processed",
                (received.id,),
            ).rowcount
            if not done:
                return 0
            silences = self._silences(_now())
            for alert, destinations in alerts:
                made += self._take(alert, destinations, received.received_at, silences)
        return made

    def due(self, destination: str) -> list[Delivery]:
        """What a destination is to be told now, oldest first."""
        with self._lock:
            # What time it is once nothing is being taken: all of a burst is due, or nothing.
            found = self._read(
                # The end of an alert waits for its beginning, should that have to be tried again.
                "WHERE d.status = 'pending' AND d.destination = ?"
                " AND (d.due_at <= ? OR d.due_at > ?) AND NOT EXISTS"
                " (SELECT 1 FROM deliveries e WHERE e.fingerprint = d.fingerprint"
                " AND e.destination = d.destination AND e.id < d.id AND e.status = 'pending')"
                " ORDER BY d.id LIMIT 5000",
                (destination, _now(), _now() + int(LONGEST_SECONDS * 1000)),
            )
            if self._unreadable:
                self._bury()
            return found

    def _bury(self) -> None:
        """What can't be read would keep what comes after it of the same alert waiting."""
        with self._transaction():
            self._connection.executemany(
                "UPDATE deliveries SET status = 'dead', error = ? WHERE id = ?"
                " AND status = 'pending'",
                [(reason, number) for number, reason in self._unreadable.items()],
            )
        self._unreadable.clear()

    def sent(self, deliveries: Sequence[Delivery]) -> None:
        """The first was taken by its destination; the others were told with it."""
        first, *others = deliveries
        with self._transaction():
            self._connection.execute(
                "UPDATE deliveries SET status = 'sent', sent_at = ?, attempts = attempts + 1,"
                " error = '', fold = ? WHERE id = ?",
                (_now(), first.id if others else None, first.id),
            )
            self._connection.executemany(
                "UPDATE deliveries SET status = 'folded', sent_at = ?, fold = ? WHERE id = ?",
                [(_now(), first.id, each.id) for each in others],
            )

    def need_no_telling(self, deliveries: Sequence[Delivery]) -> None:
        """Ends that their destination has no open incident for, or not yet."""
        with self._transaction():
            self._connection.executemany(
                "UPDATE deliveries SET status = 'folded', sent_at = ? WHERE id = ?",
                [(_now(), each.id) for each in deliveries],
            )

    def failed(self, deliveries: Sequence[Delivery], error: str, due_at: int | None) -> None:
        """Try again at ``due_at`` (ms since 1970), or never: None."""
        with self._transaction():
            self._connection.executemany(
                "UPDATE deliveries SET status = ?, due_at = ?, attempts = attempts + 1, error = ?"
                " WHERE id = ?",
                [
                    ("dead" if due_at is None else "pending", due_at or d.due_at, error[:500], d.id)
                    for d in deliveries
                ],
            )

    def settle(self) -> int:
        """Tell of alerts that flapped and have been steady for a while, and of those that still
        fire when their silence is over. Returns deliveries made."""
        made = 0
        now = _now()
        with self._transaction():
            rows = self._connection.execute(
                "SELECT fingerprint, status, alert, state_key FROM alerts WHERE flapping"
                " AND changed_at < ?",
                (now - STEADY_MS,),
            ).fetchall()
            for fingerprint, status, text, key in rows:
                self._connection.execute(
                    "UPDATE alerts SET flapping = 0, changes = '[]' WHERE fingerprint = ?",
                    (fingerprint,),
                )
                alert = self._alert("alerts", fingerprint, text)
                if alert is None:
                    continue
                told = self._connection.execute(
                    "SELECT DISTINCT destination FROM deliveries WHERE fingerprint = ?",
                    (fingerprint,),
                ).fetchall()
                event: Event = "trigger" if status == "firing" else "resolve"
                for (destination,) in told:
                    made += self._insert(alert, destination, event, f"{key} steady", "pending", now)
            made += self._unsilenced(now)
        return made

    def folds(self, deliveries: Sequence[Delivery]) -> dict[int, tuple[str, bool]]:
        """For deliveries whose alert was told of in a fold: id to the fold's key, and whether
        others of it go on."""
        found: dict[int, tuple[str, bool]] = {}
        goes_on: dict[int, bool] = {}
        with self._lock:
            for each in deliveries:
                row = self._connection.execute(
                    "SELECT fold FROM deliveries WHERE fingerprint = ? AND destination = ?"
                    " AND id < ? AND event NOT IN ('resolve', 'acknowledge')"
                    " AND status IN ('sent', 'folded') ORDER BY id DESC LIMIT 1",
                    (each.fingerprint, each.destination, each.id),
                ).fetchone()
                if row is None or row[0] is None:
                    continue
                fold = int(row[0])
                if fold not in goes_on:
                    goes_on[fold] = self._goes_on(fold)
                found[each.id] = (fold_key(each.destination, fold), goes_on[fold])
        return found

    def was_told(self, delivery: Delivery) -> bool:
        """Whether the destination knows of the alert that this resolves."""
        with self._lock:
            return self._was_told(delivery.fingerprint, delivery.destination, delivery.id)

    def acknowledge(self, number: int) -> bool:
        """Tell those who were told that somebody is at it; False where there is no such delivery,
        or its alert fires no more."""
        now = _now()
        with self._transaction():
            row = self._connection.execute(
                "SELECT a.fingerprint, a.alert, a.state_key FROM deliveries d"
                " JOIN alerts a USING (fingerprint) WHERE d.id = ? AND a.status = 'firing'",
                (number,),
            ).fetchone()
            if row is None:
                return False
            fingerprint, text, key = row
            alert = self._alert("alerts", fingerprint, text)
            if alert is None:
                return False
            told = self._connection.execute(
                "SELECT DISTINCT destination FROM deliveries WHERE fingerprint = ?", (fingerprint,)
            ).fetchall()
            for (destination,) in told:
                if self._was_told(fingerprint, destination, None):
                    self._insert(
                        alert, destination, "acknowledge", f"{key} acknowledged", "pending", now
                    )
        return True

    def read(self, status: str = "", limit: int = 100) -> list[Delivery]:
        """Newest first. ``status``: one of the states, '' for all."""
        where, values = ("WHERE d.status = ?", (status,)) if status else ("", ())
        return self._read(f"{where} ORDER BY d.id DESC LIMIT {int(limit)}", values)

    def one(self, number: int) -> Delivery | None:
        """By id."""
        return next(iter(self._read("WHERE d.id = ?", (number,))), None)

    def resend(self, number: int) -> bool:
        """Tell it (again) now; False where there is no such delivery."""
        with self._transaction():
            return bool(
                self._connection.execute(
                    # The time in which it is tried begins anew.
                    "UPDATE deliveries SET status = 'pending', created_at = ?, due_at = ?,"
                    " attempts = 0, error = '' WHERE id = ?",
                    (_now(), _now(), number),
                ).rowcount
            )

    def counts(self) -> dict[str, int]:
        """Deliveries in each state."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT status, count(*) FROM deliveries GROUP BY status"
            ).fetchall()
        return dict.fromkeys(_STATUSES, 0) | dict(rows)

    def forget(self, before: int) -> None:
        """Delete what ended before then (ms since 1970)."""
        with self._transaction():
            self._connection.execute(
                "DELETE FROM deliveries WHERE status != 'pending' AND created_at < ?", (before,)
            )
            self._connection.execute(
                "DELETE FROM alerts WHERE status = 'resolved' AND changed_at < ?", (before,)
            )
            self._connection.execute("DELETE FROM silences WHERE until < ?", (before,))
        # Those that are still there are found again.
        for table in ("alerts", "deliveries"):
            set_aside(self._path, table, {})

    def silence(self, matchers: Mapping[str, str], until: int, comment: str = "") -> Silence:
        """From now on. ``until``: ms since 1970."""
        with self._transaction():
            found = self._connection.execute(
                "INSERT INTO silences (matchers, until, created_at, comment) VALUES (?, ?, ?, ?)"
                " RETURNING id",
                (json.dumps(dict(matchers)), until, _now(), comment),
            ).fetchall()
        each = tuple(Matcher(label, value) for label, value in matchers.items())
        return Silence(int(found[0][0]), each, until, comment)

    def unsilence(self, number: int) -> bool:
        """End a silence; False where there is none of that id."""
        with self._transaction():
            done = self._connection.execute("DELETE FROM silences WHERE id = ?", (number,)).rowcount
            self._unsilenced(_now())
        return bool(done)

    def silences(self) -> list[Silence]:
        """Those that hold now."""
        with self._lock:
            return self._silences(_now())

    def _take(
        self, alert: Alert, destinations: list[str], received_at: int, silences: list[Silence]
    ) -> int:
        now = _now()
        fingerprint = alert.fingerprint or json.dumps(sorted(alert.labels.items()))
        key = json.dumps(alert.state, default=str)
        known = self._connection.execute(
            "SELECT status, state_key, changes, flapping, starts_at, repeats FROM alerts"
            " WHERE fingerprint = ?",
            (fingerprint,),
        ).fetchone()
        if known and known[1] == key:
            self._connection.execute(
                "UPDATE alerts SET repeats = repeats + 1 WHERE fingerprint = ?", (fingerprint,)
            )
            return 0
        if not known and alert.status == "resolved":
            # Nobody was told of it.
            return 0
        changes = [at for at in _times(known[2]) if at > now - FLAPPING_MS] if known else []
        changes.append(now)
        was_flapping = bool(known and known[3])
        flapping = was_flapping or len(changes) >= FLAPPING_CHANGES
        starts = int(alert.starts_at.timestamp() * 1000)
        self._connection.execute(
            "INSERT INTO alerts (fingerprint, status, alert, starts_at, changed_at, changes,"
            " flapping, state_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (fingerprint) DO"
            " UPDATE SET status = excluded.status, alert = excluded.alert,"
            " starts_at = excluded.starts_at, changed_at = excluded.changed_at,"
            " changes = excluded.changes, flapping = excluded.flapping, repeats = 0,"
            " state_key = excluded.state_key",
            (
                fingerprint,
                alert.status,
                alert.model_dump_json(by_alias=True),
                starts,
                now,
                json.dumps(changes[-20:]),
                int(flapping),
                key,
            ),
        )
        event: Event = "resolve" if alert.status == "resolved" else "trigger"
        silenced = _silenced(alert, silences)
        made = 0
        for destination in destinations:
            status = "pending"
            if flapping:
                # Told once, then quiet until it is steady.
                event, status = "flapping", "held" if was_flapping else "pending"
            # A silence must not keep an incident open.
            ends = event == "resolve" and self._was_told(fingerprint, destination, None)
            if silenced and not ends:
                status = "silenced"
            made += self._insert(alert, destination, event, key, status, now)
        return made

    def _insert(
        self, alert: Alert, destination: str, event: Event, key: str, status: str, now: int
    ) -> int:
        fingerprint = alert.fingerprint or json.dumps(sorted(alert.labels.items()))
        return self._connection.execute(
            "INSERT INTO deliveries (state_key, destination, fingerprint, event, dedup_key, alert,"
            " status, created_at, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (state_key, destination) DO NOTHING",
            (
                key,
                destination,
                fingerprint,
                event,
                f"everyspan-{fingerprint}"[:255],
                alert.model_dump_json(by_alias=True),
                status,
                now,
                now,
            ),
        ).rowcount

    def _unsilenced(self, now: int) -> int:
        """What was silenced and still fires, with no silence left that matches, is to be told."""
        rows = self._connection.execute(
            "SELECT d.id, d.alert FROM deliveries d JOIN alerts a USING (fingerprint)"
            " WHERE d.status = 'silenced' AND d.event != 'resolve' AND a.status = 'firing'"
            " AND d.state_key = a.state_key"
        ).fetchall()
        silences = self._silences(now) if rows else []
        over = [
            (now, now, number)
            for number, text in rows
            if (alert := self._alert("deliveries", str(number), text)) is not None
            and not _silenced(alert, silences)
        ]
        self._connection.executemany(
            "UPDATE deliveries SET status = 'pending', created_at = ?, due_at = ? WHERE id = ?",
            over,
        )
        return len(over)

    def _goes_on(self, fold: int) -> bool:
        """Whether an alert of the fold has not ended since."""
        ((still,),) = self._connection.execute(
            "SELECT EXISTS (SELECT 1 FROM deliveries d WHERE d.fold = ? AND d.event != 'resolve'"
            " AND NOT EXISTS (SELECT 1 FROM deliveries r WHERE r.fingerprint = d.fingerprint"
            " AND r.destination = d.destination AND r.id > d.id AND r.event = 'resolve'))",
            (fold,),
        ).fetchall()
        return bool(still)

    def _was_told(self, fingerprint: str, destination: str, before: int | None) -> bool:
        row = self._connection.execute(
            "SELECT event FROM deliveries WHERE fingerprint = ? AND destination = ? AND id < ?"
            " AND status IN ('sent', 'folded') ORDER BY id DESC LIMIT 1",
            (fingerprint, destination, before if before is not None else 1 << 62),
        ).fetchone()
        return row is not None and row[0] != "resolve"

    def _silences(self, now: int) -> list[Silence]:
        found: list[Silence] = []
        unreadable: dict[str, str] = {}
        for number, text, until, comment in self._connection.execute(
            "SELECT id, matchers, until, comment FROM silences WHERE until > ? ORDER BY id",
            (now,),
        ).fetchall():
            try:
                matchers = [Matcher(label, str(value)) for label, value in json.loads(text).items()]
            except (ValueError, AttributeError) as error:
                # It silences nothing: what it was for is told.
                unreadable[str(number)] = why(error)
                continue
            found.append(Silence(int(number), tuple(matchers), int(until), str(comment)))
        set_aside(self._path, "silences", unreadable)
        return found

    def _read(self, where: str, values: tuple[Any, ...]) -> list[Delivery]:
        with self._lock:
            rows = self._connection.execute(
                "SELECT d.id, d.destination, d.fingerprint, d.event, d.dedup_key, d.alert,"
                " d.status, d.created_at, d.due_at, d.sent_at, d.attempts, d.error, d.fold,"
                " coalesce(a.repeats, 0) FROM deliveries d LEFT JOIN alerts a USING (fingerprint)"
                f" {where}",
                values,
            ).fetchall()
        return [found for row in rows if (found := self._delivery(row)) is not None]

    def _delivery(self, row: Sequence[Any]) -> Delivery | None:
        """None where its alert can't be read: it is set aside, and counts as dead."""
        values = list(row)
        alert = self._alert("deliveries", str(values[0]), values[5])
        if alert is None:
            self._unreadable[values[0]] = "its alert can't be read; see the log"
            return None
        values[5] = alert
        return Delivery(*values)

    def _alert(self, table: str, name: str, text: str) -> Alert | None:
        try:
            return Alert.model_validate_json(text)
        except ValidationError as error:
            set_aside(self._path, table, {name: why(error)}, whole=False)
            return None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _times(text: str) -> list[int]:
    """Of changes; none where what is stored is no list of them."""
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return [at for at in found if isinstance(at, int)] if isinstance(found, list) else []


def _silenced(alert: Alert, silences: Sequence[Silence]) -> bool:
    return any(
        all(matcher.matches(alert.labels) for matcher in silence.matchers) for silence in silences
    )


def fold_key(destination: str, first: int) -> str:
    """The dedup key of a fold."""
    return f"everyspan-fold-{destination}-{first}"[:255]


def _now() -> int:
    return time.time_ns() // 1_000_000

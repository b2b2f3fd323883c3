"""What is to be told to whom, from the notification until a destination has taken it.

A delivery is marked as sent after its destination has taken it. A stop in between sends it again:
PagerDuty, Opsgenie and webhooks know it by its key, Slack, Teams and e-mail would show it twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from alerting.message import Event
from alerting.notification import Alert
from alerting.store.file import AlertFile, now_ms

#: pending → sent, or dead after too many tries or a refusal. The others are never sent by
#: themselves: the alert is muted (silenced), inhibited while it flaps (held), or told with others
#: or to nobody, since nobody there knows of it (folded).
Status = Literal["pending", "sent", "dead", "silenced", "held", "folded"]
#: No delivery waits longer for its next try, whatever the destination's Retry-After says. One that
#: is due later was given its time before the clock was set back, and is due now.
LONGEST_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """Times in ms since 1970. ``told_with``: id of the first delivery of the group that it was told
    with; ``case_key``: of its alert's case; ``cause``: the same for triggers that are one incident
    where they begin together, '' for all others."""

    id: int
    destination: str
    fingerprint: str
    event: Event
    dedup_key: str
    alert: Alert
    status: Status
    created_at: int
    due_at: int
    sent_at: int | None
    attempts: int
    error: str
    told_with: int | None
    case_key: str
    cause: str
    repeats: int


class Deliveries:
    """The table of the same name."""

    def __init__(self, file: AlertFile) -> None:
        self._file = file
        #: Those whose alert can't be read.
        self._unreadable: set[int] = set()

    def add(
        self,
        alert: Alert,
        destination: str,
        event: Event,
        status: Status,
        *,
        turn: str,
        case_key: str,
        cause: str = "",
        gather_ms: int = 0,
    ) -> int:
        """1, or 0 where it is known. ``turn``: what tells this event from others of the same state
        of the alert; ``case_key``: of what is looked up for it. ``cause``: it waits ``gather_ms``
        for others of the same, and what comes meanwhile is due when the first of them is."""
        now = now_ms()
        with self._file.transaction() as connection:
            due = now
            if cause:
                rows = connection.execute(
                    "SELECT min(due_at) FROM deliveries WHERE cause = ? AND destination = ?"
                    " AND status = 'pending' AND attempts = 0",
                    (cause, destination),
                ).fetchall()
                due = rows[0][0] or now + gather_ms
            return connection.execute(
                "INSERT INTO deliveries (state_key, destination, fingerprint, event, dedup_key,"
                " alert, status, created_at, due_at, case_key, cause)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (state_key, destination) DO NOTHING",
                (
                    f"{alert.state_key} {turn}",
                    destination,
                    alert.key,
                    event,
                    f"everyspan-{alert.key}"[:255],
                    alert.model_dump_json(by_alias=True),
                    status,
                    now,
                    due,
                    case_key,
                    cause,
                ),
            ).rowcount

    def waits(self, fingerprint: str, destination: str) -> bool:
        """Whether the destination is still to be told something of the alert."""
        rows = self._file.rows(
            "SELECT 1 FROM deliveries WHERE fingerprint = ? AND destination = ?"
            " AND status = 'pending' LIMIT 1",
            (fingerprint, destination),
        )
        return bool(rows)

    def waiting(self) -> list[tuple[str, int, int, str]]:
        """Of each destination that something waits for: since when the oldest does, when the next
        is due (ms since 1970), and what the destination said last."""
        rows = self._file.rows(
            "SELECT destination, min(created_at), min(due_at), max(error) FROM deliveries"
            " WHERE status = 'pending' GROUP BY destination"
        )
        return [(str(name), int(made), int(due), str(error)) for name, made, due, error in rows]

    def last_told(self, fingerprint: str, destination: str) -> tuple[int, str] | None:
        """Id and case of the last that the destination was told of the alert's firing."""
        rows = self._file.rows(
            "SELECT id, case_key FROM deliveries WHERE fingerprint = ? AND destination = ?"
            " AND event NOT IN ('resolve', 'acknowledge') AND status IN ('sent', 'folded')"
            " ORDER BY id DESC LIMIT 1",
            (fingerprint, destination),
        )
        return (int(rows[0][0]), str(rows[0][1])) if rows else None

    def due(self, destination: str) -> list[Delivery]:
        """What a destination is to be told now, oldest first."""
        # What time it is once nothing is being recorded: all of a burst is due, or nothing.
        with self._file.lock:
            found = self._read(
                # The end of an alert waits for its beginning, should that have to be tried again.
                "WHERE d.status = 'pending' AND d.destination = ?"
                " AND (d.due_at <= ? OR d.due_at > ?) AND NOT EXISTS"
                " (SELECT 1 FROM deliveries e WHERE e.fingerprint = d.fingerprint"
                " AND e.destination = d.destination AND e.id < d.id AND e.status = 'pending')"
                " ORDER BY d.id LIMIT 5000",
                (destination, now_ms(), now_ms() + int(LONGEST_SECONDS * 1000)),
            )
            if self._unreadable:
                self._bury()
            return found

    def _bury(self) -> None:
        """What can't be read would keep what comes after it of the same alert waiting."""
        with self._file.transaction() as connection:
            connection.executemany(
                "UPDATE deliveries SET status = 'dead',"
                " error = 'its alert can''t be read; see the log'"
                " WHERE id = ? AND status = 'pending'",
                [(number,) for number in self._unreadable],
            )
        self._unreadable.clear()

    def sent(self, group: Sequence[Delivery]) -> None:
        """The first was taken by its destination; the others were told with it."""
        first, *others = group
        with self._file.transaction() as connection:
            connection.execute(
                "UPDATE deliveries SET status = 'sent', sent_at = ?, attempts = attempts + 1,"
                " error = '', told_with = ? WHERE id = ?",
                (now_ms(), first.id if others else None, first.id),
            )
            connection.executemany(
                "UPDATE deliveries SET status = 'folded', sent_at = ?, told_with = ? WHERE id = ?",
                [(now_ms(), first.id, each.id) for each in others],
            )

    def not_sent(self, group: Sequence[Delivery], error: str, due_at: int | None) -> None:
        """Try again at ``due_at`` (ms since 1970), or never: None."""
        with self._file.transaction() as connection:
            connection.executemany(
                "UPDATE deliveries SET status = ?, due_at = ?, attempts = attempts + 1, error = ?"
                " WHERE id = ?",
                [
                    ("dead" if due_at is None else "pending", due_at or d.due_at, error[:500], d.id)
                    for d in group
                ],
            )

    def dedup(self, deliveries: Sequence[Delivery]) -> None:
        """Their destination need not be told of them."""
        with self._file.transaction() as connection:
            connection.executemany(
                "UPDATE deliveries SET status = 'folded', sent_at = ? WHERE id = ?",
                [(now_ms(), each.id) for each in deliveries],
            )

    def resend(self, number: int) -> Delivery | None:
        """It is to be told (again) now; None where there is no such delivery."""
        with self._file.transaction() as connection:
            connection.execute(
                # The time in which it is tried begins anew.
                "UPDATE deliveries SET status = 'pending', created_at = ?, due_at = ?,"
                " attempts = 0, error = '' WHERE id = ?",
                (now_ms(), now_ms(), number),
            )
            return self.one(number)

    def was_told(self, fingerprint: str, destination: str, before: int = 1 << 62) -> bool:
        """Whether the destination knows of an alert that has not ended. ``before``: an id."""
        rows = self._file.rows(
            "SELECT event FROM deliveries WHERE fingerprint = ? AND destination = ? AND id < ?"
            " AND status IN ('sent', 'folded') ORDER BY id DESC LIMIT 1",
            (fingerprint, destination, before),
        )
        return bool(rows) and rows[0][0] != "resolve"

    def told_with(self, delivery: Delivery) -> int | None:
        """The group with which the destination was told of its alert before, if there was one."""
        rows = self._file.rows(
            "SELECT told_with FROM deliveries WHERE fingerprint = ? AND destination = ?"
            " AND id < ? AND event NOT IN ('resolve', 'acknowledge')"
            " AND status IN ('sent', 'folded') ORDER BY id DESC LIMIT 1",
            (delivery.fingerprint, delivery.destination, delivery.id),
        )
        return rows[0][0] if rows else None

    def is_open(self, group: int) -> bool:
        """Whether an alert that was told with the group has not ended since."""
        rows = self._file.rows(
            "SELECT 1 FROM deliveries d WHERE d.told_with = ? AND d.event != 'resolve'"
            " AND NOT EXISTS (SELECT 1 FROM deliveries r WHERE r.fingerprint = d.fingerprint"
            " AND r.destination = d.destination AND r.id > d.id AND r.event = 'resolve') LIMIT 1",
            (group,),
        )
        return bool(rows)

    def read(self, status: str = "", limit: int = 100) -> list[Delivery]:
        """Newest first. ``status``: one of the states, '' for all."""
        where, values = ("WHERE d.status = ?", (status,)) if status else ("", ())
        return self._read(f"{where} ORDER BY d.id DESC LIMIT {int(limit)}", values)

    def one(self, number: int) -> Delivery | None:
        """By id."""
        return next(iter(self._read("WHERE d.id = ?", (number,))), None)

    def counts(self) -> dict[str, int]:
        """Deliveries in each state."""
        rows = self._file.rows("SELECT status, count(*) FROM deliveries GROUP BY status")
        return dict.fromkeys(get_args(Status), 0) | dict(rows)

    def count_of(self, destination: str) -> int:
        """Deliveries of a destination."""
        rows = self._file.rows(
            "SELECT count(*) FROM deliveries WHERE destination = ?", (destination,)
        )
        return int(rows[0][0])

    def forget(self, before: int) -> None:
        """Those that were made before then (ms since 1970) and wait for nothing."""
        with self._file.transaction() as connection:
            connection.execute(
                "DELETE FROM deliveries WHERE status != 'pending' AND created_at < ?", (before,)
            )

    def _read(self, where: str, values: tuple[Any, ...] = ()) -> list[Delivery]:
        rows = self._file.rows(
            "SELECT d.id, d.destination, d.fingerprint, d.event, d.dedup_key, d.alert,"
            " d.status, d.created_at, d.due_at, d.sent_at, d.attempts, d.error, d.told_with,"
            " d.case_key, d.cause, coalesce(a.repeats, 0) FROM deliveries d LEFT JOIN alerts a"
            f" USING (fingerprint) {where}",
            values,
        )
        found = []
        for number, destination, fingerprint, event, dedup_key, text, *rest in rows:
            alert = self._file.alert("deliveries", str(number), text)
            if alert is None:
                self._unreadable.add(number)
                continue
            found.append(Delivery(number, destination, fingerprint, event, dedup_key, alert, *rest))
        return found

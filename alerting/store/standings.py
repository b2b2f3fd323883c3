"""What each destination knows of each alert; alert_state.py says how that changes."""

from __future__ import annotations

import json
from typing import get_args

from alerting.alert_state import Standing, State
from alerting.notification import Alert
from alerting.store.file import AlertFile

_COLUMNS = "state, fires, is_open, since, told_at, starts_at, changes, turn"


class Standings:
    """The table of the same name."""

    def __init__(self, file: AlertFile) -> None:
        self._file = file

    def get(self, fingerprint: str, destination: str) -> Standing:
        """That of a destination that knows of nothing where there is none."""
        rows = self._file.rows(
            f"SELECT {_COLUMNS} FROM standings WHERE fingerprint = ? AND destination = ?",
            (fingerprint, destination),
        )
        return _standing(*rows[0]) if rows else Standing()

    def put(self, fingerprint: str, destination: str, it: Standing) -> None:
        """It is so from now on."""
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO standings (fingerprint, destination, state, fires, is_open,"
                " since, told_at, starts_at, changes, turn) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    fingerprint,
                    destination,
                    it.state,
                    int(it.fires),
                    int(it.is_open),
                    it.since,
                    it.told_at,
                    it.starts_at,
                    json.dumps(it.changes),
                    it.turn,
                ),
            )

    def waiting(self) -> list[tuple[Alert, str, Standing]]:
        """Those that time alone can change, with their alert as it was heard last."""
        found = []
        for fingerprint, destination, text, *standing in self._file.rows(
            f"SELECT s.fingerprint, s.destination, a.alert, {_prefixed()} FROM standings s"
            " JOIN alerts a USING (fingerprint) WHERE s.state IN ('silenced', 'flapping')"
        ):
            alert = self._file.alert("alerts", fingerprint, text)
            if alert is not None:
                found.append((alert, destination, _standing(*standing)))
        return found

    def destinations(self, fingerprint: str) -> list[str]:
        """That know of the alert's firing."""
        rows = self._file.rows(
            "SELECT destination FROM standings WHERE fingerprint = ? AND is_open", (fingerprint,)
        )
        return [str(destination) for (destination,) in rows]

    def forget(self) -> None:
        """Those that no alert is left of."""
        with self._file.transaction() as connection:
            connection.execute(
                "DELETE FROM standings WHERE fingerprint NOT IN (SELECT fingerprint FROM alerts)"
            )


def _prefixed() -> str:
    return ", ".join(f"s.{name}" for name in _COLUMNS.split(", "))


def _standing(
    state: str,
    fires: int,
    is_open: int,
    since: int,
    told_at: int,
    starts_at: int,
    changes: str,
    turn: int,
) -> Standing:
    """A state of another version is one that knows of nothing."""
    known: State = next((each for each in get_args(State) if each == state), "resolved")
    return Standing(
        known, bool(fires), bool(is_open), since, told_at, starts_at, _times(changes), turn
    )


def _times(text: str) -> tuple[int, ...]:
    """None where what is stored is no list of them."""
    try:
        found = json.loads(text)
    except ValueError:
        return ()
    return tuple(at for at in found if isinstance(at, int)) if isinstance(found, list) else ()

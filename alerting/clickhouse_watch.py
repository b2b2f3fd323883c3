"""Whether ClickHouse answers. All rules ask it: that it is away is one thing, not one a rule."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from clickhouse_connect.driver.client import Client

from alerting.store.file import now_ms
from clickhouse.connection import StorageUnavailableError

_EVERY_SECONDS = 5.0
#: So long it must answer to be back: a server that starts comes and goes.
_STEADY_SECONDS = 10.0


class NoServerError(StorageUnavailableError):
    """The service was given no server, so that it has none to watch."""


@dataclass(frozen=True, slots=True)
class Seen:
    """``away_since``: ms since 1970, 0 where it answers; ``error``: why it does not; ``back_at``:
    since when it answers again, 0 where it was never away; ``asked_at``: when it was asked what it
    answered last."""

    away_since: int = 0
    error: str = ""
    back_at: int = 0
    asked_at: int = 0

    @property
    def known(self) -> bool:
        """Whether it was asked at all."""
        return bool(self.away_since or self.asked_at)


class ClickHouseWatch:
    """``connect``: a client; one is kept while it works."""

    def __init__(self, connect: Callable[[], Client]) -> None:
        self._connect = connect
        self._client: Client | None = None
        self._lock = threading.Lock()
        self._seen = Seen()
        self._answers_since = 0.0
        self._next = 0.0

    @property
    def seen(self) -> Seen:
        """What the last question said."""
        with self._lock:
            return self._seen

    def look(self) -> bool:
        """Ask, if it is time; False, since there is never more to do at once."""
        if time.monotonic() < self._next:
            return False
        asked_at, error = now_ms(), self._ask()
        self._next = time.monotonic() + _EVERY_SECONDS
        with self._lock:
            was = self._seen
            if error:
                self._answers_since = 0.0
                self._seen = replace(was, away_since=was.away_since or now_ms(), error=error)
            else:
                self._answers_since = self._answers_since or time.monotonic()
                steady = time.monotonic() - self._answers_since >= _STEADY_SECONDS
                if not was.away_since:
                    self._seen = replace(was, asked_at=asked_at)
                elif steady:
                    self._seen = Seen(back_at=now_ms(), asked_at=asked_at)
        return False

    def close(self) -> None:
        """Let go of the client."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _ask(self) -> str:
        try:
            if self._client is None:
                self._client = self._connect()
            self._client.command("SELECT 1")
        except NoServerError:
            return ""
        except Exception as error:
            self.close()
            return f"{type(error).__name__}: {error}"[:300]
        return ""

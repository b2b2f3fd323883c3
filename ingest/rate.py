"""How many spans a project's key may send a second: a request is taken whole or refused whole.

What a request holds is known once it is prepared. So one is let in while the account is not in
debt, and its rows are taken off when they are known: the next wait until the debt is paid. A sender
with a burst of some seconds notices nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from ingest.refusal import Refusal, Refused
from service.keys import Key

#: So many seconds' worth may come at once.
BURST_SECONDS = 5.0
_LONGEST_WAIT = 60


@dataclass(slots=True)
class _Account:
    rate: int
    left: float
    at: float


class Rates:
    """Of one process, for one event loop. ``clock``: seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._accounts: dict[str, _Account] = {}

    def check(self, key: Key | None) -> None:
        """Raises Refused (429) where the key has sent more than it may."""
        account = self._of(key)
        if key is not None and account is not None and account.left <= 0:
            seconds = min(_LONGEST_WAIT, max(1, math.ceil(-account.left / account.rate)))
            raise Refused(
                Refusal(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    f"the key {key.id} may send {account.rate} spans a second; send again in"
                    f" {seconds} s",
                    seconds,
                )
            )

    def charge(self, key: Key | None, spans: int) -> None:
        """They were taken."""
        account = self._of(key)
        if account is not None:
            account.left -= spans

    def _of(self, key: Key | None) -> _Account | None:
        if key is None or not key.spans_per_second:
            return None
        now = self._clock()
        most = key.spans_per_second * BURST_SECONDS
        account = self._accounts.get(key.id)
        if account is None or account.rate != key.spans_per_second:
            account = self._accounts[key.id] = _Account(key.spans_per_second, most, now)
        account.left = min(most, account.left + (now - account.at) * account.rate)
        account.at = now
        return account

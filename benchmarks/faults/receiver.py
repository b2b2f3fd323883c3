"""PagerDuty's stand-in with moods: away, throttling, failing, hanging, and slow to answer."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.faults.ledger import Ledger
from demo.pagerduty import Handler, PagerDuty
from tests.connections import reset

MOODS = ("ok", "reset", "throttle", "error", "hang", "hold")
_HANG_SECONDS = 6.0
# Between an answer and the note of it on disk.
_NOTED_SECONDS = 1.0


class Receiver(PagerDuty):
    """``mood``: what happens to the next requests. 'hold' takes the event and answers only when
    `release` is set; `in_hand` is set meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.RequestHandlerClass = _Moody
        self.mood = "ok"
        self.in_hand = threading.Event()
        self.release = threading.Event()
        #: Requests that were turned away.
        self.turned_away = 0
        self._guard = threading.Lock()
        self._open: Counter[str] = Counter()
        self._answered: dict[str, float] = {}
        #: Key and action to how often it may come again: it was in hand when the house was killed.
        self._forgiven: Counter[tuple[str, str]] = Counter()
        #: When the house was killed, by time.monotonic().
        self._killed: list[float] = []

    def begun(self, event: dict[str, Any]) -> None:
        with self._guard:
            self._open[_name(event)] += 1

    def ended(self, event: dict[str, Any]) -> None:
        with self._guard:
            self._open[_name(event)] -= 1
            self._answered[_name(event)] = time.monotonic()

    def house_was_killed(self, unable: float = 0.0) -> None:
        """What it could not note as told may be told again, under the same key. ``unable``: seconds
        before its end in which it could note nothing."""
        self._killed.append(time.monotonic())
        with self._guard:
            recent = time.monotonic() - _NOTED_SECONDS - unable
            names = {name for name, number in self._open.items() if number > 0}
            names |= {name for name, at in self._answered.items() if at > recent}
            for name in names:
                key, _, action = name.rpartition(" ")
                self._forgiven[key, action] += 1

    def told_again(self) -> int:
        """Events that came a second time under their key after a kill, as they may."""
        count = Counter((e["dedup_key"], e["event_action"]) for _, e in list(self.events))
        return sum(number - 1 for number in count.values())

    def problems(self, ledger: Ledger, untold_after: float) -> list[str]:
        """What is wrong with the pages of planted leaks. ``untold_after``: seconds."""
        keys: dict[str, set[str]] = defaultdict(set)
        count: Counter[tuple[str, str]] = Counter()
        for _, event in list(self.events):
            for service in _services(event) & set(ledger.leaks):
                keys[service].add(event["dedup_key"])
                count[event["dedup_key"], event["event_action"]] += 1
                if event["dedup_key"].startswith("everyspan-fold-"):
                    break
        now = time.monotonic()
        told = [
            f"not told: {leak.service} after {now - leak.acknowledged:.0f} s"
            for leak in list(ledger.leaks.values())
            if leak.service not in keys and now - leak.acknowledged > untold_after
        ]
        told += [
            f"told as {len(found)} incidents: {service}"
            for service, found in keys.items()
            if len(found) > 1
        ]
        for (key, action), number in count.items():
            extra = number - 1 - self._forgiven[key, action]
            if extra > 0:
                told.append(f"told {number} times: {action} {key}{self._when(key, action)}")
        return told

    def _when(self, key: str, action: str) -> str:
        """' (seconds: 0.0, killed 0.9, 12.4)': the events, and the kills between them."""
        shift = time.time_ns() / 1e9 - time.monotonic()
        told = [
            at / 1e9 - shift
            for at, event in list(self.events)
            if (event["dedup_key"], event["event_action"]) == (key, action)
        ]
        moments = [(at, "") for at in told]
        moments += [(at, "killed ") for at in self._killed if told[0] < at < told[-1]]
        listed = ", ".join(f"{what}{at - told[0]:.1f}" for at, what in sorted(moments))
        return f" (seconds: {listed})"

    def untold(self, ledger: Ledger) -> int:
        """Planted leaks without a page so far."""
        paged: set[str] = set()
        for _, event in list(self.events):
            paged |= _services(event)
        return len(set(ledger.leaks) - paged)

    def resolved(self) -> set[str]:
        """Services whose page was closed."""
        return {
            event["payload"].get("group", "")
            for _, event in list(self.events)
            if event["event_action"] == "resolve"
        }


def _services(event: dict[str, Any]) -> set[str]:
    """Whose leak it is about; of a burst told as one, all of them."""
    payload = event["payload"]
    if payload.get("class") == "data_leakage" and payload.get("group"):
        return {payload["group"]}
    folded = str(payload.get("custom_details", {}).get("folded", ""))
    return set(re.findall(r"data_leakage (leak-[\w-]+)", folded))


def _name(event: dict[str, Any]) -> str:
    return f"{event.get('dedup_key', '')} {event.get('event_action', '')}"


class _Moody(Handler):
    server: Receiver

    def do_POST(self) -> None:  # noqa: N802
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        mood = self.server.mood
        if mood in ("reset", "hang"):
            self.server.turned_away += 1
            if mood == "hang":
                time.sleep(_HANG_SECONDS)
            self.close_connection = True
            reset(self.connection)
            return
        if mood in ("throttle", "error"):
            self.server.turned_away += 1
            self.answer(429 if mood == "throttle" else 500, {"status": "try again"}, "2")
            return
        event = json.loads(body)
        self.server.begun(event)
        try:
            status, answer = self.server.take(body)
            if mood == "hold":
                self.server.in_hand.set()
                self.server.release.wait(8)
            self.answer(status, answer)
        except OSError:
            pass
        finally:
            self.server.ended(event)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """One that listens on a free port."""
    server = Receiver()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        server.server_close()

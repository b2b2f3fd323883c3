"""What a destination knows of an alert: a state machine for each of both, without I/O.

    resolved   it knows of none: never told, or told of the end
    firing     it was told
    reminded   it was told again, since Grafana went on saying so (repeat_interval): what was closed
               by hand is open again
    flapping   it was told that the alert goes on and off; nothing more until that is over
    silenced   it fires, and a silence kept it from being told

Grafana may repeat ``startsAt`` when an alert fires anew (grafana/grafana#77285, #105571), so what
was heard last decides, and no time of the alert alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from alerting.message import Event

State = Literal["resolved", "firing", "reminded", "flapping", "silenced"]
#: What Grafana said, or that only time went by.
Heard = Literal["firing", "resolved", "nothing"]

#: Changes of state within so long that make an alert a flapping one, and how long it must be
#: steady to be one no more, in ms.
FLAPPING_CHANGES, FLAPPING_MS, STEADY_MS = 6, 3_600_000, 900_000
#: What is said again so long after the destination was told is a reminder; before, it is a retry
#: of Grafana's or another alert of its group. A little less than the shortest repeat_interval.
REMIND_MS = 3_300_000


@dataclass(frozen=True, slots=True)
class Standing:
    """Times in ms since 1970. ``fires``: what was heard last; ``is_open``: told of it and not of
    its end; ``since``: of ``fires``; ``changes``: when that changed, of the last hour; ``turn``:
    events so far."""

    state: State = "resolved"
    fires: bool = False
    is_open: bool = False
    since: int = 0
    told_at: int = 0
    starts_at: int = 0
    changes: tuple[int, ...] = ()
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """``event``: what came of it, if anything; ``status``: whether it is told (pending), or kept
    back and recorded."""

    standing: Standing
    event: Event | None = None
    status: Literal["pending", "silenced", "held"] = "pending"


def advance(
    was: Standing,
    heard: Heard,
    now: int,
    *,
    starts_at: int = 0,
    muted: bool = False,
    remind_ms: int = REMIND_MS,
    goes_on: bool = False,
) -> Step:
    """What becomes of it. ``starts_at``: of the alert that was heard, 0 if unknown; ``goes_on``: it
    is the one that was known, though it says that it began later."""
    # A clock that was set back must not keep it waiting.
    was = replace(was, since=min(was.since, now), told_at=min(was.told_at, now))
    if heard == "nothing":
        fires, changed = was.fires, False
    else:
        fires = heard == "firing"
        # It began anew, and nobody said that it had ended.
        anew = fires and was.fires and starts_at > was.starts_at > 0 and not goes_on
        changed = fires != was.fires or anew
        was = replace(was, starts_at=(starts_at or was.starts_at) if fires else was.starts_at)
    if changed:
        recent = (*(at for at in was.changes if at > now - FLAPPING_MS), now)
        was = replace(was, fires=fires, since=now, changes=recent[-20:])
    step = _step(was, changed, heard == "firing", now, muted, remind_ms)
    if step.event is None:
        return step
    turn = step.standing.turn + 1
    return replace(step, standing=replace(step.standing, turn=turn))


def _step(was: Standing, changed: bool, said: bool, now: int, muted: bool, remind_ms: int) -> Step:
    if was.state == "flapping":
        return _flapping(was, changed, now, muted)
    if changed and len(was.changes) >= FLAPPING_CHANGES:
        if muted:
            return Step(replace(was, state="flapping"), "flapping", "silenced")
        return Step(replace(was, state="flapping", is_open=True, told_at=now), "flapping")
    if not was.fires:
        return _ended(was) if was.state != "resolved" else Step(was)
    if changed:
        return _begun(was, now, muted)
    if was.state in ("silenced", "resolved"):
        return Step(was) if muted else _told(was, now)
    if said and not muted and now - was.told_at >= remind_ms:
        return Step(replace(was, state="reminded", told_at=now), "reminder")
    return Step(was)


def _begun(was: Standing, now: int, muted: bool) -> Step:
    if muted:
        return Step(replace(was, state="silenced"), "trigger", "silenced")
    return _told(was, now)


def _told(was: Standing, now: int) -> Step:
    return Step(replace(was, state="firing", is_open=True, told_at=now), "trigger")


def _ended(was: Standing) -> Step:
    after = replace(was, state="resolved", is_open=False)
    # A silence must not keep an incident open.
    return Step(after, "resolve") if was.is_open else Step(after, "resolve", "silenced")


def _flapping(was: Standing, changed: bool, now: int, muted: bool) -> Step:
    if changed:
        return Step(was, "flapping", "held")
    if now - was.since < STEADY_MS:
        return Step(was)
    was = replace(was, changes=())
    if not was.fires:
        return _ended(was) if was.is_open else Step(replace(was, state="resolved"))
    if muted:
        return Step(replace(was, state="firing" if was.is_open else "silenced"))
    return _told(was, now)

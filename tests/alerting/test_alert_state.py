"""The state machine: what each of a row of hearings leads to."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerting.alert_state import (
    FLAPPING_CHANGES,
    REMIND_MS,
    STEADY_MS,
    Heard,
    Standing,
    advance,
)

NOW = 1_800_000_000_000
HOUR = 3_600_000


def after(*said: tuple[str, int, bool]) -> list[tuple[str, str | None, str]]:
    """State, event and status after each of (what was heard, minutes since the one before,
    silenced)."""
    standing, now = Standing(), NOW
    found: list[tuple[str, str | None, str]] = []
    for what, minutes, muted in said:
        now += minutes * 60_000
        heard: Heard = {"f": "firing", "r": "resolved", "-": "nothing"}[what]  # type: ignore[assignment]
        step = advance(standing, heard, now, starts_at=NOW, muted=muted)
        standing = step.standing
        found.append((standing.state, step.event, step.status if step.event else ""))
    return found


TOLD, ENDED = ("firing", "trigger", "pending"), ("resolved", "resolve", "pending")
CASES = {
    "told once": ([("f", 0, False), ("f", 1, False)], [TOLD, ("firing", None, "")]),
    "told of its end, once": (
        [("f", 0, False), ("r", 1, False), ("r", 1, False)],
        [TOLD, ENDED, ("resolved", None, "")],
    ),
    "told again with the same start": (
        [("f", 0, False), ("r", 1, False), ("f", 1, False)],
        [TOLD, ENDED, TOLD],
    ),
    "an end of what nobody heard of": ([("r", 0, False)], [("resolved", None, "")]),
    "reminded after an hour": (
        [("f", 0, False), ("f", 30, False), ("f", 30, False), ("f", 60, False)],
        [
            TOLD,
            ("firing", None, ""),
            ("reminded", "reminder", "pending"),
            ("reminded", "reminder", "pending"),
        ],
    ),
    "no reminder through a silence": (
        [("f", 0, False), ("f", 60, True), ("r", 1, True)],
        [TOLD, ("firing", None, ""), ENDED],
    ),
    "told when the silence is over": (
        [("f", 0, True), ("-", 1, True), ("-", 1, False), ("-", 1, False)],
        [
            ("silenced", "trigger", "silenced"),
            ("silenced", None, ""),
            TOLD,
            ("firing", None, ""),
        ],
    ),
    "began and ended in a silence": (
        [("f", 0, True), ("r", 1, True), ("-", 1, False)],
        [
            ("silenced", "trigger", "silenced"),
            ("resolved", "resolve", "silenced"),
            ("resolved", None, ""),
        ],
    ),
    "flaps, and is steady as resolved": (
        [*[("f", 1, False), ("r", 1, False)] * 4, ("-", 16, False)],
        [
            *[TOLD, ENDED] * 2,
            TOLD,
            ("flapping", "flapping", "pending"),
            ("flapping", "flapping", "held"),
            ("flapping", "flapping", "held"),
            ENDED,
        ],
    ),
    "flaps in a silence and pages nobody": (
        [*[("f", 1, True), ("r", 1, True)] * 3, ("f", 1, True), ("-", 16, True), ("-", 1, False)],
        [
            *[("silenced", "trigger", "silenced"), ("resolved", "resolve", "silenced")] * 2,
            ("silenced", "trigger", "silenced"),
            ("flapping", "flapping", "silenced"),
            ("flapping", "flapping", "held"),
            ("silenced", None, ""),
            TOLD,
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "found"), list(CASES.values()), ids=list(CASES))
def test_what_becomes_of_it(
    said: list[tuple[str, int, bool]], found: list[tuple[str, str | None, str]]
) -> None:
    assert after(*said) == found


def test_a_new_start_is_a_new_firing_though_nobody_told_the_end() -> None:
    first = advance(Standing(), "firing", NOW, starts_at=NOW)
    again = advance(first.standing, "firing", NOW + 1000, starts_at=NOW + 500)
    assert (again.event, again.standing.state) == ("trigger", "firing")
    older = advance(again.standing, "firing", NOW + 2000, starts_at=NOW)
    assert older.event is None


def test_a_start_that_is_not_known_is_no_new_one() -> None:
    first = advance(Standing(), "firing", NOW, starts_at=0)
    again = advance(first.standing, "firing", NOW + 1000, starts_at=NOW)
    assert again.event is None
    assert advance(again.standing, "firing", NOW + 2000, starts_at=0).event is None


def test_a_clock_set_back_keeps_nothing_waiting() -> None:
    told = advance(Standing(), "firing", NOW, starts_at=NOW).standing
    back = advance(told, "firing", NOW - 100 * HOUR, starts_at=NOW)
    assert back.event is None
    assert advance(back.standing, "firing", NOW - 98 * HOUR, starts_at=NOW).event == "reminder"


hearings = st.lists(
    st.tuples(
        st.sampled_from(["firing", "resolved", "nothing"]),
        st.integers(0, 2 * HOUR),
        st.booleans(),
        st.integers(0, 3),
    ),
    max_size=40,
)


# How fast examples are made is the machine's.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(hearings)
def test_whatever_is_heard(said: list[tuple[Heard, int, bool, int]]) -> None:
    """What a destination is told in order makes sense to it, and nothing stays untold."""
    standing, now, is_open = Standing(), NOW, False
    for heard, later, muted, starts in said:
        now += later
        step = advance(standing, heard, now, starts_at=NOW + starts, muted=muted)
        told = step.event if step.status == "pending" else None
        if told == "resolve":
            assert is_open, "nobody is told of the end of what they never heard of"
            is_open = False
        elif told in ("trigger", "flapping"):
            assert not muted, "nobody is paged through a silence"
            is_open = True
        elif told == "reminder":
            assert is_open
            assert not muted
            assert now - standing.told_at >= REMIND_MS
        if step.event is None:
            assert step.standing.turn == standing.turn
        standing = step.standing
        assert standing.is_open == is_open
        assert len(standing.changes) <= 20
    # Time goes by without a silence: then it knows how things are.
    for _ in range(2):
        now += STEADY_MS
        step = advance(standing, "nothing", now)
        standing = step.standing
    assert standing.is_open == standing.fires
    assert standing.state in (("firing", "reminded") if standing.fires else ("resolved",))
    assert len(standing.changes) < FLAPPING_CHANGES or standing.state != "flapping"

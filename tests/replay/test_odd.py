"""What is hard to replay works, or the replay says what can't be replayed and why."""

from __future__ import annotations

from typing import Any

import pytest

from tests.replay.running import Done, Replays

NAMES = (
    "threads tasks binary raised streamed streamed_later unsafe timed hidden unreadable code"
    " missing arguments chained"
).split()

#: The traces begin with decorated agents of this module, so they name them.
LOAD = ("--load", "tests.replay.agents.odd")


@pytest.fixture(scope="module")
def traces(replays: Replays) -> dict[str, str]:
    return dict(zip(NAMES, replays.record("odd", *NAMES, ODD="record"), strict=True))


class Odd:
    """Replays an agent from its step `last`."""

    def __init__(self, replays: Replays, traces: dict[str, str]) -> None:
        self._replays = replays
        self._traces = traces

    def __call__(self, name: str, *arguments: str, odd: str = "") -> Done:
        trace = self._traces[name]
        rows = self._replays.up.spans(trace, "name")
        step = [row["name"] for row in rows].index("last") + 1
        given = ("--from-step", str(step), "--no-judge", *LOAD, *arguments)
        return self._replays.replay(trace, *given, ODD=odd)

    @property
    def calls(self) -> list[str]:
        return self._replays.calls


@pytest.fixture
def odd(replays: Replays, traces: dict[str, str]) -> Odd:
    return Odd(replays, traces)


def _answered(run: dict[str, Any]) -> int:
    return sum(event["action"] == "record" for event in run["log"])


@pytest.mark.parametrize("name", ["threads", "tasks"])
def test_concurrent_steps_in_another_order(odd: Odd, name: str) -> None:
    run = odd(name).run
    assert odd.calls == ["last"]
    assert _answered(run) == 6
    assert run["value"] == "last of [0, 2, 4, 6, 8, 10]"
    assert run["warnings"] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("binary", "last of cat"),
        ("raised", "last of Larkfield 9"),
        ("streamed", "last of a|b|c"),
        ("streamed_later", "last of a|b|c"),
        ("chained", "last of 8"),
    ],
)
def test_values_exceptions_and_streams(odd: Odd, name: str, value: str) -> None:
    run = odd(name).run
    assert odd.calls == ["last"]
    assert run["value"] == value
    assert run["warnings"] == []
    assert run["error"] is None


def test_other_arguments_stop_the_run(odd: Odd) -> None:
    done = odd("arguments", odd="other")
    assert done.status == 1
    assert odd.calls == []
    assert "was called with other arguments: number: recorded 8, now 9" in done.run["stopped"]
    live = odd("arguments", "--on-mismatch", "live", odd="other")
    assert live.run["value"] == "last of 18"
    assert "number: recorded 8, now 9" in live.run["warnings"][0]
    kept = odd("arguments", "--on-mismatch", "record", odd="other")
    assert kept.run["value"] == "last of 16"
    assert "number: recorded 8, now 9" in kept.run["warnings"][0]


def test_live_tools_run_before_the_step(odd: Odd) -> None:
    assert odd("chained", "--live", "double").run["value"] == "last of 8"
    assert odd.calls == ["double 1", "double 2", "double 4", "last"]


def test_a_time_is_not_compared(odd: Odd) -> None:
    assert "at: recorded" in odd("timed").run["stopped"]
    run = odd("timed", "--ignore-argument", "at").run
    assert run["value"] == "last of noon at a time"
    assert odd.calls == ["last"]


def test_unsafe_tools_stay_recorded(odd: Odd) -> None:
    run = odd("unsafe").run
    assert odd.calls == ["last"], "neither payment was made, before or after the step"
    assert run["value"] == "paid 6"
    other = odd("unsafe", odd="pays more")
    assert odd.calls == ["last"]
    assert "pay is marked unsafe" in other.run["stopped"]
    assert "--allow-unsafe pay" in other.run["stopped"]
    assert odd("unsafe", "--allow-unsafe", "pay", odd="pays more").run["value"] == "paid 7"
    assert odd.calls == ["last", "pay 7"]


def test_kept_tools_are_answered_after_the_step(odd: Odd, traces: Any, replays: Replays) -> None:
    given = ("--from-step", "2", "--keep", "double", "--no-judge", *LOAD)
    run = replays.replay(traces["chained"], *given).run
    assert odd.calls == ["last"]
    assert _answered(run) == 3


def test_what_was_not_captured_can_not_be_answered(odd: Odd) -> None:
    assert "recorded without content (capture=False)" in odd("hidden").run["stopped"]
    assert odd("hidden", "--live", "secret").run["value"] == "last of hidden"
    stopped = odd("unreadable").run["stopped"]
    assert "step 2 (execute_tool connect) can't be answered" in stopped
    assert "recorded as its repr only" in stopped
    assert "--live connect" in stopped


def test_changed_code_is_said(odd: Odd) -> None:
    run = odd("code", odd="changed").run
    assert run["value"] == "last of 6"
    assert "its code has changed since" in run["warnings"][0]


def test_a_step_that_the_trace_lacks(odd: Odd) -> None:
    done = odd("missing")
    assert done.status == 1
    assert "the record has no such step" in done.run["stopped"]
    assert odd("missing", "--on-mismatch", "live").run["value"] == "last of 8"
    assert odd.calls == ["double 4", "last"]


def test_a_patch_and_earlier_results(odd: Odd, replays: Replays) -> None:
    run = odd("chained", "--set", "step[2].output=10").run
    assert run["value"] == "last of 40", "the steps after it run with it"
    assert odd.calls == ["double 10", "double 20", "last"]
    patch = replays.folder / "patch.py"
    patch.write_text(
        "def arguments(step, given):\n"
        "    return {'value': 'a patch'} if step == 'last' else given\n",
        encoding="utf-8",
    )
    assert odd("chained", "--patch", str(patch)).run["value"] == "last of a patch"
    assert odd("chained", "--set", "input.value=it").run["value"] == "last of it"

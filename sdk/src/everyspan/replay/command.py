"""`everyspan replay` and `everyspan diff`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, cast

from everyspan.replay import diff_report, report
from everyspan.replay.changes import Patch, parse, read_patch
from everyspan.replay.errors import ReplayError
from everyspan.replay.judging import Judged, wait
from everyspan.replay.only import send
from everyspan.replay.options import parser
from everyspan.replay.record import Step, Trace
from everyspan.replay.runner import Plan, run
from everyspan.replay.session import OnMismatch, Policy
from everyspan.replay.spans import Run
from everyspan.replay.store import Store, store
from everyspan.replay.terminal import as_json, say

_STORED_SECONDS = 10.0


def replay(arguments: Sequence[str]) -> int:
    """Exit status: 0 ran, 1 could not run or was stopped, 2 wrong arguments, 3 ended at an
    interrupt(), so that nobody can say how it would have come out."""
    made = parser("replay", ["TRACE_ID"], "Run an agent again from a step of a recorded trace.")
    given = made.parse_args(list(arguments))
    try:
        return _replay(given)
    except (ReplayError, RecursionError) as error:
        _say_error(error)
        return 1


def diff(arguments: Sequence[str]) -> int:
    """Exit status: 0 the same, 1 they differ, 2 it could not be told."""
    made = parser("diff", ["A", "B"], "Compare two traces step by step.")
    given = made.parse_args(list(arguments))
    try:
        at = _store(given)
        a, b = at.trace(given.a), at.trace(given.b)
        differ = diff_report.differ(a, b)
        if given.json:
            say([as_json(diff_report.difference_json(a, b))])
        else:
            say(diff_report.difference(a, b))
    except (ReplayError, RecursionError) as error:
        _say_error(error)
        return 2
    return 1 if differ else 0


def _replay(given: argparse.Namespace) -> int:
    at = _store(given)
    trace = at.trace(given.trace_id)
    if given.only:
        return _only(given, at, trace)
    step = step_of(given.from_step or given.step, trace, "--from-step")
    plan = plan_of(given, trace, step)
    _say(given, report.title(trace, step))
    outcomes = run(plan)
    judged = _judged(given, at, [outcome.run for outcome in outcomes])
    if given.json:
        say([as_json(report.replay_json(plan, outcomes, judged))])
    else:
        say(report.replay(plan, outcomes, judged, _fail_on(given, trace)))
    ended = {outcome.ended for outcome in outcomes}
    return 1 if "stopped" in ended else 3 if "interrupted" in ended else 0


def _only(given: argparse.Namespace, at: Store, trace: Trace) -> int:
    step = step_of(given.step or given.from_step, trace, "--step")
    _say(given, report.title(trace, step).replace("from step", "only step"))
    sent, session = send(trace, step, given, _number(given.times, "--times"), os.environ)
    judged = _judged(given, at, [one.run for one in sent])
    if given.json:
        say([as_json(report.only_json(trace, step, sent, judged))])
    else:
        fail_on = frozenset(given.fail_on) or frozenset(step.failed)
        say(report.only(step, sent, judged, fail_on, session.changes.unused()))
    return 1 if all(one.error for one in sent) else 0


def plan_of(given: argparse.Namespace, trace: Trace, step: Step) -> Plan:
    """Raises ReplayError for what does not fit the trace."""
    times = _number(given.times, "--times")
    policy = Policy(
        keep=frozenset(given.keep),
        live=frozenset(given.live),
        allow_unsafe=frozenset(given.allow_unsafe),
        on_mismatch=cast("OnMismatch", given.on_mismatch),
        ignored=frozenset(given.ignore_argument),
    )
    return Plan(
        trace,
        step,
        given.entry,
        dict(_argument(text) for text in given.argument),
        policy,
        tuple(parse(given.set, trace, step)),
        read_patch(given.patch) if given.patch else Patch(),
        times,
        tuple(given.load),
        tuple(_value(text) for text in given.resume),
    )


def step_of(text: str | None, trace: Trace, option: str) -> Step:
    """Raises ReplayError for a number that is no step."""
    if text is None:
        raise ReplayError(
            f"which step? Give {option} with a number from this list:", report.listing(trace)
        )
    try:
        return trace.step(int(text))
    except (ValueError, IndexError):
        raise ReplayError(
            f"{option} {text}: the trace has steps 1 to {len(trace)}:", report.listing(trace)
        ) from None


def _argument(text: str) -> tuple[str, Any]:
    name, equals, raw = text.partition("=")
    if not equals:
        raise ReplayError(f"--argument {text!r} is no NAME=VALUE")
    return name, _value(raw)


def _value(raw: str) -> Any:
    """JSON where it is some, else the text."""
    try:
        return json.loads(raw)
    except ValueError:
        return raw


def _judged(given: argparse.Namespace, at: Store, runs: Sequence[Run]) -> Judged:
    expected = {run.trace_hex: run.ended for run in runs if run.ended}
    if given.no_judge:
        return wait(at, expected, _STORED_SECONDS, verdicts=False)
    seconds = _number(given.judge_seconds, "--judge-seconds")
    _say(given, f"waiting up to {seconds} s for verdicts …")
    return wait(at, expected, float(seconds), verdicts=True)


def _fail_on(given: argparse.Namespace, trace: Trace) -> frozenset[str]:
    return frozenset(given.fail_on) or frozenset(n for s in trace.steps for n in s.failed)


def _number(text: str, option: str) -> int:
    try:
        found = int(text)
    except ValueError:
        found = 0
    if found < 1:
        raise ReplayError(f"{option} {text!r} is no number from 1 up")
    return found


def _store(given: argparse.Namespace) -> Store:
    environment = dict(os.environ)
    if given.clickhouse_port:
        environment["EVERYSPAN_CLICKHOUSE_PORT"] = given.clickhouse_port
    return store(given.clickhouse_dsn, environment)


def _say(given: argparse.Namespace, text: str) -> None:
    if not given.json:
        say([text], sys.stderr)


def _say_error(error: ReplayError | RecursionError) -> None:
    if isinstance(error, ReplayError):
        say([f"error: {error}", *error.below], sys.stderr)
    else:
        say(["error: a value in the trace is nested too deeply to be read"], sys.stderr)

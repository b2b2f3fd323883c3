"""What `everyspan replay` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from everyspan.replay.answers import SOURCE
from everyspan.replay.diff import compare, totals
from everyspan.replay.judging import Judged
from everyspan.replay.only import Sent
from everyspan.replay.record import Step, Trace
from everyspan.replay.runner import Outcome, Plan
from everyspan.replay.session import Event
from everyspan.replay.spans import Run
from everyspan.replay.statistics import wilson

_MOST = 160
#: Steps that reach outside: running one again may matter.
_OUTSIDE = ("tool", "retrieval", "embedding", "reranker")


def title(trace: Trace, step: Step) -> str:
    """`trace …: from step 4 of 7, chat gpt-4.1-mini`."""
    return f"trace {trace.trace_id}: from step {step.number} of {len(trace)}, {step.name}"


def listing(trace: Trace) -> list[str]:
    """The steps, one a line."""
    return [
        f"  {step.number:>3}  {step.name}  {step.kind}"
        + (f"  ✗ {', '.join(step.failed)}" if step.failed else "")
        for step in trace.steps
    ]


# --- replay ---


def replay(
    plan: Plan, outcomes: Sequence[Outcome], judged: Judged, fail_on: frozenset[str]
) -> list[str]:
    """The report of all runs."""
    lines: list[str] = []
    for outcome in outcomes:
        if (
            len(outcomes) == 1
            or outcome.ended in ("stopped", "interrupted")
            or _warnings(plan, outcome, judged)
        ):
            lines += _run(plan, outcome, judged, brief=len(outcomes) > 1)
    lines += _summary(plan, outcomes, judged, fail_on)
    return lines


def _run(plan: Plan, outcome: Outcome, judged: Judged, brief: bool) -> list[str]:
    trace = judged.traces.get(outcome.run.trace_hex)
    lines = [
        f"run {outcome.run.number}: trace {outcome.run.trace_hex or 'none, as no span was made'}"
        + (f"  ({outcome.how})" if outcome.how else "")
    ]
    if not brief:
        lines += [_event(event, trace) for event in outcome.session.log]
    lines += [f"  ! {text}" for text in _warnings(plan, outcome, judged)]
    if outcome.session.stopped:
        lines.append(f"  stopped: {outcome.session.stopped}")
    elif outcome.error is not None:
        lines.append(f"  the agent raised {type(outcome.error).__name__}: {outcome.error}")
    elif outcome.ended == "interrupted":
        lines += [f"  waits for a person at an interrupt, {w}" for w in outcome.session.interrupted]
        lines.append("  it has not ended: --resume VALUE gives the answer")
    elif outcome.value is not None and not brief:
        lines.append(f"  gave back: {short(str(outcome.value))}")
    return lines


def _event(event: Event, trace: Trace | None) -> str:
    number = str(event.number) if event.number else "–"
    verdicts = ""
    if trace is not None and event.action == "live":
        made = [s for s in trace.steps if s.name == event.name and SOURCE not in s.attributes]
        failed = sorted({name for step in made for name in step.failed})
        verdicts = f"  ✗ {', '.join(failed)}" if failed else ""
    note = f"  {event.note}" if event.note and event.action != "stopped" else ""
    return f"  {number:>3}  {event.action:<8}{event.name}{verdicts}{note}"


def _warnings(plan: Plan, outcome: Outcome, judged: Judged) -> list[str]:
    """What a person must know: nothing is answered, run or left out silently."""
    session = outcome.session
    found = [
        f"step {e.number or '?'} ({e.name}): {e.note}"
        for e in session.log
        if e.warn and e.action != "stopped"
    ]
    found += [
        f"step {orphan.number} ({orphan.name}): its parent was never stored; steps that are "
        "missing from the trace can't be answered"
        for orphan in plan.trace.missing_parents
    ]
    if session.stopped is None:
        found += _again(plan, outcome, judged)
        found += [f"--set {text} changed nothing" for text in session.changes.unused()]
    if outcome.run.trace_hex in judged.late:
        known = judged.traces.get(outcome.run.trace_hex)
        if known is None:
            found.append("its spans are not stored: is OTEL_EXPORTER_OTLP_ENDPOINT right?")
        else:
            found.append("it is not judged yet")
    return found


def _again(plan: Plan, outcome: Outcome, judged: Judged) -> list[str]:
    """Recorded steps before the chosen one that were neither answered nor entered."""
    session = outcome.session
    trace = judged.traces.get(outcome.run.trace_hex)
    if trace is None:
        return []
    partner = {p.a.number: p.b for p in compare(plan.trace, trace) if p.a is not None}
    inner = {s.parent_span_id for s in plan.trace.steps}
    found = []
    for step in session.before:
        if step.number in session.used or step.number in session.covered:
            continue
        made = partner.get(step.number)
        if made is None:
            if step.is_decorated or step.kind == "llm" or step.kind in _OUTSIDE:
                found.append(f"step {step.number} ({step.name}) was not asked for in this run")
        elif SOURCE in made.attributes:
            continue
        elif step.kind == "llm" and step.span_id not in inner:
            found.append(
                f"step {step.number} ({step.name}) asked the model again: its call does not come "
                "through the replay's endpoint; see everyspan.replay.model_url"
            )
        elif step.kind in _OUTSIDE and step.span_id not in inner:
            found.append(
                f"step {step.number} ({step.name}) ran again: it is no @everyspan.step, so the "
                "record can't answer it"
            )
    return found


def _summary(
    plan: Plan, outcomes: Sequence[Outcome], judged: Judged, fail_on: frozenset[str]
) -> list[str]:
    lines: list[str] = []
    ran = [o for o in outcomes if o.session.stopped is None]
    if not ran:
        return lines
    served = [served_steps(plan, o) for o in ran]
    tools = sum(s.kind in _OUTSIDE for s in served[0])
    calls = sum(s.kind == "llm" for s in served[0])
    lines.append(
        f"answered from the record: {len(served[0])} steps, {tools} of them tools and retrievals "
        f"that were not called, {calls} model calls that were not made"
    )
    seconds = sorted(o.run.seconds for o in ran)[len(ran) // 2]
    full = plan.trace.seconds
    tokens, full_tokens = spent(plan, ran[0], judged), totals(plan.trace.steps)[0]
    lines.append(
        f"wall clock {seconds:.2f} s against {full:.2f} s of the full run"
        f"{_saved(seconds, full)}, tokens {tokens:,} against {full_tokens:,}"
        f"{_saved(tokens, full_tokens)}"
    )
    # What waits for a person has not come out yet.
    ended = [o for o in ran if o.ended != "interrupted"]
    verdicts = [failures(o.run, judged, fail_on) for o in ended]
    known = [v for v in verdicts if v is not None]
    if len(outcomes) > 1:
        lines += _rate(known, outcomes, ran, fail_on)
    elif known:
        told = ", ".join(sorted(known[0])) or "no failing verdict"
        lines.append(f"verdicts from step {plan.step.number} on: {told}")
    first = ran[0].run.trace_hex
    if first in judged.traces:
        lines.append(f"compare: everyspan diff {plan.trace.trace_id} {first}")
    return lines


def _rate(
    known: Sequence[set[str]],
    outcomes: Sequence[Outcome],
    ran: Sequence[Outcome],
    fail_on: frozenset[str],
) -> list[str]:
    lines = [rate(known, fail_on)]
    waiting = sum(o.ended == "interrupted" for o in ran)
    if waiting:
        lines.append(
            f"{waiting} of {len(outcomes)} runs wait at an interrupt and are not counted as judged"
        )
    raised = sum(o.error is not None for o in ran)
    if raised:
        lines.append(f"{raised} of {len(ran)} runs ended in an exception")
    if len(ran) < len(outcomes):
        lines.append(f"{len(outcomes) - len(ran)} of {len(outcomes)} runs were stopped")
    return lines


def rate(known: Sequence[set[str]], fail_on: frozenset[str]) -> str:
    """How often judged runs failed. `known`: the failing classifiers of each."""
    if not known:
        return "no run was judged"
    failed = sum(bool(v) for v in known)
    low, high = wilson(failed, len(known))
    what = ", ".join(sorted(fail_on)) or "any classifier"
    return (
        f"{failed} of {len(known)} judged runs failed ({what}): "
        f"{failed / len(known):.0%}, 95 % interval {low:.0%} to {high:.0%}"
    )


def served_steps(plan: Plan, outcome: Outcome) -> list[Step]:
    """Recorded steps that answered, and those below them."""
    session = outcome.session
    numbers = {e.number for e in session.log if e.action == "record"} | session.covered
    return [step for step in plan.trace.steps if step.number in numbers]


def failures(run: Run, judged: Judged, fail_on: frozenset[str]) -> set[str] | None:
    """Classifiers that fail on what ran again; None where it is not judged."""
    trace = judged.traces.get(run.trace_hex)
    if trace is None or not trace.judged:
        return None
    found = {name for step in trace.steps if SOURCE not in step.attributes for name in step.failed}
    return found & fail_on if fail_on else found


def spent(plan: Plan, outcome: Outcome, judged: Judged) -> int:
    """Tokens of what ran: of its spans, or of the endpoint where they are not stored."""
    trace = judged.traces.get(outcome.run.trace_hex)
    if trace is None:
        return outcome.live_tokens
    return sum(step.tokens for step in trace.steps if SOURCE not in step.attributes)


def _saved(now: float, full: float) -> str:
    return f" ({1 - now / full:.0%} saved)" if full > 0 and now <= full else ""


def replay_json(plan: Plan, outcomes: Sequence[Outcome], judged: Judged) -> dict[str, Any]:
    """The same as data."""
    return {
        "trace_id": plan.trace.trace_id,
        "step": plan.step.number,
        "steps": len(plan.trace),
        "full": {"seconds": plan.trace.seconds, "tokens": totals(plan.trace.steps)[0]},
        "runs": [
            {
                "trace_id": outcome.run.trace_hex,
                "seconds": outcome.run.seconds,
                "tokens": spent(plan, outcome, judged),
                "live_model_calls": outcome.live_calls,
                "recorded": [s.number for s in served_steps(plan, outcome)],
                "log": [vars(event) for event in outcome.session.log],
                "warnings": _warnings(plan, outcome, judged),
                "ended": outcome.ended,
                "interrupted": outcome.session.interrupted,
                "stopped": outcome.session.stopped,
                "error": None
                if outcome.error is None
                else f"{type(outcome.error).__name__}: {outcome.error}",
                "value": outcome.value,
                "how": outcome.how,
                "failures": _sorted(failures(outcome.run, judged, frozenset())),
            }
            for outcome in outcomes
        ],
    }


def _sorted(found: set[str] | None) -> list[str] | None:
    return None if found is None else sorted(found)


# --- --only ---


def only(
    step: Step, sent: Sequence[Sent], judged: Judged, fail_on: frozenset[str], unused: list[str]
) -> list[str]:
    """The report of `--step K --only`."""
    lines = [f"recorded: {short(step.output)}"]
    for one in sent:
        failed = failures(one.run, judged, frozenset())
        told = "not judged" if failed is None else f"✗ {', '.join(sorted(failed))}" * bool(failed)
        head = f"run {one.run.number}: trace {one.run.trace_hex}  {one.tokens:,} tokens"
        lines.append(f"{head}  {told}".rstrip())
        lines.append(f"  {one.error or short(one.text)}")
    lines += [f"  ! --set {text} changed nothing" for text in unused]
    known = [failures(o.run, judged, fail_on) for o in sent if not o.error]
    if len(sent) > 1:
        lines.append(rate([v for v in known if v is not None], fail_on))
    return lines


def only_json(trace: Trace, step: Step, sent: Sequence[Sent], judged: Judged) -> dict[str, Any]:
    """The same as data."""
    return {
        "trace_id": trace.trace_id,
        "step": step.number,
        "recorded": step.output,
        "runs": [
            {
                "trace_id": one.run.trace_hex,
                "answer": one.text,
                "error": one.error or None,
                "tokens": one.tokens,
                "failures": _sorted(failures(one.run, judged, frozenset())),
            }
            for one in sent
        ],
    }


def short(text: str) -> str:
    """One line of it."""
    line = " ".join(text.split())
    return line if len(line) <= _MOST else line[:_MOST] + "…"

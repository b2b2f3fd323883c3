"""One run of a replay: for each call, whether the record answers it, and a log of what happened.

Steps before the chosen one are answered from the record; those around it are entered again; from
it on everything runs. A call is matched by name and arguments, then by where it is in the tree,
then by order, so that concurrent steps may come in any order.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from everyspan import _exact
from everyspan._step import Recorded, _Step
from everyspan.replay.answers import Answer, NotRecordedError
from everyspan.replay.changes import Changes
from everyspan.replay.errors import ReplayStopped
from everyspan.replay.matching import difference
from everyspan.replay.record import Step, Trace

OnMismatch = Literal["stop", "live", "record"]
IN_CHECKPOINT = "in the checkpoint"
#: record: answered; entered: ran again, as the chosen step is inside; live: ran.
Action = Literal["record", "entered", "live", "stopped"]


@dataclass(frozen=True)
class Policy:
    """`keep` and `live` are names of tools or steps."""

    keep: frozenset[str] = frozenset()
    live: frozenset[str] = frozenset()
    allow_unsafe: frozenset[str] = frozenset()
    on_mismatch: OnMismatch = "stop"
    ignored: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Event:
    """What happened at one call. `number`: of the recorded step, 0 for one that is not recorded.
    `warn`: a person should read `note`."""

    number: int
    name: str
    action: Action
    note: str = ""
    warn: bool = False


@dataclass
class Session:
    """The state of one run. Thread-safe."""

    trace: Trace
    step: Step
    policy: Policy
    changes: Changes
    #: Names of the spans around the code that calls, outermost first.
    path: Callable[[], tuple[str, ...]] = tuple
    log: list[Event] = field(default_factory=list)
    stopped: str | None = None
    #: Whether the chosen step has begun.
    reached: bool = False
    #: Whether an answer was changed, so that later calls may differ.
    changed: bool = False
    used: set[int] = field(default_factory=set)
    #: Steps below one that the record answered: they don't happen in this run.
    covered: set[int] = field(default_factory=set)
    #: Steps that a graph's checkpoint is said to hold, to their super-step.
    held: dict[Step, int] = field(default_factory=dict)
    #: What graphs wait for, by graph and thread: see langgraph_interrupts.py.
    waiting: dict[tuple[int, str], list[str]] = field(default_factory=dict)
    #: Answers of the command line to that, in order.
    resume: tuple[Any, ...] = ()
    _lock: Any = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        around = self.trace.ancestors(self.step)
        self._around = [step for step in around if step.is_decorated]
        # What began before the step and is not around it.
        self.before = [s for s in self.trace.steps[: self.step.number - 1] if s not in around]
        self.reached = not self.before and not self.step.is_decorated

    # --- decorated steps ---

    def decide(
        self, step: _Step, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Recorded | None, tuple[Any, ...], dict[str, Any]]:
        """The interceptor of `everyspan._step`. Raises ReplayStopped."""
        arguments = step.arguments(args, kwargs)
        try:
            given: Mapping[str, Any] = step.given(arguments)
        except Exception:  # what can't be recorded can't be compared
            given = {}
        with self._lock:
            self._check()
            answer, chosen = self._decide(step, given)
        if answer is not None:
            return answer, args, kwargs
        changed = self.changes.arguments(chosen, step.name, dict(arguments))
        if changed != arguments:
            args, kwargs = _rebound(step, args, kwargs, arguments, changed)
        return None, args, kwargs

    def _decide(self, step: _Step, given: Mapping[str, Any]) -> tuple[Answer | None, Step | None]:
        name = step.span_name
        unsafe = step.unsafe and not self._names(self.policy.allow_unsafe, step)
        if self._names(self.policy.live, step) and not unsafe:
            recorded, _ = self._closest(self.before, name, given)
            self._note(recorded, name, "live", "asked for by --live", step)
            self._use(recorded)
            return None, recorded
        recorded, differs = self._closest(self.before, name, given)
        if recorded is not None and differs is None:
            return self._answer(recorded, step, unsafe), recorded
        kept = unsafe or self._names(self.policy.keep, step)
        if self.reached:
            return self._after(step, given, kept, unsafe)
        itself = self.step.is_decorated and self.step.name == name
        if itself and recorded is None:
            self.reached = True
            return self._after(step, given, kept, unsafe) if kept else self._begin(step, given)
        around = next(
            (s for s in self._around if s.name == name and s.number not in self.used), None
        )
        if around is not None:
            differs = difference(around, given, self.policy.ignored)
            self.used.add(around.number)
            self._note(around, name, "entered", differs or "", step, warn=differs is not None)
            return None, around
        if recorded is not None:
            return self._mismatch(recorded, differs or "", step, unsafe), recorded
        later, _ = self._closest(self.trace.steps[self.step.number - 1 :], name, given)
        if later is not None:
            # The run is past the chosen step, which nothing else has told.
            self.reached = True
            return self._after(step, given, kept, unsafe)
        self._unknown(step, unsafe)
        return None, None

    def _begin(self, step: _Step, given: Mapping[str, Any]) -> tuple[None, Step]:
        """The chosen step itself."""
        differs = difference(self.step, given, self.policy.ignored)
        self.used.add(self.step.number)
        self._note(self.step, step.span_name, "live", differs or "", step, differs is not None)
        return None, self.step

    def _after(
        self, step: _Step, given: Mapping[str, Any], kept: bool, unsafe: bool
    ) -> tuple[Answer | None, Step | None]:
        """A call past the point of the fork."""
        recorded, differs = self._closest(self.trace.steps, step.span_name, given)
        if not kept:
            if recorded is None and self.ran_all_the_same(self._same_held(step.span_name, given)):
                return None, None
            self._use(recorded)
            self._note(recorded, step.span_name, "live", "", step)
            return None, recorded
        if unsafe:
            return self._unsafe(recorded, differs, step), recorded
        if recorded is None:
            self._unknown(step, unsafe)
            return None, None
        if differs is None:
            return self._answer(recorded, step, unsafe), recorded
        return self._mismatch(recorded, differs, step, unsafe), recorded

    def _unsafe(self, recorded: Step | None, differs: str | None, step: _Step) -> Answer | None:
        if recorded is not None and differs is None:
            return self._answer(recorded, step, True)
        if recorded is not None and self.policy.on_mismatch == "record":
            return self._mismatch(recorded, differs or "", step, True)
        held = differs or "the record has no call of it"
        self._stop(
            recorded,
            step.span_name,
            f"{step.name} is marked unsafe and the record does not answer this call: {held}. "
            f"--allow-unsafe {step.name} runs it, --on-mismatch record gives it the recorded "
            "answer",
        )
        return None

    def _mismatch(self, recorded: Step, differs: str, step: _Step, unsafe: bool) -> Answer | None:
        """The step is recorded, with other arguments."""
        if self.changed and not unsafe:
            self._use(recorded)
            self._note(recorded, step.span_name, "live", f"follows the change: {differs}", step)
            return None
        if self.policy.on_mismatch == "record":
            return self._answer(recorded, step, unsafe, f"other arguments: {differs}")
        if self.policy.on_mismatch == "live" and not unsafe:
            self._use(recorded)
            self._note(recorded, step.span_name, "live", f"other arguments: {differs}", step, True)
            return None
        self._stop(
            recorded,
            step.span_name,
            f"step {recorded.number} ({recorded.name}) was called with other arguments: {differs}. "
            "--on-mismatch live runs it, --on-mismatch record gives it the recorded answer, "
            "--ignore-argument NAME leaves an argument out of the comparison",
        )
        return None

    def _unknown(self, step: _Step, unsafe: bool) -> None:
        """Nothing of that name is recorded, and the chosen step has not begun."""
        known = "it was not sent, or the code has changed since"
        if unsafe:
            self._unsafe(None, f"the record has no {step.span_name}", step)
        elif self.changed or self.policy.on_mismatch == "live":
            note = "follows the change" if self.changed else f"not in the record: {known}"
            self._note(None, step.span_name, "live", note, step, warn=not self.changed)
        else:
            self._stop(
                None,
                step.span_name,
                f"{step.span_name} is called before step {self.step.number}, and the record has no "
                f"such step: {known}. --live {step.name} or --on-mismatch live runs it",
            )

    def _answer(self, recorded: Step, step: _Step, unsafe: bool, note: str = "") -> Answer | None:
        try:
            answer = Answer(recorded)
        except NotRecordedError as error:
            why = f"step {recorded.number} ({recorded.name}) can't be answered: {error}"
            if self.policy.on_mismatch != "live" or unsafe:
                option = "--allow-unsafe" if unsafe else "--live"
                self._stop(recorded, recorded.name, f"{why}. {option} {step.name} runs it instead")
            self._use(recorded)
            self._note(recorded, recorded.name, "live", why, step, warn=True)
            return None
        changed = False
        if answer.items:
            answer.items, changed = self.changes.result(recorded, answer.items)
        elif answer.error is None:
            answer.value, changed = self.changes.result(recorded, answer.value)
        if changed:
            self.changed = True
            note = "; ".join(part for part in (note, "with the change") if part)
        self._use(recorded)
        self.covered.update(below.number for below in self.trace.below(recorded))
        self.used |= self.covered
        self._note(recorded, recorded.name, "record", note, step, warn=bool(note) and not changed)
        return answer

    # --- what a checkpoint holds ---

    def hold(self, steps: Mapping[Step, int]) -> None:
        """Notes steps as in a checkpoint: they are not expected to happen in this run."""
        for step in steps:
            self.used.add(step.number)
            self.covered.add(step.number)
            self.note(step.number, step.name, "record", IN_CHECKPOINT)
        self.held = dict(steps)
        self.before = [step for step in self.before if step not in steps]
        self.reached = not self.before

    def ran_all_the_same(self, step: Step | None) -> bool:
        """Takes a step that this run has called out of what the checkpoint holds; whether it was
        there. What is told at the end is what was called, not what was to be expected."""
        if step is None or step not in self.held:
            return False
        with self._lock:
            del self.held[step]
            self.covered.discard(step.number)
            told = Event(
                step.number, step.name, "live", "the checkpoint holds it, yet it ran", True
            )
            self.log = [
                told if e.number == step.number and e.action == "record" else e for e in self.log
            ]
        return True

    def ran_super_step(self, number: int) -> None:
        """The same for all of a super-step, of which a node has begun."""
        for step in [step for step, at in self.held.items() if at == number]:
            self.ran_all_the_same(step)

    def _same_held(self, name: str, given: Mapping[str, Any]) -> Step | None:
        return next(
            (
                step
                for step in self.held
                if step.name == name
                and (step.is_decorated or step.kind == "tool")
                and difference(step, given, self.policy.ignored) is None
            ),
            None,
        )

    @property
    def interrupted(self) -> list[str]:
        """What the run waits for at its end."""
        return [told for each in self.waiting.values() for told in each]

    # --- model calls that come over HTTP or through a framework's cache: see model_calls.py ---

    def closest(self, steps: list[Step], differs: Callable[[Step], str | None]) -> Any:
        """`(unused step, where it differs)`: one that is the same, else the first."""
        first: tuple[Step, str] | None = None
        for step in steps:
            if step.number in self.used:
                continue
            found = differs(step)
            if found is None:
                return step, None
            first = first or (step, found)
        return first or (None, None)

    @property
    def lock(self) -> Any:
        return self._lock

    # --- the log ---

    def note(
        self, number: int, name: str, action: Action, note: str = "", warn: bool = False
    ) -> None:
        with self._lock:
            self.log.append(Event(number, name, action, note, warn))

    def stop(self, number: int, name: str, why: str) -> None:
        """Notes why the run can't go on; the caller ends it."""
        with self._lock:
            self.stopped = self.stopped or why
            self.log.append(Event(number, name, "stopped", why, True))

    def _check(self) -> None:
        if self.stopped is not None:
            raise ReplayStopped(self.stopped)

    def _stop(self, recorded: Step | None, name: str, why: str) -> None:
        self.stop(recorded.number if recorded is not None else 0, name, why)
        raise ReplayStopped(why)

    def _use(self, recorded: Step | None) -> None:
        if recorded is not None:
            self.used.add(recorded.number)

    def _note(
        self,
        recorded: Step | None,
        name: str,
        action: Action,
        note: str,
        step: _Step,
        warn: bool = False,
    ) -> None:
        if recorded is not None:
            then, now = recorded.attribute(_exact.CODE), _exact.code(step.function)
            if then and now and then != now:
                told = "its code has changed since"
                if action == "record":
                    told += ", and the record answers: replay from this step to run it"
                    warn = True
                note = "; ".join(part for part in (note, told) if part)
        number = recorded.number if recorded is not None else 0
        self.log.append(Event(number, name, action, note, warn))

    def _closest(
        self, steps: Any, name: str, given: Mapping[str, Any]
    ) -> tuple[Step | None, str | None]:
        """The unused recorded call that is the same, else the first of that name."""
        here = self.path()
        same = [
            s
            for s in steps
            if s.name == name
            and (s.is_decorated or s.kind == "tool")  # a framework's tools ask too: langchain.py
            and s.number not in self.used
        ]
        same.sort(key=lambda s: (self.trace.path(s) != here, s.number))
        found: tuple[Step, str | None] | None = None
        for step in same:
            differs = difference(step, given, self.policy.ignored)
            if differs is None:
                return step, None
            found = found or (step, differs)
        return found or (None, None)

    @staticmethod
    def _names(named: frozenset[str], step: _Step) -> bool:
        return bool(named & {step.name, step.span_name, "*"})


def _rebound(
    step: _Step,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    before: dict[str, Any],
    after: dict[str, Any],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The call with its changed arguments in place."""
    if not args:
        return (), after
    bound = inspect.signature(step.function).bind(*args, **kwargs)
    bound.apply_defaults()
    rest = next((n for n, p in bound.signature.parameters.items() if p.kind is p.VAR_KEYWORD), None)
    for name, value in after.items():
        if name in before and before[name] is value:
            continue
        if name in bound.arguments:
            bound.arguments[name] = value
        elif rest is not None:
            bound.arguments[rest] = {**bound.arguments.get(rest, {}), name: value}
    return bound.args, bound.kwargs

"""Which calls to a model the record answers, and how the others are changed on their way."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from everyspan.replay.changes import put
from everyspan.replay.errors import ReplayStopped
from everyspan.replay.record import Step
from everyspan.replay.session import Session
from everyspan.replay.wire import Api, openai_responses
from everyspan.replay.wire.spoken import Spoken, differs, of_step, said

#: What providers' SDKs raise, and the status that makes them raise it.
_STATUS = {
    "BadRequestError": 400,
    "AuthenticationError": 401,
    "PermissionDeniedError": 403,
    "NotFoundError": 404,
    "ConflictError": 409,
    "UnprocessableEntityError": 422,
    "RateLimitError": 429,
    "InternalServerError": 500,
    "OverloadedError": 529,
}


class ModelCalls:
    """The model calls of one run."""

    def __init__(self, session: Session) -> None:
        self._session = session
        #: Calls that LangChain's cache let through and that the endpoint sees next.
        self.passed: list[Spoken] = []
        self._pool = [
            step
            for step in session.trace.model_calls
            if step in session.before and not step.is_decorated
        ]
        holds = session.trace.below(session.step)
        # The call that is the chosen step: itself, or the one within it.
        self._chosen = next(
            (
                step
                for step in session.trace.model_calls
                if (step is session.step or step in holds) and step.kind == "llm"
            ),
            None,
        )
        if session.step.kind != "llm":
            self._chosen = None

    def decide(self, now: Spoken) -> Step | None:
        """The recorded call whose answer is given; None: the call runs. Raises ReplayStopped."""
        session = self._session
        with session.lock:
            if session.stopped is not None:
                raise ReplayStopped(session.stopped)
            if self.passed:
                self.passed.pop(0)
                return None
            recorded, where = session.closest(self._pool, _comparison(now))
            if recorded is not None and where is None:
                return self._answer(recorded, "")
            if session.reached or (recorded is None and self._is_past(now)):
                self._live(now)
                return None
            if recorded is None:
                self._unknown(now)
                return None
            if self._chosen is not None and differs(of_step(self._chosen), now) is None:
                self._live(now)
                return None
            if session.changed:
                session.used.add(recorded.number)
                session.note(recorded.number, recorded.name, "live", f"follows the change: {where}")
                return None
            if session.policy.on_mismatch == "record":
                return self._answer(recorded, f"other messages: {where}")
            if session.policy.on_mismatch == "live":
                session.used.add(recorded.number)
                note = f"other messages: {where}"
                session.note(recorded.number, recorded.name, "live", note, warn=True)
                return None
            why = (
                f"the model is asked something else than at step {recorded.number} "
                f"({recorded.name}): {where}. --on-mismatch live asks the model, "
                "--on-mismatch record gives the recorded answer"
            )
            session.stop(recorded.number, recorded.name, why)
            raise ReplayStopped(why)

    def _is_past(self, now: Spoken) -> bool:
        """No recorded answer is left: is this the chosen step or one after it?"""
        if self._chosen is not None or self._session.step.kind == "llm":
            return True
        later = self._session.trace.steps[self._session.step.number - 1 :]
        calls = [step for step in self._session.trace.model_calls if step in later]
        found, where = self._session.closest(calls, _comparison(now))
        return found is not None and where is None

    def _unknown(self, now: Spoken) -> None:
        session = self._session
        name = f"chat {now.model}".strip()
        why = f"a model call before step {session.step.number} that the record does not have"
        if not session.changed and session.policy.on_mismatch != "live":
            session.stop(0, name, f"{why}. --on-mismatch live asks the model")
            raise ReplayStopped(why)
        note = "follows the change" if session.changed else why
        session.note(0, name, "live", note, warn=not session.changed)

    def _answer(self, recorded: Step, note: str) -> Step | None:
        session = self._session
        session.used.add(recorded.number)
        if not recorded.messages("input") and not note:
            note = "matched by order: the trace holds no messages of it"
        if recorded.status == "error" or said(recorded):
            session.note(recorded.number, recorded.name, "record", note, warn=bool(note))
            return recorded
        why = (
            f"step {recorded.number} ({recorded.name}) can't be answered: the trace holds no "
            "answer of the model (is content captured?)"
        )
        if session.policy.on_mismatch == "live":
            session.note(recorded.number, recorded.name, "live", why, warn=True)
            return None
        session.stop(recorded.number, recorded.name, f"{why}. --on-mismatch live asks the model")
        raise ReplayStopped(why)

    def _live(self, now: Spoken) -> None:
        session = self._session
        session.reached = True
        chosen = self._chosen
        if chosen is None or chosen.number in session.used:
            later = [s for s in session.trace.model_calls if s.number >= session.step.number]
            found, _ = session.closest(later, _comparison(now))
            if found is None:
                same = _comparison(now)
                held = (s for s in session.held if s.kind == "llm" and not of_step(s).empty)
                if session.ran_all_the_same(next((s for s in held if same(s) is None), None)):
                    return
                session.note(0, f"chat {now.model}".strip(), "live")
            else:
                session.used.add(found.number)
                session.note(found.number, found.name, "live")
            return
        session.used.add(chosen.number)
        where = differs(of_step(chosen), now) if chosen.messages("input") else None
        note = f"other messages: {where}" if where else ""
        expected = session.changed or bool(session.changes)
        session.note(chosen.number, chosen.name, "live", note, warn=bool(where) and not expected)

    def changed(self, api: Api, body: dict[str, Any], first: bool) -> dict[str, Any]:
        """The request of a live call with the fork's changes. `first`: it is the chosen step's.

        Raises ReplayError for a path that leads nowhere.
        """
        changes = self._session.changes
        if api.NAME == openai_responses.NAME:  # the others' requests name no answer by its id
            body = openai_responses.live(body, self._session.trace)
        prompt = changes.prompt()
        if prompt is not None:
            body = api.with_prompt(body, str(prompt.value))
            changes.used.add(prompt.text)
        for change in changes.parameters():
            body = put(body, change.path, change.value, change.text)
            changes.used.add(change.text)
        for then, new, change in changes.document_texts():
            body, found = _replaced(body, then, new)
            if found:
                changes.used.add(change.text)
        if first and self._session.step.kind == "llm":
            for change in changes.of_input():
                body = put(body, change.path, change.value, change.text)
                changes.used.add(change.text)
        if changes.patch.request is not None:
            body = copy.deepcopy(body)  # it may be changed in place
            new_body = changes.patch.request(body)
            body = body if new_body is None else new_body
        return body

    def is_first(self) -> bool:
        """Whether the latest live call was the chosen step's."""
        with self._session.lock:
            live = [e for e in self._session.log if e.action == "live"]
            chosen = self._chosen
            return chosen is not None and bool(live) and live[-1].number == chosen.number


def error_of(step: Step) -> tuple[int, dict[str, Any]]:
    """`(HTTP status, body)` that make a provider's SDK raise what was recorded."""
    event = step.exception() or {}
    name = str(event.get("exception.type") or step.error_type).rpartition(".")[2]
    message = str(event.get("exception.message") or step.status_message or name)
    status = int(name) if name.isdigit() and 400 <= int(name) < 600 else _STATUS.get(name, 400)
    error = {"message": message, "type": name or "error", "code": None, "param": None}
    return status, {"type": "error", "error": error}


def _comparison(now: Spoken) -> Callable[[Step], str | None]:
    def compare(step: Step) -> str | None:
        then = of_step(step)
        return None if then.empty else differs(then, now)

    return compare


def _replaced(value: Any, then: str, new: str) -> tuple[Any, bool]:
    """Every text with `then` in it, as it is or inside JSON, with `new` instead."""
    if isinstance(value, str):
        for ascii_only in (False, True):
            quoted, other = (json.dumps(t, ensure_ascii=ascii_only)[1:-1] for t in (then, new))
            for old, put_in in ((then, new), (quoted, other)):
                if old and old in value:
                    return value.replace(old, put_in), True
        return value, False
    found = False
    if isinstance(value, list):
        changed = []
        for item in value:
            item, here = _replaced(item, then, new)
            changed.append(item)
            found = found or here
        return changed, found
    if isinstance(value, dict):
        made = {}
        for key, item in value.items():
            made[key], here = _replaced(item, then, new)
            found = found or here
        return made, found
    return value, False

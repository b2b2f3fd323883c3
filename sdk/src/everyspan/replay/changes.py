"""What a fork changes: `--set` and `--patch`.

| target | changes |
|---|---|
| `prompt` | the system instructions of model calls from the step on |
| `model`, `temperature`, `max_tokens`, … | that parameter of model calls from the step on |
| `input.PATH` | what the step itself is given: an argument, or a part of the model's request |
| `documents[N]` | a document of the last retrieval before the step, from 0 |
| `step[N].output.PATH`, `step[N].output` | the recorded result of an earlier step |
"""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from everyspan.replay.errors import ReplayError
from everyspan.replay.record import Step, Trace

Key = str | int

#: Parameters of a model's request that may be set by their name alone.
PARAMETERS = (
    "model temperature top_p top_k max_tokens max_completion_tokens max_output_tokens stop seed"
    " frequency_penalty presence_penalty reasoning_effort tool_choice response_format"
).split()
_TARGETS = (
    "prompt, input.NAME, documents[N], step[N].output, or a parameter of the model: "
    + ", ".join(PARAMETERS)
)
_PATH = re.compile(r"\.?([^.\[\]]+)|\[(-?\d+)\]")


@dataclass(frozen=True)
class Change:
    """One `--set`: the value goes to `path` within `what` (of step `number`, 0 for none)."""

    text: str
    what: str  # prompt, parameter, input, documents, output
    path: tuple[Key, ...]
    value: Any
    number: int = 0


@dataclass
class Patch:
    """Functions of a `--patch` file; each may be missing."""

    arguments: Callable[..., Any] | None = None
    result: Callable[..., Any] | None = None
    request: Callable[..., Any] | None = None


@dataclass
class Changes:
    """All changes of a fork. `used` collects those that have taken effect."""

    trace: Trace
    step: Step
    changes: Sequence[Change] = ()
    patch: Patch = field(default_factory=Patch)
    used: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.changes or self.patch != Patch())

    def unused(self) -> list[str]:
        return [change.text for change in self.changes if change.text not in self.used]

    def result(self, step: Step, value: Any) -> tuple[Any, bool]:
        """`(the result that step answers with, whether it was changed)`."""
        changed = False
        for change in self.changes:
            if change.number == step.number and change.what in ("documents", "output"):
                path = change.path
                if change.what == "documents":
                    value = _with_document(value, int(path[0]), change, step)
                else:
                    value = put(value, path, change.value, change.text)
                self.used.add(change.text)
                changed = True
        if self.patch.result is not None:
            before = json.dumps(value, default=repr)
            new = self.patch.result(step, value)
            value = value if new is None else new
            changed = changed or json.dumps(value, default=repr) != before
        return value, changed

    def arguments(self, step: Step | None, name: str, given: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a live call; those of the step itself are `step`'s."""
        if step is not None and step.number == self.step.number:
            for change in self.changes:
                if change.what == "input":
                    if str(change.path[0]) not in given:
                        raise ReplayError(
                            f"--set {change.text}: step {step.number} ({step.name}) has no "
                            f"argument {change.path[0]!r}; it has: {', '.join(given) or 'none'}"
                        )
                    given = put(given, change.path, change.value, change.text)
                    self.used.add(change.text)
        if self.patch.arguments is not None:
            new = self.patch.arguments(name, given)
            given = given if new is None else new
        return given

    def parameters(self) -> list[Change]:
        return [change for change in self.changes if change.what == "parameter"]

    def of_input(self) -> list[Change]:
        return [change for change in self.changes if change.what == "input"]

    def prompt(self) -> Change | None:
        return next((change for change in self.changes if change.what == "prompt"), None)

    def document_texts(self) -> list[tuple[str, str, Change]]:
        """`(recorded text, new text, change)`, for requests that quote a document."""
        found = []
        for change in self.changes:
            if change.what == "documents":
                then = self.trace.step(change.number).documents[int(change.path[0])]
                found.append((then, _text_of(change.value), change))
        return found


def parse(texts: Sequence[str], trace: Trace, step: Step) -> list[Change]:
    """Changes of `--set` texts. Raises ReplayError that names what is wrong."""
    return [_change(text, trace, step) for text in texts]


def read_patch(path: str) -> Patch:
    """The functions `arguments`, `result` and `request` of a Python file. Raises ReplayError."""
    if not Path(path).is_file():
        raise ReplayError(f"--patch {path}: there is no such file")
    try:
        found = runpy.run_path(path, run_name="everyspan_patch")
    except Exception as error:
        raise ReplayError(f"--patch {path}: {type(error).__name__}: {error}") from error
    return Patch(found.get("arguments"), found.get("result"), found.get("request"))


def _change(text: str, trace: Trace, step: Step) -> Change:
    target, equals, raw = text.partition("=")
    target = target.strip()
    if not equals or not target:
        raise ReplayError(f"--set {text!r} is no TARGET=VALUE; targets: {_TARGETS}")
    if raw.startswith("@"):
        try:
            value: Any = Path(raw[1:]).read_text(encoding="utf-8")
        except OSError as error:
            raise ReplayError(f"--set {target}: {raw[1:]} can't be read: {error}") from error
    else:
        value = _value(raw)
    path = parse_path(target, text)
    what = str(path[0])
    if what == "prompt" and len(path) == 1:
        return Change(text, "prompt", (), str(raw if not raw.startswith("@") else value))
    if what == "input" and len(path) > 1:
        return Change(text, "input", path[1:], value)
    if what == "documents" and len(path) == 2 and isinstance(path[1], int):
        return _document(text, path[1], value, trace, step)
    if what == "step" and len(path) >= 3 and isinstance(path[1], int) and path[2] == "output":
        number = path[1]
        if not 1 <= number < step.number:
            raise ReplayError(
                f"--set {text}: only steps before step {step.number} are answered from the record"
            )
        return Change(text, "output", path[3:], value, number)
    if what in PARAMETERS:
        return Change(text, "parameter", path, value)
    raise ReplayError(f"--set {text!r}: nothing is named {target!r}; targets: {_TARGETS}")


def _document(text: str, index: int, value: Any, trace: Trace, step: Step) -> Change:
    retrievals = [s for s in trace.steps[: step.number] if s.kind in ("retrieval", "reranker")]
    with_documents = [s for s in retrievals if s.documents and s is not step]
    if not with_documents:
        raise ReplayError(
            f"--set {text}: no retrieval before step {step.number} found any documents"
        )
    found = with_documents[-1]
    if not -len(found.documents) <= index < len(found.documents):
        raise ReplayError(
            f"--set {text}: step {found.number} ({found.name}) has {len(found.documents)} "
            f"documents, numbered 0 to {len(found.documents) - 1}"
        )
    return Change(text, "documents", (index % len(found.documents),), value, found.number)


def _with_document(value: Any, index: int, change: Change, step: Step) -> Any:
    """The retrieval's result with another text in its document; ids and scores stay."""
    if not isinstance(value, (list, tuple)) or index >= len(value):
        raise ReplayError(
            f"--set {change.text}: step {step.number} ({step.name}) gave back no list of documents "
            f"but a {type(value).__name__}; set step[{step.number}].output"
        )
    changed: list[Any] = list(value)
    changed[index] = _document_with(changed[index], change.value)
    return tuple(changed) if isinstance(value, tuple) else changed


def _document_with(document: Any, new: Any) -> Any:
    if isinstance(document, dict):
        if isinstance(new, dict):
            return {**document, **new}
        for name in ("content", "text", "page_content", "body"):
            if name in document:
                return {**document, name: new}
        return new
    if isinstance(document, tuple) and len(document) == 2:
        first, second = document
        if isinstance(first, (int, float)):
            return first, _document_with(second, new)
        return _document_with(first, new), second
    if hasattr(document, "page_content") and hasattr(document, "model_copy"):
        return document.model_copy(update={"page_content": _text_of(new)})
    return new


def _text_of(value: Any) -> str:
    if isinstance(value, dict):
        for name in ("content", "text", "page_content", "body"):
            if isinstance(value.get(name), str):
                return str(value[name])
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def parse_path(target: str, text: str) -> tuple[Key, ...]:
    """`a.b[2].c` as ("a", "b", 2, "c"). Raises ReplayError."""
    found: list[Key] = []
    at = 0
    while at < len(target):
        match = _PATH.match(target, at)
        if match is None:
            raise ReplayError(
                f"--set {text!r}: {target!r} is no path such as input.filters[0].name"
            )
        found.append(match[1] if match[2] is None else int(match[2]))
        at = match.end()
    return tuple(found)


def put(value: Any, path: tuple[Key, ...], new: Any, text: str) -> Any:
    """A copy of `value` with `new` at `path`. Raises ReplayError where the path leads nowhere."""
    if not path:
        return new
    key, rest = path[0], path[1:]
    if isinstance(value, dict):
        if rest and key not in value:
            raise ReplayError(f"--set {text}: there is no {key!r}; there are: {', '.join(value)}")
        return {**value, str(key): put(value.get(str(key)), rest, new, text)}
    if isinstance(value, (list, tuple)) and isinstance(key, int):
        if not -len(value) <= key < len(value):
            raise ReplayError(f"--set {text}: [{key}] is outside of {len(value)} items")
        changed: list[Any] = list(value)
        changed[key] = put(changed[key], rest, new, text)
        return tuple(changed) if isinstance(value, tuple) else changed
    if value is None and isinstance(key, str):
        return {key: put(None, rest, new, text)}
    if isinstance(key, str) and hasattr(value, key):
        return _with_field(value, key, put(getattr(value, key), rest, new, text), text)
    raise ReplayError(f"--set {text}: a {type(value).__name__} has no {key!r}")


def _with_field(value: Any, name: str, new: Any, text: str) -> Any:
    if hasattr(value, "model_copy"):
        return value.model_copy(update={name: new})
    try:
        from dataclasses import replace

        return replace(value, **{name: new})
    except TypeError as error:
        raise ReplayError(f"--set {text}: a {type(value).__name__} can't be changed") from error


def _value(raw: str) -> Any:
    """JSON where it is some, else the text."""
    try:
        return json.loads(raw)
    except ValueError:
        return raw

"""What a request to a model says, whatever API it is for, in atoms that can be compared."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from everyspan.replay.record import Step, before_cut, is_cut

Kind = Literal["text", "call", "result"]


@dataclass(frozen=True)
class Atom:
    """A text, a call of a tool or its result. `role` is '' for results: APIs differ there."""

    role: str
    kind: Kind
    text: str
    #: The parts that it was made of, as the GenAI conventions have them.
    parts: tuple[dict[str, Any], ...] = field(default=(), compare=False)

    @property
    def title(self) -> str:
        return {"text": self.role, "call": "tool call", "result": "tool result"}[self.kind]


@dataclass(frozen=True)
class Spoken:
    """System instructions and conversation. `empty`: nothing of it is known."""

    system: str
    atoms: tuple[Atom, ...]
    model: str = ""
    #: The system instructions as they were given.
    instructions: str = ""

    @property
    def empty(self) -> bool:
        return not self.atoms


def text(role: str, said: str) -> Atom:
    return Atom(role, "text", " ".join(said.split()), ({"type": "text", "content": said},))


def call(name: str, arguments: Any) -> Atom:
    part = {"type": "tool_call", "name": name, "arguments": _loaded(arguments)}
    return Atom("assistant", "call", f"{name} {_canonical(arguments)}", (part,))


def result(value: Any) -> Atom:
    part = {"type": "tool_call_response", "response": value}
    return Atom("", "result", _canonical(value), (part,))


def spoken(system: Iterable[str], atoms: Iterable[Atom], model: str = "") -> Spoken:
    """Texts of one role that follow each other are one: APIs cut them differently."""
    merged: list[Atom] = []
    for atom in atoms:
        if atom.kind == "text" and not atom.text:
            continue
        last = merged[-1] if merged else None
        if last is not None and last.kind == atom.kind == "text" and last.role == atom.role:
            both = last.parts + atom.parts
            merged[-1] = Atom(last.role, "text", f"{last.text} {atom.text}", both)
        else:
            merged.append(atom)
    told = list(system)
    joined = " ".join(" ".join(told).split())
    return Spoken(joined, tuple(merged), model, "\n".join(part for part in told if part))


def messages_of(spoken: Spoken) -> list[dict[str, Any]]:
    """The conversation as messages of the GenAI conventions."""
    return [{"role": a.role or "tool", "parts": list(a.parts)} for a in spoken.atoms]


def of_step(step: Step) -> Spoken:
    """What the recorded model call was asked."""
    system = [step.system_instructions] if step.system_instructions else []
    return of_messages(step.messages("input"), system, step.model)


def of_messages(messages: list[dict[str, Any]], system: list[str], model: str = "") -> Spoken:
    """Messages of the GenAI conventions: `{role, parts}`."""
    atoms: list[Atom] = []
    told = list(system)
    for message in messages:
        role = str(message.get("role", ""))
        for part in message.get("parts") or []:
            kind = part.get("type")
            if kind == "tool_call":
                atoms.append(call(str(part.get("name", "")), part.get("arguments")))
            elif kind == "tool_call_response":
                held = part.get("response", part.get("result", part.get("content")))
                atoms.append(result(held))
            elif kind == "text" and isinstance(part.get("content"), str):
                if role in ("system", "developer"):
                    if not system:
                        told.append(part["content"])
                elif role in ("tool", "function"):
                    atoms.append(result(part["content"]))
                else:
                    atoms.append(text(role, part["content"]))
    return spoken(told, atoms, model)


def differs(then: Spoken, now: Spoken) -> str | None:
    """Where the request differs from the recorded one; None where they are the same."""
    for number, (one, other) in enumerate(zip(then.atoms, now.atoms, strict=False), 1):
        if one.kind != other.kind or one.role != other.role:
            return f"message {number}: recorded {one.title}, now {other.title}"
        if not _same(one.text, other.text):
            return f"message {number} ({one.title}): {_told(one.text, other.text)}"
    if len(then.atoms) != len(now.atoms):
        return f"{len(then.atoms)} messages recorded, now {len(now.atoms)}"
    if then.system and not _same(then.system, now.system):
        return f"system instructions: {_told(then.system, now.system)}"
    return None


def _same(then: str, now: str) -> bool:
    if is_cut(then):
        return now.startswith(" ".join(before_cut(then).split()))
    return then == now


def _told(then: str, now: str) -> str:
    at = next(
        (i for i, (a, b) in enumerate(zip(then, now, strict=False)) if a != b),
        min(len(then), len(now)),
    )
    start = max(at - 20, 0)
    lead = "…" if start else ""
    return f"recorded {lead + then[start : at + 60]!r}, now {lead + now[start : at + 60]!r}"


def _loaded(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _canonical(value: Any) -> str:
    """JSON in one spelling; text that is none as it is."""
    value = _loaded(value)
    if isinstance(value, str):
        return " ".join(value.split())
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


# --- parts of recorded answers, which all APIs are made from ---


@dataclass(frozen=True)
class ToolCall:
    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Said:
    """One recorded answer: text, calls, and why it ended ('' unknown)."""

    text: str
    calls: tuple[ToolCall, ...]
    finish: str


def said(step: Step) -> list[Said]:
    """The recorded answers of a model call: mostly one. [] where none was recorded."""
    found = []
    for number, message in enumerate(step.messages("output")):
        texts: list[str] = []
        calls: list[ToolCall] = []
        for index, part in enumerate(message.get("parts") or []):
            if part.get("type") == "text":
                texts.append(str(part.get("content") or ""))
            elif part.get("type") == "tool_call":
                arguments = part.get("arguments")
                if not isinstance(arguments, str):
                    arguments = json.dumps(arguments if arguments is not None else {})
                made = f"call_{step.span_id}{number}{index}"
                calls.append(ToolCall(str(part.get("id") or made), str(part["name"]), arguments))
        finish = str(message.get("finish_reason") or "")
        found.append(Said("".join(texts), tuple(calls), finish))
    return found


def tools_of(step: Step) -> list[dict[str, Any]]:
    """Recorded tool definitions: `{name, description, parameters}`."""
    try:
        found = json.loads(step.tool_definitions) if step.tool_definitions else []
    except ValueError:
        return []
    return [tool for tool in found if isinstance(tool, dict) and tool.get("name")]


def parameters_of(step: Step) -> dict[str, Any]:
    """Recorded parameters of the request under OpenAI's names."""
    named = {
        "gen_ai.request.temperature": "temperature",
        "gen_ai.request.max_tokens": "max_tokens",
        "gen_ai.request.top_p": "top_p",
        "gen_ai.request.top_k": "top_k",
        "gen_ai.request.frequency_penalty": "frequency_penalty",
        "gen_ai.request.presence_penalty": "presence_penalty",
        "gen_ai.request.seed": "seed",
        "gen_ai.request.stop_sequences": "stop",
        "gen_ai.request.reasoning_effort": "reasoning_effort",
    }
    found: dict[str, Any] = {}
    invocation = step.attributes.get("llm.invocation_parameters")
    if invocation:
        try:
            held = json.loads(invocation)
        except ValueError:
            held = None
        if isinstance(held, dict):
            known = set(named.values()) | {"tool_choice", "response_format"}
            found = {k: v for k, v in held.items() if k in known and v is not None}
    for attribute, name in named.items():
        if (text := step.attributes.get(attribute)) is not None:
            try:
                found[name] = json.loads(text)
            except ValueError:
                found[name] = text
    return found

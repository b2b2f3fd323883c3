"""A step as a person reads it: messages by role, what a tool was asked and said, documents."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from everyspan.masking.mask import masked
from markupsafe import Markup

from classify import messages
from web import say
from web.mark import SHOWN, marked, shown
from web.trace import MOST_READ, Step

#: Messages of a call that are shown; those before them are a link away.
MOST_MESSAGES = 40
_MOST_JSON = 20_000


@dataclass(slots=True)
class Block:
    """``role``: who says it, or what it is. ``label``: more about it. ``text``: as it is shown;
    ``html``: the same, marked and escaped. ``length``: of all of it. ``column``: where "show all"
    finds it, '' where that is all. ``is_code``: JSON and the like. ``folded``: closed at first."""

    role: str
    html: Markup
    text: str
    length: int
    label: str = ""
    column: str = ""
    is_code: bool = False
    folded: bool = False


def blocks(step: Step, words: Sequence[str] = ()) -> list[Block]:
    """What a step says, in order. ``words``: that were searched for."""
    content = step.content
    if not content:
        return []
    evidence = [(each.classifier, each.said) for each in step.failures]
    found: list[Block] = []
    if step.row["text_removed"]:
        gone = "older than EVERYSPAN_CONTENT_DAYS; its numbers and verdicts are kept"
        return [Block("text removed", marked(gone, [], []), gone, len(gone))]

    def add(role: str, text: str, column: str, **more: Any) -> None:
        length = more.pop("length", len(text))
        told = shown(text)
        html = marked(told, evidence, words)
        found.append(
            Block(role, html, told, length, column=column if length > SHOWN else "", **more)
        )

    instructions = content["system_instructions"]
    # Those that came as a message are shown there.
    if instructions and not _is_said(instructions, _listed(content, "input")):
        add("system", instructions, "system_instructions",
            length=content["system_instructions_length"], folded=True)  # fmt: skip
    for side in ("input", "output"):
        column = f"{side}_messages"
        cut = content[f"{column}_length"] > MOST_READ
        listed = _listed(content, side)
        if listed:
            if len(listed) > MOST_MESSAGES:
                hidden = len(listed) - MOST_MESSAGES
                found.append(
                    Block("", Markup(), "", 0, f"{say.plural(hidden, 'message')} before", column)
                )
                listed = listed[-MOST_MESSAGES:]
            for message in listed:
                for role, text, label, code in _parts(message, side):
                    add(role, text, column, label=label, is_code=code,
                        folded=role == "system" and len(text) > 300)  # fmt: skip
        elif content[side] or cut:
            text, length, name = (
                (content[side], content[f"{side}_length"], side)
                if content[side]
                else (content[column], content[f"{column}_length"], column)
            )
            pretty = _pretty(text)
            add(_role(step, side), pretty or text, name, length=max(length, len(pretty)),
                is_code=bool(pretty))  # fmt: skip
        if side == "input":
            scores = content["document_scores"]
            for i, document in enumerate(content["documents"]):
                score = f", score {scores[i]:.3g}" if i < len(scores) else ""
                add(
                    "document",
                    document,
                    "",
                    label=f"{i + 1} of {content['documents_length']}{score}",
                )
    if content["status_message"]:
        add("error", content["status_message"], "status_message",
            length=content["status_message_length"], label=step.row["error_type"])  # fmt: skip
    return found


def _listed(content: dict[str, Any], side: str) -> list[dict[str, Any]]:
    """Its messages; [] of a JSON that was cut."""
    if content[f"{side}_messages_length"] > MOST_READ:
        return []
    return messages.messages(content[f"{side}_messages"])


def _is_said(instructions: str, listed: Sequence[dict[str, Any]]) -> bool:
    """Whether the messages that are shown say the instructions."""
    said = [
        text
        for message in listed[-MOST_MESSAGES:]
        if messages.role(message) == "system"
        for text in messages.texts(message)
    ]
    return " ".join(" ".join(said).split()) == " ".join(instructions.split())


def _role(step: Step, side: str) -> str:
    kind = step.row["step_kind"]
    if kind == "tool":
        return "arguments" if side == "input" else "result"
    if kind == "retrieval":
        return "query" if side == "input" else "found"
    if kind in ("llm", "agent"):
        return "user" if side == "input" else "assistant"
    return side


def _parts(message: dict[str, Any], side: str) -> Iterator[tuple[str, str, str, bool]]:
    """Role, text, label and whether it is code, of each part of a message."""
    role = messages.role(message) or ("user" if side == "input" else "assistant")
    said = False
    for text in messages.texts(message):
        said = True
        yield role, text, "", False
    for call in messages.tool_calls(message):
        said = True
        arguments = call.arguments if isinstance(call.arguments, str) else _json(call.arguments)
        yield "calls", _pretty(arguments) or arguments, call.name, True
    for part in _all_parts(message):
        kind = str(part.get("type", "text"))
        if kind in ("text", "input_text", "output_text") or (
            "call" in kind and "response" not in kind
        ):
            continue
        if kind in ("tool_use", "server_tool_use"):
            continue
        said = True
        if "result" in kind or "response" in kind or kind == "function_call_output":
            result = next(
                (part[k] for k in ("response", "result", "content", "output") if k in part), ""
            )
            text = result if isinstance(result, str) else _json(result)
            yield "result", _pretty(text) or text, str(part.get("id", ""))[:60], True
        elif kind in ("reasoning", "thinking"):
            text = part.get("content") or part.get("thinking") or part.get("text") or ""
            yield "reasoning", str(text), "", False
        else:
            yield "attachment", _placeholder(kind, part), "", False
    if not said and role == "tool" and isinstance(message.get("content"), str):
        yield "result", message["content"], "", True


def _all_parts(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key in ("parts", "content"):
        value = message.get(key)
        if isinstance(value, list):
            yield from (part for part in value if isinstance(part, dict))


def _placeholder(kind: str, part: dict[str, Any]) -> str:
    """An image, a sound, a file: what it is and how large, never itself."""
    media = next(
        (str(part[k]) for k in ("mime_type", "media_type", "mimeType", "modality") if part.get(k)),
        "",
    )
    length = len(_json(part))
    return f"[{kind}{f', {media[:60]}' if media else ''}, {say.size(length)} characters]"


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return messages.encode(value)


def _pretty(text: str) -> str:
    """JSON with a line a member; '' where the text is none, or is too long to be read so."""
    if text[:1] not in "{[" or len(text) > _MOST_JSON:
        return ""
    value = messages.decode(text)
    if not isinstance(value, (dict, list)):
        return ""
    try:
        return json.dumps(value, ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return ""


def summary(step: Step) -> str:
    """A line about a step: its name, masked."""
    return " ".join(masked(step.row["name"][:400]).split())[:120]

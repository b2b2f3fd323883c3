"""Chat messages of any shape in the form of OpenTelemetry GenAI.

``[{"role": "user", "parts": [{"type": "text", "content": "…"}]}]`` with the part types ``text``,
``reasoning``, ``tool_call`` (id, name, arguments), ``tool_call_response`` (id, response); other
parts (images, files) are kept as they came. Source: gen-ai-input-messages.json and
gen-ai-output-messages.json of open-telemetry/semantic-conventions-genai.

Read: the above; OpenAI chat completions and responses; Anthropic; Gemini; Bedrock Converse;
LangChain (dumped, ``type``/``data`` and tuples); LlamaIndex; Vercel AI SDK; Pydantic AI; the event
bodies of GenAI conventions before 1.37.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ingest.attributes import dumps, loads, text_of
from ingest.conventions.parts import (
    ANSWER_KEYS,
    ANSWER_PARTS,
    CALL_PARTS,
    FOREIGN_PARTS,
    Part,
    answer,
    data_of,
    in_small_letters,
    part_of,
    part_text,
    parts_of,
    text_in,
)

Message = dict[str, Any]

ROLES = {
    "human": "user",
    "ai": "assistant",
    "model": "assistant",
    "function": "tool",
    "developer": "system",
    "humanmessage": "user",
    "humanmessagechunk": "user",
    "aimessage": "assistant",
    "aimessagechunk": "assistant",
    "systemmessage": "system",
    "toolmessage": "tool",
    "functionmessage": "tool",
    "gen_ai.user.message": "user",
    "gen_ai.system.message": "system",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    "gen_ai.choice": "assistant",
    "tool_execution_result": "tool",
    "tool-response": "tool",
    "tool-call": "assistant",
    "bot": "assistant",
    "chatbot": "assistant",
}
_KNOWN_ROLES = {"user", "assistant", "system", "tool", *ROLES}


def is_native(value: Any) -> bool:
    """Whether this already is a list of messages in OpenTelemetry's own form."""
    if type(value) is not list or not value:
        return False
    for message in value:
        if type(message) is not dict or type(message.get("role")) is not str:
            return False
        parts = message.get("parts")
        if type(parts) is not list:
            return False
        for part in parts:
            if type(part) is not dict:
                return False
            kind = part.get("type")
            if kind == "text" or kind == "reasoning":
                if type(part.get("content")) is not str:
                    return False
            elif type(kind) is not str or kind in FOREIGN_PARTS or "function" in part:
                return False
    return True


def messages_of(value: Any, role: str = "user", *, depth: int = 0) -> list[Message]:
    """Messages in a value (JSON text, list, or an envelope such as a request or a response).

    [] where there are none: a plain text or a dict that is no message is not one. ``role``: of a
    message that states none.
    """
    if depth > 6:
        return []
    if isinstance(value, str):
        if value[:1] not in '[{"' or not value:
            return []
        parsed = loads(value)
        return [] if isinstance(parsed, str | None) else messages_of(parsed, role, depth=depth + 1)
    if isinstance(value, dict):
        return _from_dict(value, role, depth)
    if isinstance(value, list):
        return _from_list(value, role, depth)
    return []


def from_text(text: str, role: str) -> list[Message]:
    """One message of plain text; [] for no text."""
    return [{"role": role, "parts": [{"type": "text", "content": text}]}] if text else []


def _from_list(items: list[Any], role: str, depth: int) -> list[Message]:
    if is_native(items):
        return items
    found: list[Message] = []
    for item in items:
        if isinstance(item, dict):
            found += _from_dict(item, role, depth)
        elif isinstance(item, list):
            if len(item) == 2 and isinstance(item[0], str) and item[0].lower() in _KNOWN_ROLES:
                found.append(_message(item[0], item[1]))
            else:
                # A batch: LangChain sends a list of conversations, generations a list of lists.
                found += _from_list(item, role, depth + 1) if depth < 6 else []
        elif isinstance(item, str):
            nested = messages_of(item, role, depth=depth + 1)
            if not nested:
                return []
            found += nested
        else:
            return []
    return found


#: Where requests, responses and states keep their messages, in the order of trust.
_ENVELOPES = (
    ("messages", None),
    ("choices", "assistant"),
    ("generations", "assistant"),
    ("replies", "assistant"),
    ("candidates", "assistant"),
    ("contents", "user"),
    ("message", None),
    ("chat_history", None),
    ("items", None),
)


def _from_dict(item: dict[str, Any], role: str, depth: int) -> list[Message]:
    item = in_small_letters(item)
    kind = text_in(item, "type")
    if kind == "constructor" and isinstance(item.get("kwargs"), dict):
        kwargs = item["kwargs"]
        path = item.get("id")
        name = str(path[-1]).lower() if isinstance(path, list) and path else ""
        if name in ROLES or "content" in kwargs:
            return [_message_from({**kwargs, "role": ROLES.get(name) or kwargs.get("type")}, role)]
        return _from_dict(kwargs, role, depth + 1) if depth < 6 else []
    if isinstance(item.get("data"), dict) and kind in _KNOWN_ROLES:
        return [_message_from({**item["data"], "role": kind}, role)]
    if kind in CALL_PARTS and ("call_id" in item or "name" in item):
        return [{"role": "assistant", "parts": [part_of(item)]}]
    if kind in ANSWER_PARTS:
        return [{"role": "tool", "parts": [part_of(item)]}]
    if kind == "reasoning" and "summary" in item:
        return [{"role": "assistant", "parts": parts_of(item.get("summary") or [], "reasoning")}]
    if isinstance(item.get("parts"), list) and item.get("kind") in ("request", "response"):
        return _from_pydantic(item)
    named = text_in(item, "role", "event.name") or (kind if kind.lower() in _TYPES else "")
    if named == "gen_ai.choice" and isinstance(item.get("message"), dict | str):
        named = ""
    if named and any(key in item for key in _CONTENT_KEYS):
        return [_message_from(item, role)]
    if role == "assistant" and any(item.get(key) for key in _CALL_LISTS):
        return [_message_from({**item, "role": "assistant"}, role)]
    for key, given in _ENVELOPES:
        inner = item.get(key)
        if isinstance(inner, list | dict) and inner:
            found = messages_of(inner, given or role, depth=depth + 1)
            if found:
                finish = item.get("finish_reason") or item.get("finishReason")
                if key == "message" and finish:
                    found[-1].setdefault("finish_reason", str(finish))
                return _with_system(item, found)
    # One choice, generation or candidate.
    content = item.get("content")
    if isinstance(content, dict) and isinstance(content.get("parts"), list):
        return [_message(content.get("role") or role, content["parts"])]
    if not item.keys().isdisjoint(_OF_A_CHOICE):
        said = text_in(item, "text", "content")
        if said:
            return [_message(role, said)]
    output = item.get("output")
    if isinstance(output, list) and ("object" in item or "usage" in item):
        return _from_list(output, "assistant", depth + 1)
    if isinstance(output, dict) and isinstance(output.get("message"), dict):  # Bedrock Converse
        return _from_dict(output["message"], "assistant", depth + 1)
    for key in ("inputs", "outputs", "update", "output", "input"):
        inner = item.get(key)
        if isinstance(inner, dict):
            found = _from_dict(inner, role, depth + 1) if depth < 6 else []
            if found:
                return found
    inner = item.get("input")
    if inner and ("model" in item or "instructions" in item):  # OpenAI's responses
        if isinstance(inner, list):
            return _with_system(item, _from_list(inner, role, depth + 1))
        if isinstance(inner, str):
            return _with_system(item, from_text(inner, "user"))
    return []


def _with_system(envelope: dict[str, Any], found: list[Message]) -> list[Message]:
    """Anthropic and OpenAI's responses keep the system text beside the messages."""
    system = envelope.get("system") or envelope.get("instructions")
    if isinstance(system, str | list) and system and not any(m["role"] == "system" for m in found):
        return [_message("system", system), *found]
    return found


def _from_pydantic(item: dict[str, Any]) -> list[Message]:
    """Pydantic AI's own ModelRequest and ModelResponse: each part says what it is."""
    roles = {"system-prompt": "system", "user-prompt": "user", "tool-return": "tool"}
    if item["kind"] == "response":
        return [{"role": "assistant", "parts": [part_of(p) for p in item["parts"] if p]}]
    return [
        {"role": roles.get(str(part.get("part_kind")), "user"), "parts": [part_of(part)]}
        for part in item["parts"]
        if isinstance(part, dict)
    ]


#: Keys that an answer without a role has beside its text: LangChain, langchaingo.
_OF_A_CHOICE = frozenset({"generation_info", "finish_reason", "stop_reason"})
#: Keys of an answer without a role: Vercel AI SDK, Mastra, Langfuse's streamed answers.
_CALL_LISTS = ("tool_calls", "toolCalls", "toolExecutionRequests")
_CONTENT_KEYS = (
    "content",
    "parts",
    "tool_calls",
    "blocks",
    "contents",
    "toolCalls",
    "text",
    "toolExecutionRequests",
    "multi_content",
)
#: Types that are roles: LangChain, LangChain4j.
_TYPES = {*ROLES, "user", "system", "assistant", "ai"}


def _message_from(item: dict[str, Any], default: str) -> Message:
    """A message from a dict that has a role and at least one of _CONTENT_KEYS."""
    named = (text_in(item, "role", "event.name", "type") or default).lower()
    role = ROLES.get(named, named)
    content: Any = None
    for key in ("parts", "content", "contents", "multi_content", "blocks", "text"):
        content = item.get(key)
        if content:
            break
    call_id = item.get("tool_call_id") or item.get("toolCallId")
    # Anthropic's API has the answers of tools in messages of the user.
    if role == "user" and call_id:
        role = "tool"
    call_id = call_id or (item.get("id") if role == "tool" else None)
    if role == "tool" and not _has_answer(content):
        response = answer(content)
        part = {"type": "tool_call_response", "id": call_id, "response": response}
        called = item.get("name") or item.get("toolName")
        if called:
            part["name"] = called
        return {"role": "tool", "parts": [part]}
    parts = parts_of(content)
    have = [part.get("id") for part in parts if part["type"] == "tool_call"]
    for call in _calls(item):
        if call["id"] is None or call["id"] not in have:
            parts.append(call)
    message: Message = {"role": role, "parts": parts}
    finish = item.get("finish_reason")
    if finish:
        message["finish_reason"] = str(finish)
    return message


def _calls(item: dict[str, Any]) -> list[Part]:
    extra = item.get("additional_kwargs")
    calls = item.get("tool_calls") or item.get("toolCalls") or item.get("toolExecutionRequests")
    if not calls and isinstance(extra, dict):
        calls = extra.get("tool_calls")
    if isinstance(calls, str):
        calls = loads(calls)
    calls = calls if isinstance(calls, list) else []
    found = [part_of({**call, "type": "tool_call"}) for call in calls if isinstance(call, dict)]
    single = item.get("function_call")
    if isinstance(single, dict) and single.get("name"):
        found.append(part_of({**single, "type": "tool_call"}))
    return found


def _message(role: Any, content: Any) -> Message:
    name = str(role).lower()
    return {"role": ROLES.get(name, name), "parts": parts_of(content)}


def _has_answer(content: Any) -> bool:
    return isinstance(content, list) and any(
        isinstance(part, dict)
        and (
            text_in(part, "type").lower() in ANSWER_PARTS
            or not part.keys().isdisjoint(ANSWER_KEYS)
            or "ToolCallID" in part
        )
        for part in content
    )


def text_of_message(message: Message) -> str:
    """Texts of a message, or what a tool answered."""
    texts = [text for part in message.get("parts") or () if (text := part_text(part))]
    if texts:
        return "\n".join(texts)
    answers = [
        text_of(part.get("response"))
        for part in message.get("parts") or ()
        if part.get("type") == "tool_call_response"
    ]
    return "\n".join(answers)


def text_of_roles(messages: Iterable[Message], *roles: str) -> str:
    """All texts of the given roles, joined."""
    texts = (text_of_message(message) for message in messages if message.get("role") in roles)
    return "\n".join(text for text in texts if text)


def asked(messages: list[Message]) -> str:
    """What was asked: the last user text, else the text of the last message that has one."""
    for message in reversed(messages):
        if message.get("role") == "user" and any(map(part_text, message.get("parts") or ())):
            return text_of_message(message)
    for message in reversed(messages):
        text = text_of_message(message)
        if text and message.get("role") != "system":
            return text
    return ""


def answered(messages: list[Message]) -> str:
    """What was answered: the assistant's texts, else its tool calls as JSON text."""
    texts = [
        text
        for message in messages
        for part in message.get("parts") or ()
        if (text := part_text(part))
    ]
    if texts:
        return "\n".join(texts)
    calls = [
        {key: data_of(value) for key, value in part.items() if key != "type"}
        for message in messages
        for part in message.get("parts") or ()
        if part.get("type") == "tool_call"
    ]
    return dumps(calls) if calls else ""


def final_answer(messages: list[Message]) -> str:
    """The last assistant text of a whole conversation, else its last text at all."""
    for message in reversed(messages):
        if message.get("role") == "assistant" and any(map(part_text, message.get("parts") or ())):
            return text_of_message(message)
    return answered(messages[-1:]) or (text_of_message(messages[-1]) if messages else "")

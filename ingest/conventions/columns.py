"""From a draft to the columns of a row: what all conventions have in common.

Kinds that nobody named are judged by what the span carries; content of any shape becomes messages,
readable text, documents; names and numbers get one spelling. Returns which attributes live on in a
column whole, so that content is stored once.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from math import isfinite
from typing import Any

from clickhouse.span import Span
from ingest.attributes import dumps, loads, text_of
from ingest.conventions import messages as chat
from ingest.conventions.answers import data_of, read_answer, read_request
from ingest.conventions.convention import Attributes, Draft
from ingest.conventions.finish_reason import finish_reason
from ingest.conventions.providers import model_name, provider_name, provider_of_model
from ingest.conventions.readable import arguments, documents_of, readable, tool_result
from ingest.conventions.shorten import fitting, messages_cut
from ingest.conventions.span_names import tool_of
from ingest.conventions.time_to_first_token import milliseconds
from ingest.conventions.token_meaning import APART, UNKNOWN, meaning_of
from ingest.conventions.tools import tool_definitions
from ingest.limits import ContentLimits, cut
from ingest.prices import HALF_PRICE, cost_usd, plain_cost_usd

_UINT32 = 2**32 - 1
_LONGEST_RESULT = 65_536
#: Characters of a model's or provider's name; they are remembered.
_LONGEST_NAME = 256
#: Step kinds whose input and output are no conversation.
_NO_CHAT = frozenset({"tool", "retrieval", "embedding", "reranker"})
#: What only a price needs, and few calls have.
_PRICED_APART = frozenset(
    "input_audio_tokens output_audio_tokens cached_audio_tokens input_image_tokens"
    " output_image_tokens cache_write_1h_tokens".split()
)
_CALLS = frozenset({"llm", "embedding", "reranker"})
_EMBEDDING = re.compile(r"(?:^|[-/.:_])embed", re.IGNORECASE)
_TEXT_COLUMNS = frozenset(
    "session_id user_id environment service_version status_message prompt_name prompt_version"
    " experiment variant agent_name tool_name code_file code_function code_revision"
    " code_repository error_type response_id replay_of".split()
)
_TRACE_ID = re.compile("[0-9a-f]{32}")


def fill(span: Span, draft: Draft, attributes: Attributes, limits: ContentLimits) -> set[str]:
    """Set the span's columns; the attributes whose whole text is in a content column."""
    values = draft.values
    stored: set[str] = set()
    limit = limits.max_attribute_bytes
    short = limit // 4  # of whatever characters
    for column, value in values.items():
        if column in _TEXT_COLUMNS and value is not None and value != "":
            text = value if type(value) is str else text_of(value)
            setattr(span, column, text if len(text) <= short else cut(text, limit))
    if span.replay_of and not _TRACE_ID.fullmatch(span.replay_of):
        span.replay_of = ""  # nothing that `everyspan replay` says
    line = values.get("code_line")
    if line is not None:
        span.code_line = count(line) or 0
    kind = span.step_kind = _kind(draft)
    if kind in _CALLS:
        _read_the_rest(draft)
        if kind == "llm" and _embeds(values.get("model")):
            kind = span.step_kind = "embedding"
    _fill_model(span, draft)
    if kind == "tool":
        _fill_tool(span, draft, attributes, stored)
    else:
        if "documents" in values or kind in ("retrieval", "reranker"):
            _fill_documents(span, draft, attributes, stored, limit)
        _fill_chat(span, draft, attributes, stored, limit)
    if kind == "tool":
        span.tool_name = span.tool_name.strip('"') or _named_in_result(values) or tool_of(span.name)
    value = values.get("tool_definitions")
    if value:
        definitions = tool_definitions(value)
        if definitions:
            text = dumps(definitions)
            span.tool_definitions = fitting(definitions, text, limit)
            # Some may be left out without a note: the attribute, cut with a mark, says so.
            if span.tool_definitions == text:
                _store(draft, "tool_definitions", stored)
    for column, text in (("input", span.input), ("output", span.output)):
        source = draft.sources.get(column)
        if source is not None and text and attributes.get(source) == text:
            stored.add(source)
    if len(span.input) > short:
        span.input = cut(span.input, limit)
    if len(span.output) > short:
        span.output = cut(span.output, limit)
    if len(span.system_instructions) > short:
        span.system_instructions = cut(span.system_instructions, limit)
    return stored


def _read_the_rest(draft: Draft) -> None:
    """What no attribute said, from the recorded request and answer."""
    has = draft.values.get
    request, answer = has("input"), has("output") or has("output_messages")
    if (
        has("input_tokens") is None
        or has("model") is None
        or (
            has("finish_reason") is None
            # A message says it itself, see _fill_chat.
            and not (type(answer) is str and answer.startswith('[{"role"'))
            and _mentions(answer, "finish", "stop_reason", "stopR", "StopR")
        )
    ):
        usage = has("usage")
        if usage is not None:
            read_answer({"usage": data_of(usage)}, draft)
        read_answer(answer, draft)
    if answered := has("response_model"):
        model = str(has("model") or "")
        if not model or str(answered).startswith(model_name(model)):
            draft.values["model"] = answered
    if request is not None and (
        (has("system_instructions") is None and _mentions(request, *_SYSTEM))
        or (has("tool_definitions") is None and _mentions(request, *_TOOLS))
    ):
        read_request(request, draft)


#: Keys of a request; the first is a role as well.
_SYSTEM = ('"system":', '"system_', '"systemI', 'nstructions"')
_TOOLS = ('"tools', '"toolConfig', '"functions')


def _mentions(value: Any, *words: str) -> bool:
    if type(value) is not str:
        return isinstance(value, dict | list)
    return any(map(value.__contains__, words))


def _embeds(model: Any) -> bool:
    return type(model) is str and _named_so(model[:_LONGEST_NAME])


@lru_cache(maxsize=4096)
def _named_so(model: str) -> bool:
    return _EMBEDDING.search(model) is not None


def _kind(draft: Draft) -> str:
    values = draft.values
    kind = values.get("step_kind")
    if kind:
        return str(kind)
    has = values.get
    if has("documents"):
        return "retrieval"
    if has("tool_name") or has("tool_arguments") or has("tool_result"):
        return "tool"
    if has("agent_name"):
        return "agent"
    if has("model") or has("input_messages") or has("output_messages") or has("input_tokens"):
        return "llm"
    return "chain" if has("input") or has("output") else "other"


def count(value: Any) -> int | None:
    """A number of tokens as UInt32 holds it; None for what is none."""
    if type(value) is not int:
        if value is None or isinstance(value, bool):
            return None
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                return None
        if not isinstance(value, int | float) or not isfinite(value):
            return None
        value = int(value)
    return None if value < 0 else min(value, _UINT32)


def _amount(value: Any) -> float | None:
    """US dollars; None for what is no amount."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if isfinite(value) and value >= 0 else None


def _fill_model(span: Span, draft: Draft) -> None:
    values = draft.values
    raw = values.get("model")
    model = raw.strip('"')[:_LONGEST_NAME] if type(raw) is str else ""
    if model:
        span.model = model_name(model)
    provider = values.get("provider")
    if type(provider) is str and provider:
        span.provider = provider_name(provider.strip('"')[:_LONGEST_NAME])
    if not span.provider and model:
        span.provider = provider_of_model(model)
    get = values.get
    span.input_tokens = count(get("input_tokens"))
    span.output_tokens = count(get("output_tokens"))
    if not span.input_tokens and not span.output_tokens:
        # A call that failed: nobody knows.
        span.input_tokens = span.output_tokens = None
    cached, written = get("cached_input_tokens"), get("cache_write_tokens")
    if cached is not None:
        span.cached_input_tokens = cached = count(cached)
    if written is not None:
        written = count(written)
    if (thought := get("reasoning_tokens")) is not None:
        span.reasoning_tokens = count(thought)
    if (cached or written) and span.input_tokens is not None and not draft.added_up:
        beside = (cached or 0) + (written or 0)
        meaning = meaning_of(
            span.scope_name,
            span.scope_version,
            span.provider,
            input_tokens=span.input_tokens,
            output_tokens=span.output_tokens or 0,
            total_tokens=count(get("total_tokens")),
            uncached_tokens=count(get("uncached_tokens")),
            beside=beside,
        )
        if meaning == APART:
            span.input_tokens = min(span.input_tokens + beside, _UINT32)
        draft.unclear = meaning == UNKNOWN
    stopped = get("finish_reason")
    if stopped is not None:
        span.finish_reason = finish_reason(stopped)
    waited = get("time_to_first_token_ms")
    if waited is None and (moment := get("time_to_first_token")) is not None:
        waited = milliseconds(moment, span.start_time, span.duration_ms)
    if waited is not None:
        span.time_to_first_token_ms = _amount(waited)
    cost = get("cost_usd")
    if cost is not None:
        # 0 is what libraries say that know no price.
        span.cost_usd = _amount(cost) or None
    if span.cost_usd is None and span.step_kind in _CALLS and span.model:
        span.cost_usd = _cost(span, model, written, values)


def _cost(span: Span, model: str, written: int | None, values: dict[str, Any]) -> float | None:
    at = _minute(span.start_time // (60 * 10**9))
    tier = str(values.get("service_tier") or "")
    if not (written or span.cached_input_tokens or tier in HALF_PRICE) and (
        _PRICED_APART.isdisjoint(values)
    ):
        return plain_cost_usd(span.provider, model, span.input_tokens, span.output_tokens, at)
    more: dict[str, Any] = {name: count(values[name]) for name in _PRICED_APART if name in values}
    return cost_usd(
        provider=span.provider,
        model=model,
        input_tokens=span.input_tokens,
        output_tokens=span.output_tokens,
        cached_input_tokens=span.cached_input_tokens,
        cache_write_tokens=written,
        service_tier=tier,
        at=at,
        **more,
    )


@lru_cache(maxsize=256)
def _minute(since_1970: int) -> datetime:
    return datetime.fromtimestamp(60 * since_1970, UTC)


def _store(draft: Draft, column: str, stored: set[str]) -> None:
    """The column holds all that the attributes said which filled it."""
    source = draft.sources.get(column)
    if source is not None:
        stored.add(source)
    stored.update(draft.made_of.get(column, ()))


def _store_text(
    draft: Draft, column: str, text: str, attributes: Attributes, stored: set[str]
) -> None:
    """Note the source where the column has its whole text, quotes of JSON aside."""
    stored.update(draft.made_of.get(column, ()))
    source = draft.sources.get(column)
    if source is None:
        return
    raw = attributes.get(source)
    quoted = isinstance(raw, str) and raw[:1] == '"' and loads(raw) == text
    if quoted or text_of(raw) == text:
        stored.add(source)


def _fill_tool(span: Span, draft: Draft, attributes: Attributes, stored: set[str]) -> None:
    for target, columns, reading in (
        ("input", ("tool_arguments", "input", "input_messages"), arguments),
        ("output", ("tool_result", "output", "output_messages"), tool_result),
    ):
        for column in columns:
            value = draft.values.get(column)
            if value not in (None, ""):
                text = reading(_said_by_messages(value) if column.endswith("messages") else value)
                setattr(span, target, text)
                _store_text(draft, column, text, attributes, stored)
                break


def _named_in_result(values: dict[str, Any]) -> str:
    """LlamaIndex has a tool's name in what it gave back."""
    result = values.get("tool_result") or values.get("output")
    if isinstance(result, str) and '"tool_name"' in result[:_LONGEST_RESULT]:
        found = loads(result)
        name = found.get("tool_name") if isinstance(found, dict) else None
        return name if isinstance(name, str) else ""
    return ""


def _said_by_messages(value: Any) -> Any:
    """What the last message says that is a tool's input or output: Strands, events."""
    found = chat.messages_of(value)
    parts = found[-1].get("parts") if found else None
    if not parts:
        return value
    for part in parts:
        if part.get("type") == "tool_call":
            return part.get("arguments")
        if part.get("type") == "tool_call_response":
            return part.get("response")
    return chat.text_of_message(found[-1]) or value


def _fill_documents(
    span: Span, draft: Draft, attributes: Attributes, stored: set[str], limit: int
) -> None:
    for column in ("documents", "output", "output_messages"):
        value = draft.values.get(column)
        if not value:
            continue
        texts, scores = documents_of(value)
        if texts:
            span.documents = [cut(text, limit) for text in texts]
            span.document_scores = scores
            # Ids and metadata have no column: an attribute with more than texts stays.
            if column == "documents":
                _store_documents(draft, value, stored)
            else:
                draft.values.pop(column)
            return


def _store_documents(draft: Draft, value: Any, stored: set[str]) -> None:
    stored.update(draft.made_of.get("documents", ()))
    parsed = loads(value) if isinstance(value, str) else value
    if isinstance(parsed, list) and all(
        isinstance(item, str) or (isinstance(item, dict) and item.keys() <= {"content", "score"})
        for item in parsed
    ):
        _store(draft, "documents", stored)


def _fill_chat(
    span: Span, draft: Draft, attributes: Attributes, stored: set[str], limit: int
) -> None:
    chatty = span.step_kind not in _NO_CHAT
    asked, asked_json = _messages(draft, "input", "user", span.step_kind, stored)
    told, told_json = _messages(draft, "output", "assistant", span.step_kind, stored)
    if asked:
        if span.step_kind == "embedding":
            span.input = chat.text_of_roles(asked, "user")
        else:
            span.input = chat.asked(asked)
        if chatty:
            span.input_messages = fitting(asked, asked_json, limit, messages_cut)
    if told and not span.finish_reason and span.step_kind == "llm":
        stopped = told[-1].get("finish_reason")
        if stopped is not None:
            span.finish_reason = finish_reason(stopped)
    if told:
        whole = len(told) > 1 and span.step_kind != "llm"
        span.output = chat.final_answer(told) if whole else chat.answered(told)
        if whole and span.step_kind == "agent" and told[0].get("role") in ("system", "user"):
            # A conversation up to the answer: all but the answer was said before.
            told = told[-1:]
            told_json = dumps(told)
            stored.difference_update(
                filter(None, (draft.sources.get("output_messages"), draft.sources.get("output")))
            )
        if chatty:
            span.output_messages = fitting(told, told_json, limit, messages_cut)
    # A stated input or output says it in the framework's own words (a chain's result).
    for target, column in (("input", "input"), ("output", "output")):
        if getattr(span, target):
            continue
        value = draft.values.get(column)
        if value not in (None, ""):
            text = _texts(value) if span.step_kind == "embedding" else readable(value)
            setattr(span, target, text)
            _store_text(draft, column, text, attributes, stored)
    instructions = draft.values.get("system_instructions")
    if instructions:
        span.system_instructions = _instructions(instructions)
        _store(draft, "system_instructions", stored)
    elif asked:
        span.system_instructions = chat.text_of_roles(asked, "system")


def _says_nothing(message: Any) -> bool:
    return isinstance(message, dict) and message.keys() <= {"role", "finish_reason"}


def _texts(value: Any) -> str:
    """What was embedded: a text, or a list of them."""
    data = loads(value) if isinstance(value, str) and value[:1] == "[" else value
    if isinstance(data, list) and all(isinstance(item, str) for item in data):
        return "\n".join(data)
    return readable(value)


def _instructions(value: Any) -> str:
    """Text of system instructions: a list of parts, JSON of one, or plain text."""
    parsed = loads(value) if isinstance(value, str) and value[:1] in ("[", "{") else value
    if isinstance(parsed, dict) and isinstance(parsed.get("parts"), list):  # Gemini
        parsed = parsed["parts"]
    if isinstance(parsed, dict | list):
        found = chat.messages_of([{"role": "system", "content": parsed}])
        return chat.text_of_roles(found, "system") or text_of(value)
    return text_of(value)


def _messages(
    draft: Draft, side: str, role: str, kind: str, stored: set[str]
) -> tuple[list[chat.Message], str]:
    """Messages of one side and their JSON text, from whichever column has some."""
    values = draft.values
    for column in (side + "_messages", side):
        value = values.get(column)
        if value in (None, ""):
            continue
        if type(value) is str:
            data = loads(value) if value[:1] in ("[", "{", '"') else None
            if type(data) is list and chat.is_native(data):
                if kind not in _NO_CHAT:
                    _store(draft, column, stored)
                return data, value
        else:
            data = value
        found = chat.messages_of(data, role) if isinstance(data, list | dict) else []
        if found and column != side and not any(m.get("parts") for m in found):
            continue  # roles alone: the text is somewhere else
        if found:
            if isinstance(data, dict):
                read_request(data, draft)
            # Of an envelope with more than messages in it, the attribute keeps the rest.
            whole = not isinstance(data, dict) or len(data) == 1
            # What nothing was read of lives on in its attribute.
            whole = whole and all(m.get("parts") for m in found)
            if whole and (kind not in _NO_CHAT or kind == "embedding"):
                _store(draft, column, stored)
            return found, dumps(found)
        if isinstance(data, list) and all(_says_nothing(item) for item in data):
            continue
        if kind == "llm" and (isinstance(value, str) or column != side):
            text = readable(value)
            _store_text(draft, column, text, draft.values, stored)
            if isinstance(data, str | None):
                _store(draft, column, stored)
            found = chat.from_text(text, role)
            return found, dumps(found) if found else ""
        if column != side and side not in values:
            # Under a name for messages but none: a run's inputs, a tool's answer.
            values[side] = value
            if column in draft.sources:
                draft.sources[side] = draft.sources[column]
    return [], ""

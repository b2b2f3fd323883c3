"""Whatever the attributes hold, a span becomes a row that storage takes."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clickhouse.span import STEP_KINDS, Span
from ingest.conventions import hand_written
from ingest.conventions.genai_events import CONTENT_EVENTS
from ingest.conventions.registry import CONVENTIONS
from ingest.limits import ContentLimits
from tests.ingest.spans import row

#: What functions read, beside what the tables name.
_FUNCTIONS = """
    gen_ai.prompt.0.role gen_ai.prompt.0 gen_ai.prompt.1.content gen_ai.completion.0.tool_calls
    gen_ai.completion.0.tool_calls.0.name gen_ai.usage.details llm.input_messages.0.message
    llm.input_messages.0.message.role llm.input_messages.0.message.contents.0.message_content.type
    llm.output_messages.0.message.tool_calls.0.tool_call.function.name llm.output_messages.x
    retrieval.documents.0 retrieval.documents.0.document.content llm.tools.0 llm.prompts.0.prompt
    retrieval.documents.1.document.score llm.tools.0.tool.json_schema llm.choices.0 metadata
    embedding.embeddings.0.embedding.text tool.parameters llm.invocation_parameters
    langfuse.observation.usage_details langfuse.observation.cost_details mlflow.chat.tokenUsage
    mlflow.llm.cost ai.values ai.response.toolCalls ai.response.text request_data response_data
    events all_messages_events pydantic_ai.all_messages model_request_parameters
    llm.openai.messages llm.openai.choices llm.openai.usage langsmith.metadata.usage_metadata
    gen_ai.usage.input_token_details
""".split()
_NAMES = sorted(
    {name for c in CONVENTIONS for name, _ in c.columns}
    | {name for c in CONVENTIONS for name in c.kinds}
    | {name for name, _ in hand_written.ENDINGS}
    | set(_FUNCTIONS)
)
_KINDS = sorted({value for c in CONVENTIONS for kinds in c.kinds.values() for value in kinds})
_KEYS = """
    role content parts type text tool_calls function name arguments id messages choices message
    input output data kwargs generations candidates contents system tools usage object documents
    score document node args tool_call input_tokens prompt_tokens_details summary kind part_kind
    event.name parameters value result blocks toolUse functionCall metadata response
""".split()
_TEXTS = [
    *"user assistant tool system human ai text tool_call tool-result constructor".split(),
    *"gen_ai.choice gen_ai.user.message request response function_call_output reasoning".split(),
    *("", '{"a":1}', "[1]", '"x"', "\\ud800", "{'a': 1}", "NaN", "1e999", "-5", "hello"),
    '[{"type":"text","text":"x"}]',
    # What Python writes and JSON has not.
    *("{'a': {[]: 1}}", "{'a': {1, 2}}", "{'a': b'x'}", "['a', 1j, ...]", "{'messages': {1: b''}}"),
]
_DATA: Any = st.recursive(
    st.sampled_from(_TEXTS)
    | st.sampled_from([True, False, 0, -1, 3.5, float("nan"), float("inf"), 2**62]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)
_VALUES = _DATA | _DATA.map(json.dumps) | st.sampled_from(_KINDS) | st.text(max_size=20)
_EVENTS = st.lists(
    st.tuples(
        st.sampled_from([*sorted(CONTENT_EVENTS), "exception"]),
        st.dictionaries(
            st.sampled_from([*_KEYS, "gen_ai.event.content", "gen_ai.prompt", "exception.type"]),
            _VALUES,
            max_size=3,
        ),
    ),
    max_size=2,
)
_TEXT_FIELDS = [field.name for field in fields(Span) if field.type == "str"]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    attributes=st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=8),
    events=_EVENTS,
    name=st.sampled_from(["step", "call tool x", "retrieve", "chat"]),
    small=st.booleans(),
)
@example(attributes={"gen_ai.system": "x", "error.type": []}, events=[], name="step", small=False)
@example(
    attributes={},
    events=[("exception", {"role": "advisor", "exception.type": ["user"]})],
    name="step",
    small=False,
)
def test_any_attributes_become_a_row(
    attributes: dict[str, Any], events: Any, name: str, small: bool
) -> None:
    limits = ContentLimits(max_attribute_bytes=300, max_attributes=4) if small else None
    span = row(attributes, events=events, name=name, limits=limits)
    for column in _TEXT_FIELDS:
        assert isinstance(getattr(span, column), str), column
        getattr(span, column).encode()
    for column in ("input_messages", "output_messages", "tool_definitions", "events", "links"):
        text = getattr(span, column)
        assert not text or isinstance(json.loads(text), list), column
    for column in ("input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens"):
        number = getattr(span, column)
        assert number is None or (type(number) is int and 0 <= number < 2**32), column
    assert span.step_kind in STEP_KINDS
    assert span.cost_usd is None or type(span.cost_usd) is float
    assert type(span.code_line) is int
    assert all(type(text) is str for text in span.documents)
    assert all(type(score) is float for score in span.document_scores)
    assert all(type(k) is str and type(v) is str for k, v in span.attributes.items())

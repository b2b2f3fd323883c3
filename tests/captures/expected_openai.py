"""Expectations of the captures that instrument the OpenAI client itself."""

from __future__ import annotations

from expectations import (
    ANSWERS,
    ASKS,
    CACHED_1,
    CACHED_2,
    DOCUMENTS,
    EMBEDS_TWO,
    MISSING,
    MODEL,
    OK,
    OTHER,
    REASONED_1,
    REASONED_2,
    SPENT_1,
    SPENT_2,
    SYSTEM_FIELDS,
    TOOLS,
    UNSET,
    Listed,
    loop,
    streams,
    turns,
)

CHAT = "chat gpt-4o-mini"
V2 = "opentelemetry-instrumentation-openai-v2"
GENAI = "opentelemetry-instrumentation-genai-openai"
OPENINFERENCE = "openinference-instrumentation-openai"
TRACELOOP = "opentelemetry-instrumentation-openai"

# openai-v2 tells neither cached nor reasoning tokens nor the tools on offer.
V2_LOOP = loop(CHAT, {}, {}, {**SYSTEM_FIELDS, **UNSET})
V2_SILENT: Listed = [
    ("handle question", {**OTHER, **UNSET}),
    (
        CHAT,
        {
            **MODEL,
            **SPENT_1,
            **UNSET,
            "input": "",
            "output_contains": ["get_weather"],
            "output_messages_contains": ["tool_call", "get_weather", "call_Bx"],
        },
    ),
    ("lookup", {**OTHER, **UNSET}),
    (CHAT, {**MODEL, **SPENT_2, **UNSET, "input": "", "output": ""}),
]

# Zero cached tokens are left out of the attributes; a missing one need not come out as 0.
GENAI_LOOP = loop(CHAT, REASONED_1, {**CACHED_2, **REASONED_2}, {**SYSTEM_FIELDS, **TOOLS, **UNSET})
GENAI_SILENT: Listed = [
    ("handle question", {**OTHER, **UNSET}),
    (CHAT, {**MODEL, **SPENT_1, **REASONED_1, **UNSET, "input": "", "output": ""}),
    ("lookup", {**OTHER, **UNSET}),
    (CHAT, {**MODEL, **SPENT_2, **CACHED_2, **REASONED_2, **UNSET, "input": "", "output": ""}),
]
OI_FIRST, OI_SECOND = {**CACHED_1, **REASONED_1}, {**CACHED_2, **REASONED_2}
OI_LOOP = loop("ChatCompletion", OI_FIRST, OI_SECOND, {**SYSTEM_FIELDS, **TOOLS, **OK})
OI_LOOP = [(n, {**f, **UNSET} if f["step_kind"] == "other" else f) for n, f in OI_LOOP]
TRACELOOP_LOOP = loop("openai.chat", OI_FIRST, OI_SECOND, {**SYSTEM_FIELDS, **TOOLS, **UNSET})

# The event mode leaves out the assistant's and the tool's message of the second call.
TRACELOOP_EVENTS: Listed = [
    ("handle question", {**OTHER, **UNSET}),
    ("openai.chat", {**ASKS, **SPENT_1, **SYSTEM_FIELDS, **OI_FIRST, **UNSET}),
    ("lookup", {**OTHER, **UNSET}),
    (
        "openai.chat",
        {
            **{k: v for k, v in ANSWERS.items() if k != "input_messages_contains"},
            **SPENT_2,
            **SYSTEM_FIELDS,
            **OI_SECOND,
            **UNSET,
        },
    ),
]
# It names the call by the output item (``fc_…``), not by the ``call_id`` that the result carries.
TRACELOOP_ITEM = {"output_messages_contains": ["tool_call", "get_weather", "fc_Bx"]}
TRACELOOP_FAILED = {**MISSING, "error_type": "NotFoundError"}

SCENARIOS: dict[tuple[str, str], Listed] = {
    (V2, "tool_call_no_content"): V2_SILENT,
    (V2, "tool_call_log_events"): V2_LOOP,
    (V2, "tool_call_json"): V2_LOOP,
    (V2, "tool_call_span"): V2_LOOP,
    (V2, "tool_call_event"): V2_LOOP,
    (V2, "stream_log_events"): streams(CHAT, {}, {}, UNSET),
    (V2, "stream_span"): streams(CHAT, {}, {}, UNSET),
    (V2, "error"): [("chat gpt-missing", {**MISSING, "error_type": "NotFoundError"})],
    (V2, "embeddings"): [("embeddings text-embedding-3-small", {**EMBEDS_TWO, **UNSET})],
    (GENAI, "tool_call_no_content"): GENAI_SILENT,
    (GENAI, "tool_call_span"): GENAI_LOOP,
    (GENAI, "tool_call_event"): GENAI_LOOP,
    (GENAI, "tool_call_json"): GENAI_LOOP,
    (GENAI, "responses_both"): turns(CHAT, REASONED_1, {**CACHED_2, **REASONED_2}, UNSET),
    (GENAI, "stream_span"): streams(CHAT, {**REASONED_1, **TOOLS}, {}, UNSET),
    (GENAI, "embeddings"): [("embeddings text-embedding-3-small", {**EMBEDS_TWO, **UNSET})],
    (GENAI, "error"): [("chat gpt-missing", {**MISSING, "error_type": "openai.NotFoundError"})],
    (OPENINFERENCE, "tool_call"): OI_LOOP,
    (OPENINFERENCE, "tool_call_json"): OI_LOOP,
    (OPENINFERENCE, "stream"): streams(
        "ChatCompletion", {**OI_FIRST, **TOOLS}, {**CACHED_1, "reasoning_tokens": 0}, OK
    ),
    (OPENINFERENCE, "responses"): turns("Response", OI_FIRST, OI_SECOND, OK),
    (OPENINFERENCE, "embeddings"): [
        ("CreateEmbeddings", {**EMBEDS_TWO, **OK, "input_contains": DOCUMENTS})
    ],
    (OPENINFERENCE, "error"): [
        ("ChatCompletion", {**MISSING, "error_type": "openai.NotFoundError"})
    ],
    (TRACELOOP, "tool_call"): TRACELOOP_LOOP,
    (TRACELOOP, "tool_call_0_47"): TRACELOOP_LOOP,
    (TRACELOOP, "tool_call_log_events"): TRACELOOP_EVENTS,
    (TRACELOOP, "stream"): streams("openai.chat", {**CACHED_1, **TOOLS}, CACHED_1, OK),
    (TRACELOOP, "responses"): [
        (name, {**fields, **status})
        for (name, fields), status in zip(
            turns("openai.response", {**OI_FIRST, **TRACELOOP_ITEM}, OI_SECOND, {}),
            (UNSET, OK),
            strict=True,
        )
    ],
    # 0.47 reports no span for the streamed second call.
    (TRACELOOP, "responses_0_47"): turns(
        "openai.response", {**OI_FIRST, **TRACELOOP_ITEM}, {}, UNSET
    )[:1],
    (TRACELOOP, "error"): [("openai.chat", TRACELOOP_FAILED)],
}

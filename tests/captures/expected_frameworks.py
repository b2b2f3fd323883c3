"""Expectations of the captures of LangGraph agents and Pydantic AI."""

from __future__ import annotations

from expectations import (
    AGENT,
    ANSWERS,
    ASKED_AND_ANSWERED,
    ASKS,
    CACHED_1,
    CACHED_2,
    CALLED,
    CONVERSATION,
    DOCUMENTS,
    EMBEDS_QUERY,
    EMBEDS_STORE,
    FINAL,
    FROM_CONTEXT,
    MODEL,
    OK,
    PLAIN,
    QUESTION,
    RAISED,
    REASONED_1,
    REASONED_2,
    REFUND,
    RETRIEVES,
    SPENT_1,
    SPENT_2,
    SPENT_PLAIN,
    SYSTEM_FIELDS,
    TOOL,
    TOOLS,
    UNSET,
    Fields,
    Listed,
    without,
)

OPENINFERENCE = "openinference-instrumentation-langchain"
TRACELOOP = "opentelemetry-instrumentation-langchain"
PYDANTIC = "pydantic-ai"
CHAIN: Fields = {"step_kind": "chain"}
THREAD: Fields = {"session_id": "thread-7"}
ALIAS: Fields = {"model": "gpt-4o-mini"}  # a streamed answer's dated name is not told
FULL_1 = {**CACHED_1, **REASONED_1}
FULL_2 = {**CACHED_2, **REASONED_2}


def untold(fields: Fields, spent: Fields, call: str) -> Fields:
    """A twin: its tokens are stated by `total` only."""
    return {**fields, "spent": spent, "call": call}


# ---- OpenInference: AGENT > CHAIN (graph node) > LLM or TOOL. The tool's `input.value` is the
# bare text "Paris" (one argument), so no argument names can be expected of it.
OI = {**THREAD, **OK}
OI_ROOT = ("weather_agent", {**AGENT, **OI, **ASKED_AND_ANSWERED})
OI_ASKS = {**ASKS, **SYSTEM_FIELDS, **TOOLS, **OI}
OI_ANSWERS = {**ANSWERS, **SYSTEM_FIELDS, **TOOLS, **OI}
OI_TOOL = {**TOOL, **OI, "input_contains": ["Paris"]}
OI_NODE_1 = ("model", {**CHAIN, **OI, "input_contains": [QUESTION]})
OI_NODE_2 = ("tools", {**CHAIN, **OI, "input_contains": ["get_weather"]})
OI_NODE_3 = ("model", {**CHAIN, **OI, "output_contains": [FINAL]})
OI_AGENT: Listed = [
    OI_ROOT,
    OI_NODE_1,
    ("ChatOpenAI", {**OI_ASKS, **SPENT_1, **FULL_1}),
    OI_NODE_2,
    ("get_weather", OI_TOOL),
    OI_NODE_3,
    ("ChatOpenAI", {**OI_ANSWERS, **SPENT_2, **FULL_2}),
]
# A streamed answer tells no zero counts.
OI_STREAM: Listed = [
    (
        n,
        without({**f, **ALIAS}, *(k for k in CACHED_1 if f.get(k) == 0))
        if n == "ChatOpenAI"
        else f,
    )
    for n, f in OI_AGENT
]
OI_TWICE: Listed = [
    OI_ROOT,
    OI_NODE_1,
    ("ChatOpenAI", untold(OI_ASKS, SPENT_1, "1")),
    ("ChatCompletion", untold({**ASKS, **SYSTEM_FIELDS, **TOOLS, **OK}, SPENT_1, "1")),
    OI_NODE_2,
    ("get_weather", OI_TOOL),
    OI_NODE_3,
    ("ChatOpenAI", untold(OI_ANSWERS, SPENT_2, "2")),
    ("ChatCompletion", untold({**ANSWERS, **SYSTEM_FIELDS, **TOOLS, **OK}, SPENT_2, "2")),
]
OI_FAILED = {**THREAD, **RAISED}
OI_ERROR: Listed = [
    ("weather_agent", {**AGENT, **OI_FAILED, "input_contains": [QUESTION]}),
    OI_NODE_1,
    ("ChatOpenAI", {**OI_ASKS, **SPENT_1, **FULL_1}),
    ("tools", {**CHAIN, **OI_FAILED, "input_contains": ["get_weather"]}),
    (
        "get_weather",
        {
            "step_kind": "tool",
            "tool_name": "get_weather",
            **OI_FAILED,
            "input_contains": ["Paris"],
            "output": "",
        },
    ),
]
OI_RAG_ROOT = ("rag", {**CHAIN, **OK, "input_contains": [REFUND], "output_contains": [PLAIN]})
OI_RAG_NODE_1 = ("retrieve", {**CHAIN, **OK})
OI_RAG_NODE_2 = ("generate", {**CHAIN, **OK, "output_contains": [PLAIN]})
NONE_CACHED = {**CACHED_1, "reasoning_tokens": 0}
OI_RETRIEVER = ("VectorStoreRetriever", {**RETRIEVES, **OK})
OI_RETRIEVAL: Listed = [
    OI_RAG_ROOT,
    OI_RAG_NODE_1,
    OI_RETRIEVER,
    OI_RAG_NODE_2,
    ("ChatOpenAI", {**FROM_CONTEXT, **SPENT_PLAIN, **NONE_CACHED, **OK}),
]
OI_RETRIEVAL_TWICE: Listed = [
    ("CreateEmbeddings", {**EMBEDS_STORE, **OK}),
    OI_RAG_ROOT,
    OI_RAG_NODE_1,
    OI_RETRIEVER,
    ("CreateEmbeddings", {**EMBEDS_QUERY, **OK}),
    OI_RAG_NODE_2,
    ("ChatOpenAI", untold({**FROM_CONTEXT, **OK}, SPENT_PLAIN, "1")),
    ("ChatCompletion", untold({**FROM_CONTEXT, **OK}, SPENT_PLAIN, "1")),
]

# ---- Traceloop: two agent spans (one of the graph, one of the run), then nodes as in a chain.
TL = {**THREAD, **UNSET}
TL_ROOT = ("invoke_agent weather_agent", {**AGENT, **TL})
TL_RUN = ("weather_agent.workflow", {**AGENT, **TL, **ASKED_AND_ANSWERED})
TL_NODE_1 = ("execute_task model", {**CHAIN, **TL, "input_contains": [QUESTION]})
TL_NODE_2 = ("execute_task tools", {**CHAIN, **TL, "input_contains": ["get_weather"]})
TL_NODE_3 = ("execute_task model", {**CHAIN, **TL, "output_contains": [FINAL]})
TL_TOOL = ("execute_tool get_weather", {**CALLED, **TL})
TL_ASKS = {**ASKS, **SYSTEM_FIELDS, **TOOLS, **TL}
TL_ANSWERS = {**ANSWERS, **SYSTEM_FIELDS, **TOOLS, **TL}
TL_AGENT: Listed = [
    TL_ROOT,
    TL_RUN,
    TL_NODE_1,
    ("ChatOpenAI.chat", {**TL_ASKS, **SPENT_1, **CACHED_1}),
    TL_NODE_2,
    TL_TOOL,
    TL_NODE_3,
    ("ChatOpenAI.chat", {**TL_ANSWERS, **SPENT_2, **CACHED_2}),
]
TL_STREAM: Listed = [(n, {**f, **ALIAS} if n == "ChatOpenAI.chat" else f) for n, f in TL_AGENT]
TL_TWIN_1 = {**ASKS, **SYSTEM_FIELDS, **TOOLS, **UNSET}
TL_TWIN_2 = {**ANSWERS, **SYSTEM_FIELDS, **TOOLS, **UNSET}
TL_TWICE: Listed = [
    TL_ROOT,
    TL_RUN,
    TL_NODE_1,
    ("ChatOpenAI.chat", untold(TL_ASKS, SPENT_1, "1")),
    ("chat gpt-4o-mini", untold(TL_TWIN_1, SPENT_1, "1")),
    TL_NODE_2,
    TL_TOOL,
    TL_NODE_3,
    ("ChatOpenAI.chat", untold(TL_ANSWERS, SPENT_2, "2")),
    ("chat gpt-4o-mini", untold(TL_TWIN_2, SPENT_2, "2")),
]
TL_FAILED = {**THREAD, **RAISED}
TL_ERROR: Listed = [
    ("invoke_agent weather_agent", {**AGENT, **TL_FAILED}),
    ("weather_agent.workflow", {**AGENT, **TL_FAILED, "input_contains": [QUESTION]}),
    TL_NODE_1,
    ("ChatOpenAI.chat", {**TL_ASKS, **SPENT_1, **CACHED_1}),
    ("execute_task tools", {**CHAIN, **TL_FAILED, "input_contains": ["get_weather"]}),
    ("execute_tool get_weather", {**without(CALLED, "output_json"), **TL_FAILED, "output": ""}),
]
TL_RAG = {"step_kind": "agent", "agent_name": "rag", **UNSET}
TL_RAG_RUN = {**TL_RAG, "input_contains": [REFUND], "output_contains": [PLAIN]}
TL_SAYS = ("ChatOpenAI.chat", {**FROM_CONTEXT, **SPENT_PLAIN, **CACHED_1, **UNSET})
TL_RETRIEVAL: Listed = [
    ("invoke_agent rag", TL_RAG),
    ("rag.workflow", TL_RAG_RUN),
    ("execute_task retrieve", {**CHAIN, **UNSET, "output_contains": [DOCUMENTS[0]]}),
    ("vector_db_retrieve VectorStoreRetriever", {**RETRIEVES, **UNSET}),
    ("execute_task generate", {**CHAIN, **UNSET, "output_contains": [PLAIN]}),
    TL_SAYS,
]
TL_RETRIEVAL_TWICE: Listed = [
    ("openai.embeddings", {**EMBEDS_STORE, **CACHED_1, **UNSET}),
    *TL_RETRIEVAL[:4],
    ("openai.embeddings", {**EMBEDS_QUERY, **CACHED_1, **UNSET}),
    *TL_RETRIEVAL[4:],
]
OLD_AGENT: Listed = [
    ("weather_agent.workflow", {**CHAIN, **TL, **ASKED_AND_ANSWERED}),
    ("model.task", {**CHAIN, **TL, "input_contains": [QUESTION]}),
    ("ChatOpenAI.chat", {**TL_ASKS, **SPENT_1, **CACHED_1}),
    ("tools.task", {**CHAIN, **TL, "input_contains": ["get_weather"]}),
    ("get_weather.tool", {**CALLED, **TL}),
    ("model.task", {**CHAIN, **TL, "output_contains": [FINAL]}),
    ("ChatOpenAI.chat", {**TL_ANSWERS, **SPENT_2, **CACHED_2}),
]
OLD_RETRIEVAL_TWICE: Listed = [
    ("openai.embeddings", {**EMBEDS_STORE, **CACHED_1, **UNSET}),
    ("rag.workflow", {**CHAIN, **UNSET, "input_contains": [REFUND], "output_contains": [PLAIN]}),
    ("retrieve.task", {**CHAIN, **UNSET, "output_contains": [DOCUMENTS[0]]}),
    ("openai.embeddings", {**EMBEDS_QUERY, **CACHED_1, **UNSET}),
    ("generate.task", {**CHAIN, **UNSET, "output_contains": [PLAIN]}),
    TL_SAYS,
]

# ---- Pydantic AI: agent > chat, execute_tool, chat; it brings its own cost.
PY = {"session_id": CONVERSATION, "agent_name": "weather_agent", **UNSET}
# Before 2.0 the agent's span carries its calls' sums under gen_ai.usage.*: they do not count.
SUMS = {"input_tokens": None, "output_tokens": None}
PY_ROOT = {**AGENT, **PY, **SUMS, "input": QUESTION, "output": FINAL}
PY_ASKS = {**ASKS, **SYSTEM_FIELDS, **TOOLS, **PY, "cost_usd": 2.85e-05}
PY_ANSWERS = {**ANSWERS, **SYSTEM_FIELDS, **TOOLS, **PY, "cost_usd": 2.52e-05}
PY_NAMES = ("invoke_agent weather_agent", "chat gpt-4o-mini", "execute_tool get_weather")
PY_OLD_NAMES = ("agent run", "chat gpt-4o-mini", "running tool")


def pydantic(root: str, chat: str, tool: str) -> Listed:
    """The four spans of a run under the names of one format."""
    return [
        (root, PY_ROOT),
        (chat, {**PY_ASKS, **SPENT_1, **REASONED_1}),
        (tool, {**CALLED, **PY}),
        (chat, {**PY_ANSWERS, **SPENT_2, **FULL_2}),
    ]


PY_AGENT = pydantic(*PY_NAMES)
PY_FAILED = {**PY, **RAISED}
PY_ERROR: Listed = [
    (PY_NAMES[0], {**AGENT, **PY_FAILED, "input": QUESTION, "output": ""}),
    PY_AGENT[1],
    (PY_NAMES[2], {**without(CALLED, "output_json"), **PY_FAILED, "output": ""}),
]
PY_NOTHING = {"input": "", "output": ""}
PY_SILENT: Listed = [
    (PY_NAMES[0], {**AGENT, **PY, **PY_NOTHING}),
    (PY_NAMES[1], {**MODEL, **SPENT_1, **REASONED_1, **TOOLS, **PY, "input": ""}),
    (PY_NAMES[2], {"step_kind": "tool", "tool_name": "get_weather", **PY, **PY_NOTHING}),
    (PY_NAMES[1], {**MODEL, **SPENT_2, **FULL_2, **TOOLS, **PY, **PY_NOTHING}),
]
PY_TWICE: Listed = [
    PY_AGENT[0],
    (PY_NAMES[1], untold(without(PY_ASKS, "cost_usd"), SPENT_1, "1")),
    (PY_NAMES[1], untold(TL_TWIN_1, SPENT_1, "1")),
    PY_AGENT[2],
    (PY_NAMES[1], untold(without(PY_ANSWERS, "cost_usd"), SPENT_2, "2")),
    (PY_NAMES[1], untold(TL_TWIN_2, SPENT_2, "2")),
]

SCENARIOS: dict[tuple[str, str], Listed] = {
    (OPENINFERENCE, "tool_call"): OI_AGENT,
    (OPENINFERENCE, "tool_call_json"): OI_AGENT,
    (OPENINFERENCE, "stream"): OI_STREAM,
    (OPENINFERENCE, "tool_error"): OI_ERROR,
    (OPENINFERENCE, "retrieval"): OI_RETRIEVAL,
    (OPENINFERENCE, "tool_call_twice"): OI_TWICE,
    (OPENINFERENCE, "retrieval_twice"): OI_RETRIEVAL_TWICE,
    (TRACELOOP, "tool_call"): TL_AGENT,
    (TRACELOOP, "tool_call_json"): TL_AGENT,
    (TRACELOOP, "tool_call_twice"): TL_AGENT,  # it suppresses its own family's second span
    (TRACELOOP, "tool_call_twice_genai"): TL_TWICE,
    (TRACELOOP, "stream"): TL_STREAM,
    (TRACELOOP, "tool_error"): TL_ERROR,
    (TRACELOOP, "retrieval"): TL_RETRIEVAL,
    (TRACELOOP, "retrieval_twice"): TL_RETRIEVAL_TWICE,
    (TRACELOOP, "tool_call_0_47"): OLD_AGENT,
    (TRACELOOP, "retrieval_twice_0_47"): OLD_RETRIEVAL_TWICE,
    (PYDANTIC, "tool_call"): PY_AGENT,
    (PYDANTIC, "tool_call_json"): PY_AGENT,
    (PYDANTIC, "stream"): PY_AGENT,
    (PYDANTIC, "responses"): PY_AGENT,
    (PYDANTIC, "tool_error"): PY_ERROR,
    (PYDANTIC, "no_content"): PY_SILENT,
    (PYDANTIC, "format_2"): pydantic(*PY_OLD_NAMES),
    (PYDANTIC, "format_6"): PY_AGENT,
    (PYDANTIC, "format_1_events"): pydantic(*PY_OLD_NAMES),
    (PYDANTIC, "format_1_logs"): pydantic(*PY_OLD_NAMES),
    (PYDANTIC, "tool_call_v1"): pydantic(*PY_OLD_NAMES),
    (PYDANTIC, "tool_call_twice"): PY_TWICE,
}

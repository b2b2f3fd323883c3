"""Expectations of whole set-ups, as their users run them.

``python expected_setups.py`` writes ``expected.json`` beside each payload.

Written from what the agent did and what the payload says, column by column: one agent of a shop
(Java, Go, JavaScript: system prompt, a tool that works, one that fails, a streamed run, a refused
call) or of the weather (Python). A turn that asks for the tool spends 82 in and 27 out, 8 of them
reasoning; the answer 124 and 19, 64 cached, 4 reasoning; plain text 24 and 11; Anthropic's 500
and 300 that are written to the cache or read from it, 27 or 19 out.

``LISTED``: library to ``total`` and rows. A row: the span's name, which of that name by start
(None: all of them) and its columns, in the form that README.md describes.
"""

from __future__ import annotations

import json
from typing import Any

import expected_weather
from expected_weather import PARIS, SUNNY, WEATHER, Listed
from write_expected import PAYLOADS, spans_of

CITY = {"city": "Paris"}
CLAUDE = {"step_kind": "llm", "finish_reason": "tool_call"}
WRITES = {**CLAUDE, "input_tokens": 800, "output_tokens": 27, "cost_usd": 0.00303}
READS = {
    "step_kind": "llm",
    "finish_reason": "stop",
    "input_tokens": 800,
    "output_tokens": 19,
    "cached_input_tokens": 300,
    "cost_usd": 0.001875,
}
SHOP = "You are the assistant of a shop. Answer questions about orders, briefly."
ORDER = "Where is my order A-1001?"
ARRIVES = "Order A-1001 was shipped yesterday and arrives on Friday."
CANCEL = "Please cancel my order A-9999."
ORDER_ARGUMENTS = {"order_id": "A-1001", "include_items": True}
ORDER_RESULT = {
    "order_id": "A-1001",
    "status": "shipped",
    "shipped": "yesterday",
    "arrives": "Friday",
    "items": ["tent", "lamp"],
}
ASKS = {"step_kind": "llm", "input_tokens": 82, "output_tokens": 27}
SAYS = {"step_kind": "llm", "input_tokens": 124, "output_tokens": 19}
SESSION = {"session_id": "session-42", "user_id": "user-7"}
JAVA_SHOP = (
    "You are the assistant of a shop. Use the tools for orders. We are open from 9 to 18 on"
    " weekdays."
)
JAVA_ORDER = "Where is my order A-1042?"
JAVA_ARRIVES = "Your order A-1042 was shipped on 3 March and arrives on 6 March."
TOOL_ORDER = {
    "step_kind": "tool",
    "tool_name": "get_order",
    "input_json": ORDER_ARGUMENTS,
    "output_json": ORDER_RESULT,
}


def tool(name: str, given: Any = None, result: str | None = None, **more: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {"step_kind": "tool", "tool_name": name}
    if given is not None:
        columns["input_json"] = given
    if result is not None:
        columns["output"] = result
    return {**columns, **more}


def total(tokens_in: int, tokens_out: int, cost: float) -> dict[str, Any]:
    return {"input_tokens": tokens_in, "output_tokens": tokens_out, "cost_usd": cost}


CALL = ['"type":"tool_call"', '"name":"get_weather"']
ASKED = {"input": PARIS, "system_instructions": WEATHER}

LISTED: dict[str, Listed] = {
    "claude-code": (
        total(1600, 46, 0.004905),
        [
            ("claude_code.llm_request", 0, {**WRITES, "time_to_first_token_ms": 129.0}),
            ("claude_code.llm_request", 1, READS),
            ("claude_code.tool", None, tool("Bash", {"command": "echo sunny"}, "sunny")),
            (
                "claude_code.interaction",
                None,
                {"step_kind": "agent", "input": PARIS, "output": SUNNY},
            ),
            ("claude_code.tool.execution", None, {"step_kind": "other"}),
        ],
    ),
    "bedrock-botocore": (
        # The last call is of InvokeModel, whose cached tokens are not sent.
        total(2100, 65, 0.00669),
        [
            (
                "chat us.anthropic.claude-sonnet-4-20250514-v1:0",
                0,
                {**WRITES, **ASKED, "provider": "aws.bedrock", "model": "claude-sonnet-4-20250514"},
            ),
            (
                "chat us.anthropic.claude-sonnet-4-20250514-v1:0",
                1,
                {**READS, **ASKED, "output": SUNNY},
            ),
        ],
    ),
    "bedrock-openinference": (
        total(2400, 65, 0.00678),
        [
            (
                "bedrock.converse",
                0,
                {
                    **WRITES,
                    **ASKED,
                    "tool_name": "",
                    "tool_definitions_contains": ['"name":"get_weather"', "Weather of a city"],
                    "output_messages_contains": CALL,
                },
            ),
            ("bedrock.converse", 1, {**READS, **ASKED, "output": SUNNY}),
            ("bedrock.invoke_model", None, {**READS, "input": PARIS, "output": SUNNY}),
        ],
    ),
    "bedrock-traceloop": (
        total(2100, 65, 0.00669),
        [
            (
                "chat claude-sonnet-4-20250514-v1:0",
                0,
                {**WRITES, **ASKED, "model": "claude-sonnet-4-20250514"},
            ),
            ("chat claude-sonnet-4-20250514-v1:0", 1, {**READS, **ASKED, "output": SUNNY}),
        ],
    ),
    "anthropic-native-and-traceloop-images": (total(1600, 47, 0.00492), []),
    "google-adk": (
        total(206, 46, 0.00015952),
        [
            (
                "call_llm",
                0,
                {
                    "step_kind": "llm",
                    "input": PARIS,
                    "system_instructions_contains": ["You are a weather agent."],
                    "tool_definitions_contains": ['"name":"get_weather"'],
                },
            ),
            (
                "generate_content gemini-2.5-flash",
                0,
                {
                    "input": PARIS,
                    "input_tokens": 82,
                    "output_tokens": 27,
                    "reasoning_tokens": 8,
                    "cost_usd": 0.0000921,
                    "output_messages_contains": CALL,
                },
            ),
            (
                "generate_content gemini-2.5-flash",
                1,
                {
                    "input": PARIS,
                    "output": SUNNY,
                    "input_tokens": 124,
                    "output_tokens": 19,
                    "reasoning_tokens": 4,
                    "cached_input_tokens": 64,
                    "cost_usd": 0.00006742,
                },
            ),
            ("execute_tool get_weather", None, tool("get_weather", CITY)),
            ("invocation", None, {"step_kind": "chain", "session_id": "sess-adk"}),
        ],
    ),
    "haystack": (
        total(230, 57, 0.0000639),
        [
            (
                "haystack.agent.step.llm",
                0,
                {
                    **ASKS,
                    **ASKED,
                    "model": "gpt-4o-mini-2024-07-18",
                    "reasoning_tokens": 8,
                    "output_messages_contains": CALL,
                    "tool_definitions_contains": ['"name":"get_weather"', "Weather of a city"],
                },
            ),
            ("haystack.agent.step.llm", 1, {**SAYS, "output": SUNNY, "cached_input_tokens": 64}),
            (
                "haystack.agent.step.tool",
                None,
                tool("get_weather", CITY, "18 degrees and sunny in Paris"),
            ),
            ("haystack.agent.step", None, {"step_kind": "chain"}),
            (
                "haystack.agent.run",
                None,
                {"step_kind": "agent", "input": PARIS, "output": SUNNY},
            ),
            (
                "haystack.component.run",
                0,
                {
                    "step_kind": "retrieval",
                    "input": "refund policy",
                    "documents": ["Refund within 14 days."],
                },
            ),
            ("haystack.component.run", 1, {"step_kind": "prompt"}),
            ("haystack.component.run", 2, {"step_kind": "llm", "input_tokens": 24}),
        ],
    ),
    "strands": (
        total(206, 46, 0.0000537),
        [
            ("execute_event_loop_cycle", None, {"step_kind": "chain", "input_tokens": None}),
            (
                "chat",
                0,
                {**ASKS, **ASKED, "time_to_first_token_ms": 1093.0, "finish_reason": "tool_call"},
            ),
            ("chat", 1, {**SAYS, "output": SUNNY, "session_id": "sess-st"}),
            (
                "execute_tool get_weather",
                None,
                tool("get_weather", CITY, "18 degrees and sunny in Paris"),
            ),
            ("invoke_agent weather_agent", None, {"step_kind": "agent", "input": PARIS}),
        ],
    ),
    "crewai": (
        total(206, 46, 0.0000537),
        [
            ("ChatCompletion", 0, {**ASKS, "agent_name": "weather agent"}),
            ("ChatCompletion", 1, {**SAYS, "output": SUNNY}),
            ("get_weather.run", None, tool("get_weather", CITY, "18 degrees and sunny in Paris")),
            (
                "weather agent._execute_core",
                None,
                {"step_kind": "agent", "agent_name": "weather agent", "output": SUNNY},
            ),
        ],
    ),
    "smolagents": (
        total(188, 65, 0.0000672),
        [
            ("SimpleTool", None, tool("get_weather", CITY, "18 degrees and sunny in Paris")),
            ("ToolCallingAgent.run", None, {"step_kind": "agent", "input": PARIS}),
        ],
    ),
    "mcp": (
        {},
        [
            ("MCP send tools/call get_weather", None, tool("get_weather")),
            ("MCP send tools/call nope", None, tool("nope")),
            ("MCP send initialize", None, {"step_kind": "other", "tool_name": ""}),
        ],
    ),
    "livekit": (
        total(1100, 520, 0.05366),
        [
            ("user_turn", None, {"input": PARIS}),
            (
                "agent_turn",
                None,
                {"step_kind": "agent", **ASKED, "output": "It is 18 degrees."},
            ),
            ("realtime_inference", None, {"input_tokens": 1000, "cost_usd": 0.0536}),
            (
                "function_tool",
                None,
                tool("get_weather", CITY, "service down", status="error"),
            ),
        ],
    ),
    "js-genkit": (
        {"input_tokens": 700, "output_tokens": 165},
        [
            (
                "openai/gpt-4o-mini",
                0,
                {
                    **ASKS,
                    "provider": "openai",
                    "model": "gpt-4o-mini-2024-07-18",
                    "input": ORDER,
                    "system_instructions": SHOP,
                    "output_messages_contains": ['"type":"tool_call"', '"name":"get_order"'],
                    "tool_definitions_contains": ['"name":"get_order"', '"name":"cancel_order"'],
                },
            ),
            ("openai/gpt-4o-mini", 1, {**SAYS, "output": ARRIVES}),
            ("get_order", None, TOOL_ORDER),
            ("generate", None, {"step_kind": "chain", "input_tokens": None}),
            (
                "openai/text-embedding-3-small",
                None,
                {"step_kind": "embedding", "input": "return policy"},
            ),
            ("openai/gpt-limited", None, {"status": "error", "cost_usd": None}),
        ],
    ),
    "js-mastra": (
        total(618, 138, 0.0001611),
        [
            (
                "invoke_agent shop",
                0,
                {"step_kind": "agent", "input": ORDER, "output": ARRIVES, **SESSION},
            ),
            ("model_generation gpt-4o-mini", None, {"step_kind": "chain"}),
            (
                "chat gpt-4o-mini",
                0,
                {
                    **ASKS,
                    **SESSION,
                    "input": ORDER,
                    "system_instructions": SHOP,
                    "output_messages_contains": ['"type":"tool_call"', '"name":"get_order"'],
                },
            ),
            ("chat gpt-4o-mini", 1, {**SAYS, "output": ARRIVES}),
            ("execute_tool get_order", None, {**TOOL_ORDER, **SESSION}),
            ("chat gpt-limited", None, {"status": "error"}),
        ],
    ),
    "js-langchain-and-openai": (
        total(872, 206, 0.0002352),
        [
            ("ChatOpenAI", 0, {"input": ORDER, "system_instructions": SHOP, "agent_name": "shop"}),
            ("shop", 0, {"step_kind": "agent", "agent_name": "shop", "output": ARRIVES}),
            ("get_order", None, TOOL_ORDER),
        ],
    ),
    "js-anthropic-openinference": (
        total(5600, 157, 0.01659),
        [
            ("Anthropic Messages", 0, {**WRITES, "input": ORDER, "system_instructions": SHOP}),
            (
                "Anthropic Messages",
                1,
                {
                    **READS,
                    "input": ORDER,
                    "output": ARRIVES,
                    "input_messages_contains": ['"type":"tool_call_response"', "toolu_22"],
                },
            ),
        ],
    ),
    "js-anthropic-traceloop": (total(5600, 157, 0.01659), []),
    "js-anthropic-native-and-traceloop-streamed": (total(5600, 157, 0.01659), []),
    "js-langfuse-openai": (
        {"input_tokens": 766, "output_tokens": 159},
        [
            ("OpenAI.embeddings", None, {"step_kind": "embedding", "input": "return policy"}),
            ("OpenAI.chat", None, {"status": "error", "cost_usd": None}),
            (
                "OpenAI.responses",
                None,
                {"system_instructions": SHOP, "output": "Paris is the capital of France."},
            ),
            ("shop-model", 0, {**ASKS, **SESSION, "input": ORDER}),
            (
                "shop-model",
                4,
                {**ASKS, "output_messages_contains": ['"type":"tool_call"', '"name":"get_order"']},
            ),
        ],
    ),
    "js-langsmith": (
        {"input_tokens": 518, "output_tokens": 130},
        [
            ("cancel_order", None, {"step_kind": "tool", "status": "error"}),
            ("get_order", None, TOOL_ORDER),
            ("ChatOpenAI", 0, {**ASKS, **SESSION, "input": ORDER, "system_instructions": SHOP}),
            ("ChatOpenAI", 1, {**SAYS, "output": ARRIVES, "cached_input_tokens": 64}),
            (
                "ChatOpenAI",
                4,
                {
                    "step_kind": "llm",
                    "input": "What is the capital of France?",
                    "system_instructions": SHOP,
                    "output": "Paris is the capital of France.",
                },
            ),
        ],
    ),
    "js-strands": (
        total(618, 138, 0.0001611),
        [
            (
                "chat",
                0,
                {
                    **ASKS,
                    **SESSION,
                    "output_messages_contains": ['"type":"tool_call"', '"name":"get_order"'],
                },
            ),
            ("execute_tool get_order", None, {**TOOL_ORDER, **SESSION}),
            ("execute_agent_loop_cycle", None, {"step_kind": "chain"}),
            ("invoke_agent shop", 0, {"step_kind": "agent", "input": ORDER, "output": ARRIVES}),
        ],
    ),
    "js-ai-7": (
        {"input_tokens": 829, "output_tokens": 184},
        [("chat gpt-4o-mini", 0, {**ASKS, **SESSION, "input": ORDER, "system_instructions": SHOP})],
    ),
    "go-genkit": (
        {"input_tokens": 288, "output_tokens": 73},
        [
            (
                "openai/gpt-4.1-mini",
                0,
                {
                    **ASKS,
                    "provider": "openai",
                    "model": "gpt-4.1-mini-2025-04-14",
                    "input": JAVA_ORDER,
                    "system_instructions": JAVA_SHOP,
                },
            ),
            ("look_up_order", None, tool("look_up_order", {"order_id": "A-1042"})),
        ],
    ),
    "java-spring-ai-1": (
        {"input_tokens": 436, "output_tokens": 103},
        [
            ("chat gpt-4.1-mini", None, {"step_kind": "llm", "provider": "openai"}),
            ("chat gpt-missing", None, {"model": "gpt-missing", "session_id": "s-missing"}),
            (
                "tool_call look_up_order",
                None,
                tool(
                    "look_up_order",
                    {"order_id": "A-1042"},
                    "order A-1042 shipped 3 March, arrives 6 March",
                    session_id="s-order",
                ),
            ),
            ("simple_logger", None, {"step_kind": "chain"}),
        ],
    ),
    "java-spring-ai-2-anthropic": (
        {"input_tokens": 3700, "output_tokens": 111},
        [
            ("chat claude-sonnet-4-5", 0, WRITES),
            ("chat claude-sonnet-4-5", 1, READS),
            (
                "execute_tool look_up_order",
                None,
                tool(
                    "look_up_order",
                    {"order_id": "A-1042"},
                    "order A-1042 shipped 3 March, arrives 6 March",
                ),
            ),
        ],
    ),
    "java-langchain4j-json": (
        {"input_tokens": 436, "output_tokens": 103},
        [
            (
                "chat gpt-4.1-mini",
                0,
                {
                    **ASKS,
                    "provider": "openai",
                    "input": JAVA_ORDER,
                    "system_instructions": JAVA_SHOP,
                    "output_messages_contains": ['"type":"tool_call"', '"name":"look_up_order"'],
                    "session_id": "s-order",
                },
            ),
            ("chat gpt-4.1-mini", 1, {**SAYS, "output": JAVA_ARRIVES}),
        ],
    ),
    "java-otel-by-hand": (
        # Four calls of 82 and 27, as the program says.
        {"input_tokens": 328, "output_tokens": 108},
        [
            (
                "OpenAiClient.chat",
                None,
                {
                    **ASKS,
                    "model": "gpt-4.1-mini",
                    "input": JAVA_ORDER,
                    "system_instructions": "You are the assistant of a shop.",
                    "user_id": "u-77",
                },
            ),
            (
                "tool:look_up_order",
                None,
                tool("look_up_order", {"orderId": "A-1042"}, session_id="s-look_up_order"),
            ),
        ],
    ),
}


def write() -> None:
    for library, (sums, rows) in (LISTED | expected_weather.LISTED).items():
        for folder in sorted((PAYLOADS / library).glob("*/")):
            spans = spans_of(folder)
            written: dict[str, dict[str, Any]] = {}
            for name, which, columns in rows:
                named = [span for span in spans if span["name"] == name]
                if not named:
                    raise SystemExit(f"{library}: no span is called {name!r}")
                for span in named if which is None else [named[which]]:
                    row = {key: span[key] for key in ("name", "span_id", "parent_span_id")}
                    written.setdefault(span["span_id"], row).update(columns)
            document = {"spans": [*written.values()], "total": sums}
            text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
            (folder / "expected.json").write_text(text)


if __name__ == "__main__":
    write()

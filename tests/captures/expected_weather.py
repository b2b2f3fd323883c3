"""Expectations of the weather agent as setups.py and setups.mjs run it, in the form of
expected_setups.py.

A turn that asks for the tool, then the answer from its result. OpenAI's shape: 82 in and 27 out,
then 124 and 19 (64 cached, 8 and 4 reasoning, where a library sends them). Anthropic's: 500 and 300
written to the cache or read from it, 27 or 19 out.
"""

from __future__ import annotations

from typing import Any

Row = tuple[str, int | None, dict[str, Any]]
Listed = tuple[dict[str, Any], list[Row]]

PARIS = "Weather in Paris?"
WEATHER = "You are a weather agent."
SUNNY = "It is 18 degrees and sunny in Paris."
SESSION = {"session_id": "session-42"}
USER = {**SESSION, "user_id": "user-7"}
AGENT = {"step_kind": "agent", "agent_name": "weather", "input": PARIS, "output": SUNNY}
TOOL = {
    "step_kind": "tool",
    "tool_name": "get_weather",
    "input_json": {"city": "Paris"},
    "output": "18 degrees and sunny in Paris",
}
GIVEN = {"step_kind": "llm", "input": PARIS, "system_instructions": WEATHER}
DEFINED = {"tool_definitions_contains": ["get_weather", "city"]}
CALLS = {"output_messages_contains": ["tool_call", "get_weather", "Paris"]}
STOPS = {"finish_reason": "stop"}
WANTS = {"finish_reason": "tool_call"}
GPT = {"provider": "openai", "model": "gpt-4.1-mini-2025-04-14"}
GPT_ASKED = {"provider": "openai", "model": "gpt-4.1-mini"}
CLAUDE = {"provider": "anthropic", "model": "claude-sonnet-4-5-20250929"}
IN_1 = {"input_tokens": 82, "output_tokens": 27}
IN_2 = {"input_tokens": 124, "output_tokens": 19}
CACHED = {"cached_input_tokens": 64}
OPENAI_TOTAL = {"input_tokens": 206, "output_tokens": 46}
CLAUDE_TOTAL = {"input_tokens": 1600, "output_tokens": 46, "cost_usd": 0.004905}
CLAUDE_1 = {"input_tokens": 800, "output_tokens": 27, "cost_usd": 0.00303}
CLAUDE_2 = {
    "input_tokens": 800,
    "output_tokens": 19,
    "cached_input_tokens": 300,
    "cost_usd": 0.001875,
}
NONE = {"input_tokens": None, "output_tokens": None, "cost_usd": None}


def two(
    name: str, both: dict[str, Any], first: dict[str, Any], second: dict[str, Any]
) -> list[Row]:
    """The two calls of the model, which have one name."""
    return [
        (name, 0, {**GIVEN, **DEFINED, **CALLS, **both, **first}),
        (name, 1, {**GIVEN, **DEFINED, "output": SUNNY, **both, **second}),
    ]


def gpt(name: str, both: dict[str, Any], cached: bool = True, finish: bool = True) -> list[Row]:
    """Two calls of OpenAI's shape. ``cached``, ``finish``: whether the library sends them."""
    more = {**CACHED} if cached else {"cached_input_tokens": None}
    wants, stops = (WANTS, STOPS) if finish else ({}, {})
    return two(name, both, {**IN_1, **wants}, {**IN_2, **more, **stops})


def claude(name: str, both: dict[str, Any]) -> list[Row]:
    return two(name, {**CLAUDE, **both}, {**CLAUDE_1, **WANTS}, {**CLAUDE_2, **STOPS})


def native(first: dict[str, Any], second: dict[str, Any]) -> list[Row]:
    """What the Anthropic SDK traces itself, without texts."""
    name = "anthropic.messages.create"
    both = {"step_kind": "llm", **CLAUDE}
    return [
        (name, 0, {**both, **WANTS, **first}),
        (name, 1, {**both, **STOPS, **second}),
    ]


LISTED: dict[str, Listed] = {
    "haystack-3": (
        OPENAI_TOTAL,
        [
            ("haystack.agent.run", None, {"step_kind": "agent", "input": PARIS, "output": SUNNY}),
            *gpt("haystack.agent.step.llm", GPT),
            ("haystack.agent.step.tool", None, TOOL),
            ("haystack.agent.step", None, {"step_kind": "chain", **NONE}),
        ],
    ),
    # Cached tokens, why it stopped and tools' results are but in how Python prints a message.
    "haystack-3-openinference": (
        OPENAI_TOTAL,
        [
            (
                "OpenAIChatGenerator.run",
                0,
                {
                    **GIVEN,
                    **GPT,
                    **IN_1,
                    **CALLS,
                    "tool_definitions": '[{"type":"function","name":"get_weather",'
                    '"description":"Weather of a city."}]',
                },
            ),
            ("OpenAIChatGenerator.run", 1, {**GIVEN, **GPT, **IN_2, "output": SUNNY}),
            ("Pipeline.run", None, {"step_kind": "chain", **NONE}),
        ],
    ),
    "java-google-adk": (
        {**OPENAI_TOTAL, "cost_usd": 0.0000921 + 0.00006742},
        [
            ("invocation", None, {"step_kind": "chain", **NONE}),
            ("invoke_agent weather", None, {"step_kind": "agent", "agent_name": "weather", **NONE}),
            *(
                (
                    "call_llm",
                    which,
                    {
                        "step_kind": "llm",
                        "input": PARIS,
                        "system_instructions_contains": [WEATHER],
                        "tool_definitions_contains": ["getWeather", "city"],
                        "provider": "gcp.vertex_ai",
                        "model": "gemini-2.5-flash",
                        "agent_name": "weather",
                        "finish_reason": "stop",
                        **more,
                    },
                )
                for which, more in enumerate(
                    (
                        {
                            **IN_1,
                            "reasoning_tokens": 8,
                            "cost_usd": 0.0000921,
                            "output_messages_contains": ["tool_call", "getWeather", "Paris"],
                        },
                        {
                            **IN_2,
                            **CACHED,
                            "reasoning_tokens": 4,
                            "cost_usd": 0.00006742,
                            "output": SUNNY,
                        },
                    )
                )
            ),
            ("execute_tool [getWeather]", None, {**TOOL, "tool_name": "getWeather"}),
        ],
    ),
    # It sends one text of all messages, neither definitions of tools nor calls of them, and nothing
    # of what the agent was asked and said.
    "java-quarkus-langchain4j": (
        OPENAI_TOTAL,
        [
            ("langchain4j.aiservices.Weather$Agent.ask", None, {"step_kind": "agent", **NONE}),
            (
                "completion gpt-4.1-mini",
                0,
                {"step_kind": "llm", **GPT, **IN_1, **WANTS, "input": f"{WEATHER}\n{PARIS}"},
            ),
            (
                "completion gpt-4.1-mini",
                1,
                {"step_kind": "llm", **GPT, **IN_2, **STOPS, "output": SUNNY},
            ),
            ("langchain4j.tools.get_weather", None, TOOL),
            ("POST /chat/completions", None, {"step_kind": "other", **NONE}),
        ],
    ),
    # langchaingo has no tracing: its callbacks written out as spans, its structures as JSON.
    "go-langchaingo": (
        OPENAI_TOTAL,
        [
            ("invoke_agent weather", None, {"step_kind": "agent", **SESSION, **NONE}),
            (
                "chat gpt-4.1-mini",
                0,
                {**GIVEN, **GPT_ASKED, **IN_1, **CALLS, **WANTS, "reasoning_tokens": 8, **SESSION},
            ),
            (
                "chat gpt-4.1-mini",
                1,
                {
                    **GIVEN,
                    **GPT_ASKED,
                    **IN_2,
                    **CACHED,
                    **STOPS,
                    "reasoning_tokens": 4,
                    "output": SUNNY,
                    "input_messages_contains": ["tool_call_response", "18 degrees"],
                },
            ),
            ("get_weather", None, {**TOOL, **SESSION}),
        ],
    ),
    # It sends neither calls of tools nor their results as such; tokens of a streamed run are not
    # sent at all.
    "js-llamaindex-traceloop": (
        IN_1,
        [
            ("chat gpt-4.1-mini", 0, {**GIVEN, **GPT_ASKED, **IN_1, **WANTS}),
            ("chat gpt-4.1-mini", 1, {**GIVEN, **GPT_ASKED, **NONE, **WANTS}),
            (
                "chat gpt-4.1-mini",
                2,
                {
                    "step_kind": "llm",
                    "system_instructions": WEATHER,
                    **GPT_ASKED,
                    **NONE,
                    **STOPS,
                    "output": SUNNY,
                },
            ),
        ],
    ),
    # OpenInference's call has the texts, the SDK's own one the tokens.
    "anthropic-openinference": (
        CLAUDE_TOTAL,
        [
            *two("messages.create", {**CLAUDE, **NONE}, WANTS, STOPS),
            *native(CLAUDE_1, CLAUDE_2),
        ],
    ),
    "google-genai-openinference": (
        {**OPENAI_TOTAL},
        two(
            "GenerateContent",
            {"provider": "gcp.gemini", "model": "gemini-2.5-flash", "finish_reason": "stop"},
            {**IN_1, "reasoning_tokens": 8, "cost_usd": (82 * 0.3 + 27 * 2.5) / 1e6},
            {
                **IN_2,
                **CACHED,
                "reasoning_tokens": 4,
                "cost_usd": (60 * 0.3 + 64 * 0.03 + 19 * 2.5) / 1e6,
            },
        ),
    ),
    "llama-index-openinference": (
        OPENAI_TOTAL,
        [
            *gpt("OpenAI.achat", {**GPT_ASKED}),
            ("FunctionTool.acall", None, TOOL),
            ("OpenAI._prepare_chat_with_tools", None, {"step_kind": "chain", **NONE}),
            ("FunctionAgent.run", None, {"step_kind": "chain", **NONE}),
        ],
    ),
    "agno-openinference": (
        OPENAI_TOTAL,
        [
            ("weather.run", None, {**AGENT, **USER, **NONE}),
            *gpt("OpenAIChat.invoke", {**GPT_ASKED, **USER}, finish=False),
            ("get_weather", None, {**TOOL, **USER, "agent_name": "weather"}),
        ],
    ),
    "mistral-openinference": (
        OPENAI_TOTAL,
        gpt(
            "MistralClient.chat",
            {"provider": "mistral_ai", "model": "mistral-small-latest"},
            cached=False,
        ),
    ),
    "groq-openinference": (
        OPENAI_TOTAL,
        gpt("Completions", {"provider": "groq", "model": "llama-3.3-70b-versatile"}),
    ),
    # DSPy's tracer sends no tokens; the stand-in does not answer in DSPy's form.
    "dspy-openinference": (
        {"input_tokens": 0, "output_tokens": 0},
        [
            (
                "LM.__call__",
                None,
                {
                    "step_kind": "llm",
                    **GPT_ASKED,
                    **NONE,
                    "input_contains": [PARIS],
                    "system_instructions_contains": ["question"],
                    "output": "Paris is the capital of France.",
                },
            ),
            ("Predict.forward", None, {"step_kind": "chain", "status": "error", "input": PARIS}),
        ],
    ),
    # AutoGen's own spans beside have names alone.
    "autogen-openinference": (
        OPENAI_TOTAL,
        [
            ("weather.on_messages_stream", None, {"step_kind": "agent", "agent_name": "weather"}),
            ("weather.get_weather", None, {**TOOL, "agent_name": "weather"}),
            ("execute_tool get_weather", None, {"step_kind": "tool", "tool_name": "get_weather"}),
            (
                "OpenAIChatCompletionClient.create",
                0,
                {**GIVEN, **GPT, **IN_1, **CALLS, **WANTS, "agent_name": "weather"},
            ),
            (
                "OpenAIChatCompletionClient.create",
                1,
                {**GIVEN, **GPT, **IN_2, **STOPS, "output": SUNNY},
            ),
        ],
    ),
    # LlamaIndex's calls of a model are the OpenAI instrumentation's to tell.
    "llama-index-traceloop": (
        {"input_tokens": 0, "output_tokens": 0},
        [
            ("FunctionTool.task", None, TOOL),
            ("FunctionAgent.workflow", None, {"step_kind": "chain", "output_contains": [SUNNY]}),
        ],
    ),
    "groq-traceloop": (
        OPENAI_TOTAL,
        gpt(
            "chat llama-3.3-70b-versatile",
            {"provider": "groq", "model": "llama-3.3-70b-versatile"},
        ),
    ),
    # The call of the tool is not sent.
    "ollama-traceloop": (
        OPENAI_TOTAL,
        [
            ("ollama.chat", 0, {**GIVEN, **IN_1, **DEFINED, "provider": "ollama", "output": ""}),
            ("ollama.chat", 1, {**GIVEN, **IN_2, **DEFINED, "output": SUNNY, "model": "llama3.2"}),
        ],
    ),
    # The SDK's own spans are roots of other traces: twins.
    "langchain-anthropic-openinference": (
        CLAUDE_TOTAL,
        [
            ("weather", None, {**AGENT, **SESSION, **NONE}),
            *claude("ChatAnthropic", {**SESSION, "agent_name": "weather"}),
            *native(NONE, NONE),
            (
                "get_weather",
                None,
                {"step_kind": "tool", "tool_name": "get_weather", "output": TOOL["output"]},
            ),
        ],
    ),
    # Nested in one trace: the outer one has the texts and counts.
    "langchain-anthropic-traceloop": (
        CLAUDE_TOTAL,
        [
            ("weather.workflow", None, {**AGENT, **SESSION, **NONE}),
            *two("ChatAnthropic.chat", {**CLAUDE, **SESSION}, CLAUDE_1, CLAUDE_2),
            *native(NONE, NONE),
            ("execute_tool get_weather", None, {**TOOL, **SESSION, "agent_name": "weather"}),
        ],
    ),
    # The inner of two nested reports counts.
    "pydantic-ai-anthropic": (
        CLAUDE_TOTAL,
        [
            ("invoke_agent weather", None, {**AGENT, **NONE}),
            *two("chat claude-sonnet-4-5", {**CLAUDE, **NONE}, WANTS, STOPS),
            *native(CLAUDE_1, CLAUDE_2),
            ("execute_tool get_weather", None, {**TOOL, "agent_name": "weather"}),
        ],
    ),
    "logfire-openai": (
        OPENAI_TOTAL,
        gpt("Chat Completion with {request_data[model]!r}", GPT),
    ),
    "logfire-anthropic": (CLAUDE_TOTAL, claude("Message with {request_data[model]!r}", {})),
    # Up to 0.2 Strands sent no cached tokens.
    "strands-0-anthropic": (
        {"input_tokens": 1000, "output_tokens": 46},
        [
            ("invoke_agent weather", None, {**AGENT, **USER, **NONE, "output": f"{SUNNY}\n"}),
            (
                "Model invoke",
                0,
                {"step_kind": "llm", "input_tokens": 500, **CALLS, **WANTS, **USER},
            ),
            ("Model invoke", 1, {"step_kind": "llm", "output": SUNNY, "input": PARIS, **STOPS}),
            ("Tool: get_weather", None, {**TOOL, **USER}),
        ],
    ),
    "strands-0-bedrock": (
        {"input_tokens": 1000, "output_tokens": 46},
        [
            (
                "Model invoke",
                None,
                {
                    "step_kind": "llm",
                    "provider": "aws.bedrock",
                    "model": "claude-sonnet-4-5-20250929",
                    "input": PARIS,
                    **USER,
                },
            ),
            ("Tool: get_weather", None, {**TOOL, **USER}),
        ],
    ),
    "js-ai-5-anthropic": (
        CLAUDE_TOTAL,
        [
            ("ai.generateText", None, {"step_kind": "agent", "output": SUNNY, **USER, **NONE}),
            *claude("ai.generateText.doGenerate", {**USER, "agent_name": "weather"}),
            ("ai.toolCall", None, {**TOOL, **USER}),
        ],
    ),
    "js-ai-6-anthropic": (
        CLAUDE_TOTAL,
        [
            ("ai.generateText", None, {"step_kind": "agent", "output": SUNNY, **USER, **NONE}),
            *claude("ai.generateText.doGenerate", {**USER, "agent_name": "weather"}),
            ("ai.toolCall", None, {**TOOL, **USER}),
        ],
    ),
    "js-openai-openinference": (OPENAI_TOTAL, gpt("OpenAI Chat Completions", GPT)),
    "js-openai-traceloop": (OPENAI_TOTAL, gpt("chat gpt-4.1-mini", GPT, cached=False)),
    "agent-framework": (
        OPENAI_TOTAL,
        [
            ("invoke_agent weather", None, {**AGENT, **NONE, **DEFINED}),
            (
                "chat gpt-4.1-mini",
                0,
                {**GIVEN, **GPT, **IN_1, **CALLS, **WANTS, "reasoning_tokens": 8},
            ),
            (
                "chat gpt-4.1-mini",
                1,
                {**GIVEN, **GPT, **IN_2, **CACHED, **STOPS, "output": SUNNY},
            ),
            ("execute_tool get_weather", None, {**TOOL, "agent_name": "weather"}),
        ],
    ),
    # Texts of the calls are log records of Python's logging, which nothing exported here.
    "semantic-kernel": (
        OPENAI_TOTAL,
        [
            (
                "invoke_agent weather",
                None,
                {"step_kind": "agent", "agent_name": "weather", "output": SUNNY, **NONE},
            ),
            ("chat gpt-4.1-mini", 0, {"step_kind": "llm", **GPT_ASKED, **IN_1, **WANTS}),
            ("chat gpt-4.1-mini", 1, {"step_kind": "llm", **GPT_ASKED, **IN_2, **STOPS}),
        ],
    ),
}

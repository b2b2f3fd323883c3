"""Whole set-ups of the weather agent, one function each: ``python setups.py NAME``.

Each asks for the weather; the stand-in asks for the tool, then answers from its result.
Reads the exporters' environment and STANDIN, the address of standin_more.py.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

SYSTEM = "You are a weather agent."
QUESTION = "Weather in Paris?"
RESULT = "18 degrees and sunny in Paris"
STANDIN = os.environ.get("STANDIN", "http://127.0.0.1:9903")
OPENAI = f"{STANDIN}/v1"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CLAUDE = "claude-sonnet-4-5"
GPT = "gpt-4.1-mini"


def get_weather(city: str) -> str:
    """Weather of a city."""
    return RESULT


def configured() -> Any:
    """The global provider with OTLP over HTTP."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider


def anthropic_loop() -> None:
    """The Anthropic client with a tool loop by hand."""
    import anthropic

    client = anthropic.Anthropic(api_key="none", base_url=STANDIN)
    tool: Any = {"name": "get_weather", "description": "Weather.", "input_schema": SCHEMA}
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    for _ in range(2):
        answer = client.messages.create(
            model=CLAUDE, max_tokens=200, system=SYSTEM, messages=messages, tools=[tool]
        )
        messages.append({"role": "assistant", "content": [b.model_dump() for b in answer.content]})
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": get_weather("Paris")}
            for block in answer.content
            if block.type == "tool_use"
        ]
        if results:
            messages.append({"role": "user", "content": results})


def openai_loop(client: Any = None, create: Any = None, model: str = GPT) -> None:
    """The OpenAI client, or one of its shape, with a tool loop by hand."""
    if create is None:
        import openai

        client = client or openai.OpenAI(api_key="none", base_url=OPENAI)
        create = client.chat.completions.create
    function = {"name": "get_weather", "description": "Weather.", "parameters": SCHEMA}
    messages: list[Any] = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": QUESTION},
    ]
    for _ in range(2):
        tools = [{"type": "function", "function": function}]
        message = create(model=model, messages=messages, tools=tools).choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls or []:
            said = {"role": "tool", "tool_call_id": call.id, "content": get_weather("Paris")}
            messages.append({**said, "name": "get_weather"})


def openinference_anthropic() -> None:
    from openinference.instrumentation.anthropic import AnthropicInstrumentor

    AnthropicInstrumentor().instrument(tracer_provider=configured())
    anthropic_loop()


def google_genai_loop() -> None:
    from google import genai
    from google.genai import types

    client = genai.Client(api_key="none", http_options={"base_url": STANDIN})
    declared = {"name": "get_weather", "description": "Weather.", "parameters": SCHEMA}
    config = types.GenerateContentConfig(
        system_instruction=SYSTEM, tools=[{"function_declarations": [declared]}]
    )
    contents: list[Any] = [types.Content(role="user", parts=[types.Part(text=QUESTION)])]
    for _ in range(2):
        answer = client.models.generate_content(
            model="gemini-2.5-flash", contents=contents, config=config
        )
        contents.append(answer.candidates[0].content)
        for call in answer.function_calls or []:
            part = types.Part.from_function_response(name=call.name, response={"result": RESULT})
            contents.append(types.Content(role="user", parts=[part]))


def openinference_google_genai() -> None:
    from openinference.instrumentation.google_genai import GoogleGenAIInstrumentor

    GoogleGenAIInstrumentor().instrument(tracer_provider=configured())
    google_genai_loop()


def llama_index_agent() -> None:
    from llama_index.core.agent.workflow import FunctionAgent
    from llama_index.llms.openai import OpenAI

    async def run() -> None:
        llm = OpenAI(model=GPT, api_key="none", api_base=OPENAI)
        agent = FunctionAgent(
            name="weather", tools=[get_weather], llm=llm, system_prompt=SYSTEM, streaming=False
        )
        await agent.run(QUESTION)

    asyncio.run(run())


def openinference_llama_index() -> None:
    from openinference.instrumentation.llama_index import LlamaIndexInstrumentor

    LlamaIndexInstrumentor().instrument(tracer_provider=configured())
    llama_index_agent()


def traceloop_llama_index() -> None:
    from opentelemetry.instrumentation.llamaindex import LlamaIndexInstrumentor

    configured()
    LlamaIndexInstrumentor().instrument()
    llama_index_agent()


def openinference_agno() -> None:
    from openinference.instrumentation.agno import AgnoInstrumentor

    AgnoInstrumentor().instrument(tracer_provider=configured())
    from agno.agent import Agent
    from agno.models.openai import OpenAIChat

    model = OpenAIChat(id=GPT, api_key="none", base_url=OPENAI)
    agent = Agent(
        name="weather", model=model, tools=[get_weather], instructions=SYSTEM, telemetry=False
    )
    agent.run(QUESTION, session_id="session-42", user_id="user-7")


def mistral_loop() -> None:
    try:
        from mistralai import Mistral
    except ImportError:
        from mistralai.client import Mistral

    client = Mistral(api_key="none", server_url=STANDIN)
    openai_loop(create=client.chat.complete, model="mistral-small-latest")


def openinference_mistral() -> None:
    from openinference.instrumentation.mistralai import MistralAIInstrumentor

    MistralAIInstrumentor().instrument(tracer_provider=configured())
    mistral_loop()


def groq_loop() -> None:
    import groq

    client = groq.Groq(api_key="none", base_url=STANDIN)
    openai_loop(create=client.chat.completions.create, model="llama-3.3-70b-versatile")


def openinference_groq() -> None:
    from openinference.instrumentation.groq import GroqInstrumentor

    GroqInstrumentor().instrument(tracer_provider=configured())
    groq_loop()


def traceloop_groq() -> None:
    from opentelemetry.instrumentation.groq import GroqInstrumentor

    configured()
    GroqInstrumentor().instrument()
    groq_loop()


def traceloop_ollama() -> None:
    from opentelemetry.instrumentation.ollama import OllamaInstrumentor

    configured()
    OllamaInstrumentor().instrument()
    import ollama

    client = ollama.Client(host=STANDIN)
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}
    messages: list[Any] = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": QUESTION},
    ]
    for _ in range(2):
        message = client.chat(model="llama3.2", messages=messages, tools=[tool]).message
        messages.append(message.model_dump(exclude_none=True))
        messages += [
            {"role": "tool", "content": RESULT, "tool_name": call.function.name}
            for call in message.tool_calls or []
        ]


def openinference_dspy() -> None:
    from openinference.instrumentation.dspy import DSPyInstrumentor

    DSPyInstrumentor().instrument(tracer_provider=configured())
    import dspy

    dspy.configure(lm=dspy.LM(f"openai/{GPT}", api_base=OPENAI, api_key="none", cache=False))
    try:
        dspy.Predict("question -> answer")(question=QUESTION)
    except Exception as failure:  # the stand-in doesn't answer in DSPy's form
        print("expected:", type(failure))


def openinference_autogen() -> None:
    from openinference.instrumentation.autogen_agentchat import AutogenAgentChatInstrumentor

    AutogenAgentChatInstrumentor().instrument(tracer_provider=configured())
    from autogen_agentchat.agents import AssistantAgent
    from autogen_ext.models.openai import OpenAIChatCompletionClient

    async def run() -> None:
        client = OpenAIChatCompletionClient(
            model=GPT, api_key="none", base_url=OPENAI, model_info=_INFO
        )
        agent = AssistantAgent(
            "weather",
            model_client=client,
            tools=[get_weather],
            system_message=SYSTEM,
            reflect_on_tool_use=True,
        )
        await agent.run(task=QUESTION)

    asyncio.run(run())


_INFO: Any = {
    "vision": False,
    "function_calling": True,
    "json_output": False,
    "family": "gpt-4o",
    "structured_output": False,
}


def langchain_anthropic_agent() -> None:
    from langchain.agents import create_agent
    from langchain_anthropic import ChatAnthropic

    model = ChatAnthropic(model=CLAUDE, api_key="none", base_url=STANDIN, max_tokens=200)
    agent = create_agent(model, [get_weather], system_prompt=SYSTEM, name="weather")
    thread: Any = {"configurable": {"thread_id": "session-42"}}
    agent.invoke({"messages": [("user", QUESTION)]}, thread)


def openinference_langchain_anthropic() -> None:
    from openinference.instrumentation.langchain import LangChainInstrumentor

    LangChainInstrumentor().instrument(tracer_provider=configured())
    langchain_anthropic_agent()


def traceloop_langchain_anthropic() -> None:
    from opentelemetry.instrumentation.langchain import LangchainInstrumentor

    configured()
    LangchainInstrumentor().instrument()
    langchain_anthropic_agent()


def pydantic_ai_anthropic() -> None:
    configured()
    from anthropic import AsyncAnthropic
    from pydantic_ai import Agent
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    Agent.instrument_all()
    client = AsyncAnthropic(api_key="none", base_url=STANDIN)
    model = AnthropicModel(CLAUDE, provider=AnthropicProvider(anthropic_client=client))
    agent = Agent(model, name="weather", instructions=SYSTEM, tools=[get_weather])
    agent.run_sync(QUESTION)


def logfire_openai() -> None:
    import logfire
    import openai

    logfire.configure(send_to_logfire=False, console=False)
    logfire.instrument_openai()
    with logfire.span("answer {question}", question=QUESTION):
        openai_loop(openai.OpenAI(api_key="none", base_url=OPENAI))
    logfire.force_flush()


def logfire_anthropic() -> None:
    import logfire

    logfire.configure(send_to_logfire=False, console=False)
    logfire.instrument_anthropic()
    anthropic_loop()
    logfire.force_flush()


def strands_agent(model: Any) -> None:
    from strands import Agent, tool

    agent = Agent(
        model=model,
        tools=[tool(get_weather)],
        system_prompt=SYSTEM,
        name="weather",
        callback_handler=None,
        trace_attributes={"session.id": "session-42", "user.id": "user-7"},
    )
    agent(QUESTION)


def strands_anthropic() -> None:
    configured()
    from strands.models.anthropic import AnthropicModel

    model = AnthropicModel(
        client_args={"api_key": "none", "base_url": STANDIN}, model_id=CLAUDE, max_tokens=200
    )
    strands_agent(model)


def strands_bedrock() -> None:
    configured()
    import boto3
    from strands.models import BedrockModel

    os.environ.update(
        AWS_ACCESS_KEY_ID="none",
        AWS_SECRET_ACCESS_KEY="none",
        AWS_ENDPOINT_URL_BEDROCK_RUNTIME=STANDIN,
    )
    model = BedrockModel(
        model_id="us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        streaming=False,
        boto_session=boto3.Session(region_name="us-east-1"),
    )
    strands_agent(model)


def agent_framework() -> None:
    os.environ.update(ENABLE_INSTRUMENTATION="true", ENABLE_SENSITIVE_DATA="true")
    configured()
    from agent_framework.observability import enable_instrumentation

    enable_instrumentation(enable_sensitive_data=True)
    from agent_framework.openai import OpenAIChatCompletionClient

    async def run() -> None:
        client = OpenAIChatCompletionClient(model=GPT, api_key="none", base_url=OPENAI)
        agent = client.as_agent(name="weather", instructions=SYSTEM, tools=[get_weather])
        await agent.run(QUESTION)

    asyncio.run(run())


def semantic_kernel() -> None:
    os.environ["SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE"] = "true"
    configured()
    from openai import AsyncOpenAI
    from semantic_kernel.agents import ChatCompletionAgent
    from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
    from semantic_kernel.functions import kernel_function

    class Weather:
        @kernel_function(name="get_weather", description="Weather of a city.")
        def get_weather(self, city: str) -> str:
            return RESULT

    async def run() -> None:
        client = AsyncOpenAI(api_key="none", base_url=OPENAI)
        service = OpenAIChatCompletion(ai_model_id=GPT, async_client=client)
        agent = ChatCompletionAgent(
            service=service, name="weather", instructions=SYSTEM, plugins=[Weather()]
        )
        await agent.get_response(messages=QUESTION)

    asyncio.run(run())


def haystack_parts() -> tuple[Any, Any, Any]:
    """Haystack 3: a model, its tool, the messages."""
    from haystack.components.generators.chat import OpenAIChatGenerator
    from haystack.dataclasses import ChatMessage
    from haystack.tools import Tool
    from haystack.utils import Secret

    key = Secret.from_token("none")
    model = OpenAIChatGenerator(model=GPT, api_key=key, api_base_url=OPENAI)
    weather = Tool("get_weather", "Weather of a city.", SCHEMA, get_weather)
    return model, weather, [ChatMessage.from_system(SYSTEM), ChatMessage.from_user(QUESTION)]


def haystack_native() -> None:
    os.environ["HAYSTACK_CONTENT_TRACING_ENABLED"] = "true"
    provider = configured()
    from haystack import tracing
    from haystack.components.agents import Agent
    from haystack_integrations.tracing.opentelemetry import OpenTelemetryTracer

    tracing.tracer.is_content_tracing_enabled = True
    tracing.enable_tracing(OpenTelemetryTracer(provider.get_tracer("weather")))
    model, weather, messages = haystack_parts()
    Agent(chat_generator=model, tools=[weather], system_prompt=SYSTEM).run(messages=messages[1:])


def openinference_haystack() -> None:
    """It knows pipelines, not agents: a tool loop by hand."""
    configured()
    from haystack import Pipeline
    from haystack.dataclasses import ChatMessage
    from openinference.instrumentation.haystack import HaystackInstrumentor

    HaystackInstrumentor().instrument()
    model, weather, messages = haystack_parts()
    pipeline = Pipeline()
    pipeline.add_component("model", model)
    for _ in range(2):
        found = pipeline.run({"model": {"messages": messages, "tools": [weather]}})
        (reply,) = found["model"]["replies"]
        messages.append(reply)
        for call in reply.tool_calls:
            messages.append(ChatMessage.from_tool(weather.invoke(**call.arguments), call))


if __name__ == "__main__":
    globals()[sys.argv[1]]()
    from opentelemetry import trace

    flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush is not None:
        flush()

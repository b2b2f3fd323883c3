"""A Pydantic AI agent with one tool and its own instrumentation.

Usage: pydantic_ai_agent.py {tool_call|tool_error|stream} [OPTION ...]
OPTION: ``version=N`` the data format, ``event_mode=logs`` (format 1 only), ``include_content=no``,
``model=responses`` for the Responses API, ``client=genai`` to instrument the OpenAI client as well.
Reads OPENAI_BASE_URL, OPENAI_API_KEY and the OTLP exporters' environment.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import telemetry
from pydantic_ai import Agent, InstrumentationSettings
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel


def settings(options: dict[str, str]) -> InstrumentationSettings:
    """Instrumentation settings from the command line's options."""
    given: dict[str, Any] = {}
    if "version" in options:
        given["version"] = int(options["version"])
    if "event_mode" in options:
        given["event_mode"] = options["event_mode"]
    if options.get("include_content") == "no":
        given["include_content"] = False
    return InstrumentationSettings(**given)


def agent(options: dict[str, str], instead: str | None) -> Agent[None, str]:
    """The agent; `instead` replaces the city what the model asked for."""
    kind = OpenAIResponsesModel if options.get("model") == "responses" else OpenAIChatModel
    weather_agent: Agent[None, str] = Agent(
        kind("gpt-4o-mini"), name="weather_agent", instructions=telemetry.SYSTEM
    )

    @weather_agent.tool_plain
    def get_weather(city: str) -> dict[str, Any]:
        """Current weather of a city."""
        return telemetry.weather(instead or city)

    return weather_agent


def tool_call(options: dict[str, str]) -> None:
    """Model, tool, model."""
    print(agent(options, None).run_sync(telemetry.QUESTION).output)


def tool_error(options: dict[str, str]) -> None:
    """The tool raises and the run fails with it."""
    try:
        agent(options, "Atlantis").run_sync(telemetry.QUESTION)
    except ValueError as failure:
        print("expected:", failure)


def stream(options: dict[str, str]) -> None:
    """The same as `tool_call`, the answer streamed."""

    async def run() -> None:
        async with agent(options, None).run_stream(telemetry.QUESTION) as result:
            async for text in result.stream_text():
                print(text)

    asyncio.run(run())


SCENARIOS = {f.__name__: f for f in (tool_call, tool_error, stream)}

if __name__ == "__main__":
    telemetry.configure()
    chosen = dict(o.split("=", 1) for o in sys.argv[2:])
    Agent.instrument_all(settings(chosen))
    if chosen.get("client") == "genai":
        from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

        OpenAIInstrumentor().instrument()
    SCENARIOS[sys.argv[1]](chosen)

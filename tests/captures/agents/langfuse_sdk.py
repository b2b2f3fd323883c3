"""Agent traced with the Langfuse SDK: agent, retriever, tool and generations.

Usage: langfuse_sdk.py {tool_call|tool_error|openai_wrapper}
The exporter posts to LANGFUSE_BASE_URL + /api/public/otel/v1/traces.
"""

import sys

import openai
from langfuse import get_client, propagate_attributes
from langfuse.model import Prompt_Text, TextPromptClient

QUESTION = "What is the weather in Paris?"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Current weather of a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]
PROMPT = TextPromptClient(
    Prompt_Text(
        name="weather-system",
        version=3,
        prompt="You answer questions about the weather.",
        config={},
        labels=["production"],
        tags=[],
        type="text",
    )
)


def by_hand(scenario: str) -> None:
    langfuse = get_client()
    client = openai.OpenAI(max_retries=0)
    start = langfuse.start_as_current_observation
    with (
        start(name="weather-agent", as_type="agent", input={"question": QUESTION}) as agent,
        propagate_attributes(user_id="user-7", session_id="session-42", tags=["demo"]),
    ):
        with start(name="search-stations", as_type="retriever", input="stations near Paris") as hit:
            hit.update(output=[{"text": "Paris-Montsouris"}, {"text": "Paris-Orly"}])
        messages = [
            {"role": "system", "content": PROMPT.prompt},
            {"role": "user", "content": QUESTION},
        ]
        for _ in range(2):
            with start(
                name="chat",
                as_type="generation",
                model="gpt-4o-mini",
                input=messages,
                prompt=PROMPT,
            ) as generation:
                answer = client.chat.completions.create(
                    model="gpt-4o-mini", messages=messages, tools=TOOLS
                )
                message = answer.choices[0].message.model_dump(exclude_none=True)
                usage = answer.usage
                generation.update(
                    output=message,
                    usage_details={
                        "input": usage.prompt_tokens - usage.prompt_tokens_details.cached_tokens,
                        "input_cached_tokens": usage.prompt_tokens_details.cached_tokens,
                        "output": usage.completion_tokens,
                    },
                    cost_details={"total": 0.00042},
                )
            messages.append(message)
            if "tool_calls" not in message:
                break
            with start(name="get_weather", as_type="tool", input={"city": "Paris"}) as tool:
                if scenario == "tool_error":
                    tool.update(level="ERROR", status_message="no station for Paris")
                    result = "error: no station for Paris"
                else:
                    result = {"city": "Paris", "celsius": 18, "sky": "sunny"}
                    tool.update(output=result)
            call = message["tool_calls"][0]
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": str(result)})
        agent.update(output={"answer": messages[-1]["content"]})
    langfuse.flush()


def openai_wrapper() -> None:
    from langfuse.openai import openai as traced

    client = traced.OpenAI(max_retries=0)
    with propagate_attributes(user_id="user-7", session_id="session-42"):
        client.chat.completions.create(
            name="ask",
            model="gpt-4o-mini",
            messages=[
                {"role": "system", "content": PROMPT.prompt},
                {"role": "user", "content": QUESTION},
            ],
            langfuse_prompt=PROMPT,
            tools=TOOLS,
        )
        for _ in client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": QUESTION}],
            stream=True,
            stream_options={"include_usage": True},
        ):
            pass
    get_client().flush()


if __name__ == "__main__":
    openai_wrapper() if sys.argv[1] == "openai_wrapper" else by_hand(sys.argv[1])

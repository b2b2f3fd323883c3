"""The demo agent with two prompt versions, of which b makes the model call tools wrongly.

    python -m tests.experiments.agent OTLP_ENDPOINT SESSIONS

Experiments come from EVERYSPAN_EXPERIMENTS. Prints one JSON object: session to variant.
"""

from __future__ import annotations

import json
import sys
import zlib

import everyspan

from demo.agent import SupportAgent
from demo.chat import ChatClient
from demo.help_pages import HelpPages
from demo.llm_standin import StandIn
from demo.scenarios import Scenario, Turn, instructions, shop
from demo.tools import Tools

PROMPTS = {
    "a": instructions(),
    "b": instructions() + "\nLook orders up by their id.",
}
#: Sessions in 100 whose tool call is wrong. The regression is planted here.
WRONG = {"a": 5, "b": 60}


def scenario(name: str, argument: str) -> Scenario:
    """The customer asks for an order; the model looks it up by an argument of this name."""
    answer = "Your order LF-1001 has shipped. [sources: none]"
    model = ({"call": "get_order", "with": {argument: "LF-1001"}}, {"say": answer})
    return Scenario(name, (Turn("Hello, where is my order LF-1001?", model, ()),))


def main(endpoint: str, sessions: int) -> None:
    everyspan.init(service="two-prompts", endpoint=endpoint, instrument=False)
    data = shop()
    given: dict[str, str | None] = {}
    played = [scenario("right", "order_id"), scenario("wrong", "id")]
    with StandIn(played) as standin:
        for number in range(sessions):
            session = f"session-{number}"
            with everyspan.context(session=session):
                variant = everyspan.variant("support-prompt", unit=session)
                everyspan.variant("tone")
                everyspan.variant("guarded")
                given[session] = variant
                unlucky = zlib.crc32(f"luck {number}".encode()) % 100 < WRONG[variant or "a"]
                headers = {
                    "X-Demo-Scenario": "wrong" if unlucky else "right",
                    "X-Demo-Turn": "0",
                }
                chat = ChatClient(standin.base_url, "gpt-4.1-mini", headers)
                pages = HelpPages(data.documents)
                prompt = PROMPTS[variant or "a"]
                agent = SupportAgent(chat, Tools(data, ()), pages, prompt, "two-prompts")
                agent.answer("Hello, where is my order LF-1001?")
    everyspan.flush()
    counts = everyspan.export_counts()
    print(json.dumps({"variants": given, "sent": counts.sent, "failed": counts.failed}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

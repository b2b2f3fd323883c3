"""Entry of `everyspan replay` for any trace of the demo: one turn of a conversation, again.

    everyspan replay TRACE_ID --from-step 4

pyproject.toml names this module, so that its entry is known where the repository is; elsewhere the
command takes `--entry demo.replay:answer`.

An agent that keeps a conversation must have it back first; the trace holds it, in the messages of
its first model call.
"""

from __future__ import annotations

from typing import Any

import everyspan
from everyspan.replay import Trace, chat_messages, model_url

from demo.agent import SupportAgent
from demo.chat import ChatClient
from demo.help_pages import HelpPages
from demo.llm_standin import StandIn
from demo.scenarios import Scenario, Turn, instructions, scenarios, shop
from demo.tools import Tools
from demo.traffic import MODEL


@everyspan.entry
def answer(question: str, recorded: Trace) -> str:
    """Answers the question of the recorded turn. Raises ValueError for a trace of another agent."""
    scenario, number = _turn(recorded, question)
    data = shop()
    with StandIn([scenario]) as standin:
        headers = {"X-Demo-Scenario": scenario.id, "X-Demo-Turn": str(number)}
        agent = SupportAgent(
            ChatClient(model_url(standin.base_url), MODEL, headers),
            Tools(data, scenario.faults),
            HelpPages([*data.documents, *scenario.documents]),
            instructions(),
            scenario.id,
            _history(recorded),
        )
        return agent.answer(question)


def _turn(recorded: Trace, question: str) -> tuple[Scenario, int]:
    name = recorded.root.attributes.get("demo.scenario")
    for scenario in scenarios():
        if scenario.id == name:
            asked: list[Turn] = [turn for turn in scenario.turns if turn.user == question]
            if asked:
                return scenario, scenario.turns.index(asked[0])
    raise ValueError(f"no scenario of the demo is {name!r} and asks {question!r}")


def _history(recorded: Trace) -> list[dict[str, Any]]:
    """What was said before this turn."""
    calls = recorded.model_calls
    said = chat_messages(calls[0]) if calls else []
    return [message for message in said[:-1] if message["role"] != "system"]

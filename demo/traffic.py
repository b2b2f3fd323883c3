"""Plays every scenario through the agent and says what was sent and what was planted.

    python -m demo.traffic --endpoint http://127.0.0.1:4318 --json

With --json, standard output is one JSON object a line: {"progress": [done, total]} as the work
goes on, then {"traffic": {...}} once. The token is taken from EVERYSPAN_INGEST_TOKEN or --token.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import everyspan

from demo import agent as _agent  # first: it says how to install the SDK when it is missing
from demo.chat import ChatClient
from demo.help_pages import HelpPages
from demo.llm_standin import StandIn
from demo.scenarios import DEFAULT_SEED, Plant, Scenario, Shop, instructions, scenarios, shop
from demo.tools import Tools

SERVICE = "larkfield-support"
MODEL = "gpt-4.1-mini"

_endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class TurnSent:
    """One trace and the truth about it."""

    trace_id: str
    session_id: str
    scenario: str
    turn: int
    plants: tuple[Plant, ...]


@dataclass(slots=True)
class Traffic:
    """What was sent. Spans are counted where the server acknowledged them."""

    spans_sent: int = 0
    spans_failed: int = 0
    turns: list[TurnSent] = field(default_factory=list)

    @property
    def trace_ids(self) -> list[str]:
        return [turn.trace_id for turn in self.turns]


def run_traffic(
    endpoint: str,
    token: str | None,
    progress: Callable[[int, int], None],
    seed: int = DEFAULT_SEED,
) -> Traffic:
    """Sends the whole traffic to the OTLP/HTTP base URL `endpoint`; returns once it is sent.

    `progress(done, total)` counts turns. A process has one OpenTelemetry set-up, so a second
    call must name the same endpoint; it raises RuntimeError else. For several, run this module
    as a subprocess.
    """
    global _endpoint
    if _endpoint is None:
        everyspan.init(
            service=SERVICE,
            endpoint=endpoint,
            token=token,
            environment="demo",
            version="1.4.0",
            entry="demo.replay:answer",
            instrument=False,  # the agent's model calls have a span written by hand
            quiet=True,
        )
        _endpoint = endpoint
    elif _endpoint != endpoint:
        raise RuntimeError(
            f"this process sends its spans to {_endpoint}; "
            f"to send to {endpoint} run: python -m demo.traffic --endpoint {endpoint}"
        )
    before = everyspan.export_counts()
    played = scenarios(seed)
    data, prompt = shop(), instructions()
    total = sum(len(scenario.turns) for scenario in played)
    traffic = Traffic()
    progress(0, total)
    with StandIn(played) as standin:
        for scenario in played:
            for sent in _converse(scenario, standin.base_url, data, prompt):
                traffic.turns.append(sent)
                progress(len(traffic.turns), total)
    everyspan.flush()
    after = everyspan.export_counts()
    traffic.spans_sent = after.sent - before.sent
    traffic.spans_failed = after.failed - before.failed
    return traffic


def _converse(scenario: Scenario, base_url: str, data: Shop, prompt: str) -> list[TurnSent]:
    pages = HelpPages([*data.documents, *scenario.documents])
    session = f"session-{zlib.crc32(scenario.id.encode()):08x}"
    variant = "ab"[zlib.crc32(session.encode()) % 2]
    headers = {"X-Demo-Scenario": scenario.id}
    chat = ChatClient(base_url, MODEL, headers)
    agent = _agent.SupportAgent(chat, Tools(data, scenario.faults), pages, prompt, scenario.id)
    sent: list[TurnSent] = []
    with everyspan.context(
        session=session,
        user=f"customer-{zlib.crc32(session.encode()) % 900 + 100}",
        prompt="support",
        prompt_version={"a": "3", "b": "4"}[variant],
        experiment="support-prompt",
        variant=variant,
    ):
        for number, turn in enumerate(scenario.turns):
            chat.headers["X-Demo-Turn"] = str(number)
            agent.answer(turn.user)
            sent.append(TurnSent(agent.trace_id, session, scenario.id, number, turn.plants))
    return sent


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Send the demo agent's traffic over OTLP/HTTP.")
    parser.add_argument("--endpoint", default="http://127.0.0.1:4318", help="base URL of OTLP/HTTP")
    parser.add_argument("--token", default=None, help="bearer token")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args(arguments)

    def show(done: int, total: int) -> None:
        if options.json:
            print(json.dumps({"progress": [done, total]}), flush=True)
        else:
            print(f"\r{done}/{total} turns", end="", file=sys.stderr, flush=True)

    traffic = run_traffic(options.endpoint, options.token, show, options.seed)
    if options.json:
        print(json.dumps({"traffic": asdict(traffic)}), flush=True)
    else:
        planted = sum(bool(turn.plants) for turn in traffic.turns)
        print(
            f"\n{traffic.spans_sent} spans in {len(traffic.turns)} traces sent to "
            f"{options.endpoint}, {planted} traces with planted failures"
        )
    if traffic.spans_failed or not traffic.spans_sent:
        print(
            f"{traffic.spans_failed} spans were not accepted by {options.endpoint}: "
            "is it the OTLP/HTTP address, and is the token right?",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

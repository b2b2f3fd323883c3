"""The demo's entry with its help pages and tools counted.

    python -m tests.replay.agents.demo_turn ENDPOINT SCENARIO…

sends the conversations and prints their trace ids, one a line: scenario, turn, trace id.
"""

from __future__ import annotations

import sys
from typing import Any

from demo import replay, traffic
from demo.help_pages import HelpPages
from demo.scenarios import scenarios
from demo.tools import Tools
from tests.replay.model import called

answer = replay.answer


def _count() -> None:
    score, use = HelpPages._score, Tools._answer

    def counted_score(self: HelpPages, words: list[str], index: int) -> float:
        if index == 0:
            called("help_pages")
        return score(self, words, index)

    def counted_use(self: Tools, tool: str, healthy: Any) -> Any:
        called(tool)
        return use(self, tool, healthy)

    HelpPages._score = counted_score  # type: ignore[method-assign]
    Tools._answer = counted_use  # type: ignore[method-assign]


_count()


def main(endpoint: str, names: list[str]) -> None:
    traffic.scenarios = lambda seed: [s for s in scenarios(seed) if s.id in names]  # type: ignore[attr-defined]
    for turn in traffic.run_traffic(endpoint, None, lambda done, total: None).turns:
        print(turn.scenario, turn.turn, turn.trace_id)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

"""greshake/llm-security: the first indirect injections, out of scenarios and puzzles."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.glob("scenarios/puzzle/puzzles/*"):
        yield Record("prompt_injection", 1, "page_puzzle", context=[snapshot.text(path)])
    for path in snapshot.glob("scenarios/gpt*/*.py"):
        for node in ast.walk(ast.parse(snapshot.text(path))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value.strip()
                if len(text) > 200 and "{" not in text[:1]:
                    yield Record("prompt_injection", 1, "agent_hijack", context=[text])

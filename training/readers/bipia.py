"""microsoft/BIPIA: its attacks built into its e-mails, tables and code pages, and these alone.

Each context comes once clean and once attacked, at start, middle or end.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

from training.mirror import Snapshot
from training.record import Record


def _text(value: Any) -> str:
    return "\n".join(value) if isinstance(value, list) else str(value)


def _attacks(snapshot: Snapshot, kind: str) -> list[tuple[str, str]]:
    files = [f"benchmark/{kind}_attack_{part}.json" for part in ("train", "test")]
    families = [pair for path in files for pair in snapshot.json(path).items()]
    longest = max(len(texts) for _, texts in families)
    return [
        (family.lower().replace(" ", "_").replace("&", "and"), texts[at])
        for at in range(longest)
        for family, texts in families
        if at < len(texts)
    ]


def _placed(context: str, attack: str, at: int) -> str:
    lines = context.split("\n")
    where = (0, len(lines) // 2, len(lines))[at % 3]
    return "\n".join([*lines[:where], attack, *lines[where:]])


def read(snapshot: Snapshot) -> Iterator[Record]:
    for name, kind, cap in (("email", "text", 100), ("table", "text", 500), ("code", "code", 100)):
        attacks = cycle(_attacks(snapshot, kind))
        rows = [
            row
            for part in ("train", "test")
            for row in snapshot.jsonl(f"benchmark/{name}/{part}.jsonl")
        ]
        for at, row in enumerate(rows[:cap]):
            context, asked = _text(row["context"]), _text(row.get("question") or row.get("error"))
            yield Record("prompt_injection", 0, f"{name}_benign", asked, context=[context])
            for again in range(4 if name != "table" else 1):
                family, attack = next(attacks)
                attacked = _placed(context, attack, at + again)
                yield Record("prompt_injection", 1, family, asked, context=[attacked])

"""Everything there is, one item a line. Also what ``everyspan evaluate`` reads: ``input``,
``output``, ``context``, ``steps`` and ``label`` (1 for a failure) are its names."""

from __future__ import annotations

from experiments.datasets.item import Version
from experiments.datasets.layouts.criterion import lines


def files(version: Version) -> dict[str, bytes]:
    """items.jsonl."""
    return {
        "items.jsonl": lines(
            [
                item.model_dump(mode="json", exclude={"tool_calls"})
                | {
                    "label": int(item.kind == "failure"),
                    "steps": [
                        {
                            "kind": "tool",
                            "name": call["name"],
                            "input": call["arguments"],
                            "output": call["result"],
                            "status": "error" if call["failed"] else "",
                        }
                        for call in item.tool_calls
                    ],
                }
                for item in version.items
            ]
        )
    }

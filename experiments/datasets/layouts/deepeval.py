"""DeepEval: goldens, for ``EvaluationDataset().add_goldens_from_json_file(path)`` with its default
key names. A golden has no answer: yours comes from your application when it is tested; the one that
failed is in ``additional_metadata``. See: deepeval.com/docs/evaluation-datasets."""

from __future__ import annotations

from typing import Any

import orjson

from classify import messages
from experiments.datasets.item import Item, Version
from experiments.datasets.layouts.criterion import about, criterion


def files(version: Version) -> dict[str, bytes]:
    """deepeval/goldens.json."""
    goldens = [_golden(item, version) for item in version.items]
    return {"deepeval/goldens.json": orjson.dumps(goldens, option=orjson.OPT_INDENT_2)}


def _golden(item: Item, version: Version) -> dict[str, Any]:
    return {
        "name": item.id,
        "input": item.request,
        "expected_output": item.expected or None,
        "context": item.context or None,
        "expected_tools": _tools(item) if item.kind == "control" else None,
        "comments": criterion(item),
        "additional_metadata": about(item, version)
        | {"messages": item.messages, "output": item.output, "tools_called": _tools(item)},
    }


def _tools(item: Item) -> list[dict[str, Any]] | None:
    found = []
    for call in item.tool_calls:
        arguments = messages.decode(call["arguments"])
        found.append(
            {
                "name": call["name"],
                "input_parameters": arguments if isinstance(arguments, dict) else None,
                "output": call["result"] or None,
            }
        )
    return found or None

"""LangSmith: examples, for ``Client().create_examples(dataset_name=…, examples=[…])`` or the JSONL
import of its pages. Ids are the same in every version, so that an upload updates what is there;
``split`` tells failures from controls. See: docs.langchain.com/langsmith, example data format.

``outputs`` is what every release of the SDK takes; newer ones also call it reference_outputs.
"""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from experiments.datasets.item import Item, Version
from experiments.datasets.layouts.criterion import about, criterion, lines


def files(version: Version) -> dict[str, bytes]:
    """langsmith/examples.jsonl."""
    return {"langsmith/examples.jsonl": lines([_example(item, version) for item in version.items])}


def _example(item: Item, version: Version) -> dict[str, Any]:
    return {
        # An id is one example's, in one data set.
        "id": str(uuid5(NAMESPACE_URL, f"everyspan:{version.dataset}:{item.id}")),
        "inputs": {
            "input": item.request,
            "messages": item.messages,
            "context": item.context,
        },
        "outputs": {"output": item.expected} if item.expected else None,
        "metadata": about(item, version)
        | {"criterion": criterion(item), "output_in_production": item.output},
        "split": item.kind,
    }

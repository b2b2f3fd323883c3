"""What a good answer is, in one sentence: for judges that read words."""

from __future__ import annotations

from typing import Any

import orjson

from experiments.datasets.item import Item, Version


def criterion(item: Item) -> str:
    """For a failure what must not come again; for a control what was good."""
    if item.kind == "control":
        return f"Says in substance the same as this answer, which was good: {item.expected}"
    failed = ", ".join(name.replace("_", " ") for name in item.failed) or "the step failed"
    said = "; ".join(item.evidence[name] for name in item.failed if item.evidence.get(name))
    evidence = f" ({said})" if said else ""
    answer = f" The answer that failed: {item.output}" if item.output else ""
    return f"Answers the request without this failure: {failed}{evidence}.{answer}"


def about(item: Item, version: Version) -> dict[str, Any]:
    """Where an item comes from: flat, for a tool's metadata."""
    return {
        "id": item.id,
        "dataset": version.dataset,
        "version": version.number,
        "kind": item.kind,
        "topic": item.topic,
        "cluster": item.cluster,
        "failed": ", ".join(item.failed),
        "evidence": "; ".join(f"{name}: {said}" for name, said in item.evidence.items()),
        "service": item.service_name,
        "step": item.name,
        "model": item.model,
        "prompt_version": item.prompt_version,
        "trace_id": item.trace_id,
        "span_id": item.span_id,
        "matched_to": item.matched_to,
    }


def lines(values: list[dict[str, Any]]) -> bytes:
    """JSONL."""
    return b"".join(orjson.dumps(value) + b"\n" for value in values)

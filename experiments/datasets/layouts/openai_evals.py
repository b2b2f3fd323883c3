"""OpenAI evals: the Evals API, and the samples of the open-source ``oaieval``.

* ``items.jsonl``: ``{"item": {...}}`` a line, as `source: {type: file_content | file_id}` of a run
  takes it. ``eval.json``: the arguments of ``client.evals.create``, its item_schema and a grader.
  See: platform.openai.com/docs/api-reference/evals.
* ``samples.jsonl``: ``{"input": [messages], "ideal": …}``; ``ideal`` only where a good answer is
  known; ``criterion`` for model-graded templates. See: github.com/openai/evals, docs/build-eval.md.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson

from experiments.datasets.item import Item, Version
from experiments.datasets.layouts.criterion import about, criterion, lines

_FALLBACK_MODEL = "gpt-4.1-mini"
_TEXT = {"type": "string"}


def files(version: Version) -> dict[str, bytes]:
    """Three files in openai-evals/."""
    return {
        "openai-evals/items.jsonl": lines([{"item": _item(i, version)} for i in version.items]),
        "openai-evals/eval.json": orjson.dumps(_eval(version), option=orjson.OPT_INDENT_2),
        "openai-evals/samples.jsonl": lines([_sample(i) for i in version.items]),
    }


def _item(item: Item, version: Version) -> dict[str, Any]:
    return {
        "id": item.id,
        "request": item.request,
        "messages": item.messages,
        "context": item.context,
        "output": item.output,
        "expected": item.expected,
        "criterion": criterion(item),
        "metadata": {name: str(value) for name, value in about(item, version).items()},
    }


def _eval(version: Version) -> dict[str, Any]:
    models = Counter(i.model for i in version.items if i.provider == "openai" and i.model)
    model = models.most_common(1)[0][0] if models else _FALLBACK_MODEL
    return {
        "name": f"{version.dataset} v{version.number}",
        "metadata": {"content_hash": version.content_hash},
        "data_source_config": {
            "type": "custom",
            "include_sample_schema": True,
            "item_schema": {
                "type": "object",
                "properties": {
                    "id": _TEXT,
                    "request": _TEXT,
                    "messages": {"type": "array", "items": {"type": "object"}},
                    "context": {"type": "array", "items": _TEXT},
                    "output": _TEXT,
                    "expected": _TEXT,
                    "criterion": _TEXT,
                    "metadata": {"type": "object", "additionalProperties": _TEXT},
                },
                "required": ["id", "request", "messages", "criterion"],
            },
        },
        "testing_criteria": [
            {
                "type": "label_model",
                "name": "meets the criterion",
                "model": model,
                "labels": ["pass", "fail"],
                "passing_labels": ["pass"],
                "input": [
                    {
                        "role": "developer",
                        "content": "Judge the answer by the criterion alone: pass or fail.",
                    },
                    {
                        "role": "user",
                        "content": "Request: {{item.request}}\n\nAnswer: {{sample.output_text}}\n\n"
                        "Criterion: {{item.criterion}}",
                    },
                ],
            }
        ],
    }


def _sample(item: Item) -> dict[str, Any]:
    sample: dict[str, Any] = {
        "input": item.messages or [{"role": "user", "content": item.input}],
        "criterion": criterion(item),
        "id": item.id,
    }
    if item.expected:
        sample["ideal"] = item.expected
    return sample

"""RAGAS: single-turn samples, for ``EvaluationDataset.from_jsonl(path)``. ``response`` is what
production answered; put your own answer there to score it. RAGAS keeps no other fields: line n is
line n of ids.txt. See: docs.ragas.io, SingleTurnSample."""

from __future__ import annotations

from experiments.datasets.item import Version
from experiments.datasets.layouts.criterion import lines


def files(version: Version) -> dict[str, bytes]:
    """ragas/samples.jsonl and ragas/ids.txt."""
    return {
        "ragas/samples.jsonl": lines(
            [
                {
                    "user_input": item.request,
                    "retrieved_contexts": item.context,
                    "response": item.output,
                    "reference": item.expected or None,
                }
                for item in version.items
            ]
        ),
        "ragas/ids.txt": "".join(f"{item.id}\n" for item in version.items).encode(),
    }

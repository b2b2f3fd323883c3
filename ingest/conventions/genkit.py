"""Genkit. Source: firebase/genkit, core tracing (attributes ``genkit:*``)."""

from __future__ import annotations

from ingest.conventions.convention import Convention

CONVENTION = Convention(
    name="genkit",
    evidence=("genkit:*",),
    columns=(
        ("genkit:input", "input"),
        ("genkit:output", "output"),
        ("genkit:sessionId", "session_id"),
    ),
    kinds={
        "genkit:metadata:subtype": {
            "model": "llm",
            "background-model": "llm",
            "embedder": "embedding",
            "tool": "tool",
            "tool.v2": "tool",
            "retriever": "retrieval",
            "reranker": "reranker",
            "evaluator": "evaluator",
            "flow": "chain",
            "prompt": "prompt",
        }
    },
    understood=("genkit:*",),
)

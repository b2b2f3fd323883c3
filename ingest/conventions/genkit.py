"""Genkit, JavaScript and Go. Source: firebase/genkit, core tracing (attributes ``genkit:*``).

A model's step is named ``provider/model``; its answer has the usage and, by plugin, the provider's
own answer in ``raw`` or ``custom``. ``generate`` repeats what the model below it says.
"""

from __future__ import annotations

from ingest.conventions.answers import data_of
from ingest.conventions.convention import Attributes, Convention, Draft

_MODELS = ("model", "background-model", "embedder")


def content(attributes: Attributes, draft: Draft) -> None:
    """Names, and the texts that an embedder was given."""
    subtype = attributes.get("genkit:metadata:subtype")
    name = attributes.get("genkit:name")
    if subtype in _MODELS and isinstance(name, str):
        draft.set("model", name)
        provider, slash, _ = name.partition("/")
        draft.set("provider", provider if slash else "")
    elif subtype in ("tool", "tool.v2"):
        draft.set("tool_name", name)
    elif subtype == "prompt":
        draft.set("prompt_name", name)
    elif subtype == "agent":
        draft.set("agent_name", name)
    if subtype == "embedder":
        given = data_of(attributes.get("genkit:input"))
        if isinstance(given, dict) and isinstance(given.get("input"), list):
            draft.values["input_messages"] = [
                {"role": "user", **item} for item in given["input"] if isinstance(item, dict)
            ]


CONVENTION = Convention(
    name="genkit",
    evidence=("genkit:*",),
    columns=(
        ("genkit:input", "input"),
        ("genkit:output", "output"),
        ("genkit:sessionId", "session_id"),
        ("genkit:metadata:sessionId", "session_id"),
        ("genkit:metadata:flow:name", "agent_name"),
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
            "agent": "agent",
            "util": "chain",
        },
        "genkit:type": {"util": "chain", "flow": "chain", "userengagement": "evaluator"},
    },
    content=content,
    understood=(
        "genkit:key",
        "genkit:name",
        "genkit:path",
        "genkit:state",
        "genkit:isRoot",
        "genkit:isFailureSource",
        "genkit:type",
    ),
)

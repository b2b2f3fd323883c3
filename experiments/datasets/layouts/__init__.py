"""The layouts that evaluation tools read: one module each, a version in, files out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from experiments.datasets.item import Version
from experiments.datasets.layouts import deepeval, jsonl, langsmith, openai_evals, promptfoo, ragas

#: A version with its items to relative path and content.
Layout = Callable[[Version], dict[str, bytes]]

LAYOUTS: Mapping[str, Layout] = {
    "jsonl": jsonl.files,
    "openai-evals": openai_evals.files,
    "promptfoo": promptfoo.files,
    "deepeval": deepeval.files,
    "ragas": ragas.files,
    "langsmith": langsmith.files,
}

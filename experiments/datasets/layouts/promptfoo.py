"""promptfoo: a configuration and a file of test cases.

Values of ``vars`` are templates (Nunjucks) and, where they begin with ``file://`` or ``package:``,
paths that promptfoo reads or runs. What users wrote must be neither: a blank goes into "{{", "{%",
"{#" and "#}", and in front of such a word. Lists would be multiplied out: messages are JSON text.
See: promptfoo.dev/docs/configuration/test-cases, promptfoo's evaluatorHelpers (renderPrompt).
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import orjson
import yaml

from experiments.datasets.item import Item, Version
from experiments.datasets.layouts.criterion import about, criterion, lines

_TEMPLATE = re.compile(r"(\{)(?=[{%#])|(#)(?=\})")
_PATH = re.compile(r"^(?=(?:file://|package:))")
_PROVIDERS = {"openai": "openai:chat", "anthropic": "anthropic:messages"}


def files(version: Version) -> dict[str, bytes]:
    """promptfoo/promptfooconfig.yaml and promptfoo/tests.jsonl."""
    config = {
        "description": f"{version.dataset} v{version.number}",
        "prompts": ["{{messages}}"],
        "providers": [_provider(version)],
        "tests": "file://tests.jsonl",
    }
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    return {
        "promptfoo/promptfooconfig.yaml": (
            "# `messages` is what production sent; put your own prompt here, with {{request}} or\n"
            f"# {{{{context}}}}, to test another one.\n{text}"
        ).encode(),
        "promptfoo/tests.jsonl": lines([_test(item, version) for item in version.items]),
    }


def plain(text: str) -> str:
    """The text, such that promptfoo takes it for nothing but text."""
    return _PATH.sub(" ", _TEMPLATE.sub(r"\g<0> ", text))


def _test(item: Item, version: Version) -> dict[str, Any]:
    messages = item.messages or [{"role": "user", "content": item.input}]
    return {
        "description": f"{item.kind} {item.id}: {item.topic}",
        "vars": {
            "request": plain(item.request),
            "messages": plain(orjson.dumps(messages).decode()),
            "context": plain("\n\n".join(item.context)),
        },
        "assert": [{"type": "llm-rubric", "value": plain(criterion(item))}],
        "metadata": about(item, version),
    }


def _provider(version: Version) -> str:
    """The one that most items went to; ``echo``, which answers with the prompt, for others."""
    used = Counter((i.provider, i.model) for i in version.items if i.model)
    for (provider, model), _ in used.most_common():
        if provider in _PROVIDERS:
            return f"{_PROVIDERS[provider]}:{model}"
    return "echo"

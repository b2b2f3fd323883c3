"""Token counts of any spelling and nesting: ``promptTokens``, ``usage.input_tokens``, Gemini's.

A name is compared without its case and punctuation, so ``cacheReadInputTokens`` and
``cache_read_input_tokens`` are one row below. Source of the names: the usage objects of the APIs of
OpenAI (chat completions, responses, realtime), Anthropic, Gemini, Bedrock Converse, Cohere, Mistral
and Ollama, and what frameworks make of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

#: Column to names, without case and punctuation. Beside columns of ``spans`` there are counts that
#: only a price needs.
NAMES: dict[str, tuple[str, ...]] = {
    "input_tokens": (
        "inputtokens",
        "prompttokens",
        "inputtokencount",
        "prompttokencount",
        "prompttokensused",
        "prompttokenstotal",
        "inputtokenstotal",
        "tokensinput",
        "tokensprompt",
        "prompttokensprocessed",
        "promptevalcount",
        "inputunits",
    ),
    "output_tokens": (
        "outputtokens",
        "completiontokens",
        "outputtokencount",
        "completiontokencount",
        "candidatestokencount",
        "generatedtokens",
        "generatedtokencount",
        "tokensoutput",
        "tokenscompletion",
        "evalcount",
    ),
    "cached_input_tokens": (
        "cachedinputtokens",
        "cachedtokens",
        "cachereadinputtokens",
        "cachereadinputtokencount",
        "cachereadtokens",
        "cachedcontenttokencount",
        "cachedcontenttokens",
        "inputcachedtokens",
        "inputcacheread",
        "inputcachereadtokens",
        "cachedprompttokens",
        "prompttokenscached",
        "promptcachedtokens",
        "promptcachehittokens",
        "cachereads",
        "cacheread",
    ),
    "cache_write_tokens": (
        "cachecreationinputtokens",
        "cachewriteinputtokens",
        "cachewriteinputtokencount",
        "cachecreationtokens",
        "cachewritetokens",
        "inputcachecreation",
        "inputcachewrite",
        "cachewrite",
        "cachecreation",
    ),
    "uncached_tokens": ("nocachetokens", "nocacheinputtokens", "uncachedinputtokens", "nocache"),
    "reasoning_tokens": (
        "reasoningtokens",
        "reasoningoutputtokens",
        "outputreasoningtokens",
        "completionreasoningtokens",
        "outputtokensreasoning",
        "thinkingtokens",
    ),
    # Gemini counts what it thought beside its answer.
    "thoughts_tokens": ("thoughtstokencount", "thoughtstokens"),
    "input_audio_tokens": ("inputaudiotokens", "audioinputtokens", "promptaudiotokens"),
    "output_audio_tokens": ("outputaudiotokens", "audiooutputtokens", "completionaudiotokens"),
    "input_image_tokens": ("inputimagetokens", "promptimagetokens"),
    "output_image_tokens": ("outputimagetokens", "completionimagetokens"),
    "cached_audio_tokens": ("cachedaudiotokens", "cachereadaudiotokens"),
    "cache_write_1h_tokens": ("ephemeral1hinputtokens", "cachewrite1htokens"),
    "total_tokens": ("totaltokens", "totaltokencount", "tokenstotal"),
}
#: Within ``prompt_tokens_details`` and its like; the name of the object says of which side.
_DETAILS = {
    "input": {
        "cachedtokens": "cached_input_tokens",
        "cached": "cached_input_tokens",
        "cacheread": "cached_input_tokens",
        "cachereadtokens": "cached_input_tokens",
        "cachewrite": "cache_write_tokens",
        "cachewritetokens": "cache_write_tokens",
        "cachecreation": "cache_write_tokens",
        "cachecreationtokens": "cache_write_tokens",
        "audiotokens": "input_audio_tokens",
        "audio": "input_audio_tokens",
        "imagetokens": "input_image_tokens",
        "image": "input_image_tokens",
    },
    "cached": {"audiotokens": "cached_audio_tokens", "audio": "cached_audio_tokens"},
    "output": {
        "reasoningtokens": "reasoning_tokens",
        "reasoning": "reasoning_tokens",
        "audiotokens": "output_audio_tokens",
        "audio": "output_audio_tokens",
        "imagetokens": "output_image_tokens",
        "image": "output_image_tokens",
    },
}
_BY_NAME = {name: column for column, names in NAMES.items() for name in names}
_PUNCTUATION = re.compile(r"[^a-z0-9]+")
_DEEPEST = 3
#: Where requests' answers keep their usage, in the order of trust.
USAGE_KEYS = (
    "usage",
    "usage_metadata",
    "usageMetadata",
    "usageDetails",
    "usage_details",
    "token_usage",
    "tokenUsage",
    "estimatedTokenUsage",
)


@lru_cache(maxsize=20_000)
def column_of(name: str) -> str:
    """The column that a name of a count means, '' for none."""
    return _BY_NAME.get(_PUNCTUATION.sub("", name.lower()), "")


def usage_of(usage: Any) -> dict[str, float | int]:
    """Column to count in a usage object; {} for none.

    ``output_tokens`` includes what Gemini calls thoughts, which are ``reasoning_tokens`` then.
    """
    if not isinstance(usage, dict):
        return {}
    found: dict[str, float | int] = {}
    for column, number in _counts(usage, "", 0):
        if found.get(column, 0) == 0:
            found[column] = number
    thoughts = found.pop("thoughts_tokens", None)
    total = found.pop("total_tokens", None)
    if thoughts is not None:
        told = found.get("output_tokens", 0)
        if total is None or found.get("input_tokens", 0) + told != total or not told:
            found["output_tokens"] = told + thoughts
        found.setdefault("reasoning_tokens", thoughts)
    elif total and "input_tokens" in found and "output_tokens" not in found:
        found["output_tokens"] = max(0, total - found["input_tokens"])
    return found


def _counts(usage: dict[str, Any], side: str, depth: int) -> Iterator[tuple[str, float | int]]:
    inner = []
    for key, value in usage.items():
        name = _PUNCTUATION.sub("", str(key).lower())
        if isinstance(value, dict):
            inner.append((name, value))
        elif isinstance(value, list) and (of_kinds := _by_modality(value)):
            inner.append((name, of_kinds))
        elif isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
            column = _DETAILS[side].get(name) if side else None
            column = column or _BY_NAME.get(name)
            if column and not (side and column in ("input_tokens", "output_tokens")):
                yield column, value
    if depth >= _DEEPEST:
        return
    for name, value in inner:
        within = side
        if name.startswith("cache") and "details" in name:
            within = "cached"
        elif name.startswith(("input", "prompt")):
            within = "input"
        elif name.startswith(("output", "completion", "candidates", "response")):
            within = "output"
        if within == side and "total" in value and name in ("inputtokens", "outputtokens"):
            within = ""
        total = value.get("total")
        if name in ("inputtokens", "outputtokens") and isinstance(total, int):
            yield ("input_tokens" if name == "inputtokens" else "output_tokens"), total
        yield from _counts(value, within, depth + 1)


def _by_modality(details: list[Any]) -> dict[str, Any]:
    """Gemini's ``[{"modality": "AUDIO", "tokenCount": 10}]`` as ``{"audio": 10}``."""
    return {
        str(item["modality"]).lower(): item.get("tokenCount", item.get("token_count"))
        for item in details
        if isinstance(item, dict) and "modality" in item
    }


def find_usage(answer: Any) -> dict[str, float | int]:
    """The usage within an answer: an API's, a framework's message, a list of them.

    The outermost counts. Where one further in counts the same and says more of it, that one does.
    """
    first: dict[str, float | int] = {}
    for usage in _usages(answer, 0):
        if not first or (
            len(usage) > len(first)
            and all(
                usage.get(side) == first.get(side) for side in ("input_tokens", "output_tokens")
            )
        ):
            first = usage
    return first


def _usages(answer: Any, depth: int) -> Iterator[dict[str, float | int]]:
    if depth > 6:
        return
    if isinstance(answer, list):
        for item in answer[:4]:
            yield from _usages(item, depth + 1)
        return
    if not isinstance(answer, dict):
        return
    for key in USAGE_KEYS:
        found = usage_of(answer.get(key))
        if found.keys() & {"input_tokens", "output_tokens"}:
            yield found
    for key in ANSWER_KEYS:
        inner = answer.get(key)
        if isinstance(inner, dict | list):
            yield from _usages(inner, depth + 1)


#: Where an answer keeps the provider's own one, or the message that carries its metadata.
ANSWER_KEYS = (
    "llm_output",
    "llmOutput",
    "response_metadata",
    "meta",
    "_meta",
    "raw",
    "custom",
    "body",
    "response",
    "message",
    "kwargs",
    "generations",
    "replies",
    "choices",
    "candidates",
    "messages",
    "result",
    "output",
)

"""Why a model stopped, in the words of OpenTelemetry GenAI: stop, length, tool_call,
content_filter, error. What is none of them stays as it came, in small letters.

Source: gen-ai-output-messages.json (FinishReason) of open-telemetry/semantic-conventions-genai.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from ingest.attributes import loads

_WORDS = {
    "stop": "stop stop_sequence end_turn completed complete eos finished done endturn end",
    "length": "length max_tokens max_output_tokens model_length maxtokens token_limit model_context"
    "_window_exceeded",
    "tool_call": "tool_call tool_calls tool_use function_call function_calls tool_execution"
    " toolcalls tooluse toolcall",
    "content_filter": "content_filter safety refusal blocklist prohibited_content spii recitation"
    " guardrail_intervened content_filtered",
    "error": "error other_error malformed_function_call failed",
}
_BY_WORD = {word: reason for reason, words in _WORDS.items() for word in words.split()}
_SPACES = re.compile(r"[\s-]+")
_LONGEST = 64
#: Characters that are looked at, and remembered.
_LONGEST_READ = 256


def finish_reason(value: Any) -> str:
    """One reason of a text, a list, or JSON of one; of several the last."""
    if isinstance(value, str) and value[:1] in ("[", '"'):
        value = loads(value)
    if isinstance(value, list):
        value = value[-1] if value else ""
    return _in_one_word(value[:_LONGEST_READ]) if isinstance(value, str) else ""


@lru_cache(maxsize=1024)
def _in_one_word(value: str) -> str:
    word = _SPACES.sub("_", value.strip().lower().rpartition(".")[2])
    if word in ("", "unknown", "none", "null", "finish_reason_unspecified"):
        return ""
    return _BY_WORD.get(word, word[:_LONGEST])

"""How long until the first token, in milliseconds, of whatever a library says.

Seconds (OpenTelemetry), milliseconds (Strands and others under the same name) or the moment itself.
"""

from __future__ import annotations

from datetime import datetime
from math import isfinite
from typing import Any

#: Events that mark the first piece of a streamed answer. OpenInference, Traceloop, Vercel AI SDK,
#: LangSmith.
FIRST_TOKEN_EVENTS = frozenset(
    {
        "First Token Stream Event",
        "llm.content.completion.chunk",
        "gen_ai.content.completion.chunk",
        "ai.stream.firstChunk",
        "new_token",
        "first_token",
    }
)


def milliseconds(value: Any, start: int, duration_ms: float) -> float | None:
    """``value``: seconds, or a moment as ISO 8601 text; ``start``: nanoseconds since 1970.

    None for what is none. A number of seconds that is longer than the step took is milliseconds.
    """
    if isinstance(value, str):
        text = value.strip('"')
        try:
            value = float(text)
        except ValueError:
            try:
                moment = datetime.fromisoformat(text)
            except ValueError:
                return None
            after = moment.timestamp() * 1000 - start / 1e6
            return after if moment.tzinfo is not None and after >= 0 else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    if value <= 0:
        return None
    return float(value) if duration_ms and value * 1000 > duration_ms + 1000 else value * 1000.0

"""What of a request is not stored, for ``partial_success``: reasons with an example."""

from __future__ import annotations

_MOST_REASONS = 20
_LONGEST = 300
_OTHER = "other reasons"


class Rejected:
    """Reasons in the order they came in. However many items are bad, the answer stays short."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str]] = {}

    def add(self, reason: str, example: str = "", number: int = 1) -> None:
        """``example``: which item; only the first one of a reason is kept."""
        reason = _printable(reason)
        if reason not in self._found and len(self._found) >= _MOST_REASONS:
            reason, example = _OTHER, ""
        count, first = self._found.get(reason, (0, _printable(example)))
        self._found[reason] = (count + number, first)

    def reasons(self) -> dict[str, int]:
        """Reason, with its example, to number of items."""
        return {
            f"{reason} ({first})" if first else reason: count
            for reason, (count, first) in self._found.items()
        }


def _printable(text: str) -> str:
    # It goes into a protobuf string, and may quote what was no text.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"

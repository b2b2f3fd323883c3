"""Labels and annotations of a rule: the part of Grafana's template language that ours use.

``{{ $labels.NAME }}``, ``{{ $values.REF.Value }}``, ``{{ $values.REF }}`` and, before any of them,
one of the functions below; ``{{ with $labels.NAME }}…{{ . }}…{{ else }}…{{ end }}``, the same with
``$values.REF`` and ``.Value``. Grafana's own does more; what it does more is named in the error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.S)
_LABEL = re.compile(r"\$labels\.(\w+)")
_WITH = re.compile(
    r"\{\{ with \$(values|labels)\.(\w+) \}\}(.*?)(?:\{\{ else \}\}(.*?))?\{\{ end \}\}", re.S
)
_VALUE = re.compile(r"\$values\.(\w+)(?:\.Value)?")


class TemplateError(ValueError):
    """A template that only Grafana itself can render."""


def _percentage(value: float) -> str:
    return f"{value * 100:.4g}%"


def _humanized(value: float) -> str:
    """With the prefixes of the SI."""
    prefixes = ("", "k", "M", "G", "T", "P")
    size = 0
    while abs(value) >= 1000 and size < len(prefixes) - 1:
        value /= 1000
        size += 1
    return f"{value:.4g}{prefixes[size]}"


def _duration(value: float) -> str:
    """1d 2h 3m 4s."""
    if abs(value) < 60:
        return f"{value:.4g}s"
    left = int(abs(value))
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count}{unit}")
    return ("-" if value < 0 else "") + " ".join(parts)


_FUNCTIONS: dict[str, Callable[[float], str]] = {
    "humanize": _humanized,
    "humanizePercentage": _percentage,
    "humanizeDuration": _duration,
}


def render(template: str, labels: Mapping[str, str], values: Mapping[str, float]) -> str:
    """A label that is missing is '', as in Grafana. Raises TemplateError."""

    def action(found: re.Match[str]) -> str:
        words = found[1].split()
        function = _FUNCTIONS.get(words[0]) if len(words) == 2 else None
        if len(words) == 1 and (label := _LABEL.fullmatch(words[0])):
            return labels.get(label[1], "")
        value = _VALUE.fullmatch(words[-1]) if words else None
        if value and (function or len(words) == 1):
            number = values.get(value[1])
            if number is None:
                return "[no value]"
            return function(number) if function else f"{number:.10g}"
        raise TemplateError(
            f"'{found[0]}': without Grafana only $labels.NAME, $values.REF.Value and"
            f" {', '.join(_FUNCTIONS)} can be rendered"
        )

    def guarded(found: re.Match[str]) -> str:
        kind, name = found[1], found[2]
        if name not in values if kind == "values" else not labels.get(name):
            return found[4] or ""
        whole, value = f"$labels.{name}", f"$values.{name}.Value"
        return re.sub(r"(?<=[ {])\.(Value)?(?=[ }])", lambda m: value if m[1] else whole, found[3])

    return _ACTION.sub(action, _WITH.sub(guarded, template))

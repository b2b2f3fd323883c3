"""Labels and annotations of a rule: the part of Grafana's template language that ours use.

``{{ $labels.NAME }}``, ``{{ $values.REF.Value }}``, ``{{ $values.REF }}`` and calls of the
functions below with them, texts and calls in brackets; ``{{ with $labels.NAME }}…{{ . }}…{{ else }}
…{{ end }}``, the same with ``$values.REF`` and ``.Value``. Grafana's own does more; what it does
more is named in the error.
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
_WORD = re.compile(r"\"[^\"\\]*\"|[()]|[^\s()\"]+")
_FORMAT = re.compile(r"%\.\df")
_NO_VALUE = "[no value]"


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


def _replaced(pattern: str, by: str, text: str) -> str:
    return re.sub(pattern, by.replace("\\", r"\\"), text)


def _printed(form: str, value: str) -> str:
    if not _FORMAT.fullmatch(form):
        raise ValueError(form)
    return form % float(value)


#: Arguments are texts, as numbers are for them that Go's templates hand on.
_FUNCTIONS: dict[str, tuple[int, Callable[..., str]]] = {
    "humanize": (1, lambda value: _humanized(float(value))),
    "humanizePercentage": (1, lambda value: _percentage(float(value))),
    "humanizeDuration": (1, lambda value: _duration(float(value))),
    "printf": (2, _printed),
    "reReplaceAll": (3, _replaced),
}


def render(template: str, labels: Mapping[str, str], values: Mapping[str, float]) -> str:
    """A label that is missing is '', as in Grafana. Raises TemplateError."""

    def one(word: str) -> str:
        if word.startswith('"'):
            return word[1:-1]
        if label := _LABEL.fullmatch(word):
            return labels.get(label[1], "")
        if value := _VALUE.fullmatch(word):
            number = values.get(value[1])
            return _NO_VALUE if number is None else f"{number:.10g}"
        raise ValueError(word)

    def call(words: list[str]) -> str:
        """Takes from ``words`` up to the bracket that closes."""
        given: list[str] = []
        name = words.pop(0) if words and words[0] in _FUNCTIONS else ""
        while words and words[0] != ")":
            word = words.pop(0)
            given.append(call(words) if word == "(" else one(word))
            if word == "(" and (not words or words.pop(0) != ")"):
                raise ValueError("a bracket is open")
        if _NO_VALUE in given:
            return _NO_VALUE
        number, function = _FUNCTIONS.get(name, (1, str))
        if len(given) != number:
            raise ValueError(name)
        return function(*given)

    def action(found: re.Match[str]) -> str:
        words = _WORD.findall(found[1])
        try:
            told = call(words)
        except (ValueError, re.error):
            words = ["?"]
        if words:
            raise TemplateError(
                f"'{found[0]}': without Grafana only $labels.NAME, $values.REF.Value and"
                f" {', '.join(_FUNCTIONS)} can be rendered"
            )
        return told

    def guarded(found: re.Match[str]) -> str:
        kind, name = found[1], found[2]
        if name not in values if kind == "values" else not labels.get(name):
            return found[4] or ""
        whole, value = f"$labels.{name}", f"$values.{name}.Value"
        return re.sub(r"(?<=[ {])\.(Value)?(?=[ })])", lambda m: value if m[1] else whole, found[3])

    return _ACTION.sub(action, _WITH.sub(guarded, template))

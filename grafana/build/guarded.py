"""Annotations of rules that also read well where a rule has no value.

Grafana renders them at each evaluation. Without data ``$values.B`` is nil, which it logs as an error
each time, and a missing label reads "[no value]": ``with`` guards both. Numbers are rounded: of
humanizePercentage alone 0.07382 reads "7.382%".
"""

from __future__ import annotations

import re

_VALUE = re.compile(r"\{\{ (?:(\w+) )?\$values\.(\w+)\.Value \}\}")
_LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")
#: What a function's value is written as; by itself for the others.
_ROUNDED = {
    "humanizePercentage": 'reReplaceAll "%$" " %" (humanizePercentage (printf "%.3f" .Value))',
    "humanizeDuration": 'humanizeDuration (printf "%.1f" .Value)',
}
_UNKNOWN = {
    "humanizePercentage": "an unknown share",
    "humanizeDuration": "an unknown time",
    "humanize": "an unknown number",
}


def guarded(text: str) -> str:
    """``{{ $values.B.Value }}`` and ``{{ $labels.service }}`` with what to say instead."""

    def value(found: re.Match[str]) -> str:
        function = found[1] or "humanize"
        written = _ROUNDED.get(function, f"{function} .Value")
        return (
            f"{{{{ with $values.{found[2]} }}}}{{{{ {written} }}}}"
            f"{{{{ else }}}}{_UNKNOWN[function]}{{{{ end }}}}"
        )

    def label(found: re.Match[str]) -> str:
        return f"{{{{ with $labels.{found[1]} }}}}{{{{ . }}}}{{{{ else }}}}unknown{{{{ end }}}}"

    return _LABEL.sub(label, _VALUE.sub(value, text))

"""Annotations of rules that also read well where a rule has no value.

Grafana renders them at each evaluation. Without data ``$values.B`` is nil, which it logs as an error
each time, and a missing label reads "[no value]": ``with`` guards both. Numbers are rounded.
"""

from __future__ import annotations

import re

_VALUE = re.compile(r"\{\{ (?:(\w+) )?\$values\.(\w+)\.Value \}\}")
_LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")
_UNKNOWN = {
    "humanizePercentage": "an unknown share",
    "humanizeDuration": "an unknown time",
    "humanize": "an unknown number",
}


def guarded(text: str) -> str:
    """``{{ $values.B.Value }}`` and ``{{ $labels.service }}`` with what to say instead."""

    def value(found: re.Match[str]) -> str:
        function = found[1] or "humanize"
        return (
            f"{{{{ with $values.{found[2]} }}}}{{{{ {function} .Value }}}}"
            f"{{{{ else }}}}{_UNKNOWN[function]}{{{{ end }}}}"
        )

    def label(found: re.Match[str]) -> str:
        return f"{{{{ with $labels.{found[1]} }}}}{{{{ . }}}}{{{{ else }}}}unknown{{{{ end }}}}"

    return _LABEL.sub(label, _VALUE.sub(value, text))

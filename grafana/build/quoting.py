"""Values of dashboard variables as SQL, whatever stands in them.

``${name:singlequote}`` and ``${name:sqlstring}`` escape quotes and leave backslashes, which ClickHouse
reads as escapes: a value that ends in one opens the string. Percent encoding leaves letters, digits
and ``-_.~`` only, nothing that SQL, a macro of the plugin's or Grafana's own templates would read;
ClickHouse decodes it. Of several values Grafana encodes ``{a,b}`` as a whole, so what a variable
offers is encoded once more where it is looked up (``offered``), and a comma in a value is none of
those between values. A plain value, typed or in a link, is found too.
"""

from __future__ import annotations


def one(name: str) -> str:
    """The text of a variable."""
    return f"decodeURLComponent('${{{name}:percentencode}}')"


def several(name: str) -> str:
    """An array of the values of a variable that may have many, for ``IN (…)``."""
    return (
        "arrayMap(item -> decodeURLComponent(item), splitByChar(',', trim(BOTH '{}' FROM"
        f" {one(name)})))"
    )


def offered(column: str) -> str:
    """Columns of a variable's query: the value, and the text that people see."""
    return f"encodeURLComponent(text) AS value, {column} AS text"

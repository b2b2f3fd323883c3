"""The command that runs a trace again from a step: what alerts, dashboards and the demo print."""

from __future__ import annotations

import re

#: Resource attribute in which a service says what to call: ``support.agent:answer``.
ENTRY_ATTRIBUTE = "everyspan.entry"
#: What stands there for those that do not.
_PLACEHOLDER = "module:function"
# The command is pasted into a shell, and the attribute is whatever a sender wrote.
_ENTRY = "[A-Za-z_][A-Za-z0-9_.]{0,199}:[A-Za-z_][A-Za-z0-9_.]{0,199}"


def replay_command(trace_id: str, step: int, entry: str = "") -> str:
    """``step`` counts from 1; 0 for one that is not known: from the first."""
    told = entry if re.fullmatch(_ENTRY, entry) else _PLACEHOLDER
    return f"everyspan replay {trace_id} --from-step {step or 1} --entry {told}"


def replay_sql(step: str) -> str:
    """The same as an SQL expression over rows of the view; ``step``: SQL of the number."""
    entry = f"resource_attributes['{ENTRY_ATTRIBUTE}']"
    return (
        f"concat('everyspan replay ', trace_id, ' --from-step ', toString({step}), ' --entry ',"
        f" if(match({entry}, '^{_ENTRY}$'), {entry}, '{_PLACEHOLDER}'))"
    )

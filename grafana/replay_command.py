"""The command that runs a trace again from a step: what alerts, dashboards and the demo print.

It is pasted into a shell, and what a span says is whatever a sender wrote: the command holds the
trace's id and a number. The entry that the trace names is looked up by the replay itself, among
those that the code there declares; a command with ``--entry`` from a trace would import it.
"""

from __future__ import annotations

import re

#: Resource attribute in which a service says what to call: ``support.agent:answer``.
ENTRY_ATTRIBUTE = "everyspan.entry"
_ENTRY = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,199}:[A-Za-z_][A-Za-z0-9_.]{0,199}")
_TRACE = "[0-9a-f]{32}"


def replay_command(trace_id: str, step: int) -> str:
    """``step`` counts from 1; 0 for one that is not known: from the first. '' for no trace id."""
    if not re.fullmatch(_TRACE, trace_id):
        return ""
    return f"everyspan replay {trace_id} --from-step {step or 1}"


def replay_note(entry: str) -> str:
    """What to say beside the command where the trace names an entry that is none, else ''. Without
    one it works for decorated agents, and the replay says what to do for others."""
    if not entry or _ENTRY.fullmatch(entry):
        return ""
    return "the trace names no known entry; the replay lists those that your code declares"


def replay_sql(step: str) -> str:
    """The same as an SQL expression over rows of the view; ``step``: SQL of the number."""
    return (
        f"if(match(trace_id, '^{_TRACE}$'),"
        f" concat('everyspan replay ', trace_id, ' --from-step ', toString({step})), '')"
    )

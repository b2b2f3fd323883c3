"""What was not understood: steps without what their kind should have, by who made them.

For the board and for ``everyspan status``. Calls that failed, and reports of a call that counts
elsewhere, may lack anything.
"""

from __future__ import annotations

#: Column of the result to what a row lacks; each is true for kinds that should have it. Of texts only
#: the sizes are read, of attributes the names: a tenth of the time. No view hands these through.
_LACKS = {
    "model": "step_kind = 'llm' AND model = ''",
    "tokens": "step_kind = 'llm' AND input_tokens IS NULL"
    " AND NOT has(attributes.keys, 'everyspan.reported_usage')",
    "input": "input.size = 0",
    "output": "output.size = 0",
    "name": "step_kind = 'tool' AND tool_name = ''",
}


def gaps(condition: str, table: str = "spans_raw") -> str:
    """SQL: scope, version, kind, steps, how many lack what, and one of them as TRACE/SPAN.

    ``condition``: what follows WHERE.
    """
    counted = ",\n  ".join(f"countIf({lack}) AS no_{name}" for name, lack in _LACKS.items())
    any_lack = " OR ".join(f"({lack})" for lack in _LACKS.values())
    return f"""SELECT scope_name AS scope, scope_version AS version, step_kind AS kind,
  count() AS steps,
  {counted},
  anyIf(concat(trace_id, '/', span_id), {any_lack}) AS example
FROM {table} FINAL
WHERE {condition}
  AND step_kind IN ('llm', 'tool') AND status != 'error' AND twin_of = ''
GROUP BY scope, version, kind
HAVING example != ''
ORDER BY countIf({any_lack}) DESC
LIMIT 20
SETTINGS do_not_merge_across_partitions_select_final = 1"""


#: Names of the columns that count what is missing.
MISSING = tuple(f"no_{name}" for name in _LACKS)
#: Those of the whole result.
GAP_COLUMNS = ("scope", "version", "kind", "steps", *MISSING, "example")

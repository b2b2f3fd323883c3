"""Which settings a reader may change, and how far.

The engine runs every statement with ``readonly = 1`` and would refuse any change, so allowed
settings are taken out of the statement and applied before it turns read-only.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from clickhouse.embedded_http.errors import QueryRefused

# Parameters of the HTTP interface itself, and client bookkeeping that has no meaning here.
TRANSPORT = frozenset(
    """
    query database default_format query_id session_id session_timeout session_check user password
    role quota_key compress decompress buffer_size wait_end_of_query client_protocol_version
    enable_http_compression http_zlib_compression_level send_progress_in_http_headers
    http_headers_progress_interval_ms http_make_head_request close_session stacktrace
    cancel_http_readonly_queries_on_client_close http_write_exception_in_output_format
    http_response_buffer_size replace_running_query log_comment log_queries
    """.split()
)

# Settings that change how a result looks or how it is computed, never what may be read.
# output_format_schema is the exception among its kind: it names a file to write.
_FREE = re.compile(
    r"(?!output_format_schema)output_format_\w+|date_time_(?:input|output)_format"
    r"|date_time_overflow_behavior|format_csv_(?:delimiter|null_representation)"
    r"|format_tsv_null_representation|final|join_use_nulls|max_block_size|session_timezone"
    r"|use_client_time_zone|limit|offset|extremes|totals_mode|group_by_use_nulls"
    r"|transform_null_in|union_default_mode|aggregate_functions_null_for_empty"
    r"|prefer_column_name_to_alias|use_skip_indexes|count_distinct_implementation"
    r"|do_not_merge_across_partitions_select_final|max_(?:rows|bytes)_to_(?:read|sort|group_by)"
    r"|(?:result|timeout|read|sort|group_by)_overflow_mode|additional_table_filters"
)
# What holds for every statement and can't be changed.
_FIXED = {
    # Arrays from nothing: the largest that one call of a function may get to chew on.
    "function_range_max_elements_in_block": "10000000",
    # Compiling many patterns is one call too.
    "max_hyperscan_regexp_length": "10000",
    "max_hyperscan_regexp_total_length": "100000",
    # The disk is the writers'.
    "max_bytes_before_external_group_by": "0",
    "max_bytes_before_external_sort": "0",
    "max_bytes_ratio_before_external_group_by": "0",
    "max_bytes_ratio_before_external_sort": "0",
    "max_temporary_data_on_disk_size_for_query": "1",
}
# Limits: a reader may lower these, never raise them.
_LIMITS = ("max_execution_time", "max_result_rows", "max_result_bytes", "max_memory_usage")
_NAME = re.compile(r"[A-Za-z_]\w*")
# Accepted and without effect, because it is so already.
_ALREADY_READ_ONLY = {"1", "2", "'1'", "'2'"}

#: Regular expression (RE2) of every setting that a client may send.
WRITABLE = (
    f"^({_FREE.pattern.replace('(?!output_format_schema)', '')}|max_threads|"
    + "|".join((*_LIMITS, *sorted(TRANSPORT - {"query", "database"})))
    + ")$"
)


@dataclass(slots=True, frozen=True)
class Limits:
    """Bounds for one statement: seconds, bytes of result, bytes of memory, rows (0 = any)."""

    execution_seconds: float
    result_bytes: int
    memory_bytes: int
    result_rows: int = 0

    def clauses(self) -> dict[str, str]:
        """Setting name to SQL value."""
        return {
            "max_execution_time": f"{self.execution_seconds:g}",
            "max_result_bytes": str(self.result_bytes),
            "max_memory_usage": str(self.memory_bytes),
            "max_result_rows": str(self.result_rows),
        }


def quote(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quote_name(name: str) -> str:
    """A SQL identifier."""
    return "`" + name.replace("\\", "\\\\").replace("`", "``") + "`"


def allow(name: str, value: str, *, nested: bool = False) -> bool:
    """True to apply the setting, False to drop it as meaningless here.

    ``value`` is its SQL text. ``nested`` marks a clause inside a subquery, which the engine applies
    as written: only settings without a bound may stand there.

    Raises QueryRefused (115 for a malformed name, 164 for a setting that a reader may not change).
    """
    if not _NAME.fullmatch(name):
        raise QueryRefused(115, f"Unknown setting '{name}'")
    if _FREE.fullmatch(name):
        return True
    if not nested:
        if name in TRANSPORT or (name == "readonly" and value in _ALREADY_READ_ONLY):
            return False
        if name in _LIMITS or name == "max_threads":
            return True
    raise QueryRefused(
        164,
        f"Cannot modify '{name}' setting in readonly mode: this endpoint only reads; leave the"
        " setting out",
    )


def bounded(wanted: dict[str, str], limits: Limits) -> dict[str, str]:
    """``wanted`` (name to SQL text) with every limit cut to ours and ours filled in."""
    ceilings = limits.clauses()
    result = {**wanted, **_FIXED}
    for name, ceiling in ceilings.items():
        asked = _number(name, wanted[name]) if name in wanted else 0.0
        # 0 means "no limit" to the engine.
        low = min((n for n in (asked, float(ceiling)) if n > 0), default=0.0)
        result[name] = f"{low:g}" if name == "max_execution_time" else str(int(low))
    if "max_threads" in result:
        cores = os.cpu_count() or 1
        asked = _number("max_threads", result["max_threads"])
        result["max_threads"] = str(int(min(max(asked, 0), cores)))
    return result


def _number(name: str, value: str) -> float:
    try:
        number = float(value.strip("'"))
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e19:
        raise QueryRefused(36, f"setting '{name}' must be a number from 0 up, not {value}")
    return number

"""What a statement says where there is a cluster: other names, and all servers."""

from __future__ import annotations

#: Tables with a part of their rows on each shard: ``…_local`` there, Distributed over them.
SHARDED = frozenset(("spans_raw", "span_content", "text_vectors"))


def everywhere(cluster: str, table: str) -> str:
    """A table of ``system``, of every server: each knows its own parts alone. ``cluster``:
    EVERYSPAN_CLUSTER, '' for none."""
    return f"clusterAllReplicas('{cluster}', {table})" if cluster else table


def local(cluster: str, table: str) -> str:
    """The table that has parts."""
    return f"{table}_local" if cluster and table in SHARDED else table

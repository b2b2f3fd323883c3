"""The table ``classify_leases``: one row is a worker as it says it is, valid until it expires.

Each worker writes rows of its own only, and each says all of it. Times are the database's: workers'
clocks need not agree.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from classify.settings import ClassifySettings

#: Beside a cluster a row must be at most replicas before it is acknowledged, and be seen by
#: whichever is asked: who claims a share must see who did before.
#: See: https://clickhouse.com/docs/operations/settings/settings#select_sequential_consistency
_WRITE_ON_CLUSTER = {"insert_quorum": "auto", "insert_quorum_parallel": 0}
_READ_ON_CLUSTER = {"select_sequential_consistency": 1}


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker as it last said it is. ``place``: host and process, for people. ``fixed``: it
    was told which share to have. ``shares``: of ``shares_of``. ``left``: seconds until it expires,
    below 0 since it did."""

    worker: str
    place: str
    turn: int
    fixed: bool
    shares_of: int
    shares: frozenset[int]
    left: float


def write(
    client: Client,
    settings: ClassifySettings,
    lease: Lease,
    *,
    seconds: float,
    first: bool = False,
) -> None:
    """Let the lease be valid for so many seconds from now. Does nothing where it has expired,
    unless it is the ``first``: a worker that was taken for dead does not come back."""
    place = f"{settings.database}.classify_leases"
    alive = (
        f"(SELECT argMax(expires_at, turn) FROM {place} WHERE worker = {{worker:String}})"
        " > now64(3)"
    )
    client.command(
        f"INSERT INTO {place} (worker, place, turn, fixed, shares_of, shares, expires_at)"
        " SELECT {worker:String}, {place:String}, {turn:UInt64}, {fixed:UInt8},"
        " {of:UInt16}, {shares:Array(UInt16)}, now64(3) + toIntervalMillisecond({ms:UInt32})"
        f" WHERE {'1' if first else alive}",
        parameters={
            "worker": lease.worker,
            "place": lease.place,
            "turn": lease.turn,
            "fixed": int(lease.fixed),
            "of": lease.shares_of,
            "shares": sorted(lease.shares),
            "ms": int(seconds * 1000),
        },
        settings=_on_cluster(settings, _WRITE_ON_CLUSTER)
        # What began while it was valid has ended before anybody takes it for dead.
        | {"max_execution_time": max(1, int(settings.classify_lease_seconds))},
    )


def read(client: Client, settings: ClassifySettings) -> list[Lease]:
    """All workers that have not been dead for long: a lease that has expired counts for as long
    again, as what its worker began before may still be written."""
    rows = client.query(
        "SELECT worker, argMax(place, turn), max(turn), argMax(fixed, turn),"
        " argMax(shares_of, turn), argMax(shares, turn) AS held,"
        " dateDiff('millisecond', now64(3), argMax(expires_at, turn)) AS left"
        f" FROM {settings.database}.classify_leases GROUP BY worker"
        f" HAVING left > -{settings.classify_lease_seconds * 1000:.0f}"
        " AND (left > 0 OR notEmpty(held)) ORDER BY worker",
        settings=_on_cluster(settings, _READ_ON_CLUSTER),
    ).result_rows
    return [
        Lease(
            str(worker), str(place), int(turn), bool(fixed), int(of), frozenset(map(int, held)),
            left / 1000,
        )
        for worker, place, turn, fixed, of, held, left in rows
    ]  # fmt: skip


def taken(leases: Collection[Lease], worker: str) -> Mapping[int, Lease]:
    """Share to the lease of another worker."""
    return {share: each for each in leases if each.worker != worker for share in each.shares}


def _on_cluster(settings: ClassifySettings, wanted: Mapping[str, object]) -> dict[str, object]:
    return dict(wanted) if settings.cluster else {}

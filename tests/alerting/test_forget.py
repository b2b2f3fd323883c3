"""What was told about forgotten traces is deleted, from the file too; what is open stays."""

from __future__ import annotations

from pathlib import Path

from tests.alerting.pipelines import alert, pipeline, tell
from tests.alerting.stand_in import stand_in, wait

HERS, HIS, OPEN = "a" * 32, "b" * 32, "c" * 32


def test_what_was_told(tmp_path: Path) -> None:
    with stand_in() as server, pipeline(tmp_path, {"hook": server}) as store:
        tell(
            store,
            alert("hers", annotations={"trace_id": HERS, "summary": "Ann Lee asked"}),
            alert("his", annotations={"trace_id": HIS}),
            alert("open", annotations={"trace_id": OPEN, "summary": "goes on"}),
        )
        wait(lambda: len(server.taken) == 3, lambda: server.taken)
        tell(
            store,
            alert("hers", status="resolved", annotations={"trace_id": HERS, "summary": "Ann Lee"}),
        )
        wait(lambda: store.deliveries.counts().get("sent", 0) == 4, store.deliveries.counts)
        deleted, left = store.erase([HERS, OPEN])
        assert deleted >= 4
        assert left == 1, "an alert that fires is still known"
        told = [each.alert.annotations.get("trace_id") for each in store.deliveries.read("", 100)]
        assert told == [HIS]
        files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert b"Ann Lee" not in files
        assert HIS.encode() in files
        assert store.erase([]) == (0, 0)

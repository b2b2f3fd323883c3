"""What was told about forgotten traces is deleted, from the file too; what is open stays."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from alerting.case import Case, Failure
from alerting.store.deliveries import Delivery
from alerting.store.store import Store
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
        deleted, left = store.forgotten.erase([HERS, OPEN])
        assert deleted >= 4
        assert left == 1, "an alert that fires is still known"
        told = [each.alert.annotations.get("trace_id") for each in store.deliveries.read("", 100)]
        assert told == [HIS]
        files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert b"Ann Lee" not in files
        assert HIS.encode() in files
        assert store.forgotten.erase([]) == (0, 0)
        # What was left goes once it has ended, without a word.
        tell(store, alert("open", status="resolved", annotations={"trace_id": OPEN}))
        wait(lambda: len(store.deliveries.read("", 100)) == 2, store.deliveries.counts)
        wait(lambda: not store.deliveries.counts()["pending"], store.deliveries.counts)
        store.forgotten.again()
        told = [each.alert.annotations.get("trace_id") for each in store.deliveries.read("", 100)]
        assert told == [HIS]
        files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert OPEN.encode() not in files.replace(_remembered(store), b"")


def _remembered(store: Store) -> bytes:
    """Ids of traces are kept for an hour, for what was on its way; nothing else is."""
    rows = store.file.rows("SELECT trace_id FROM forgotten ORDER BY trace_id")
    assert {trace for (trace,) in rows} == {HERS, OPEN}
    return OPEN.encode()


def _of(project: str, name: str, **more: Any) -> dict[str, Any]:
    labels = {"alertname": name, "service": "shop", "kind": "fail_rate"}
    return alert(name, labels=labels | ({"project": project} if project else {}), **more)


def test_of_one_project_in_every_state(tmp_path: Path) -> None:
    """Delivered, refused for good, and waiting, of three projects about the same ids: the quotes of
    one's alerts go, by each way to name them, and those of the others stay."""
    states: dict[str, list[Any]] = {"sent": [], "dead": [400], "waiting": [(503, "900")] * 50}
    projects: dict[str, str] = {"a": "a", "b": "b", "none": ""}
    with stand_in() as server, pipeline(tmp_path, {"hook": server}) as store:

        def delivery(name: str) -> Delivery | None:
            found = store.deliveries.read("", 100)
            return next((e for e in found if e.alert.labels["alertname"] == name), None)

        def stands(name: str, state: str) -> bool:
            each = delivery(name)
            if state == "waiting":
                return each is not None and each.status == "pending"
            return each is not None and each.status == state

        for state, answers in states.items():
            for project in projects:
                server.answers = list(answers)
                name = f"{project} {state}"
                tell(store, _of(projects[project], name, annotations={"trace_id": HERS}))
                wait(partial(stands, name, state), store.deliveries.counts)
        now = datetime.now(UTC)
        for each in store.deliveries.read("", 100):
            step = Failure(
                *(HERS, "1" * 16, "", 1, 1, "answer", "llm", "toxicity", 0.9, 0.5),
                evidence=f"quote of {each.alert.labels['alertname']}",
                start_time=now,
                user_id="Ann Lee",
                session_id="her session",
            )
            case = Case("shop", "", "toxicity", "fail_rate", (now, now), failures=(step,))
            store.cases.put(each.case_key, case)
        asked: dict[str, dict[str, list[str]]] = {
            "a": {"traces": [HERS]},
            "b": {"traces": [], "users": ["Ann Lee"]},
            "none": {"traces": [], "sessions": ["her session"]},
        }
        gone: list[str] = []
        for project, whom in asked.items():
            # Three cases, what was received, two deliveries; the alerts fire, one is to be told.
            assert store.forgotten.erase(**whom, project=projects[project]) == (8, 4)
            gone.append(project)
            for other in projects:
                for state in states:
                    left = delivery(f"{other} {state}")
                    assert (left is None) is (other in gone and state != "waiting")
                    known = store.cases.get(left.case_key) if left else None
                    assert (known is None) is (other in gone)
                    assert not left or other not in gone or left.error == ""
            files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
            for other in projects:
                assert (f"quote of {other} ".encode() in files) is (other not in gone)
            assert (b"Ann Lee" in files) is (gone != list(projects))

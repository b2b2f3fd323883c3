"""Detectors in the job: taken up, judged by, told of, removed again; never a row that waits."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from classify.classifier import Classifier
from classify.detectors.definition import DetectorError
from classify.detectors.pull import pull
from classify.detectors.standing import Standing
from classify.job import classify_job
from classify.job.classify_job import ClassifyJob
from classify.service import ClassifyService, create_app
from clickhouse.connection import connect
from tests.classify.detectors.hub import COMMIT, hub
from tests.classify.detectors.small import BAD, GOOD, entry, onnx, put, tokenizer, write
from tests.classify.detectors.test_opinion import Words
from tests.classify.job_store import CALLER, HERE, Store, Tree, engine, store, trace


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with engine(tmp_path_factory.mktemp("detectors")) as opened:
        yield opened


@pytest.fixture
def db(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(classify_job, "DETECTOR_SECONDS", 0.0)
    monkeypatch.setattr(classify_job, "ASK_SECONDS", 0.0)
    with store(dsn) as opened:
        yield opened


CLASSIFIERS: tuple[Classifier, ...] = (Words(), Tree())


def spans_of(*outputs: str) -> list[Any]:
    found = []
    for number, output in enumerate(outputs, 1):
        spans = trace(number, 2)
        spans[1].output = output
        found += spans
    return found


def verdicts(db: Store) -> list[tuple[str, str]]:
    """Label and evidence of the llm steps, by trace."""
    return db.query(
        "SELECT words, evidence['words'] FROM spans WHERE step_kind = 'llm' ORDER BY trace_id"
    )


def run(job: ClassifyJob) -> None:
    """Until nothing is left, old rows neither."""
    for _ in range(20):
        if not job.run():
            return
    raise AssertionError("there is always more")


def test_pulled_judged_by_told_of_and_removed_again(db: Store, tmp_path: Path) -> None:
    """Each architecture; old rows follow each change."""
    file = tmp_path / "detectors.toml"
    names = ("bert", "deberta-v2", "modernbert", "xlm-roberta")
    with hub() as at:
        at.files = {
            f"maker/{n}": {"model.onnx": onnx(n), "tokenizer.json": tokenizer(n)} for n in names
        }
        db.insert(spans_of(BAD, GOOD))
        write(file)
        standing = Standing(file, None, CLASSIFIERS)
        job = ClassifyJob(
            db.settings.model_copy(update={"classify_rejudge_share": 1.0}),
            lambda: connect(db.settings.dsn),
            CLASSIFIERS,
            detectors=standing,
        )
        try:
            run(job)
            assert verdicts(db) == [("pass", ""), ("pass", "")]
            for name in names:
                fields = {"classifier": "words", "repository": f"maker/{name}"}
                without = job.version
                write(file, entry(name, **fields, revision=COMMIT))
                run(job)
                assert job.version == without, "not there yet: it judges as before"
                (told,) = standing.told()
                assert "model.onnx is missing" in told
                assert told.endswith("; words judges without it")
                gauge = job.telemetry.broken.labels(f"detector {name}")
                assert gauge._value.get() == 1

                (listed,) = standing._listed
                pull(listed, tmp_path / "detectors", at.address)
                run(job)
                assert not standing.told()
                assert gauge._value.get() == 0
                bad, good = verdicts(db)
                assert bad[0] == "fail"
                assert bad[1].startswith(f"{name} 1.00, part 1: please ignore")
                assert good == ("pass", "")
                assert job.version == without + 1
                ((described,),) = db.query(
                    "SELECT argMax(classifiers, version) FROM classifier_sets"
                )
                (words,) = (c for c in json.loads(described) if c["name"] == "words")
                assert words["detectors"] == {name: "instead"}

                write(file)
                run(job)
                assert verdicts(db) == [("pass", ""), ("pass", "")]
                assert job.version == without + 2
        finally:
            job.close()


def test_files_that_are_altered_or_no_use_leave_the_classifier_its_own(
    db: Store, tmp_path: Path
) -> None:
    """Also in the middle: rows go on, without it, and wait for nothing."""
    folder = put(tmp_path / "mine", "bert")
    file = write(tmp_path / "detectors.toml", entry("bert", classifier="words", folder="mine"))
    standing = Standing(file, None, CLASSIFIERS)
    job = ClassifyJob(
        db.settings, lambda: connect(db.settings.dsn), CLASSIFIERS, detectors=standing
    )
    try:
        db.insert(spans_of(BAD))
        run(job)
        assert [label for label, _ in verdicts(db)] == ["fail"]
        (folder / "model.onnx").write_bytes(b"other")
        db.insert(spans_of(BAD, BAD)[2:])
        run(job)
        assert [label for label, _ in verdicts(db)][-1] == "pass"
        (told,) = standing.told()
        assert "is not the file that detectors.toml names" in told
        assert not job.broken

        # A custom operator, and a file with other outputs: pinned, and no use.
        for name, why in (("custom", "an operator that onnxruntime lacks"), ("wide", "labels")):
            put(folder, name)
            write(file, entry(name, classifier="words", folder="mine"))
            run(job)
            (told,) = standing.told()
            assert why in told
            assert not job.broken

        put(folder, "bert")
        write(file, entry("bert", classifier="words", folder="mine"))
        db.insert(spans_of(BAD, BAD, BAD)[4:])
        run(job)
        assert [label for label, _ in verdicts(db)][-1] == "fail"
        assert not standing.told()

        # What it says now can't be read: what it said before holds.
        file.write_text("[[detector]]\nsurprise = 1\n")
        run(job)
        (told,) = standing.told()
        assert "what it said before holds" in told
        assert len(standing.usable) == 1
    finally:
        job.close()


def test_the_service_says_which_has_no_say_and_a_restart_takes_up_the_others(
    db: Store, tmp_path: Path
) -> None:
    put(tmp_path / "mine", "bert")
    file = write(
        tmp_path / "detectors.toml",
        entry("bert", classifier="words", folder="mine"),
        entry("modernbert", classifier="words", folder="away"),
    )
    settings = db.settings.model_copy(
        update={"detectors": file, "classify_interval_seconds": 0.1, "classify_workers": 1}
    )
    service = ClassifyService(settings, lambda: connect(db.settings.dsn), CLASSIFIERS)
    with TestClient(create_app(service), HERE, client=CALLER) as http:
        service.start()
        try:
            db.insert(spans_of(BAD))
            end = time.monotonic() + 60
            while not [1 for label, _ in verdicts(db) if label]:
                assert time.monotonic() < end
                time.sleep(0.1)
            assert verdicts(db)[0][0] == "fail"
            told = http.get("/readyz").text
            assert "detector modernbert: " in told
            assert "words judges without it" in told
            assert 'classifier="detector modernbert"} 1.0' in http.get("/metrics").text
        finally:
            service.stop()
    shutil.rmtree(tmp_path / "mine")


def test_a_file_that_says_nonsense_stops_the_start(db: Store, tmp_path: Path) -> None:
    file = tmp_path / "detectors.toml"
    file.write_text("nonsense")
    settings = db.settings.model_copy(update={"detectors": file})
    with pytest.raises(DetectorError, match="is no TOML"):
        ClassifyService(settings, lambda: connect(db.settings.dsn), CLASSIFIERS)

"""A teacher answers reviews: masked, a bounded number, held against the person's answers. On the
real engine, over real sockets."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import pytest
import typer
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from classify.reviews import review_store
from classify.reviews.api import router
from classify.reviews.fails_from import FailsFrom
from classify.reviews.review_store import Review
from classify.reviews.teacher import Teacher, TeacherError, agreed, read_answer, taught
from classify.settings import ClassifySettings
from cli import teacher as command
from clickhouse.connection import connect
from tests.classify.job_store import Store, engine, store, trace
from tests.classify.reviews.test_calibrating import Scored, calibrating
from tests.serving import serving
from web.reader import Reader

SECRET = "AKIAIOSFODNN7EXAMPLQ"


@dataclass
class Answering:
    """``says``: the content of its answer, of what it was asked; None to hang up."""

    says: Callable[[str], str | None]
    address: str = ""
    asked: list[dict[str, object]] = field(default_factory=list)


@contextmanager
def endpoint(says: Callable[[str], str | None]) -> Iterator[Answering]:
    """An OpenAI-compatible address."""
    it = Answering(says)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            it.asked.append(body)
            said = it.says(body["messages"][-1]["content"])
            if said is None:
                self.close_connection = True
                return
            answer = {"choices": [{"message": {"role": "assistant", "content": said}}]}
            data = said.encode() if said.startswith("raw") else json.dumps(answer).encode()
            self.send_response(500 if said == "raw 500" else 200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(Handler) as address:
        it.address = f"{address}/v1"
        yield it


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with engine(tmp_path_factory.mktemp("teacher")) as opened:
        yield opened


@pytest.fixture(scope="module")
def house(dsn: str) -> Iterator[tuple[Store, ClassifySettings]]:
    """80 rows that fail where they say 'insult', judged by scores that know it half; the service
    that keeps answers, on a port."""
    with store(dsn) as db:
        spans = []
        for number in range(1, 81):
            bad = number % 4 == 0
            score = 0.9 if number % 3 == 0 else 0.5 if bad else 0.2
            steps = trace(number, 2)
            steps[1].output = f"{score} {'an insult' if bad else 'thanks'} {number} {SECRET}"
            steps[1].span_id = f"{number:016x}"
            spans += steps
        db.insert(spans)
        db.judge(Scored())
        app = FastAPI()
        app.include_router(router(lambda: connect(db.settings.dsn), db.database))
        server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_level="error"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            thread.join(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield db, db.settings.model_copy(update={"host": "127.0.0.1", "classify_port": port})
        finally:
            server.should_exit = True
            thread.join()


def knows(text: str) -> str:
    return json.dumps({"fails": "an insult" in text.rsplit("The step:", 1)[-1]})


def teach(house: tuple[Store, ClassifySettings], address: str, budget: int = 40) -> None:
    db, settings = house
    reader = Reader(lambda _: db.another_client(), db.database)
    command.teach(
        settings.model_copy(update={"teacher_url": address, "teacher_model": "small"}),
        reader,
        "toxicity",
        review_store.read(db.client, db.database, "toxicity"),
        FailsFrom({"toxicity": 0.8}),
        budget,
        agreed_to=True,
    )


def person(db: Store, count: int) -> None:
    """Answers as somebody who knows, on rows that fail and on rows that do not."""
    rows = db.query(
        "SELECT trace_id, span_id, toString(toxicity), position(output, 'insult') > 0 FROM spans"
        f" WHERE toxicity IN ('pass', 'fail') ORDER BY cityHash64(span_id) LIMIT {count}"
    )
    for trace_id, span_id, label, bad in rows:
        right = (label == "fail") == bool(bad)
        review_store.add(
            db.client, db.database, "toxicity", trace_id, span_id,
            "right" if right else "wrong", chosen="random",
        )  # fmt: skip


def kept(db: Store) -> list[Review]:
    return review_store.read(db.client, db.database, "toxicity", kind="teacher")


def told(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


def test_held_against_the_person_then_asked_and_never_counted_as_one(
    house: tuple[Store, ClassifySettings], capsys: pytest.CaptureFixture[str]
) -> None:
    db, _ = house
    with endpoint(knows) as at, pytest.raises(typer.Exit):
        teach(house, at.address)
    assert not at.asked
    assert "you have answered 0 rows of toxicity; 20 are needed" in told(capsys)

    person(db, 30)
    people = review_store.read(db.client, db.database, "toxicity")
    # One that says the opposite, one that says nothing, one that is not there: nothing is stored.
    for says, why in (
        (lambda text: json.dumps({"fails": "an insult" not in text}), "0 of 30 rows, which is -"),
        (lambda text: "I think it is fine!", "answers nonsense: 'I think it is fine!'"),
        (lambda text: None, "does not answer (ConnectionError); is it running"),
        (lambda text: "raw {", "but not as OpenAI's chat completions do"),
        (lambda text: "raw 500", "answers 500: raw 500; look at EVERYSPAN_TEACHER_MODEL"),
    ):
        with endpoint(says) as at, pytest.raises(typer.Exit):
            teach(house, at.address)
        assert why in told(capsys)
        assert not kept(db)
    with endpoint(knows) as at, pytest.raises(typer.Exit):
        teach(house, at.address, budget=10)
    assert "--budget 10 is less than the 20 rows" in told(capsys)

    with endpoint(knows) as at:
        teach(house, at.address, budget=40)
    said = told(capsys)
    assert "40 questions to small at http://127.0.0.1" in said
    assert "a price that is not known" in said
    assert "teacher small agrees with you on 30 of 30 rows (1.00 beyond chance)" in said
    assert "40 answers of teacher small stored" in said
    assert len(at.asked) == 40
    assert SECRET not in json.dumps(at.asked)
    assert "an insult" in json.dumps(at.asked)
    assert all("toxicity" not in json.dumps(each["messages"]) for each in at.asked), "no verdict"

    found = kept(db)
    assert len(found) == 40
    assert {each.reviewer for each in found} == {"teacher small"}
    # What people say stays theirs: the figures, and what is still asked.
    assert review_store.read(db.client, db.database, "toxicity") == people
    # Those that count are on rows of which nobody else has said anything.
    counted = taught(people, found)
    assert len(counted) == 10
    state, reason = calibrating(db, Scored()).now("toxicity")
    assert reason.startswith("40 answers"), reason
    assert state is None or state.answers == 30


def test_what_agreement_is_enough() -> None:
    assert agreed([(i < 6, i < 6) for i in range(19)]).refused.startswith("19 rows are answered")
    alike = agreed([(False, False)] * 30)
    assert alike.refused == ("of the 30 rows that both have answered, 0 fail; 3 are needed of each")
    chance = agreed([(i % 2 == 0, i % 4 < 2) for i in range(40)])
    assert chance.kappa == pytest.approx(0.0)
    assert "20 of 40 rows, which is 0.00 beyond chance; 0.6 is the least" in chance.refused
    good = agreed([(i < 10, i < 9 or i == 20) for i in range(30)])
    assert good.kappa == pytest.approx(0.85)
    assert not good.refused
    assert good.told() == (
        "agrees with you on 28 of 30 rows (0.85 beyond chance): of 10 that fail it finds 9, and"
        " calls 1 failing that are not"
    )


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"fails": true}', True),
        ('```json\n{"fails": false}\n```', False),
        ('{"fails": true} wait, no: {"fails": false, "why": "it is polite"}', False),
        ('{"fails": null}', None),
    ],
)
def test_answers_that_are_some(text: str, answer: bool | None) -> None:
    assert read_answer(text, "it") is answer


@pytest.mark.parametrize("text", ["", "yes", '{"fails": "true"}', '{"fails": 1}', "{" * 5000])
def test_answers_that_are_none(text: str) -> None:
    with pytest.raises(TeacherError, match="answers nonsense"):
        read_answer(text, "it")


def test_no_text_goes_elsewhere_than_it_was_told_to() -> None:
    """A redirect is not followed; who is not there is named."""
    with pytest.raises(TeacherError, match="does not answer"):
        Teacher("http://127.0.0.1:9/v1", "small").ask("fails", "text")
    settings = ClassifySettings(teacher_token=SecretStr("tok-4711"))
    assert "tok-4711" not in repr(settings)

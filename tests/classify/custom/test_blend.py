"""Heads that go by words and numbers too: of made-up vectors, and on a stored service's rows."""

from __future__ import annotations

import numpy as np
import pytest

from classify.custom.blend import MOST, Blend, Rows, _threshold, blend
from classify.custom.catalog import Catalog
from classify.custom.classifier_definition import Definition
from classify.custom.classifier_store import current, put
from classify.custom.fewshot import Head, learn
from classify.custom.head import read
from classify.custom.vectors import Vectors, using
from clickhouse.connection import connect
from tests.classify.custom.traffic import answers, span_of
from tests.classify.job_store import Store

ITEMS = "lamp jacket kettle backpack printer carpet drill mixer tent sofa".split()
NEAR, FAR = (3, 5, 8, 12, 18, 25), (41, 55, 60, 75, 90, 120)


def refund(days: int, item: str) -> str:
    return f"I have refunded the {item} that you bought {days} days ago."


def rows(texts: list[str], seed: int = 0) -> Rows:
    """With vectors that say nothing."""
    made = np.random.default_rng(seed).normal(size=(len(texts), 16)).astype(np.float32)
    return Rows(made / np.linalg.norm(made, axis=1, keepdims=True), texts)


def failing(head: Blend | Head, told: Rows) -> float:
    return float((head.score(told.vectors, told.texts) >= head.threshold).mean())


NOTHING = Rows(np.zeros((0, 16), np.float32), [])
TRAFFIC = rows([refund(days, item) for item in ITEMS for days in (*NEAR, *NEAR, FAR[0])])


def test_numbers_that_no_example_had_are_told_by_their_size() -> None:
    head = blend(rows([refund(d, "lamp") for d in FAR[:4]], 1), NOTHING, TRAFFIC)
    assert failing(head, rows([refund(d, item) for d in (88, 240) for item in ITEMS], 2)) > 0.9
    assert failing(head, rows([refund(d, item) for d in (4, 11, 22) for item in ITEMS], 3)) < 0.1
    shares = head.quality["goes_by"]
    assert shares["numbers"] + shares["words"] > shares["vector"], "which say nothing here"
    assert (head.enough, head.quality["positives"]) == (True, 4)
    assert "auroc" not in head.quality, "four say nothing of how good it is"


@pytest.mark.parametrize("share", [0.005, 0.05, 0.25])
def test_a_name_is_found_however_often_it_is_there(share: float) -> None:
    others = [f"Our {item} costs {n} euros." for item in ITEMS for n in range(1, 31)]
    named = [
        f"{rival} has a {item} for less." for rival in ("Contoso", "Tailspin") for item in ITEMS
    ]
    background = rows([*others, *(named * 9)[: round(share * len(others))]])
    head = blend(rows([*named[:2], *named[-2:]], 1), NOTHING, background)
    assert failing(head, rows(named, 2)) > 0.8
    assert failing(head, rows(others, 3)) < 0.02


def test_when_all_the_nearest_rows_fail_the_threshold_reaches_further() -> None:
    """Ten answers, none of them no: what scores like none that passes is to be found as well."""
    random = np.random.default_rng(0)
    passing, failing_too = random.normal(0.3, 0.1, 100), random.normal(0.74, 0.02, 10)
    reached = np.linspace(0.75, 1.05, 14)
    left_out = np.concatenate([reached, passing, failing_too])
    found = {
        answered: _threshold(left_out, 14, 0, answered=answered, subject=0.4)
        for answered in (False, True)
    }
    assert found[False] > failing_too.mean(), "examples that somebody gave"
    assert np.quantile(passing, 0.98) < found[True] < failing_too.min()


def test_an_answer_takes_its_words_along() -> None:
    examples = rows([refund(d, "lamp") for d in FAR[:4]], 1)
    sorry = [f"I can't refund the {item}: you bought it {FAR[1]} days ago." for item in ITEMS]
    traffic = rows([*TRAFFIC.texts, *sorry])
    before = blend(examples, NOTHING, traffic)
    after = blend(examples, rows(sorry[:3], 4), traffic)
    told = rows(sorry, 5)
    assert (
        after.score(told.vectors, told.texts).mean() < before.score(told.vectors, told.texts).mean()
    )
    assert failing(after, told) == 0.0
    assert failing(after, rows([refund(88, item) for item in ITEMS], 6)) > 0.8


def test_what_is_stored_judges_alike_and_what_is_no_head_is_refused() -> None:
    # Words of every script, none, and more rows than are learned from.
    texts = [f"{word} {i}" for i in range(400) for word in ("猫", "naïve", "нет", "", "a\nb")]
    assert len(texts) > MOST
    head = blend(rows(["猫 naïve", "猫 нет", "猫 7"], 1), NOTHING, rows(texts))
    data = head.to_bytes()
    assert len(data) < 262_144
    again, told = read(data), rows([*texts[:50], "猫", ""], 2)
    assert isinstance(again, Blend)
    given = head.score(told.vectors, told.texts)
    assert np.allclose(again.score(told.vectors, told.texts), given, atol=0.01)
    assert data == blend(rows(["猫 naïve", "猫 нет", "猫 7"], 1), NOTHING, rows(texts)).to_bytes()
    with pytest.raises(ValueError, match="pickle"):
        read(b"no archive")


def test_a_head_of_old_goes_on_until_it_is_taught_again(db: Store, catalog: Catalog) -> None:
    texts = [refund(d, item) for item in ITEMS for d in (*NEAR, FAR[0], FAR[2])]
    db.insert(answers(texts, 100))
    db.judge()
    late = [100 + i for i, text in enumerate(texts) if " 41 " in text or " 60 " in text]
    four = [span_of(i) for i in late[:4]]
    catalog.add(Definition(name="too_late"), four)
    with connect(db.settings.dsn) as client, using(Vectors()) as vectors:
        (record,) = current(client, db.database, "too_late")
        assert isinstance(read(record.head), Blend)
        known = vectors.of([refund(41, "lamp"), refund(60, "lamp")])
        old = learn(known, known[:0], vectors.of(texts)).to_bytes()
        put(
            client,
            db.database,
            record.__class__(record.definition, "live", 2, old, {}, record.model),
        )
        (record,) = current(client, db.database, "too_late")
        assert isinstance(read(record.head), Head), "as an earlier version left it"
    assert db.judge() == len(texts) * 2 + 56
    catalog.mark("too_late", [span_of(late[4])], [span_of(100)])
    db.judge()
    found = dict(
        db.query("SELECT output, toString(custom['too_late']) FROM spans WHERE step_kind = 'llm'")
    )
    assert sum(found[text] == "fail" for text in texts if " 41 " in text or " 60 " in text) > 15
    assert sum(found[text] == "fail" for text in texts if " 3 " in text or " 5 " in text) == 0

"""Learning from examples of real rows, judging new and old ones with it, and what is refused."""

from __future__ import annotations

import pytest

from classify.custom import catalog as limits
from classify.custom.catalog import Catalog
from classify.custom.classifier_definition import (
    ALL,
    Definition,
    DefinitionError,
    Example,
    NameInUseError,
    UnknownClassifierError,
)
from classify.custom.classifier_store import newest_revision
from classify.job.back_fill import progress
from clickhouse.connection import connect
from clickhouse.span import Span
from tests.classify.custom.conftest import BUILT_IN
from tests.classify.custom.traffic import OTHERS, REFUNDS, answers, span_of
from tests.classify.job_store import Store, Tree, Words, store

FOUR = [span_of(i) for i in range(4)]


def verdicts(db: Store, name: str) -> dict[str, str]:
    """Output to label, of the model steps."""
    return dict(
        db.query(f"SELECT output, toString(custom['{name}']) FROM spans WHERE step_kind = 'llm'")
    )


def test_only_rows_of_its_services_are_learned_against_and_judged(
    db: Store, catalog: Catalog
) -> None:
    elsewhere = answers([*REFUNDS, *OTHERS], 200)
    for span in elsewhere:
        span.service_name = "bank"
    db.insert(elsewhere)
    db.judge()
    answer = catalog.add(Definition(name="refund_here", services=["shop"]), FOUR, hold=True)
    assert (answer.state, answer.sampled) == ("draft", 28)
    assert "asked first" in answer.reason
    assert answer.quality == {"positives": 4}, "four examples say nothing of how good it is"
    assert db.judge() == 0
    near = answer.nearest[0]
    assert catalog.mark("refund_here", [f"{near.trace_id}/{near.span_id}"]).state == "live"
    told = {e.span_id: e.answered for e in catalog.show("refund_here").definition.examples}
    assert told == {**dict.fromkeys(FOUR, False), near.span_id: True}
    db.judge()
    rows = db.query(
        "SELECT service_name, toString(custom['refund_here']) AS label, count() FROM spans"
        " WHERE step_kind = 'llm' GROUP BY ALL ORDER BY ALL"
    )
    assert {(s, label) for s, label, _ in rows} == {
        ("bank", "not_applicable"),
        ("shop", "fail"),
        ("shop", "pass"),
    }


def test_four_examples_judge_old_and_new_rows(db: Store, catalog: Catalog) -> None:
    answer = catalog.add(Definition(name="promises_refund", describe="A refund."), FOUR)
    assert (answer.state, answer.version, answer.reason) == ("live", 1, "")
    assert answer.sampled == 28
    assert answer.expected_fail_rate is not None
    assert 0.1 <= answer.expected_fail_rate <= 0.4
    assert "refund" in answer.nearest[0].text.lower()
    assert not {each.span_id for each in answer.nearest} & set(FOUR), "examples are known already"
    assert len(answer.nearest) == len(answer.borderline) == 10
    assert not {e.text for e in answer.nearest} & {e.text for e in answer.borderline}
    assert answer.to_go_over == 56

    db.insert(answers(["A refund of the full price is on its way.", "The shop is in Rome."], 100))
    assert db.judge() == 56 + 4
    found = verdicts(db, "promises_refund")
    assert found["A refund of the full price is on its way."] == "fail"
    assert found["The shop is in Rome."] == "pass"
    assert all(found[text] == "fail" for text in REFUNDS[:4])
    assert sum(found[text] == "fail" for text in REFUNDS) >= 4
    assert sum(found[text] == "fail" for text in OTHERS) <= 1
    ((label, score, evidence),) = db.query(
        "SELECT custom['promises_refund'], custom_scores['promises_refund'],"
        f" evidence['promises_refund'] FROM spans WHERE span_id = '{FOUR[0]}'"
    )
    assert (label, evidence) == ("fail", f"output: {REFUNDS[0]}")
    assert 0 < score <= 1
    assert db.query(
        "SELECT DISTINCT custom['promises_refund'] FROM spans WHERE step_kind = 'agent'"
    ) == [("not_applicable",)]
    assert db.query("SELECT count(), countIf(words = '') FROM spans") == [(60, 0)]
    assert progress(db.client, db.database).left == 0
    assert db.judge() == 0, "nothing is gone over twice"


def test_old_rows_keep_their_verdicts_and_when_they_were_given(db: Store, catalog: Catalog) -> None:
    columns = (
        "span_id, words, toString(words_score), tree, verdict_version, verdict_at, ingested_at"
    )
    before = db.query(f"SELECT {columns} FROM spans ORDER BY span_id")
    catalog.add(Definition(name="promises_refund"), FOUR)
    assert db.judge() == 56
    assert db.query(f"SELECT {columns} FROM spans ORDER BY span_id") == before


def test_going_over_old_rows_asks_no_encoder_where_vectors_are_stored(
    db: Store, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = db.query("SELECT count(), uniq(hash), min(length(vector)) FROM text_vectors")
    assert stored == [(56, 56, 384)], "28 questions and 28 answers"
    catalog.add(Definition(name="promises_refund", on="both"), FOUR)

    def asked() -> None:
        raise AssertionError("the encoder was asked")

    monkeypatch.setattr("classify.custom.vectors.encoder", asked)
    assert db.judge() == 56
    assert set(verdicts(db, "promises_refund").values()) == {"pass", "fail"}


def test_answers_sharpen_at_once(db: Store, catalog: Catalog) -> None:
    catalog.add(Definition(name="promises_refund"), FOUR)
    answer = catalog.review("promises_refund")
    doubtful = answer.borderline[0]
    place = f"{doubtful.trace_id}/{doubtful.span_id}"
    after = catalog.mark("promises_refund", negative=[place])
    assert after.version == 2
    assert doubtful.span_id not in {e.span_id for e in (*after.nearest, *after.borderline)}
    assert len(catalog.show("promises_refund").definition.examples) == 5
    changed = catalog.mark("promises_refund", positive=[place])
    examples = catalog.show("promises_refund").definition.examples
    assert changed.version == 3
    assert [e.mark for e in examples if e.span_id == doubtful.span_id] == ["positive"]
    assert [each.version for each in catalog.history("promises_refund")] == [3, 2, 1]


def test_disabled_ones_keep_their_verdicts_and_removed_ones_lose_them(
    db: Store, catalog: Catalog
) -> None:
    catalog.add(Definition(name="promises_refund"), FOUR)
    catalog.add(Definition(name="about_shipping"), [span_of(8), span_of(21), span_of(16)])
    db.judge()
    catalog.disable("about_shipping")
    db.insert(answers(["The parcel arrives on Monday."], 100))
    db.judge()
    assert verdicts(db, "about_shipping")[OTHERS[0]] == "fail"
    assert verdicts(db, "about_shipping")["The parcel arrives on Monday."] == ""
    catalog.enable("about_shipping")
    assert db.judge() == 58
    assert verdicts(db, "about_shipping")["The parcel arrives on Monday."] != ""

    catalog.remove("about_shipping")
    assert db.judge() == 58
    assert db.query(
        "SELECT countIf(mapContains(custom, 'about_shipping')),"
        " countIf(mapContains(evidence, 'about_shipping')),"
        " countIf(mapContains(custom_scores, 'about_shipping')),"
        " countIf(custom['promises_refund'] = 'fail') > 3 FROM spans"
    ) == [(0, 0, 0, 1)]
    assert [each.name for each in catalog.all()] == ["promises_refund"]
    assert [each.state for each in catalog.all(removed=True)] == ["removed", "live"]
    with pytest.raises(UnknownClassifierError, match="there are promises_refund"):
        catalog.show("about_shipping")
    # The name is free again.
    assert catalog.add(Definition(name="about_shipping"), [span_of(8), span_of(21), span_of(16)])


def test_too_little_evidence_is_said_and_judges_nothing(db: Store, catalog: Catalog) -> None:
    answer = catalog.add(Definition(name="promises_refund"), FOUR[:2])
    assert answer.state == "draft"
    assert answer.reason
    assert answer.to_go_over == 0
    assert db.judge() == 0
    assert catalog.enable("promises_refund").state == "live"
    assert db.judge() == 56
    again = catalog.add(Definition(name="other_one"), FOUR[:2], enable=True)
    assert again.state == "live"


def test_a_near_duplicate_is_named(db: Store, catalog: Catalog) -> None:
    catalog.add(Definition(name="promises_refund"), FOUR)
    db.judge()
    twin = catalog.add(Definition(name="refund_again"), FOUR)
    assert [each.name for each in twin.near_duplicates] == ["promises_refund"]
    assert twin.near_duplicates[0].overlap >= 0.6


@pytest.mark.parametrize(
    ("name", "positive", "negative", "told"),
    [
        ("gone", ["00000000000fffff", *FOUR], [], "no span is stored with the id 00000000000fffff"),
        ("short", ["12ab", *FOUR], [], "'12ab' is no span id; give 16 hex digits"),
        ("one", FOUR[:1], [], "one example is too little"),
        ("twice", [FOUR[0], FOUR[0]], [], "one example is too little"),
        ("none", [], [], "has nothing to go by"),
        ("only_negative", [], FOUR, "no positive example is too little"),
        ("both_ways", FOUR, [FOUR[1]], "is positive and negative"),
        ("empty", [*FOUR, f"{1:016x}"], [], "has no output"),
    ],
)
def test_what_cannot_be_learned_is_told(
    catalog: Catalog, name: str, positive: list[str], negative: list[str], told: str
) -> None:
    with pytest.raises(DefinitionError, match=told):
        catalog.add(Definition(name=name), positive, negative)
    assert catalog.all() == []


def test_texts_that_contradict_each_other_are_told(db: Store, catalog: Catalog) -> None:
    def written(mark: str, text: str) -> Example:
        return Example.model_validate({"mark": mark, "texts": [text]})

    same = Definition(
        name="same",
        examples=[written("positive", t) for t in REFUNDS[:3]]
        + [written("negative", REFUNDS[0].upper())],
    )
    with pytest.raises(DefinitionError, match="but they say the same; leave one of them out"):
        catalog.add(same)
    alike = same.model_copy(
        update={"examples": [*same.examples[:3], written("negative", REFUNDS[0][:-1])]}
    )
    with pytest.raises(DefinitionError, match="to the encoder they are the same"):
        catalog.add(alike)
    blank = same.model_copy(update={"examples": [*same.examples[:3], written("negative", " \n")]})
    with pytest.raises(DefinitionError, match="has an empty text; leave it out"):
        catalog.add(blank)
    assert newest_revision(db.client, db.database) == 0


def test_names_in_use_are_told(catalog: Catalog) -> None:
    catalog.add(Definition(name="promises_refund"), FOUR)
    with pytest.raises(NameInUseError, match="in use"):
        catalog.add(Definition(name="promises_refund"), FOUR)
    for name in ("words", "model"):
        with pytest.raises(NameInUseError, match="taken by a column"):
            catalog.add(Definition(name=name), FOUR)


def test_a_project_has_so_many_and_no_more(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_OF_A_PROJECT", 2)
    texts = [Example(mark="positive", texts=[f"{text} Sorry."]) for text in REFUNDS[:4]]
    for name in ("first", "second"):
        catalog.add(Definition(name=name, examples=texts), project="alpha")
    with pytest.raises(DefinitionError, match=r"2 are the most.*remove one first"):
        catalog.add(Definition(name="third", examples=texts), project="alpha")
    for project in ("beta", ALL):
        catalog.add(Definition(name="third", examples=texts), project=project)
    catalog.remove("alpha/first")
    catalog.add(Definition(name="third", examples=texts), project="alpha")


def test_written_texts_without_any_traffic(dsn: str) -> None:
    with store(dsn) as empty:
        catalog = Catalog(lambda: connect(empty.settings.dsn), empty.database, BUILT_IN)
        answer = catalog.add(
            Definition(
                name="promises_refund",
                kinds=["llm"],
                examples=[Example(mark="positive", texts=[text]) for text in REFUNDS[:4]],
            ),
            enable=True,
        )
        assert (answer.expected_fail_rate, answer.sampled) == (None, 0)
        empty.insert(answers([REFUNDS[5], OTHERS[0]]))
        empty.judge(Words(), Tree())
        assert verdicts(empty, "promises_refund")[REFUNDS[5]] == "fail"


def test_the_course_of_traces(db: Store, catalog: Catalog) -> None:
    """Traces that look something up before they answer, and traces that refund without a look."""
    looked = [answers([OTHERS[i]], 100 + i) for i in range(8)]
    refunded = [answers([OTHERS[i]], 200 + i) for i in range(8)]
    for number, spans in enumerate([*looked, *refunded]):
        name = "lookup_order" if spans in looked else f"issue_refund_{number}"
        spans.append(
            Span(
                spans[0].trace_id,
                f"{9000 + number:016x}",
                spans[0].span_id,
                name=name,
                tool_name=name,
                step_kind="tool",
                start_time=spans[0].start_time + 10**5,
                input=f'{{"order": {number}}}',
                output='{"ok": true}',
            )
        )
        db.insert(spans)
    db.judge()
    roots = [spans[0].trace_id for spans in refunded]
    answer = catalog.add(Definition(name="course", on="steps"), roots[:4], enable=True)
    assert answer.sampled == 44
    db.judge()
    found = dict(db.query("SELECT trace_id, custom['course'] FROM spans WHERE parent_span_id = ''"))
    assert all(found[trace] == "fail" for trace in roots[:4])
    assert {found[spans[0].trace_id] for spans in looked} == {"pass"}
    assert db.query("SELECT DISTINCT custom['course'] FROM spans WHERE parent_span_id != ''") == [
        ("not_applicable",)
    ]

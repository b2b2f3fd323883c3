"""Reviews move thresholds: only for the better, each time as a new state, back in one command; old
rows are judged again and page nobody. On the real engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from classify.classifier import Classifier, Subject
from classify.coverage import coverage
from classify.custom.catalog import Catalog
from classify.custom.classifier_definition import Definition
from classify.job.rejudge import left
from classify.job.set_numbers import Numbers
from classify.reviews import calibration_store, queue, review_store
from classify.reviews.calibrating import Calibrating, CalibrationError
from classify.reviews.calibration import Answered, fit, propose, shipped_map, threshold_of
from classify.reviews.calibration_store import run_of
from classify.reviews.fails_from import FailsFrom, fails_from
from clickhouse.connection import connect
from clickhouse.span import Verdict
from tests.classify.custom.traffic import OTHERS, REFUNDS, answers, span_of
from tests.classify.job_store import Store, Tree, Words


@dataclass
class Scored(Words):
    """Stands where a built-in one does, and scores as the output says."""

    name: str = "toxicity"
    threshold: float = 0.8

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        first = [subject.span.output.partition(" ")[0] for subject in subjects]
        scores = [float(each) if each[:1].isdigit() else 0.0 for each in first]
        return [Verdict("fail" if s >= self.threshold else "pass", s) for s in scores]


def calibrating(db: Store, *classifiers: Classifier, fixed: Sequence[str] = ()) -> Calibrating:
    catalog = Catalog(lambda: connect(db.settings.dsn), db.database, ("toxicity", "tree"))
    return Calibrating(
        lambda: connect(db.settings.dsn), db.database, classifiers, fixed, catalog.rethreshold
    )


def reviewed(db: Store, name: str, count: int, fails: Callable[[float], bool], at: float) -> None:
    """As the page asks, and a person answers who knows which score really fails."""
    client = db.another_client()
    client.database = db.database
    run = run_of(client)
    for _ in range(count):
        given = review_store.read(client, db.database, name)
        case = queue.next_case(run, name, given, FailsFrom({name: at}))
        assert case is not None
        right = (case.label == "fail") == fails(case.score)
        review_store.add(
            client,
            db.database,
            name,
            case.trace_id,
            case.span_id,
            "right" if right else "wrong",
            chosen=case.chosen,
        )


def labels(db: Store) -> dict[str, int]:
    return dict(db.query("SELECT toString(toxicity), count() FROM spans GROUP BY 1"))


def test_answers_move_a_threshold_and_undo_takes_it_back(db: Store) -> None:
    scores = np.linspace(0.01, 0.99, 150)
    db.insert(answers([f"{score:.3f} said" for score in scores]))
    job = db.job(Scored(), Tree(), classify_rejudge_share=1.0)
    job.run()
    assert labels(db)["fail"] == 29
    judged_at = db.query("SELECT span_id, judged_at FROM spans ORDER BY span_id")
    ours = calibrating(db, Scored(), Tree())
    assert ours.all_new() == []
    assert "0 answers" in ours.now("toxicity")[1]
    # Everything from 0.4 up fails, and most of it was missed.
    reviewed(db, "toxicity", 18, lambda score: score >= 0.4, 0.8)
    assert ours.now("toxicity") == (None, "18 answers; from 20 on they move it")
    reviewed(db, "toxicity", 42, lambda score: score >= 0.4, 0.8)
    (state,) = ours.all_new()
    assert (state.number, state.of, state.before, state.author) == (1, 1, 0.8, "reviews")
    assert state.figures["cost"] < state.figures["cost_shipped"]
    assert state.figures["log_loss"] <= state.figures["log_loss_shipped"]
    assert 0.25 < state.threshold < 0.7
    assert "down from 0.8 to" in state.reason
    assert ours.all_new() == [], "nothing new was said"

    before = job.version
    job.run()
    assert job.version == before + 1, "a new set"
    assert labels(db)["fail"] == sum(scores.round(3) >= state.threshold) > 40
    assert db.query("SELECT span_id, judged_at FROM spans ORDER BY span_id") == judged_at
    news = db.query("SELECT count() FROM spans WHERE toxicity = 'fail' AND toxicity_score < 0.8")
    old = "has(old_verdicts, 'toxicity') AND toxicity_score < 0.8 AND toxicity = 'fail'"
    assert db.query(f"SELECT count() FROM spans WHERE {old}") == news, "pages nobody"
    again = db.job(Scored(), Tree())
    assert again.version == job.version, "a restart changes nothing"
    again.close()

    # How good it is is told of the verdicts that hold now, however they were drawn.
    client = db.another_client()
    client.database = db.database
    given = review_store.read(client, db.database, "toxicity")
    good = queue.how_good(run_of(client), "toxicity", given)
    truth = float((scores >= 0.4).mean())
    assert good.fail_rate.low <= truth <= good.fail_rate.high
    assert good.precision.low <= min(1.0, (scores >= 0.4).sum() / labels(db)["fail"])
    assert good.recall.value > 0.5, "at 0.8 it was a third"

    undone = ours.undo("toxicity", "anna")
    assert (undone.number, undone.undoes, undone.threshold, undone.author) == (2, 1, 0.0, "anna")
    with pytest.raises(CalibrationError, match="nothing to take back"):
        ours.undo("toxicity")
    assert ours.all_new() == [], "it is not moved again at once"
    job.run()
    assert job.version == before + 2
    assert labels(db)["fail"] == 29
    assert [each.number for each in ours.history("toxicity")] == [1, 2]
    # Another version of the classifier has other scores, and begins as it comes.
    newer = Scored(version=2)
    again, _ = calibrating(db, newer).now("toxicity")
    assert again is not None
    assert (again.number, again.of) == (3, 2)
    assert labels(db)["fail"] == 29
    job.run()
    assert labels(db)["fail"] == 29, "this job's classifier is version 1"
    job.close()
    # A job that starts judges by what holds.
    db.judge(newer, Tree(), classify_rejudge_share=1.0)
    assert labels(db)["fail"] == sum(scores.round(3) >= again.threshold) > 40


def test_answers_of_a_project_move_its_own_threshold(db: Store) -> None:
    scores = np.linspace(0.01, 0.99, 60)
    rows = answers([f"{score:.3f} said" for score in scores])
    # The same ids in another project.
    db.insert([*rows, *(replace(each, project="alpha") for each in rows)])
    job = db.job(Scored(), Tree(), classify_rejudge_share=1.0)
    job.run()
    by_project = "SELECT project, countIf(toxicity = 'fail') FROM spans GROUP BY 1"
    assert dict(db.query(by_project)) == {"": 12, "alpha": 12}
    ours = calibrating(db, Scored(), Tree())
    client = db.another_client()
    for each, score in zip(rows[1::2], scores, strict=True):
        said = "right" if (score >= 0.8) == (score >= 0.4) else "wrong"
        review_store.add(
            client,
            db.database,
            "toxicity",
            each.trace_id,
            each.span_id,
            said,
            chosen="random",
            project="alpha",
        )
    assert "0 answers" in ours.now("toxicity")[1]
    (state,) = ours.all_new()
    assert (state.project, state.number, state.answers) == ("alpha", 1, 60)
    assert 0.25 < state.threshold < 0.7
    before = job.version
    as_written = "SELECT * FROM spans WHERE project = '' ORDER BY trace_id, span_id"
    others = str(db.query(as_written))
    assert job.run() == len(rows), "alpha's, and none but alpha's"
    moved = sum(scores.round(3) >= state.threshold)
    assert dict(db.query(by_project)) == {"": 12, "alpha": moved}
    assert str(db.query(as_written)) == others
    assert job.numbers == Numbers(before, {"alpha": before + 1})
    found = coverage(client, db.database)
    assert (found.outdated, left(client, db.database)) == (0, 0)
    assert "alpha" not in str(db.query("SELECT * FROM classifier_sets")), "every project's to read"
    again = db.job(Scored(), Tree())
    assert again.numbers == job.numbers
    assert again.run() == 0
    again.close()
    # Whoever looks at both is asked the most doubtful of each by its own.
    client.database = db.database
    run = run_of(client)
    fails = fails_from(run)
    assert (fails.of("toxicity"), fails.of("toxicity", "alpha")) == (0.8, state.threshold)
    (given, *_) = review_store.read(client, db.database, "toxicity", project="alpha")
    case = queue.next_case(run, "toxicity", [given], fails)
    assert case is not None
    assert case.chosen == "near"
    doubts = {
        (project, score): abs(score - fails.of("toxicity", project))
        for project in ("", "alpha")
        for score in scores.round(3)
    }
    least = min(doubts[each] for each in doubts if each[1] != given.score)
    assert doubts[case.project, round(case.score, 3)] == pytest.approx(least, abs=1e-6)
    with pytest.raises(CalibrationError, match="nothing to take back"):
        ours.undo("toxicity")
    # What moves for the others is none of its concern, as it has its own.
    shared = replace(state, project="", threshold=0.9)
    calibration_store.put(client, db.database, shared)
    assert job.run() == len(rows)
    assert dict(db.query(by_project)) == {"": 6, "alpha": moved}
    assert job.numbers == Numbers(before + 1, {"alpha": before + 1})
    calibration_store.put(client, db.database, replace(shared, number=2, threshold=0.0))
    assert job.run() == len(rows)
    assert ours.undo("toxicity", project="alpha").project == "alpha"
    assert job.run() == len(rows)
    assert fails_from(run).own == {}
    job.close()
    assert dict(db.query(by_project)) == {"": 12, "alpha": 12}
    assert db.judge(Scored(version=2), Tree(), classify_rejudge_share=1.0) == 2 * len(rows)
    assert left(client, db.database) == 0


def test_what_somebody_has_set_is_left_alone(db: Store) -> None:
    db.insert(answers([f"{score:.3f} said" for score in np.linspace(0.01, 0.99, 60)]))
    job = db.job(Scored(threshold=0.9), Tree(), classify_thresholds="toxicity=0.9")
    job.run()
    reviewed(db, "toxicity", 40, lambda score: score >= 0.4, 0.9)
    ours = calibrating(db, Scored(threshold=0.9), fixed=["toxicity"])
    assert ours.all_new() == []
    with pytest.raises(CalibrationError, match="EVERYSPAN_CLASSIFY_THRESHOLDS"):
        ours.now("toxicity")
    # One that was found before the setting was made.
    (moved,) = calibrating(db, Scored(threshold=0.9)).all_new()
    assert moved.moves
    job.run()
    fails = labels(db)["fail"]
    assert fails == sum(np.linspace(0.01, 0.99, 60).round(3) >= 0.9)
    job.close()
    with pytest.raises(CalibrationError, match="no classifier 'nobody'"):
        ours.now("nobody")


def test_a_classifier_of_examples_moves_too(db: Store) -> None:
    db.insert(answers([*REFUNDS * 4, *OTHERS * 2]))
    job = db.job()
    job.run()
    catalog = Catalog(lambda: connect(db.settings.dsn), db.database, ("words", "tree"))
    catalog.add(Definition(name="refunds"), [span_of(i) for i in range(4)])
    job.run()
    ranked = db.query(
        "SELECT custom_scores['refunds'] AS s FROM spans WHERE custom['refunds'] = 'fail'"
        " ORDER BY s DESC"
    )
    assert len(ranked) >= 24
    # Only the nearest half is what was meant.
    limit = ranked[len(ranked) // 2 - 1][0]
    own = catalog.show("refunds").member.threshold
    reviewed(db, "refunds", 44, lambda score: score >= limit, own)
    ours = Calibrating(lambda: connect(db.settings.dsn), db.database, (), (), catalog.rethreshold)
    (state,) = ours.all_new()
    assert own < state.threshold <= limit + 1e-6
    record = catalog.show("refunds")
    assert (record.version, record.member.threshold) == (2, state.threshold)
    assert state.of == 2
    client = db.another_client()
    client.database = db.database
    assert fails_from(run_of(client)).of("refunds") == state.threshold, "what reviewers see"
    job.run()
    fails = "SELECT count() FROM spans WHERE custom['refunds'] = 'fail'"
    assert db.query(fails)[0][0] == sum(s >= state.threshold for (s,) in ranked) < len(ranked)
    ours.undo("refunds")
    assert fails_from(run_of(client)).of("refunds") == own
    assert catalog.show("refunds").member.threshold == own
    job.run()
    assert db.query(fails)[0][0] == len(ranked)
    # Learned anew, it has a threshold of its own.
    ours.now("refunds")
    catalog.mark("refunds", positive=[span_of(4)])
    assert catalog.show("refunds").definition.threshold is None
    catalog.add(Definition.model_validate(RULE))
    job.run()
    with pytest.raises(CalibrationError, match="rules"):
        ours.now("by_rule")
    job.close()


RULE: dict[str, Any] = {
    "name": "by_rule",
    "fail_if": [{"column": "output", "contains": "refund"}],
}


def drawn(scores: Sequence[float], fails: Sequence[bool]) -> Answered:
    return Answered(scores, fails, [1.0] * len(scores))


def test_nothing_moves_without_enough_of_both_kinds() -> None:
    assert propose(drawn([], []), 0.5).reason.startswith("0 answers")
    alike = propose(drawn([0.9] * 1000, [True] * 1000), 0.5)
    assert "0 are healthy" in alike.reason
    assert alike.threshold is None
    chosen = Answered([0.1, 0.9] * 20, [False, True] * 20, [0.0] * 40)
    assert "drawn at random" in propose(chosen, 0.5).reason


def test_answers_that_agree_with_it_move_nothing() -> None:
    scores = list(np.linspace(0.02, 0.98, 60))
    assert propose(drawn(scores, [s >= 0.5 for s in scores]), 0.5).threshold is None


def test_answers_at_random_move_nothing_far_nor_turn_the_order_around() -> None:
    random = np.random.default_rng(3)
    scores = random.random(40)
    for fails in (random.random(40) < 0.5, scores < 0.5):
        map = fit(scores, fails.astype(float), 0.5)
        assert min(map.a, map.b) >= 0
        assert (np.diff(map.probabilities(np.linspace(0.01, 0.99, 50))) >= 0).all()


def test_a_threshold_stays_where_something_was_answered() -> None:
    scores = np.array([0.3, 0.4, 0.5, 0.6])
    assert 0.6 < threshold_of(shipped_map(0.99), scores) < 0.61
    assert 0.29 < threshold_of(shipped_map(0.05), scores) < 0.3
    assert threshold_of(shipped_map(0.45), scores) == pytest.approx(0.45, abs=1e-3)


def test_answers_teach_a_classifier_of_examples_where_they_make_it_better(db: Store) -> None:
    items = "lamp jacket kettle backpack printer carpet drill mixer tent sofa".split()
    said = [f"I have refunded the {i} that you bought {d} days ago." for i in items for d in
            (3, 8, 12, 20, 25, 41, 60, 90)]  # fmt: skip
    said += [f"I can't refund the {i}, as you bought it {d} days ago." for i in items for d in
             (41, 60, 90)]  # fmt: skip
    late = {t for t in said if "have" in t and any(f" {d} " in t for d in (41, 60, 90))}
    db.insert(answers(said))
    job = db.job()
    job.run()
    catalog = Catalog(lambda: connect(db.settings.dsn), db.database, ("words", "tree"))
    # Four of one item: what it finds is that, and lateness of any kind.
    four = [i for i, text in enumerate(said) if text in late][:4]
    catalog.add(Definition(name="late"), [span_of(i) for i in four])
    job.run()
    texts = dict(db.query("SELECT span_id, output FROM spans WHERE step_kind = 'llm'"))
    client = db.another_client()
    client.database = db.database
    run = run_of(client)

    def wrong() -> int:
        rows = db.query("SELECT output, toString(custom['late']) FROM spans WHERE output != ''")
        return sum((label == "fail") != (text in late) for text, label in rows)

    for _ in range(44):
        given = review_store.read(client, db.database, "late")
        fails = FailsFrom({"late": catalog.show("late").member.threshold})
        case = queue.next_case(run, "late", given, fails)
        assert case is not None
        right = (case.label == "fail") == (texts[case.span_id] in late)
        where = case.trace_id, case.span_id, "right" if right else "wrong"
        review_store.add(client, db.database, "late", *where, chosen=case.chosen)
    given = review_store.read(client, db.database, "late")
    before, first = wrong(), catalog.show("late")
    assert before > 8
    assert queue.how_good(run, "late", given).fail_rate.is_known
    ours = Calibrating(
        lambda: connect(db.settings.dsn), db.database, (), (), catalog.rethreshold, catalog
    )
    (state,) = ours.all_new()
    taught = catalog.show("late")
    assert (taught.version, state.of, state.threshold) == (2, 2, 0.0)
    assert "are examples now" in state.reason
    assert state.reason == taught.quality["taught"]
    assert state.figures["cost_taught"] < state.figures["cost_without"]
    assert len(taught.definition.examples) > len(first.definition.examples) + 30
    job.run()
    assert wrong() < before / 2
    assert not queue.how_good(run, "late", given).fail_rate.is_known, "of what it was taught with"
    assert ours.all_new() == []
    assert ours.now("late")[0] is None, "what taught it speaks for nothing more"
    undone = ours.undo("late", "anna")
    again = catalog.show("late")
    assert (undone.undoes, undone.of, again.version) == (1, 3, 3)
    assert (again.head, again.definition) == (first.head, first.definition)
    job.run()
    assert wrong() == before
    job.close()

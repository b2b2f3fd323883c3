"""What is said of a condition that can't be used, and that nothing slips through."""

from __future__ import annotations

import pytest

from experiments.datasets.condition import checked
from experiments.datasets.dataset_definition import Definition
from experiments.datasets.errors import ConditionError
from experiments.datasets.source import Source, conditions


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("halucination = 'fail'", ["'halucination'", "hallucination"]),
        ("modle = 'gpt' AND hallucination = 'fail'", ["'modle'", "did you mean model"]),
        ("zzzzqq = 1", ["'zzzzqq'", "verdicts are", "toxicity"]),
        ("hallucination = fail", ["'fail'", "single quotes"]),
        (
            "hallucination = 'failed'",
            ["never 'failed'", "'not_applicable', 'abstained', 'pass', 'fail'"],
        ),
        ("hallucination != 'fial'", ["never 'fial'"]),
        ("duration_ms", ["Float64", "true or false"]),
        ("1, 2", ["Tuple", "true or false"]),
        ("hallucination = 'fail", ["not closed"]),
        ("foo(model)", ["foo"]),
        ("  ", ["empty"]),
    ],
)
def test_a_wrong_condition_is_explained(source: Source, condition: str, words: list[str]) -> None:
    with pytest.raises(ConditionError) as told:
        checked(source.client, "--where", condition, source.columns)
    for word in ("--where", *words):
        assert word in str(told.value)
    assert "DB::Exception" not in str(told.value)


@pytest.mark.parametrize(
    "condition",
    [
        "1; DROP TABLE spans_raw",
        "1) UNION ALL SELECT (2",
        "1) FROM system.one WHERE (1",
        "1) INTO OUTFILE '/tmp/x' --",
        "1) SETTINGS readonly = 0 --",
        "1) LIMIT 1 --",
        "1 AS x), (2",
        "file('/etc/passwd') != ''",
        "trace_id IN (SELECT * FROM file('/etc/passwd', 'LineAsString'))",
        "trace_id IN (SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString'))",
        "trace_id IN default.`/etc/passwd`",
        "arrayMap(file, ['/etc/passwd'])[1] != ''",
        "1 FORMAT Null",
        "sleep(3) = 0",
    ],
)
def test_more_than_a_condition_is_refused(source: Source, condition: str) -> None:
    with pytest.raises(ConditionError, match="--where"):
        checked(source.client, "--where", condition, source.columns)
    assert source.client.query("SELECT count() FROM spans_raw").result_rows == [(0,)]


@pytest.mark.parametrize(
    "condition",
    [
        "hallucination = 'fail' -- the usual",
        "toxicity = 'fail' OR (model LIKE 'gpt%' AND hallucination_score > 0.5)",
        "evidence['hallucination'] LIKE '%{\"a\": 1}%'",
        "trace_id IN (SELECT trace_id FROM spans WHERE status = 'error')",
        "has(documents, '') OR length(documents) = 0",
        "cost_usd > 0.1",
    ],
)
def test_what_may_stand_behind_where(source: Source, condition: str) -> None:
    found = checked(source.client, "--where", condition, source.columns)
    source.client.query(f"SELECT count() FROM spans WHERE {found}")
    assert checked(source.client, "--where", found, source.columns)


def test_a_control_passed_what_the_condition_names(source: Source) -> None:
    found = conditions(source, Definition(where="hallucination = 'fail' AND model = 'x'"))
    assert found.healthy.startswith("hallucination = 'pass' AND verdict_version > 0")
    assert "toxicity = 'fail'" in found.healthy
    assert "toxicity = 'pass'" not in found.healthy
    own = conditions(source, Definition(where="status = 'error'", healthy="duration_ms < 9"))
    assert own.healthy == "(duration_ms < 9)" or own.healthy == "((duration_ms < 9))"
    with pytest.raises(ConditionError, match="--healthy"):
        conditions(source, Definition(where="status = 'error'", healthy="nope = 1"))

"""A plain rule beside what was learned: only where it is plain, with what was counted."""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Sequence

import pytest

from classify.classifier import Subject, Trace
from classify.custom.answers import Answer
from classify.custom.classifier_definition import Definition, Example
from classify.custom.file import read
from classify.custom.plain_rule import LEAST_ROWS, PlainRule, plain_rule
from cli.classifier import _say
from clickhouse.span import Span

ROWS = [
    f"The delivery of your order LF-{i} takes {i % 5} days, and it costs {i} EUR: is that all?"
    for i in range(298)
] + ["TentWorld is another shop that we know of.", "I do not know what tentworld sells."]
SHOPS = [
    'We match any price of "TentWorld".',
    "Buy it at tentworld, it is cheaper there.",
    "I recommend TentWorld for this.",
]
GERMAN = [
    "Die Lieferung dauert drei Tage und kostet zehn Euro, das ist alles.",
    "Ihre Bestellung ist auf dem Weg und kommt morgen bei Ihnen an.",
    "Das tut mir leid, aber ich kann das nicht ändern, weil es schon verschickt ist.",
]


def found(
    positives: Sequence[str], negatives: Sequence[str] = (), rows: Sequence[str] = ROWS
) -> PlainRule | None:
    examples = [Example(mark="positive", texts=[text]) for text in positives]
    examples += [Example(mark="negative", texts=[text]) for text in negatives]
    definition = Definition(
        name="names_a_shop", kinds=["llm"], services=['a "b"'], examples=examples
    )
    return plain_rule(definition, rows)


@pytest.mark.parametrize(
    ("positives", "says", "hits"),
    [(SHOPS, "hold “tentworld”", 2), (GERMAN, "are not in English", 0)],
)
def test_it_is_what_all_examples_share_and_finds_what_was_counted(
    positives: list[str], says: str, hits: int
) -> None:
    # Examples that are rows of the traffic, too, are no others.
    rule = found(positives, rows=[*ROWS, *positives])
    assert rule is not None
    assert (rule.says, rule.examples, rule.found, rule.rows) == (says, 3, hits, len(ROWS))
    written = tomllib.loads(rule.toml)
    assert (written["kinds"], written["services"]) == (["llm"], ['a "b"'])
    member = read(rule.toml).member
    spans = [
        Span("a" * 32, f"{i:016x}", step_kind="llm", service_name='a "b"', output=text)
        for i, text in enumerate([*positives, *ROWS])
    ]
    labels = [each.label for each in member.judge([Subject(s, Trace((s,))) for s in spans])]
    assert labels[:3] == ["fail"] * 3
    assert labels[3:].count("fail") == hits, "the rule counts as its condition does"


def test_the_command_says_what_was_counted_and_prints_the_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rule = found(SHOPS)
    assert rule is not None
    answer = Answer(
        name="names_a_shop", version=1, state="live", reason="", threshold=0.5, quality={},
        nearest=[], borderline=[], expected_fail_rate=None, sampled=0, near_duplicates=[],
        to_go_over=0, rule=rule,
    )  # fmt: skip
    _say(answer.model_dump())
    told, file = capsys.readouterr().out.split("As a file for --rule:\n")
    assert "a rule may do: all 3 examples hold “tentworld”, and 2 of 300 other rows are so." in told
    assert textwrap.dedent(file) == rule.toml


@pytest.mark.parametrize(
    ("positives", "negatives", "rows"),
    [
        (["I have paid it.", "Your money is on its way.", "You get all of it back."], [], ROWS),
        # Every row has it.
        (
            [f"The delivery of your order{each}" for each in (": late", "? Lost", ", here")],
            [],
            ROWS,
        ),
        # So has one that it should leave alone.
        (SHOPS, ["We do not talk of TentWorld."], ROWS),
        (SHOPS[:2], [], ROWS),
        (SHOPS, [], ROWS[: LEAST_ROWS - 1]),
    ],
)
def test_there_is_none_where_none_is_plain(
    positives: list[str], negatives: list[str], rows: list[str]
) -> None:
    assert found(positives, negatives, rows) is None

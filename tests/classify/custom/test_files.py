"""Classifiers as files: export and import, a folder kept in git, and files that are wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from classify.custom import file
from classify.custom.catalog import Catalog
from classify.custom.classifier_definition import Definition, DefinitionError, NameInUseError
from clickhouse.connection import connect
from tests.classify.custom.conftest import BUILT_IN
from tests.classify.custom.traffic import OTHERS, REFUNDS, answers, span_of
from tests.classify.job_store import Store, store

FOUR = [span_of(i) for i in range(4)]
RULE = """
name = "no_answer"
describe = "The model said nothing."
kinds = ["llm"]
[[fail_if]]
column = "output"
equals = ""
"""


def test_what_is_exported_judges_the_same_elsewhere(
    db: Store, catalog: Catalog, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.add(Definition(name="promises_refund", max_fail_rate=0.2), FOUR, author="ops")
    db.judge()
    text = file.write(catalog.show("promises_refund"))
    assert tomllib.loads(text)["examples"][0]["texts"] == [REFUNDS[0]]
    with store(dsn) as other:
        other.insert(answers([*REFUNDS, *OTHERS]))
        there = Catalog(lambda: connect(other.settings.dsn), other.database, BUILT_IN)
        monkeypatch.setattr("classify.custom.learning.learn", None)
        answer = there.take(file.read(text))
        assert (answer.state, answer.version) == ("live", 1)
        with pytest.raises(NameInUseError, match="in use"):
            there.take(file.read(text))
        assert there.take(file.read(text), replacing=True).version == 2
        other.judge()
        sql = (
            "SELECT output, custom['promises_refund'] FROM spans WHERE step_kind = 'llm' ORDER BY 1"
        )
        assert other.query(sql) == db.query(sql)
        assert there.show("promises_refund").definition.max_fail_rate == 0.2
        assert there.show("promises_refund").author == "ops"


def test_a_file_without_weights_or_of_another_model_is_learned(db: Store, catalog: Catalog) -> None:
    catalog.add(Definition(name="promises_refund"), FOUR)
    text = file.write(catalog.show("promises_refund"))
    head = catalog.show("promises_refund").head
    catalog.remove("promises_refund")
    content = tomllib.loads(text)
    for changed in (
        text.replace(f"model = {content['learned']['model']}", "model = 999999"),
        text[: text.index("[learned")],
    ):
        catalog.take(file.read(changed), replacing=True)
        assert len(catalog.show("promises_refund").head) == len(head)


def test_a_list_beside_a_rule_counts_with_it(
    db: Store, catalog: Catalog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = file.Folder(tmp_path, catalog)
    rule = RULE.replace('equals = ""', 'none_of = { file = "known.txt" }')
    (tmp_path / "no_answer.toml").write_text(rule, encoding="utf-8")
    assert folder.read() == folder.read() == 1
    assert caplog.text.count("No such file") == 1, "told once"
    for number, values in enumerate(("a\nb\n", "a\nc\n"), 1):
        (tmp_path / "known.txt").write_text(values)
        assert folder.read() == folder.read() == 0
        record = catalog.show("no_answer")
        assert record.version == number, "once for each change"
        assert record.definition.fail_if[0].none_of == values.split()


def test_a_folder_is_followed(db: Store, catalog: Catalog, tmp_path: Path) -> None:
    folder = file.Folder(tmp_path, catalog)
    assert folder.read() == 0
    (tmp_path / "no_answer.toml").write_text(RULE, encoding="utf-8")
    lines = "".join(f'[[examples]]\nmark = "positive"\ntext = "{text}"\n' for text in REFUNDS[:4])
    (tmp_path / "refund.toml").write_text(
        f'name = "promises_refund"\nkinds = ["llm"]\n{lines}', encoding="utf-8"
    )
    assert folder.read() == 0
    assert [(e.name, e.state, e.source) for e in catalog.all()] == [
        ("no_answer", "live", "no_answer.toml"),
        ("promises_refund", "live", "refund.toml"),
    ]
    db.judge()
    assert db.query(
        "SELECT countIf(custom['no_answer'] = 'pass'), countIf(custom['promises_refund'] = 'fail')"
        " >= 4 FROM spans"
    ) == [(28, 1)]
    assert folder.read() == 0
    assert {e.version for e in catalog.all()} == {1}, "unchanged files are left alone"
    (tmp_path / "no_answer.toml").write_text(RULE.replace('""', '"none"'), encoding="utf-8")
    catalog.disable("promises_refund")
    folder.read()
    assert [(e.version, e.state) for e in catalog.all()] == [(2, "live"), (1, "disabled")]
    (tmp_path / "no_answer.toml").unlink()
    folder.read()
    assert [e.name for e in catalog.all()] == ["promises_refund"]


def test_a_wrong_file_changes_nothing_and_is_told_once(
    catalog: Catalog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "no_answer.toml"
    path.write_text(RULE, encoding="utf-8")
    folder = file.Folder(tmp_path, catalog)
    folder.read()
    path.write_text(RULE.replace("equals", "equal"), encoding="utf-8")
    assert folder.read() == folder.read() == 1
    told = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert len(told) == 1
    assert "no_answer.toml: fail_if.0: equal: there is no such key; did you mean equals?" in told[0]
    assert catalog.show("no_answer").version == 1
    path.write_text(RULE, encoding="utf-8")
    assert folder.read() == 0


def test_a_name_added_by_hand_is_not_taken_by_a_file(
    catalog: Catalog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    catalog.add(Definition(name="no_answer"), FOUR)
    (tmp_path / "no_answer.toml").write_text(RULE, encoding="utf-8")
    assert file.Folder(tmp_path, catalog).read() == 1
    assert "in use by one that was added by hand" in caplog.text
    assert catalog.show("no_answer").definition.fail_if == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name = ", "is no TOML"),
        ('describe = "x"', "name: Field required"),
        ('name = "xx"\n[[examples]]\nmark = "positive"', "needs text, or input and output"),
        ('name = "xx"\n[[examples]]\nmark = "maybe"\ntext = "a"', "examples.0.mark"),
        (
            'name = "xx"\non = "both"\n[[examples]]\nmark = "positive"\ntext = "a"',
            "input and output",
        ),
        ('name = "xx"\n[learned]\nhead = "AA=="\nmodel = 1', "learned: there are no examples"),
        (
            'name = "xx"\n[[examples]]\nmark = "positive"\ntext = "a"\n'
            '[learned]\nhead = "?"\nmodel = 1',
            "learned.head is no base64",
        ),
    ],
)
def test_wrong_files_are_told(text: str, told: str) -> None:
    with pytest.raises(DefinitionError) as error:
        file.read(text, "x.toml")
    assert told in str(error.value)


def test_rules_and_examples_together(db: Store, catalog: Catalog) -> None:
    rule = '[[fail_if]]\ncolumn = "output"\nmatches = "(?i)card|bank"\n'
    for together in ("and", "or"):
        record = file.read(f'name = "refund_{together}"\ntogether = "{together}"\n{rule}')
        answer = catalog.add(record.definition, FOUR)
        assert answer.sampled == 28
        assert answer.expected_fail_rate is not None
    db.judge()
    (both, either) = (
        {
            text
            for (text,) in db.query(
                f"SELECT output FROM spans WHERE custom['refund_{together}'] = 'fail'"
            )
        }
        for together in ("and", "or")
    )
    assert REFUNDS[0] in both
    assert REFUNDS[1] not in both, "no card and no bank in it"
    assert both < either
    assert {REFUNDS[1], REFUNDS[5]} <= either

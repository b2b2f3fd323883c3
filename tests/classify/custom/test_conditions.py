"""Conditions of rule files on made-up traces, and how wrong ones are told."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from pydantic import ValidationError

from classify.classifier import Subject, Trace
from classify.custom import file
from classify.custom.classifier_definition import Definition, DefinitionError
from classify.custom.member import Member
from classify.custom.value_lists import filled_in
from clickhouse.span import Span


def step(number: int, kind: str, name: str, **more: Any) -> Span:
    return Span(
        "t",
        str(number),
        "" if number == 0 else "0",
        name=name,
        step_kind=kind,
        start_time=number * 10**6,
        tool_name=name if kind == "tool" else "",
        **more,
    )


BOOKING = Trace(
    (
        step(0, "agent", "booker", attributes={"tenant": "acme"}, output="Booked."),
        step(
            1,
            "tool",
            "lookup_invoice",
            input='{"id": 7}',
            output='{"lines": [{"gl_code": "6100"}, {"gl_code": "6200"}], "total": 120.5}',
        ),
        step(2, "llm", "plan", model="m-1", output="I will post it.", input_tokens=900),
        step(
            3,
            "tool",
            "post_invoice",
            input='{"entry": {"gl_code": "7300", "amount": 120}}',
            output='{"status": "error", "code": 409}',
            status="error",
        ),
        step(4, "tool", "post_invoice", input='{"entry": {"gl_code": "6100"}}', output="ok"),
    )
)


def verdict(toml: str, trace: Trace = BOOKING, at: int | None = None) -> tuple[str, str]:
    """Label and evidence of the root, or of the step ``at``."""
    member = Member(Definition.model_validate({"name": "xx", **tomllib.loads(toml)}), b"", 1)
    span = trace.root if at is None else trace.spans[at]
    (found,) = member.judge([Subject(span, trace)])
    return found.label, found.evidence


GL = """
unit = "trace"
[[fail_if]]
arguments = "$..gl_code"
tool = "post_*"
differs_from = { result = "$..gl_code", tool = "lookup_invoice" }
"""


def test_mismatched_codes_across_paths() -> None:
    assert verdict(GL) == (
        "fail",
        "arguments $..gl_code of post_*: 7300 is not in result $..gl_code of lookup_invoice:"
        " 6100, 6200",
    )
    good = Trace((*BOOKING.spans[:3], BOOKING.spans[4]))
    assert verdict(GL, good) == ("pass", "")
    nothing_looked_up = Trace((BOOKING.spans[0], BOOKING.spans[3]))
    assert verdict(GL, nothing_looked_up) == ("pass", "")
    assert verdict(f'{GL}missing = "pass"', nothing_looked_up) == ("pass", "")
    assert verdict(f'{GL}missing = "fail"', nothing_looked_up) == (
        "fail",
        "arguments $..gl_code of post_*: 7300, and nothing in result $..gl_code of lookup_invoice",
    )
    assert verdict(f'{GL}missing = "fail"', good) == ("pass", "")
    nothing_posted = Trace((BOOKING.spans[0], BOOKING.spans[1]))
    assert verdict(f'{GL}missing = "fail"', nothing_posted) == ("pass", "")
    with pytest.raises(ValueError, match="missing belongs to differs_from"):
        verdict('[[fail_if]]\ncolumn = "name"\nequals = "x"\nmissing = "fail"')


def test_values_from_a_file(tmp_path: Path) -> None:
    rule = """
unit = "trace"
[[fail_if]]
arguments = "$..gl_code"
tool = "post_*"
none_of = { file = "lists/codes.txt" }
"""
    (tmp_path / "lists").mkdir()
    codes = tmp_path / "lists" / "codes.txt"
    for text, label in (("# ours\n7300\n\n6100\n", "pass"), ("6100\r\n", "fail")):
        codes.write_text(text)
        content, read = filled_in(tomllib.loads(rule), tmp_path)
        assert read == codes.read_bytes()
        assert verdict(tomli_w.dumps(content))[0] == label
    long = "ä" * (1 << 20)
    for text, error in (
        *(("", "no value"), ("x" * (2 << 20), "split it"), (f"a{long}", "split it")),
        (None, "No such file"),
    ):
        codes.unlink() if text is None else codes.write_text(text)
        with pytest.raises(DefinitionError, match=error):
            filled_in(tomllib.loads(rule), tmp_path)
    with pytest.raises(DefinitionError, match="write a list of values"):
        filled_in(tomllib.loads(rule.replace("file =", "fiel =")), tmp_path)
    os.mkfifo(codes)
    for name in ("lists/codes.txt", ".", "a\\u0000b", "x" * 5000):
        with pytest.raises(DefinitionError, match="looked for beside"):
            filled_in(tomllib.loads(rule.replace("lists/codes.txt", name)), tmp_path)
    # Over HTTP no file is read.
    with pytest.raises(ValueError, match="none_of"):
        verdict(rule)


@pytest.mark.parametrize(
    ("condition", "label", "evidence"),
    [
        ('steps = ["lookup_invoice", "post_invoice"]', "pass", ""),
        ('steps = ["post_invoice", "lookup_invoice"]', "fail", "it comes before"),
        ('steps = ["lookup_invoice", "approve"]', "fail", "no step approve after lookup_invoice"),
        ('steps = ["lookup_invoice", "tool:post_*"]\norder = "kept"', "fail", "in the order"),
        ('step = "post_invoice"\nat_least = 2', "fail", "2 steps post_invoice"),
        ('step = "post_invoice"\nat_least = 3', "pass", ""),
        ('step = "approve"\nat_most = 0', "fail", "0 steps approve"),
        ('step = "llm"\nat_least = 1\nat_most = 1', "fail", "1 step llm"),
    ],
)
def test_order_and_count_of_steps(condition: str, label: str, evidence: str) -> None:
    found = verdict(f'unit = "trace"\n[[fail_if]]\n{condition}')
    assert found[0] == label
    assert evidence in found[1]


@pytest.mark.parametrize(
    ("condition", "at", "label"),
    [
        ('column = "output"\nmatches = "(?i)will POST"', 2, "fail"),
        ('column = "output"\nnot_matches = "post"', 2, "pass"),
        ('column = "output"\ncontains = "POST"', 2, "fail"),
        ('column = "model"\none_of = ["m-1", "m-2"]', 2, "fail"),
        ('column = "model"\nnone_of = ["m-1"]', 2, "pass"),
        ('column = "input_tokens"\nabove = 899', 2, "fail"),
        ('column = "input_tokens"\nbelow = 900', 2, "pass"),
        ('column = "input_tokens"\nequals = 900', 2, "fail"),
        ('column = "output_tokens"\nabove = 1', 2, "pass"),
        ('column = "status"\nnot_equals = "error"', 3, "pass"),
        ('column = "output"\npath = "$.total"\nabove = 100', 1, "fail"),
        ('column = "output"\npath = "$.lines[*].gl_code"\nequals = "6200"', 1, "fail"),
        (
            'column = "output"\npath = "$.lines[*].gl_code"\nequals = "6200"\nwhich = "all"',
            1,
            "pass",
        ),
        ('column = "output"\npath = "$.lines"\nexists = true', 1, "fail"),
        ('column = "output"\npath = "$.vat"\nexists = false', 1, "fail"),
        ('column = "output"\npath = "$.x"\nequals = 1', 2, "pass"),
        ('attribute = "tenant"\nequals = "acme"', 0, "fail"),
        ('attribute = "other"\nequals = "acme"', 0, "pass"),
        ('arguments = "$.entry.amount"\nabove = 100', 3, "fail"),
        ('result = "$.code"\nequals = 409', 3, "fail"),
        ('result = "$"\nequals = "ok"', 4, "fail"),
        ('result = "$.code"\ntool = "lookup_*"\nequals = 409', 3, "pass"),
    ],
)
def test_values_of_one_row(condition: str, at: int, label: str) -> None:
    assert verdict(f"[[fail_if]]\n{condition}", at=at)[0] == label


def test_only_any_and_all() -> None:
    two = (
        '[[fail_if]]\ncolumn = "model"\nequals = "m-1"\n[[fail_if]]\ncolumn = "output"\nequals = ""'
    )
    assert verdict(two, at=2)[0] == "fail"
    assert verdict(f'combine = "all"\n{two}', at=2)[0] == "pass"
    only = '[[only]]\ncolumn = "step_kind"\nequals = "tool"\n'
    assert verdict(only + two, at=2)[0] == "not_applicable"


def test_calls_of_untraced_tools_are_read_from_the_model_step() -> None:
    asked = (
        '[{"role": "assistant", "parts": [{"type": "tool_call", "name": "post_invoice",'
        ' "arguments": {"gl_code": "1"}}]}]'
    )
    trace = Trace((step(0, "llm", "plan", output_messages=asked),))
    toml = '[[fail_if]]\narguments = "$.gl_code"\ntool = "post_invoice"\nequals = "1"'
    assert verdict(toml, trace)[0] == "fail"


@pytest.mark.parametrize(
    ("said", "wanted", "label"),
    [
        ("Ihre Bestellung kommt in sieben Tagen an.", "English", "fail"),
        ("Su pedido (lamp) llegará en 12 días.", "english", "fail"),
        ("ご注文は木曜日に届きます。ありがとうございます。", "English", "fail"),
        ("Your order comes in 3 days.", "English", "pass"),
        ("Leider ist der Artikel zurzeit nicht verfügbar.", "German", "pass"),
        ("I am sorry, the article is not available right now.", "German", "fail"),
        ("OK 6150", "German", "pass"),
        ("", "English", "pass"),
    ],
)
def test_another_language(said: str, wanted: str, label: str) -> None:
    trace = Trace((step(0, "llm", "answer", output=said),))
    toml = f'[[fail_if]]\ncolumn = "output"\nnot_language = "{wanted}"'
    assert verdict(toml, trace)[0] == label


@pytest.mark.parametrize(
    "odd", ["", "{", "[]", "null", '{"a": ' * 200, '"\\ud800"', "NaN", "\x00", "9" * 400]
)
def test_odd_content_never_raises(odd: str) -> None:
    trace = Trace((step(0, "tool", "t", input=odd, output=odd),))
    for condition in (
        'arguments = "$..a"\nabove = 1',
        'result = "$.a[0]"\nmatches = "x"',
        'column = "output"\npath = "$..*"\nexists = true',
        'column = "output"\nnot_language = "English"',
    ):
        assert verdict(f"[[fail_if]]\n{condition}", trace)[0] in ("pass", "fail")


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ('column = "outptu"\nequals = "x"', "column 'outptu' is none of spans"),
        ('column = "input_token"\nabove = 1', "did you mean input_tokens?"),
        ('equals = "x"', "names nothing to look at"),
        ('column = "output"\nresult = "$"\nequals = 1', "names column and result"),
        ('column = "output"', "says nothing of output; say one of equals"),
        ('column = "output"\nequals = "x"\nmatches = "y"', "says equals and matches"),
        ('column = "output"\nmatches = "(x"', "'(x' is no regular expression"),
        ('result = "$.a["\nexists = true', "result '$.a[' is no JSON path"),
        ('column = "output"\nat_least = 1', "for numbers use above and below"),
        ('step = "x"', "step needs at_least or at_most"),
        ('step = "x"\nat_most = 1', "set unit = 'trace'"),
        ('steps = ["x"]', "steps needs two at least"),
        ('column = "output"\nequal = "x"', "equal"),
        ('column = "output"\nnot_language = "Germna"', "did you mean German?"),
        ('column = "output"\nnot_language = "Klingon"', "write it in English"),
        ('column = "output"\ntool = "x"\nequals = 1', "tool belongs to arguments or result"),
    ],
)
def test_wrong_conditions_are_told(toml: str, told: str) -> None:
    with pytest.raises(DefinitionError) as error:
        file.read(f'name = "xx"\n[[fail_if]]\n{toml}', "x.toml")
    assert told in str(error.value)
    assert str(error.value).startswith("x.toml: ")


@pytest.mark.parametrize("name", ["", "Refund", "1st", "a b", "custom", "x" * 80, "a;drop"])
def test_names(name: str) -> None:
    with pytest.raises(ValidationError, match="is no name for a classifier"):
        Definition(name=name)

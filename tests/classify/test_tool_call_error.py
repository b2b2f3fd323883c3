"""tool_call_error: what fails, what looks like a failure and is none, where the verdict goes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from classify.classifier import Subject, Trace
from classify.classifiers.tool_call_error import classifier
from clickhouse.span import Span, Verdict

WEATHER = {
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer", "minimum": 1},
            "unit": {"type": "string", "enum": ["c", "f"]},
        },
        "required": ["city"],
        "additionalProperties": False,
    },
}


def span(kind: str, number: int, **columns: Any) -> Span:
    return Span(
        "a" * 32, f"{number:016x}", step_kind=kind, start_time=number, **{"status": "ok"} | columns
    )


def tool(number: int = 1, **columns: Any) -> Span:
    return span("tool", number, **{"name": "lookup", "tool_name": "lookup"} | columns)


def llm(number: int, *calls: dict[str, Any], definitions: Any = None, **columns: Any) -> Span:
    parts = [{"type": "tool_call", **call} for call in calls]
    return span(
        "llm",
        number,
        output_messages=json.dumps([{"role": "assistant", "parts": parts}]),
        tool_definitions=json.dumps(definitions) if definitions is not None else "",
        **columns,
    )


def verdicts(*spans: Span) -> list[Verdict]:
    trace = Trace(spans)
    return classifier.judge([Subject(each, trace) for each in spans])


FAILURES = [
    ('{"error": "card declined"}', "error: card declined"),
    ('{"error": {"code": "E42", "message": "no such order"}}', "no such order"),
    ('{"error": true, "message": "db locked"}', "db locked"),
    ('{"error": 1, "message": "bad key"}', "bad key"),
    ('{"content": [{"type": "text", "text": "no route"}], "isError": true}', "isError: true"),
    ('[{"type": "text", "text": "Error: no route to host"}]', "no route"),
    ('{"status": "error", "message": "quota"}', "status: error"),
    ('{"content": "x", "status": "error", "type": "tool", "tool_call_id": "c"}', "status: error"),
    ('{"success": false, "reason": "out of stock"}', "out of stock"),
    ('{"ok": false}', "ok: false"),
    ('{"status": "failed", "message": "printer on fire"}', "printer on fire"),
    ('{"statusCode": 503, "body": "busy"}', "statusCode: 503"),
    ('{"status": 404, "title": "Not Found", "detail": "no user 7"}', "status: 404"),
    ('{"type": "about:blank", "title": "Conflict", "status": 409}', "status: 409"),
    ('{"detail": "Not authenticated"}', "Not authenticated"),
    ('{"message": "Endpoint request timed out"}', "timed out"),
    ('{"errors": [{"message": "Cannot query field"}]}', "Cannot query field"),
    ('{"result": {"error": "inner"}}', "inner"),
    ('{"output": "Error: disk full"}', "disk full"),
    ('{"exit_code": 127, "stderr": "foo: command not found"}', "exit_code: 127"),
    ('{"exit_code": 2, "stdout": "", "stderr": "usage: ls"}', "usage: ls"),
    ('{"exitCode": 137, "stdout": "x"}', "137"),
    ("Error: connection refused", "connection refused"),
    ('"Error: connection refused"', "connection refused"),
    ("error: pathspec 'x' did not match", "pathspec"),
    ("Error executing tool get_weather: timeout", "timeout"),
    ("Error: ValueError('bad')\n Please fix your mistakes.", "ValueError"),
    ("An error occurred while running the tool. Please try again.", "An error occurred"),
    ("Tool lookup not found", "not found"),
    ("Unknown tool: lookup", "Unknown tool"),
    ("lookup2 is not a valid tool, try one of [lookup].", "not a valid tool"),
    ("MCP error -32602: Invalid params", "-32602"),
    ("Input validation error: 'x' is a required property", "validation"),
    ("1 validation error for Lookup\nid\n  Field required", "1 validation error"),
    ("Traceback (most recent call last):\n  File ...\nKeyError: 'x'", "Traceback"),
    ("starting\n" * 80 + "Traceback (most recent call last):\nKeyError: 1", "Traceback"),
    ("KeyError: 'city'", "KeyError"),
    ("requests.exceptions.ConnectionError: Max retries exceeded", "ConnectionError"),
    ("404 Client Error: Not Found for url: https://api.test/x", "404"),
    ("HTTP 500", "HTTP 500"),
    ("Error", "Error"),
    ("[ERROR] cannot open the file", "cannot open"),
    ("⚠️ Error: no disk", "no disk"),
    ("Server error 503", "503"),
    ("Process exited with code 127", "127"),
    ('{"code": "ERR_NO_ROUTE", "message": "host is down"}', "host is down"),
    ('{"fault": {"faultstring": "Invalid API key"}}', "Invalid API key"),
    ("Request failed with status code 429", "429"),
    ("bash: foo: command not found", "command not found"),
    ("/bin/sh: 1: jq: not found", "not found"),
    ("cat: /etc/x: No such file or directory", "No such file"),
    ("ls: cannot access: Permission denied", "Permission denied"),
    ("Request timed out", "timed out"),
    ("Timeout", "Timeout"),
    ("Too Many Requests", "Too Many"),
    ("Failed to fetch the page: 403", "Failed to fetch"),
    ("panic: runtime error: index out of range", "panic"),
    ("ENOENT: no such file or directory, open 'x'", "ENOENT"),
    ("ORA-00942: table or view does not exist", "ORA-00942"),
    ("<html><head><title>502 Bad Gateway</title></head></html>", "502"),
]

HARMLESS = [
    '{"error": null, "temp": 12}',
    '{"error": "", "temp": 12}',
    '{"error": "none"}',
    '{"error": false}',
    '{"error": 0.03, "mean": 4.2}',
    '{"error": {}}',
    '{"error": {"code": 0, "message": ""}}',
    '{"errors": []}',
    '{"errors": 0, "passed": 12}',
    '{"errors": 3, "passed": 12}',
    '{"error_rate": 0.2, "error_count": 5}',
    '{"isError": false, "content": [{"type": "text", "text": "fine"}]}',
    '{"status": "ok"}',
    '{"status": 200, "message": "Error budget is fine"}',
    '{"status": 450, "unit": "kg"}',
    '{"order_id": 7, "status": "failed", "amount": 12, "currency": "EUR", "created": "2026-01-01"}',
    '{"paymentId": "p1", "status": "failed", "reason": "card declined"}',
    '{"success": true}',
    '{"code": 404}',
    '{"code": "EUR", "message": "hello"}',
    '{"code": "invalid"}',
    "Process exited with code 0",
    "Failed states are a subject of politics.",
    '{"exit_code": 0, "stderr": "warning: x"}',
    '{"exit_code": 1, "stdout": "1 test failed", "stderr": ""}',
    '[{"title": "Error: how to fix it", "text": "Error: disk full means …"}]',
    '{"results": [{"title": "Traceback (most recent call last)", "snippet": "Error: x"}]}',
    '{"level": "error", "line": "x", "at": 3, "host": "a", "pid": 4}',
    '{"title": "A history of error", "text": "The error of Galileo", "year": 1632, "pages": 3}',
    "Errors in judgement are common",
    "No errors found.",
    "0 errors, 0 warnings",
    "The request was completed without error: 12 rows",
    "Sunny, 21 degrees. Yesterday's forecast contained an error.",
    "Error handling in Python uses try and except.",
    "Erroll Garner was a pianist",
    "Timeouts are configured in settings.yaml. See the manual for the default of each service, "
    "its unit, and how it is changed while the service runs; restart nothing. " * 3,
    "Success: 5 emails sent, 0 failed",
    "failed login attempts: 0",
    "The package was not found to be defective",
    "404 Main Street, Springfield",
    "500 rows inserted",
    "Unable was I ere I saw Elba",
    "null",
    "[]",
    "{}",
    "",
    "42",
]


@pytest.mark.parametrize(("output", "quoted"), FAILURES)
def test_failure_in_the_result(output: str, quoted: str) -> None:
    [verdict] = verdicts(tool(output=output))
    assert verdict.label == "fail", verdict
    assert 0.5 <= verdict.score <= 1
    assert quoted in verdict.evidence
    assert len(verdict.evidence) <= 300


@pytest.mark.parametrize("output", HARMLESS)
def test_looks_like_a_failure_and_is_none(output: str) -> None:
    [verdict] = verdicts(tool(output=output))
    assert verdict.label == "pass", verdict
    assert verdict.score < 0.5
    assert verdict.evidence == ""


def test_text_of_others_that_speaks_of_errors() -> None:
    page = "How do I read this?\n\nTraceback (most recent call last):\n  File\nKeyError: 1\n"
    assert verdicts(tool(tool_name="web_search", output=page))[0].label == "pass"
    assert verdicts(tool(tool_name="run_python", output=page))[0].label == "fail"
    article = "Error: the word and its history. " + "It comes from Latin errare. " * 100
    assert verdicts(tool(tool_name="fetch_page", output=article))[0].label == "pass"
    assert verdicts(tool(tool_name="fetch_page", output="Error: 403"))[0].label == "fail"


@pytest.mark.parametrize("definitions", [[{"type": "function"}], [WEATHER, {"foo": 1}], "?"])
def test_no_name_is_unknown_where_a_definition_cannot_be_read(definitions: Any) -> None:
    asks = llm(1, {"id": "c1", "name": "other", "arguments": {}}, definitions=definitions)
    assert verdicts(asks)[0].label == "pass"


def conversation(said: str, given: dict[str, Any], result: str, name: str = "cancel_order") -> str:
    """The evidence of a call that a model makes after the user has said something."""
    asked = {"role": "user", "parts": [{"type": "text", "content": said}]}
    asks = llm(
        1,
        {"id": "c1", "name": name, "arguments": given},
        input=said,
        output=f"I do that for {given}.",
        input_messages=json.dumps([asked]),
    )
    ran = tool(
        2,
        tool_name=name,
        attributes={"gen_ai.tool.call.id": "c1"},
        input=json.dumps(given),
        output=result,
    )
    return verdicts(asks, ran)[1].evidence


def test_arguments_that_nobody_gave() -> None:
    made_up = conversation("Cancel my order.", {"order_id": "W-4821"}, "done")
    assert made_up == "arguments.order_id: 'W-4821' occurs nowhere before this call"
    assert not conversation("Cancel w 4821.", {"order_id": "#W-4821"}, "done")
    assert not conversation("Cancel 4821.", {"order_id": "W-4821"}, "done")
    assert "a…@shop.eu" in conversation("Mail Ann.", {"to": "ann@shop.eu"}, "sent", "send_mail")
    # What a lookup found under it was no invention; what found nothing may be one.
    assert not conversation("My order?", {"order_id": "W-4821"}, '{"a": 1}', "get_order")
    assert conversation("My order?", {"order_id": "W-4821"}, "[]", "get_order")
    for own in ("request_id", "idempotency_key", "date", "session_id", "zip_code"):
        assert not conversation("Cancel my order.", {own: "W-4821"}, "done"), own
    for value in ("2026-03-01", "12:30", "blue", 12, "2026", "v1.2 beta"):
        assert not conversation("Cancel my order.", {"order_id": value}, "done"), value
    assert not conversation("Order a tent.", {"order_id": "W-4821"}, "done", "create_order")
    assert not conversation("Text [everyspan: 9 bytes cut]", {"order_id": "W-4821"}, "done")


def test_code_that_ran_between_two_steps_of_a_model() -> None:
    failed = "exitcode: 1 (execution failed)\nCode output: NameError: name 'x' is not defined"
    first = llm(1, input="Sum the column.", output="```python\nprint(x)\n```")
    second = llm(2, input=failed, output="I forgot to load the file.")
    assert verdicts(first, second)[0].label == "not_applicable"
    verdict = verdicts(first, second)[1]
    assert verdict.label == "fail"
    assert "exitcode: 1 (execution failed)" in verdict.evidence
    second.input = "exitcode: 0 (execution succeeded)\nCode output: 42"
    assert verdicts(first, second)[1].label == "pass"
    second.input = failed
    # A tool step has the verdict where there is one.
    ran = tool(3, tool_name="run_code", output=failed)
    assert [v.label for v in verdicts(first, second, ran)] == [
        "not_applicable",
        "not_applicable",
        "fail",
    ]


def test_status_and_exception() -> None:
    [verdict] = verdicts(tool(status="error", error_type="a.KeyError", status_message="'city'"))
    assert (verdict.label, verdict.evidence) == ("fail", "status: KeyError: 'city'")
    assert verdict.score == 0.95
    event = {"name": "exception", "attributes": {"exception.type": "ValueError"}}
    [verdict] = verdicts(tool(status="unset", events=json.dumps([event])))
    assert (verdict.label, verdict.evidence) == ("fail", "exception: ValueError")
    assert verdicts(tool(events=json.dumps([{"name": "retry"}])))[0].label == "pass"
    assert verdicts(tool(status="error"))[0].evidence == "status: error"


def test_traceback_in_the_status() -> None:
    trace = "Traceback (most recent call last):\n  File x\nValueError: no city"
    assert verdicts(tool(status="error", status_message=trace))[0].evidence == (
        "status: ValueError: no city"
    )
    [verdict] = verdicts(tool(status="error", status_message=f"ValueError('no')\n{trace}"))
    assert verdict.evidence == "status: ValueError('no')"


def test_secrets_in_evidence_are_masked() -> None:
    secret = "gh" + "p_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3hJ5"
    [verdict] = verdicts(tool(output=json.dumps({"error": f"bad credentials {secret}"})))
    assert verdict.evidence == "error: bad credentials ghp_…J5"


@pytest.mark.parametrize("kind", ["GraphInterrupt", "langgraph.errors.ParentCommand"])
def test_interrupted_on_purpose(kind: str) -> None:
    assert verdicts(tool(status="error", error_type=kind))[0].label == "pass"


SHAPES = [
    [{"type": "function", "function": WEATHER}],
    [{"type": "function", **WEATHER}],
    [WEATHER],
    [{"name": "get_weather", "input_schema": WEATHER["parameters"]}],
    [{"name": "get_weather", "inputSchema": WEATHER["parameters"]}],
    {"tools": [WEATHER]},
    [{"functionDeclarations": [WEATHER]}],
    [json.dumps({"type": "function", "function": WEATHER})],
    [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": WEATHER["parameters"]}}}],
    {
        "tools": [
            {
                "toolSpec": {
                    "name": "get_weather",
                    "inputSchema": {"json": json.dumps(WEATHER["parameters"])},
                }
            }
        ]
    },
    [{"type": "function", "function": {**WEATHER, "parameters": {"json": WEATHER["parameters"]}}}],
    [{"tool": {"json_schema": json.dumps({"type": "function", "function": WEATHER})}}],
    {"get_weather": {"inputSchema": {"jsonSchema": WEATHER["parameters"]}}},
]


@pytest.mark.parametrize("definitions", SHAPES)
def test_arguments_against_the_schema(definitions: Any) -> None:
    def run(given: Any) -> Verdict:
        made = tool(
            name="get_weather",
            tool_name="get_weather",
            input=given if isinstance(given, str) else json.dumps(given),
            output="21",
            tool_definitions=json.dumps(definitions),
        )
        return verdicts(made)[0]

    verdict = run({"city": 12})
    assert verdict.label == "fail"
    assert verdict.evidence == "arguments.city: 12 is not of type 'string'"
    assert "'city' is a required property" in run({} | {"days": 1}).evidence
    assert "is not one of ['c', 'f']" in run({"city": "Rome", "unit": "k"}).evidence
    assert "'town' was unexpected" in run({"city": "Rome", "town": 1}).evidence
    assert run({"city": 12, "days": []}).score >= 0.5
    assert run({"city": "Rome", "days": "3"}).score < run({"city": "Rome", "days": "x"}).score
    assert "not JSON" in run('{"city": "Rome"').evidence
    for fine in (
        {"city": "Rome"},
        {"city": "Rome", "days": 2.0},
        {"city": "Rome", "unit": None},
        {"kwargs": {"city": "Rome"}},
        {"args": [], "kwargs": {"city": "Rome"}},
        {"city": "Rome", "tool_call_id": "c1", "state": {}},
        "{'city': 'Rome'}",
        '{"city": "Ro…[everyspan: 900 bytes cut]',
        "Rome",
        "",
    ):
        assert run(fine).label == "pass", fine


def test_definition_on_the_llm_step_and_the_models_own_arguments() -> None:
    asks = llm(
        1, {"id": "c1", "name": "get_weather", "arguments": {"city": 1}}, definitions=[WEATHER]
    )
    ran = tool(
        2,
        tool_name="get_weather",
        attributes={"gen_ai.tool.call.id": "c1"},
        input='{"city": "1", "verbose": true}',
    )
    on_llm, on_tool = verdicts(asks, ran)
    # The tool step has the verdict, and it is about what the model sent.
    assert on_llm.label == "not_applicable"
    assert on_tool.label == "fail"
    assert "1 is not of type 'string'" in on_tool.evidence


def test_call_without_a_tool_step() -> None:
    def asked(**call: Any) -> Verdict:
        return verdicts(llm(1, {"id": "c1", **call}, definitions=[WEATHER]))[0]

    unknown = asked(name="get_wether", arguments={"city": "Rome"})
    assert (unknown.label, unknown.score) == ("fail", 0.95)
    assert "'get_wether' is not among get_weather" in unknown.evidence
    assert "not JSON" in asked(name="get_weather", arguments='{"city": ').evidence
    assert asked(name="get_weather", arguments='{"city": 3}').label == "fail"
    assert asked(name="get_weather", arguments='{"city": "Rome"}').label == "pass"
    assert asked(name="functions.get_weather", arguments={"city": "Rome"}).label == "pass"
    assert asked(name="final_result", arguments={"x": 1}).label == "pass"


def test_no_definitions_recorded_nothing_unknown() -> None:
    assert verdicts(llm(1, {"name": "anything", "arguments": {}}))[0].label == "pass"
    provided = [{"type": "web_search"}]
    assert verdicts(llm(1, {"name": "web_search"}, definitions=provided))[0].label == "pass"


def test_llm_step_without_calls_is_not_applicable() -> None:
    assert verdicts(llm(1))[0].label == "not_applicable"
    assert verdicts(span("llm", 1, output="Error: x", status="error"))[0].label == "not_applicable"


def test_result_handed_back_to_the_model() -> None:
    asks = llm(1, {"id": "c9", "name": "pay", "arguments": {"amount": 5}})
    answer = [{"type": "tool_call_response", "id": "c9", "response": {"error": "card declined"}}]
    goes_on = span("llm", 2, input_messages=json.dumps([{"role": "tool", "parts": answer}]))
    first, second = verdicts(asks, goes_on)
    assert (first.label, first.evidence) == ("fail", "error: card declined")
    assert second.label == "not_applicable"


def test_unknown_tool_that_has_a_step() -> None:
    asks = llm(1, {"id": "c1", "name": "nope", "arguments": {}}, definitions=[WEATHER])
    ran = tool(2, tool_name="nope", attributes={"gen_ai.tool.call.id": "c1"}, output="done")
    on_llm, on_tool = verdicts(asks, ran)
    assert on_llm.label == "not_applicable"
    assert "'nope' is not among" in on_tool.evidence
    # A function of the application that is no tool of the model's.
    helper = tool(3, tool_name="parse_date", output="2026")
    assert verdicts(asks, ran, helper)[2].label == "pass"


def test_repeated_failing_call() -> None:
    def failing(number: int, given: str = '{"id": 1, "x": 2}') -> Span:
        return tool(number, input=given, output='{"error": "gone"}')

    [once] = verdicts(failing(1))
    thrice = verdicts(failing(1), failing(2, '{"x":2,"id":1}'), failing(3))
    assert "repeated" not in once.evidence
    assert [v.evidence for v in thrice] == ["error: gone; repeated 3 times in this trace"] * 3
    assert thrice[0].score > once.score
    other = verdicts(failing(1), failing(2, '{"id": 2}'), tool(3, input='{"id": 1}', output="ok"))
    assert all("repeated" not in v.evidence for v in other)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "http://127.0.0.1:9/remote.json"},
        {"$ref": "file:///etc/hosts"},
        {"type": "nonsense"},
        {"type": "object", "properties": 7},
        {"properties": {"city": {"pattern": "(a+)+$"}}},
        {"properties": {"city": {"pattern": "(["}}},
        {"$defs": {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(40)}
         | {"d40": {"type": "object"}}, "$ref": "#/$defs/d0"},
    ],
)  # fmt: skip
def test_hostile_or_broken_schema_judges_nothing(schema: Any) -> None:
    definitions = json.dumps([{"name": "lookup", "parameters": schema}])
    given = json.dumps({"city": "a" * 400 + "!"})
    [verdict] = verdicts(tool(input=given, output="fine", tool_definitions=definitions))
    assert verdict.label == "pass"


def test_patterns_that_are_safe_are_used() -> None:
    schema = {"type": "object", "properties": {"day": {"pattern": r"^\d{4}-\d{2}-\d{2}$"}}}
    definitions = json.dumps([{"name": "lookup", "parameters": schema}])

    def run(day: str) -> str:
        given = json.dumps({"day": day})
        return verdicts(tool(input=given, tool_definitions=definitions))[0].label

    assert run("2026-01-31") == "pass"
    assert run("tomorrow") == "fail"


def test_gemini_words() -> None:
    schema = {"type": "OBJECT", "properties": {"n": {"type": "STRING", "nullable": True}}}
    definitions = json.dumps([{"name": "lookup", "parameters": schema}])
    fine = tool(1, input='{"n": null}', tool_definitions=definitions)
    wrong = tool(2, input='{"n": [1]}', tool_definitions=definitions)
    assert [v.label for v in verdicts(fine, wrong)] == ["pass", "fail"]

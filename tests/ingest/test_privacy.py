"""What is taken out before storing: the rules' file, every place of a request, and what stays."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from everyspan.masking.pseudonyms import KINDS, marks_in
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from ingest.limits import ContentLimits
from ingest.normalise import normalise
from ingest.privacy.masker import MASKED, UNREADABLE, Masker
from ingest.privacy.privacy_file import PrivacyError, PrivacyRules, read_privacy
from tests.ingest import personal
from tests.ingest.spans import NOW, request_of, set_value

KEY = "a long random text that stays the same"
ALL = PrivacyRules(kinds=KINDS, key=KEY)


def row(rules: PrivacyRules, attributes: dict[str, Any], **more: Any) -> Any:
    masker = Masker(rules)
    request = request_of(attributes, **more)
    masker.traces(request)
    (span,) = normalise(request, now=NOW, retention_days=30, limits=ContentLimits()).spans
    masker.rows([span])
    return span


@pytest.mark.parametrize(("name", "value", "said"), personal.values(1, 3))
def test_each_kind_in_every_place(name: str, value: str, said: str) -> None:
    kind = personal.KINDS[name][0]
    messages = json.dumps([{"role": "user", "content": said}])
    span = row(
        ALL,
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": messages,
            "any.text": said,
            "list": [said, {"deep": said}],
            "bytes": said.encode(),
            said[:200]: "a name of an attribute",
        },
        name=said,
        resource={"service.name": "shop", "process.command_args": [said]},
        events=[("exception", {"exception.message": said}), (said, {"x": said})],
    )
    stored = json.dumps([str(getattr(span, column)) for column in span.__slots__])
    for part in personal.tell_tale(value):
        assert part not in stored
    assert f"[{kind}:" in span.input
    assert json.loads(span.attributes[MASKED])[kind] >= 6


def test_a_value_has_one_mark_and_another_key_another() -> None:
    def marks(key: str, text: str) -> list[str]:
        span = row(PrivacyRules(kinds=KINDS, key=key), {"a": text})
        return [mark for _, mark, _ in marks_in(span.attributes["a"])]

    one, same, other = marks(KEY, "from Ann.Lee@web.de to ann.lee@web.de and not bo@web.de")
    assert one == same != other
    assert marks("another", "ann.lee@web.de") != [one]
    assert marks("", "ann.lee@web.de") == ["[email]"]
    assert marks(KEY, "tel. +49 171 2345678")[0] == marks(KEY, "mobile +491712345678")[0]


def test_what_was_masked_stays_as_it_is() -> None:
    span = row(ALL, {"a": "password=[secret:abcdefghij], [email:abcdefghij]"})
    assert span.attributes == {"a": "password=[secret:abcdefghij], [email:abcdefghij]"}


def test_json_stays_json() -> None:
    said = '{"to": "jo\\u0040web.de", "card": 4539148803436467, "n": 7, "quote": "a \\u0022b"}'
    span = row(ALL, {"a": said, "card": 4539148803436467, "n": 7})
    found = json.loads(span.attributes["a"])
    assert found["to"].startswith("[email:")
    assert found["card"].startswith("[card:")
    assert (found["n"], found["quote"]) == (7, 'a "b')
    assert span.attributes["card"].startswith("[card:")
    assert span.attributes["n"] == "7"


def test_as_many_as_there_are() -> None:
    people = [f"person{n}@web.de" for n in range(3000)]
    span = row(ALL, {"a": " ".join(people)})
    assert "person" not in span.attributes["a"]
    assert json.loads(span.attributes[MASKED]) == {"email": 3000}


FIELDS = PrivacyRules(
    fields=(
        ("user_id", "hash"),
        ("x.secret.*", "drop"),
        ("x.name", "mask"),
        ("cost_usd", "drop"),
        ("x.keep", "keep"),
    ),
    kinds=("email",),
    key=KEY,
)


def test_fields() -> None:
    span = row(
        FIELDS,
        {
            "enduser.id": "u-4711",
            "x.secret.a": "one",
            "x.secret.b": 2,
            "x.name": "Ann",
            "x.keep": "support by ann.lee@web.de",
            "langfuse.trace.metadata": '{"user": "u-4711"}',
            "gen_ai.usage.cost": 0.5,
            "gen_ai.operation.name": "chat",
        },
        events=[("login", {"who": "u-4711"})],
    )
    assert span.user_id.startswith("[user_id:")
    assert span.attributes["x.name"] == "[x_name]"
    assert span.attributes["x.keep"] == "support by ann.lee@web.de"
    assert not [name for name in span.attributes if name.startswith("x.secret")]
    assert span.cost_usd is None
    assert "u-4711" not in str([getattr(span, column) for column in span.__slots__])
    again = row(FIELDS, {"user.id": "u-4711"})
    assert again.user_id == span.user_id, "one user, however the attribute is called"


def test_without_content() -> None:
    span = row(
        PrivacyRules(fields=(("content", "drop"),)),
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4.1-mini",
            "gen_ai.usage.input_tokens": 12,
            "gen_ai.input.messages": '[{"role": "user", "content": "the plan"}]',
            "retrieval.documents": ["the plan"],
            "some.note": "the plan",
            "some.number": 3,
            "everyspan.step.arguments": '["the plan"]',
            "everyspan.feedback.comment": "the plan",
            "user.id": "u-1",
        },
        events=[("exception", {"exception.type": "ValueError", "exception.message": "the plan"})],
    )
    assert "the plan" not in str([getattr(span, column) for column in span.__slots__])
    assert (span.model, span.input_tokens, span.user_id) == ("gpt-4.1-mini", 12, "u-1")
    assert (span.error_type, span.attributes["some.number"]) == ("ValueError", "3")


def test_log_records() -> None:
    masker = Masker(FIELDS)
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.event_name = "gen_ai.user.message"
    set_value(record.body, {"content": "I am ann.lee@web.de", "enduser.id": "u-4711"})
    masker.logs(request)
    body = {pair.key: pair.value.string_value for pair in record.body.kvlist_value.values}
    assert "[email:" in body["content"]
    assert body["enduser.id"].startswith("[user_id:")
    assert masker.take_counts() == {"email": 1, "user_id": 1}
    assert masker.take_counts() == {}


def test_a_rule_that_does_not_end_takes_the_text_out() -> None:
    rules = PrivacyRules(patterns=(("slow", r"(b+)+c"),))
    span = row(rules, {"a": "b" * 20_000, "b": "fine"})
    assert span.attributes["a"] == UNREADABLE
    assert span.attributes["b"] == "fine"


def test_own_patterns() -> None:
    span = row(
        PrivacyRules(patterns=(("customer", r"KD-\d{8}"),), key=KEY), {"a": "for KD-12345678"}
    )
    assert span.attributes["a"].startswith("for [customer:")


PROJECTS = """
mask = ["email"]
[fields]
"x.*" = "hash"
y = "hash"
z = "keep"
[projects.health]
mask = ["phone"]
[projects.health.patterns]
chart = 'CH-\\d{6}'
[projects.health.fields]
"x.y.*" = "drop"
"y*" = "mask"
z = "mask"
[projects.default.fields]
content = "drop"
"""


def test_a_project_has_the_rules_of_all_and_its_own(tmp_path: Path) -> None:
    path = tmp_path / "privacy.toml"
    path.write_text(PROJECTS)
    rules = read_privacy(str(path), KEY)
    assert rules is not None
    told = {
        "t": "ann.lee@web.de, tel. +49 171 2345678, CH-123456",
        "x.a": "one",
        "x.y.z": "two",
        "y": "three",
        "z": "four",
        "gen_ai.prompt": "five",
    }
    health = row(rules.of("health"), told).attributes
    assert re.fullmatch(r"\[email:\w+\], tel. \[phone:\w+\], \[chart:\w+\]", health["t"])
    assert health["x.a"].startswith("[x:")
    assert "x.y.z" not in health, "the stricter of two rules that fit"
    assert (health["y"], health["z"]) == ("[y]", "[z]")
    other = row(rules.of("sales"), told).attributes
    assert other["t"].endswith("], tel. +49 171 2345678, CH-123456")
    assert other["x.y.z"].startswith("[x:")
    assert other["y"].startswith("[y:")
    assert other["z"] == "four"
    assert "five" not in str(row(rules.of(""), told))
    assert "five" in str(row(rules.of("sales"), told))


def test_rules_of_one_project_alone(tmp_path: Path) -> None:
    path = tmp_path / "privacy.toml"
    path.write_text('[projects.health]\nmask = ["email"]')
    rules = read_privacy(str(path), KEY)
    assert rules is not None
    assert not rules.of("sales").takes_out
    assert rules.of("health").kinds == ("email",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('mask = ["emails"]', "mask: there is no 'emails'; choose of secret, card"),
        ("mask = [", "is no TOML"),
        ("masks = []", "masks: Extra inputs are not permitted; a file has mask = [kinds]"),
        ("", "nothing is taken out; write mask = "),
        ('[fields]\nuser_id = "hash"', "fields.user_id: hash needs EVERYSPAN_PRIVACY_KEY"),
        ('[fields]\nuser_id = "erase"', "fields.user_id: Input should be 'keep', 'mask'"),
        ('[fields]\ntrace_id = "drop"', "fields.trace_id: spans can't be kept without it"),
        ('[fields]\ncost_usd = "mask"', "fields.cost_usd: it is no text; it can be 'drop' only"),
        ('[fields]\ncontent = "mask"', "fields.content: it can be 'drop' only"),
        ('[fields]\n"a*b" = "drop"', "fields.'a*b': write the whole name, or its beginning"),
        ("[patterns]\nnumber = '(a+)+$'", "patterns.number: '(a+)+$' takes too long"),
        ("[patterns]\nnumber = '('", "patterns.number: '(' is no regular expression"),
        ("[patterns]\nnumber = 'x*'", "patterns.number: it matches a text without a character"),
        ("[patterns]\nemail = 'x'", "patterns.email: the kind is there already"),
        ("[patterns]\nKdNr = 'x'", "patterns.KdNr: 'KdNr' can't stand in a mark"),
        ('[projects.a]\nmask = ["emails"]', "projects.a.mask: there is no 'emails'"),
        ("[projects.A_B]\nmask = []", "projects.A_B: no project can have this name"),
        ("[projects.a]\nkeep = []", "projects.a.keep: Extra inputs are not permitted"),
        ('[projects.a.fields]\nx = "keep"', "projects.a.fields.x: a project's rules can only"),
        (
            '[fields]\n"x.*" = "drop"\n[projects.a.fields]\n"x.y" = "mask"',
            "projects.a.fields.x.y: 'mask' leaves more than the 'drop' of all projects",
        ),
        (
            "[patterns]\nn = 'x'\n[projects.a.patterns]\nn = 'y'",
            "projects.a.patterns.n: the kind is there for all projects already",
        ),
    ],
)
def test_what_is_wrong_with_a_file(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "privacy.toml"
    path.write_text(text)
    with pytest.raises(PrivacyError) as error:
        read_privacy(str(path), "")
    assert said in str(error.value)
    assert str(path) in str(error.value)


def test_the_example() -> None:
    example = Path(__file__).parents[2] / "ingest/config/privacy.toml"
    assert read_privacy(str(example), "") == PrivacyRules(kinds=KINDS)


def test_the_example_with_every_line(tmp_path: Path) -> None:
    example = (Path(__file__).parents[2] / "ingest/config/privacy.toml").read_text()
    path = tmp_path / "privacy.toml"
    path.write_text(re.sub(r"(?m)^# (?=[a-z_\"*.]+ = )", "", example))
    rules = read_privacy(str(path), KEY)
    assert rules is not None
    assert (len(rules.patterns), len(rules.fields)) == (1, 3)


def test_no_file(tmp_path: Path) -> None:
    assert read_privacy("", KEY) is None
    with pytest.raises(PrivacyError, match=r"EVERYSPAN_PRIVACY_FILE: .* can't be read"):
        read_privacy(str(tmp_path / "none.toml"), KEY)

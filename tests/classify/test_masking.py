"""One masking for what leaves the house: all that data_leakage finds, however often."""

from __future__ import annotations

import time

import pytest

from classify.personal_data.masking import masked

KEY = "ghp_x7Jq2LmZ9vTb4RkWcYf8NsHdPa3GeU1oViQX"
BODY = "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"] * 24)
PEM = f"-----BEGIN PRIVATE KEY-----\n{BODY}\nq0pQ8w==\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"token {KEY}.", "token ghp_…QX."),
        ("write to ann.lee@web.de", "write to a…@web.de"),
        ("call (415) 867-5309 now", "call (4…09 now"),
        ("GB29 NWBK 6016 1331 9268 19", "GB29…19"),
        (f"key: {PEM} end", "key: -----BEGIN PRIVATE KEY-----…-----END PRIVATE KEY----- end"),
        (f"key: {PEM[:700]}", "key: -----BEGIN PRIVATE KEY-----…"),
        (repr(PEM[:700]), "'-----BEGIN PRIVATE KEY-----…'"),
        ("an ordinary answer of 3 words", "an ordinary answer of 3 words"),
        ("ghp_…QX and a…@web.de", "ghp_…QX and a…@web.de"),
        ("", ""),
    ],
)
def test_masked(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert masked(shown) == shown, "what is masked stays"


def test_as_many_as_there_are() -> None:
    """The detectors stop after five of a kind."""
    people = " ".join(f"person.number{n}@web.de" for n in range(60))
    assert "person" not in masked(people)
    keys = [f"ghp_{n:02}Jq2LmZ9vTb4RkWcYf8NsHdPa3GeU1oViQX" for n in range(40)]
    assert not [key for key in keys if key in masked(" ".join(keys))]


def test_linear() -> None:
    for text in ("-----BEGIN PRIVATE KEY-----", "a" * 17 + "\n", "-----", "@a.", "\\n"):
        start = time.monotonic()
        masked(text * (200_000 // len(text)))
        assert time.monotonic() - start < 10, text

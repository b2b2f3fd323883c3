"""One masking for what leaves the house: all that data_leakage finds, however often."""

from __future__ import annotations

import shutil
import subprocess
import time

import pytest
from everyspan.masking.mask import masked
from everyspan.masking.pseudonyms import Pseudonyms

from alerting.case import Source
from alerting.enrich.failure import masked_source

KEY = "ghp_x7Jq2LmZ9vTb4RkWcYf8NsHdPa3GeU1oViQX"
HEX = "8f14e45fceea167a5a36dedd4bea2543"
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
        # Disguised: spaces that don't break, other widths and scripts, what has no width.
        ("card 4539\xa01488\xa00343\xa06467.", "card 4539…67."),
        ("４５３９ １４８８ ０３４３ ６４６７", "4539…67"),
        ("٤٥٣٩ ١٤٨٨ ٠٣٤٣ ٦٤٦٧", "4539…67"),
        ("4539\u200b1488\u200b0343\u200b6467 and 4539‑1488‑0343‑6467", "4539…67 and 4539…67"),
        ("of ann\u00ad.lee＠web.de", "of a…@web.de"),
        (f"key {KEY[:9]}\u2060{KEY[9:]}", "key ghp_…QX"),
        ("2010–2015, 👩\u200d👧 ünï\xa0ode", "2010–2015, 👩\u200d👧 ünï\xa0ode"),
        ("run --db-password Xk29!qpLz87wQ -v", "run --db-password Xk…wQ -v"),
        ("run --max-token 128000 --token limit", "run --max-token 128000 --token limit"),
        ("an ordinary answer of 3 words", "an ordinary answer of 3 words"),
        ("ghp_…QX and a…@web.de", "ghp_…QX and a…@web.de"),
        ("", ""),
    ],
)
def test_masked(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert masked(shown) == shown, "what is masked stays"


def test_a_disguise_changes_no_mark() -> None:
    marks = Pseudonyms(("card",), "k" * 32)
    plain = marks.text("4539 1488 0343 6467")
    assert plain.startswith("[card:")
    assert marks.text("4539\xa01488\xa00343\xa06467") == plain
    assert marks.text('{"n": "4539\\u00a01488\\u00a00343\\u00a06467"}') == f'{{"n": "{plain}"}}'


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


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"https://s3/k?X-Amz-Date=1&X-Amz-Signature={HEX * 2}", HEX),
        (f"https://g/o?X-Goog-Signature={HEX * 16}", HEX),
        ("https://c/x?Signature=nitfHRCrtziwO2HwPfWw~yYDhUF5EwRunQA-j1&Key-Pair-Id=K", "CrtziwO2"),
        ("https://a/c?sig=Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdoaWo%3D&se=1", "YmFyYmF6"),
        ("SharedAccessSignature sr=h&sig=Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdoaWo%3D", "YmF6cX"),
        ("Cookie: sessionid=38afes7a8; csrftoken=u32t4o3tb3gg43", "38afes7a8"),
        ("Set-Cookie: sid=s%3AKf8sJ2hQ.9xLm; Path=/; HttpOnly", "Kf8sJ2hQ"),
        ('{"cookie": "JSESSIONID=8F3A2B1C9D; theme=dark"}', "8F3A2B1C9D"),
        ("GET /reset?token=9fK2mQ8sLx", "9fK2mQ8sLx"),
        ("GET /x?api_key=9fK2mQ8sLx&y=1", "9fK2mQ8sLx"),
        ("ruf mich an: 0171 2345678", "0171 2345678"),
        ("Tél : 06 12 34 56 78", "06 12 34 56 78"),
        ("415 867 5309", "415 867 5309"),
        *(
            (f"{label} Sommer2024!", "Sommer2024!")
            for label in (
                "Das Passwort lautet", "Kennwort:", "mot de passe :", "contrasena:", "clave:",
                "senha:", "wachtwoord:", "lösenord:", "hasło:", "пароль:", "密码：", "パスワード：",
                "비밀번호:", "şifre:", "parola:", "salasana:", "adgangskode:", "heslo:", "jelszó:",
            )
        ),
    ],
)  # fmt: skip
def test_masked_too(text: str, secret: str) -> None:
    assert secret not in masked(text)


def test_a_generated_key_is_masked_whole_however_it_is_written() -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl")
    made = subprocess.run([openssl, "genrsa", "2048"], capture_output=True, text=True, check=True)
    lines = made.stdout.splitlines()
    assert len(lines) >= 26
    for text in (
        made.stdout,
        made.stdout.replace("\n", "\n    "),
        "\n".join(f'    "{line}\\n"' for line in lines),
        repr(made.stdout),
        " ".join(lines),
        "\n".join(f"> {line}" for line in lines),
        "\n".join(lines[1:]),
        "\n".join(lines[7:-1]),
    ):
        shown = masked(text)
        assert not [line for line in lines[1:-1] if line in shown], shown
    source = Source("a.py", 3, "f", tuple(enumerate([*lines, "x = 1"], 1)))
    shown = str(masked_source(source).lines)
    assert not [line for line in lines[1:-1] if line in shown], shown
    assert "x = 1" in shown


def test_lists_of_checksums_and_ordinary_links_stay() -> None:
    for text in (
        "\n".join(["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"] * 3),
        "https://shop.example/list?page=2&sort=price&key=name",
        "the cookie is in the jar; a session takes 12 minutes",
        "clave: importante para todos",
    ):
        assert masked(text) == text

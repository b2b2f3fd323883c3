"""What a text says once its disguise is off: hidden characters, look-alike letters, letters spaced
apart, digits for letters, and encodings, which are decoded and read again.

All of it is bounded: at most ``_RUNS`` encoded runs of ``_LONGEST`` characters are decoded, twice
deep, so that the readings of a text together are a small multiple of its length.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from classify.models.form import cleaned
from classify.signals.segment import segmented
from classify.signals.vocabulary import common_share

#: Encoded runs of a text that are decoded, and characters of each.
_RUNS = 12
_LONGEST = 8_000
#: What was decoded may be encoded once more.
_DEPTH = 2


@dataclass(slots=True, frozen=True)
class Reading:
    """``how``: what had to be undone, for people; '' for the text as it stands."""

    how: str
    text: str


# As many as the windows of a few long texts: signals of several classifiers ask for each.
@lru_cache(maxsize=512)
def readings(text: str) -> tuple[Reading, ...]:
    """The text as it stands first, then what else can be read in it."""
    plain = unmixed(cleaned(text))
    found = [Reading("", plain)]
    seen = {plain}
    for how, other in _others(text, plain, _DEPTH):
        if other not in seen:
            seen.add(other)
            found.append(Reading(how, other))
    return tuple(found)


def _others(raw: str, plain: str, depth: int) -> Iterator[tuple[str, str]]:
    if not raw.isascii() and (hidden := tagged(raw)):
        yield "invisible characters", hidden
    if (joined := unspaced(raw)) != raw:
        yield "letters spaced apart", cleaned(joined)
    if (letters := unleeted(plain)) != plain:
        yield "digits for letters", letters
    for how, undo in _LINES:
        if turned := undo(plain):
            yield how, turned
    if not depth:
        return
    for how, decode in _ENCODINGS:
        for inner in decode(plain):
            inner = unmixed(cleaned(inner))
            yield how, inner
            for again, deeper in _others(inner, inner, depth - 1):
                yield f"{how}, {again}", deeper


# Characters that are not what they look like.

_LATIN = re.compile("[a-zA-Z]")
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕһԁԛԝвкмнтАВЕКМНОРСТУХІЈЅαεικνορτυχωΑΒΕΖΗΙΚΜΝΟΡΤΥΧɑɡıʟ",
    "aeopcyxijshdqwbkmhtABEKMHOPCTYXIJSaeiknoptuxwABEZHIKMNOPTYXagil",
)
_LOOKALIKE = re.compile("[" + "".join(map(chr, _LOOKALIKES)) + "]")
_WORD = re.compile(r"\w+")


def unmixed(text: str) -> str:
    """Cyrillic and Greek letters in words that have Latin ones as well, as the Latin ones that they
    look like; a word of one script stays."""
    if text.isascii() or not _LOOKALIKE.search(text):
        return text
    return _WORD.sub(_latin, text)


def _latin(word: re.Match[str]) -> str:
    found = word.group()
    return found.translate(_LOOKALIKES) if _LATIN.search(found) else found


_TAGS = re.compile("[\U000e0020-\U000e007e]+")


def tagged(text: str) -> str:
    """What stands in tag characters: an invisible copy of ASCII."""
    return " ".join("".join(chr(ord(c) - 0xE0000) for c in run) for run in _TAGS.findall(text))


# Letters apart, and other signs for letters.

#: Single letters with one sign between, at least six of them.
_APART = re.compile(r"(?<![^\W_])[^\W\d_](?:[ ._*|~+-]{1,3}[^\W\d_]){5,}(?![^\W_])")
_BETWEEN = re.compile(r"[ ._*|~+-]")
_WIDE = re.compile(r" {2,3}")


def unspaced(text: str) -> str:
    """'i g n o r e' as 'ignore'. Wider gaps stand between words; where there are none, the run is
    cut into the words that phrases are made of."""
    return _APART.sub(_joined, text)


def _joined(run: re.Match[str]) -> str:
    words = _WIDE.split(run.group())
    if len(words) > 1:
        return " ".join(_BETWEEN.sub("", word) for word in words)
    return segmented(_BETWEEN.sub("", words[0]))


_LEET = str.maketrans("4310578@$!", "aeiostbasi")
_SIGNED = re.compile(r"[\w@$!]+")
#: Digits and signs within a word, or before it.
_LEETED = re.compile(r"[a-zA-Z][0134578@$!][a-zA-Z]|^[0134578@$!][a-z]{2}")


def unleeted(text: str) -> str:
    """'1gn0r3' as 'ignore'; the text as it is where fewer than two words look so."""
    words = [word for word in _SIGNED.findall(text) if _LEETED.search(word)]
    if len(words) < 2:
        return text
    return _SIGNED.sub(_lettered, text)


def _lettered(word: re.Match[str]) -> str:
    found = word.group()
    if not _LEETED.search(found) and not (len(found) < 4 and found[0].isalpha()):
        return found
    return found.replace("11", "ll").translate(_LEET)


# Whole lines turned.


def _turned(turn: Callable[[str], str]) -> Callable[[str], str]:
    """The lines that read as English only after ``turn``, one text."""

    def undo(text: str) -> str:
        found = []
        for line in text.split("\n"):
            if len(line) >= 12 and common_share(line) < 0.1:
                other = turn(line)
                if common_share(other) >= 0.3:
                    found.append(other)
        return "\n".join(found)

    return undo


_LINES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("rot13", _turned(lambda line: codecs.encode(line, "rot13"))),
    ("written backwards", _turned(lambda line: line[::-1])),
)

# Encodings.

_BASE64 = re.compile(r"(?<![\w+/-])[A-Za-z0-9+/_-]{16,}={0,2}")
_BASE32 = re.compile(r"(?<!\w)[A-Z2-7]{24,}={0,6}")
_HEX = re.compile(r"(?<!\w)(?:(?:0x|\\x)?[0-9a-fA-F]{2}[ :,]?){10,}")
_BINARY = re.compile(r"(?<!\w)(?:[01]{8}[ ,]?){6,}")
_DECIMAL = re.compile(r"(?<!\w)(?:\d{2,3}[ ,]{1,2}){8,}\d{2,3}")
_PERCENT = re.compile(r"[^\s%]{0,24}(?:%[0-9a-fA-F]{2}[^\s%]{0,12}){4,}")
_ENTITIES = re.compile(r"(?:&#x?[0-9a-fA-F]{2,5};[^&\n]{0,3}){5,}")
_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4}){5,}")
_MORSE = re.compile(r"(?:[.\-]{1,6} {1,3}(?:/ {1,2})?){8,}[.\-]{1,6}")
_MORSE_LETTERS = dict(
    zip(
        ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...-"
        " .-- -..- -.-- --.. ----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----.".split(),
        "abcdefghijklmnopqrstuvwxyz0123456789",
        strict=True,
    )
)


def _from_base64(run: str) -> bytes:
    run = run.rstrip("=").replace("-", "+").replace("_", "/")
    run = run[: len(run) // 4 * 4] if len(run) % 4 == 1 else run
    return base64.b64decode(run + "=" * (-len(run) % 4))


def _from_base32(run: str) -> bytes:
    run = run.rstrip("=")
    return base64.b32decode(run + "=" * (-len(run) % 8))


def _from_hex(run: str) -> bytes:
    digits = re.sub(r"0x|\\x|[ :,]", "", run)
    return bytes.fromhex(digits[: len(digits) // 2 * 2])


def _from_binary(run: str) -> bytes:
    digits = re.sub(r"[ ,]", "", run)
    return bytes(int(digits[at : at + 8], 2) for at in range(0, len(digits) - 7, 8))


def _from_decimal(run: str) -> bytes:
    return bytes(int(each) & 255 for each in re.split(r"[ ,]+", run.strip(" ,")))


def _from_morse(run: str) -> str:
    words = re.split(r" / ?| {2,}", run)
    return " ".join("".join(_MORSE_LETTERS.get(c, "") for c in word.split()) for word in words)


def _escapes(run: str) -> str:
    return "".join(chr(int(code, 16)) for code in run.split("\\u")[1:])


def _decoder(
    runs: re.Pattern[str], decode: Callable[[str], bytes | str], mark: str = ""
) -> Callable[[str], Iterator[str]]:
    """The runs of a text that decode to something that people read. ``mark``: what every run has,
    which is found sooner than the run."""

    def decoded(text: str) -> Iterator[str]:
        if mark not in text:
            return
        for number, run in enumerate(runs.finditer(text)):
            if number >= _RUNS:
                return
            try:
                found = decode(run.group()[:_LONGEST])
                inner = found if isinstance(found, str) else found.decode("utf-8")
            except (ValueError, binascii.Error):
                continue
            if _is_language(inner) or _BASE64.fullmatch(inner):
                yield inner

    return decoded


def _is_language(text: str) -> bool:
    """Words with blanks between, and hardly anything else."""
    text = text.strip()
    if len(text) < 10 or not 1 <= text.count(" ") + text.count("\n") <= len(text) / 2:
        return False
    letters = sum(c.isalpha() or c in " \n'.,!?-" for c in text)
    return letters >= 0.8 * len(text) and all(c.isprintable() or c in "\r\n\t" for c in text)


_ENCODINGS: tuple[tuple[str, Callable[[str], Iterator[str]]], ...] = (
    ("base64", _decoder(_BASE64, _from_base64)),
    ("base32", _decoder(_BASE32, _from_base32)),
    ("hexadecimal", _decoder(_HEX, _from_hex)),
    ("binary", _decoder(_BINARY, _from_binary)),
    ("character codes", _decoder(_DECIMAL, _from_decimal)),
    ("percent-encoding", _decoder(_PERCENT, unquote, "%")),
    ("HTML entities", _decoder(_ENTITIES, html.unescape, "&#")),
    ("Unicode escapes", _decoder(_ESCAPES, _escapes, "\\u")),
    ("Morse", _decoder(_MORSE, _from_morse)),
)

"""Records of healthy texts that several readers share the making of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal
from zlib import crc32

from training.record import Record

ATTACK_QUOTED = re.compile(
    r"(?i)\b(ignore|disregard|forget|override|bypass)\b[^.\n]{0,40}"
    r"\b(previous|prior|above|earlier|all|your|system|these)\b[^.\n]{0,20}"
    r"\b(instruction|prompt|rule|direction|guideline|context)|\bDAN\b|do anything now|jailbr[eo]ak"
    r"|developer mode (enabled|output)|\bpwned\b"
)
"""A page that quotes an attack: as a document it is neither side's."""


def prompt(text: str, kind: str, *tasks: str) -> Iterator[Record]:
    """A user's ordinary prompt: healthy for every given task, by default both attack ones."""
    for task in tasks or ("jailbreak", "prompt_injection"):
        yield Record(task=task, label=0, kind=kind, input=text)


def pieces(text: str, shortest: int = 250, longest: int = 3500) -> Iterator[str]:
    """Cut a page at blank lines into pieces of mixed lengths, characters between the bounds."""
    size = shortest + crc32(text[:200].encode()) % (longest - shortest)
    held = ""
    for paragraph in re.split(r"\n\s*\n", text):
        if held and len(held) + len(paragraph) > size:
            if shortest <= len(held) <= longest:
                yield held
            size = shortest + crc32(held[:200].encode()) % (longest - shortest)
            held = ""
        held = f"{held}\n\n{paragraph}" if held else paragraph.strip()
    if shortest <= len(held) <= longest:
        yield held


def document(text: str, kind: str) -> Iterator[Record]:
    """A piece of a document: one half become carriers, the other healthy documents.

    The half is by content, so that no text is both.
    """
    if ATTACK_QUOTED.search(text):
        return
    half: Literal["document", "prompt_injection"] = (
        "document" if crc32(text.encode()) & 1 else "prompt_injection"
    )
    yield Record(task=half, label=0, kind=kind, context=[text])

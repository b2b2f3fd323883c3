"""Links that carry data away: images and links with a place in their address for it."""

from __future__ import annotations

import re

_URL = r"(?:https?:)?//[^\s)\]>\"'<]{4,300}"
_IMAGE = re.compile(
    rf"!\[[^\]\n]{{0,120}}\]\(\s?({_URL})|<img[^>\n]{{0,80}}src\s?=\s?[\"']?({_URL})", re.I
)
_LINK = re.compile(rf"\]\(\s?({_URL})|({_URL})", re.I)
#: A place for the model to fill in, at the end of a query or a path.
_SLOT = re.compile(
    r"[?&/#=][\w.-]{0,30}=?\s?(?:\{\{?[\w .'-]{2,60}\}?\}|\[[A-Za-z_ .'-]{3,60}\]?|"
    r"<[A-Za-z_ .'-]{3,60}>?|\$\{?[A-Za-z_]{3,40}|%7B\w{2,40}|"
    r"=(?:DATA|SECRET|CONTENT|HISTORY|PROMPT|SUMMARY|CONVERSATION|ENCODED|BASE64|PASSWORD|EMAIL|"
    r"USERNAME|TOKEN|INFO|QUERY|TEXT|ANSWER|RESPONSE|API_?KEY)\b)"
)
_PRIVATE = re.compile(
    r"(?i)[?&/=][\w.-]{0,30}=?\s?[{\[<$%]{1,2}\s?(?:\w+[ _-])?(?:conversation|chat|history|secret|"
    r"password|api[ _-]?key|credential|system[ _-]?prompt|token|messages?|"
    r"user[ _-]?(?:data|info|email))"
)
_PAYLOAD = re.compile(r"[?&][\w.-]{1,30}=([A-Za-z0-9+/_%=-]{60,})")
#: Words of one who tells the model to do it.
_TELLS = re.compile(
    r"(?i)(?<!\w)(?:render|include|insert|embed|append|add|display|show|output|put|replace|"
    r"substitute|encode|fill|send|fetch|load|write|end|response|reply|answer|conversation|history|"
    r"secret|password|api[ _-]?key|system prompt|user'?s?|base64|url-?encoded?|query string|"
    r"parameter)(?!\w)"
)
_BESIDE = 220


def slots(text: str) -> list[tuple[int, int]]:
    """Places of images and links with a slot for data, beside words that tell to use it."""
    found = []
    for pattern in (_IMAGE, _LINK):
        for link in pattern.finditer(text):
            start, end = link.span()
            # Slots may hold blanks, which end an address.
            tail = text[start : end + 80]
            if not _SLOT.search(tail[: tail.find("\n")] if "\n" in tail else tail):
                continue
            around = text[max(0, start - _BESIDE) : start] + text[end : end + _BESIDE]
            if len(set(map(str.lower, _TELLS.findall(around)))) >= 2:
                found.append((start, end))
    return found


def certain_slots(text: str) -> list[tuple[int, int]]:
    """Those of images whose slot is for the conversation, a key or the like."""
    return [
        (start, end)
        for start, end in slots(text)
        if _IMAGE.match(text, start) and _PRIVATE.search(text, start, end + 80)
    ]


def carried(text: str) -> list[tuple[int, int]]:
    """Places of images whose query holds sixty characters and more of data: what an answer looks
    like in which the model did it."""
    return [
        image.span()
        for image in _IMAGE.finditer(text)
        if _PAYLOAD.search(image.group(1) or image.group(2) or "")
    ]

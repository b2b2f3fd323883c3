"""ClickHouse exceptions over HTTP: code, name, text and the status that a server would answer."""

from __future__ import annotations

import re

# Exception codes that this endpoint raises by itself.
_NAMES = {
    36: "BAD_ARGUMENTS",
    48: "NOT_IMPLEMENTED",
    62: "SYNTAX_ERROR",
    73: "UNKNOWN_FORMAT",
    115: "UNKNOWN_SETTING",
    159: "TIMEOUT_EXCEEDED",
    164: "READONLY",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    229: "QUERY_IS_TOO_LARGE",
    396: "TOO_MANY_ROWS_OR_BYTES",
    497: "ACCESS_DENIED",
    516: "AUTHENTICATION_FAILED",
    1002: "UNKNOWN_EXCEPTION",
}

#: Codes with which a statement is turned away before the engine runs it, for what it wants.
REFUSED = frozenset({115, 164, 497})

# Exception code to HTTP status, as ClickHouse's exceptionCodeToHTTPStatus.cpp groups them. One
# differs on purpose: 202 (too many queries) is 503, so that clients wait and try again.
_STATUS: dict[int, tuple[int, ...]] = {
    400: (
        *(6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223),
        *(321, 376, 427, 441, 675, 676),
    ),
    401: (194,),
    403: (192, 193, 497, 512, 516),
    404: (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511),
    408: (159,),
    411: (381,),
    413: (229,),
    415: (779,),
    501: (48,),
    503: (76, 202, 209, 439),
}
_STATUS_BY_CODE = {code: status for status, codes in _STATUS.items() for code in codes}

_PREFIX = re.compile(r"Code: (\d+)\. (?:DB::Exception: )?")
_VERSION = re.compile(r"\s*\(version [^()]*(?:\([^()]*\))?\)\.?")
_NAME = re.compile(r"\s*\(([A-Z][A-Z0-9_]+)\)\.?\s*$")
# The statement is first parsed as an argument of formatQuerySingleLine; that call is not the
# user's and does not belong into the message.
_OWN_SCOPE = re.compile(r":? In scope SELECT formatQuerySingleLine\(.*", re.S)


class QueryRefused(Exception):
    """An error with ClickHouse's code and name, ready to be sent to a client."""

    def __init__(self, code: int, message: str, name: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.name = name or _NAMES.get(code, "UNKNOWN_EXCEPTION")

    @property
    def status(self) -> int:
        """HTTP status for the code; 500 for all that a server has no better status for."""
        return _STATUS_BY_CODE.get(self.code, 500)

    def body(self, version: str) -> bytes:
        """The text of a server's answer: ``Code: N. DB::Exception: text. (NAME) (version …)``."""
        text = self.message.rstrip()
        if not text.endswith((".", "!", "?")):
            text += "."
        return (
            f"Code: {self.code}. DB::Exception: {text} ({self.name}) (version {version})\n"
        ).encode("utf-8", "replace")


def from_engine(text: str) -> QueryRefused:
    """Turn chDB's error text, where code, name and version repeat at each level, into one error."""
    found = _PREFIX.search(text)
    if found is None:
        return QueryRefused(1002, text.strip() or "the engine gave no reason")
    message, name = _PREFIX.sub("", text[found.start() :]), None
    message = _VERSION.sub("", message).strip()
    while match := _NAME.search(message):
        name = match[1]
        message = message[: match.start()].rstrip()
    message = _OWN_SCOPE.sub("", message)
    return QueryRefused(int(found[1]), message, name)

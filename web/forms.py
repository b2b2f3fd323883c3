"""What a form of ours sends."""

from __future__ import annotations

from urllib.parse import parse_qsl

from fastapi import Request

from web.when import AddressError

_MOST_BYTES = 16_384
_MOST_FIELDS = 20


async def fields(request: Request) -> dict[str, str]:
    """Of an urlencoded body. Raises AddressError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise AddressError("send application/x-www-form-urlencoded, as a form of the page does")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > _MOST_BYTES:
            raise AddressError(f"the form is over {_MOST_BYTES} bytes; send less")
        parts.append(part)
    try:
        text = b"".join(parts).decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise AddressError("the form can't be read; load the page again") from error

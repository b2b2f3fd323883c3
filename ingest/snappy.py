"""Decompresses snappy, framed or a single block: a Collector's ``compression: snappy``.

Source: google/snappy, format_description.txt and framing_format.txt. Checksums of frames are not
looked at: what is damaged is no OTLP message either.
"""

from __future__ import annotations

from collections.abc import Iterator

_MAGIC = b"\xff\x06\x00\x00sNaPpY"
_COMPRESSED, _PLAIN = 0x00, 0x01
_LARGEST_BLOCK = 1 << 16
_STEP = 1 << 20


class SnappyError(Exception):
    """The text says what is wrong with it."""


class TooLarge(Exception):
    """It would be larger than the limit."""


def parts(body: bytes, limit: int) -> Iterator[bytes]:
    """The body as it was, in pieces. Raises SnappyError, and TooLarge over ``limit`` bytes."""
    if not body.startswith(_MAGIC):
        yield _block(body, limit)
        return
    at = len(_MAGIC)
    size = 0
    while at < len(body):
        if at + 4 > len(body):
            raise SnappyError("it ends too early")
        kind, length = body[at], int.from_bytes(body[at + 1 : at + 4], "little")
        data = body[at + 4 : at + 4 + length]
        if len(data) < length:
            raise SnappyError("it ends too early")
        at += 4 + length
        if kind == _COMPRESSED:
            piece = _block(data[4:], _LARGEST_BLOCK)
        elif kind == _PLAIN:
            piece = data[4:]
        elif kind >= 0x80:
            continue  # may be skipped
        else:
            raise SnappyError(f"it has a chunk of kind {kind}, which is reserved")
        size += len(piece)
        if size > limit:
            raise TooLarge
        yield piece


def _block(data: bytes, limit: int) -> bytes:
    size, at = _length(data)
    if size > limit:
        raise TooLarge
    out = bytearray()
    end = len(data)
    try:
        while at < end:
            tag = data[at]
            at += 1
            kind = tag & 3
            if kind == 0:
                count = tag >> 2
                if count >= 60:
                    more = count - 59
                    count = int.from_bytes(data[at : at + more], "little")
                    at += more
                count += 1
                out += data[at : at + count]
                at += count
            else:
                if kind == 1:
                    count = (tag >> 2 & 7) + 4
                    back = tag >> 5 << 8 | data[at]
                    at += 1
                elif kind == 2:
                    count = (tag >> 2) + 1
                    back = data[at] | data[at + 1] << 8
                    at += 2
                else:
                    count = (tag >> 2) + 1
                    back = int.from_bytes(data[at : at + 4], "little")
                    at += 4
                start = len(out) - back
                if back == 0 or start < 0:
                    raise SnappyError("it refers to what is not there")
                if back >= count:
                    out += out[start : start + count]
                else:
                    piece = bytes(out[start:])
                    out += (piece * (count // back + 1))[:count]
            if len(out) > size:
                raise SnappyError("it is longer than it says")
    except IndexError as error:
        raise SnappyError("it ends too early") from error
    if len(out) != size:
        raise SnappyError("it ends too early")
    return bytes(out)


def _length(data: bytes) -> tuple[int, int]:
    """The length that a block states, and where what follows begins."""
    size = 0
    for place in range(5):
        if place >= len(data):
            break
        size |= (data[place] & 0x7F) << 7 * place
        if data[place] < 0x80:
            return size, place + 1
    raise SnappyError("it does not say how long it is")

"""Decompresses request bodies without ever holding more than the limit.

See RFC 9110, section 8.4 for the names of the codings.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from http import HTTPStatus

import zstandard

from ingest import snappy
from ingest.refusal import Refusal, Refused

ENCODINGS = ("identity", "gzip", "deflate", "zlib", "zstd", "snappy", "lz4")
_STEP = 1 << 20
_INPUT_STEP = 1 << 14
_ZSTD_STEP = 256
_MOST_MEMBERS = 1000


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """The body as it was before ``encoding`` (a Content-Encoding value; '' means identity).

    Raises Refused: 413 when it would be over ``limit`` bytes, 400 when it is truncated or not in
    that coding, 415 for a coding that is not in ENCODINGS.
    """
    coding = _coding(encoding)
    if coding == "identity":
        if len(body) > limit:
            raise Refused(_too_large(limit))
        return body
    return b"".join(_parts(body, coding, limit))


def decompressed_size(body: bytes, encoding: str, limit: int) -> int:
    """How long the body is without ``encoding``; it is never in memory as a whole.

    Raises Refused as ``decompress`` does.
    """
    coding = _coding(encoding)
    if coding == "identity":
        if len(body) > limit:
            raise Refused(_too_large(limit))
        return len(body)
    return sum(len(part) for part in _parts(body, coding, limit))


def _coding(encoding: str) -> str:
    return encoding.strip().lower() or "identity"


def _parts(body: bytes, coding: str, limit: int) -> Iterator[bytes]:
    if coding in ("gzip", "x-gzip"):
        return _inflate(body, "gzip", zlib.MAX_WBITS | 16, limit)
    # A Collector's `compression: zlib` is what RFC 9110 calls deflate.
    if coding in ("deflate", "zlib"):
        # RFC 9110 means the zlib format; some senders leave its two-byte header out.
        raw = len(body) < 2 or (body[0] & 0x0F) != 8 or (body[0] << 8 | body[1]) % 31
        return _inflate(body, coding, -zlib.MAX_WBITS if raw else zlib.MAX_WBITS, limit)
    if coding == "zstd":
        return _unzstd(body, limit)
    if coding in ("snappy", "x-snappy-framed"):
        return _unsnappy(body, limit)
    if coding == "lz4":
        return _unlz4(body, limit)
    raise Refused(
        Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Encoding '{coding}' is not supported; use one of {', '.join(ENCODINGS)}"
            " (in a Collector's exporter: compression)",
        )
    )


def _inflate(body: bytes, coding: str, window: int, limit: int) -> Iterator[bytes]:
    # Input goes in by small steps too: what is left of one is copied each time.
    view = memoryview(body)
    size = at = 0
    for _ in range(_MOST_MEMBERS):
        # A gzip body may be several members, one after the other.
        stream = zlib.decompressobj(window)
        rest = b""
        while not stream.eof:
            given = rest or bytes(view[at : at + _INPUT_STEP])
            at += 0 if rest else len(given)
            try:
                part = stream.decompress(given, min(_STEP, limit - size + 1))
            except zlib.error as error:
                raise Refused(_broken(coding, str(error))) from error
            rest = stream.unconsumed_tail
            if not part and not given and not stream.eof:
                raise Refused(_broken(coding, "it ends too early"))
            size += len(part)
            if size > limit:
                raise Refused(_too_large(limit))
            yield part
        at -= len(stream.unused_data)
        if at == len(body):
            return
    raise Refused(_broken(coding, f"it has over {_MOST_MEMBERS} members"))


def _unzstd(body: bytes, limit: int) -> Iterator[bytes]:
    # The window is bounded too: a frame may ask for gigabytes of memory.
    decompressor = zstandard.ZstdDecompressor(max_window_size=min(1 << 27, max(limit, 1 << 23)))
    size = 0
    try:
        with decompressor.stream_reader(body, read_across_frames=True) as reader:
            while part := reader.read(_STEP):
                size += len(part)
                if size > limit:
                    raise Refused(_too_large(limit))
                yield part
        if not _zstd_complete(body, size, decompressor):
            raise Refused(_broken("zstd", "it ends too early"))
    except zstandard.ZstdError as error:
        raise Refused(_broken("zstd", str(error))) from error


def _unsnappy(body: bytes, limit: int) -> Iterator[bytes]:
    try:
        yield from snappy.parts(body, limit)
    except snappy.TooLarge as error:
        raise Refused(_too_large(limit)) from error
    except snappy.SnappyError as error:
        raise Refused(_broken("snappy", str(error))) from error


def _unlz4(body: bytes, limit: int) -> Iterator[bytes]:
    # Imported here: few senders use it.
    import lz4.frame

    decompressor = lz4.frame.LZ4FrameDecompressor()
    size, given = 0, body
    try:
        while not decompressor.eof:
            part = decompressor.decompress(given, max_length=_STEP)
            given = b""
            if not part and decompressor.needs_input:
                raise Refused(_broken("lz4", "it ends too early"))
            size += len(part)
            if size > limit:
                raise Refused(_too_large(limit))
            yield part
    except RuntimeError as error:
        raise Refused(_broken("lz4", str(error))) from error


def _zstd_complete(body: bytes, size: int, decompressor: zstandard.ZstdDecompressor) -> bool:
    # The reader takes the end of input for the end of the frame. Most frames state their size;
    # else decompress once more, in steps that can't become large: four bytes may be 128 KiB.
    if zstandard.get_frame_parameters(body).content_size == size:
        return True
    at = 0
    for _ in range(_MOST_MEMBERS):
        frame = decompressor.decompressobj()
        while not frame.eof:
            if at >= len(body):
                return False
            frame.decompress(body[at : at + _ZSTD_STEP])
            at += _ZSTD_STEP
        at = min(at, len(body)) - len(frame.unused_data)
        if at == len(body):
            return True
    raise Refused(_broken("zstd", f"it has over {_MOST_MEMBERS} frames"))


def _too_large(limit: int) -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body is over {limit} bytes once decompressed; send smaller batches or raise "
        "EVERYSPAN_MAX_DECOMPRESSED_BYTES (in a Collector: sending_queue.batch.max_size, or"
        " send_batch_max_size of the processor batch)",
    )


def _broken(coding: str, reason: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, f"the body is not valid {coding}: {reason}")

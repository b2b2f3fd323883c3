"""The first question of clickhouse-go 2.37+ on every HTTP connection.

``SELECT displayName(), version(), revision(), timezone()`` is sent with
``client_protocol_version=54460``. Its answer is read as a Native block of that revision; all later
blocks are read at the revision that the answer states. chDB writes Native blocks of revision 0
only, so the answer is made here by hand, and says 0. Drivers that ask without the parameter read
plain blocks from the start and get the same values from the engine.
"""

from __future__ import annotations

import struct

DISPLAY_NAME = "everyspan"
QUESTION = "SELECT displayName(), version(), revision(), timezone()"
# The engine's own values would be the machine's host name and a revision that it does not write.
PLAIN_ANSWER = (
    f"SELECT '{DISPLAY_NAME}' AS `displayName()`, version(),"
    " toUInt32(0) AS `revision()`, timezone()"
)
# First revision whose Native blocks carry the custom-serialisation byte after each type.
_CUSTOM_SERIALISATION_REVISION = 54454


def needs_block(protocol_version: str, format_name: str) -> bool:
    """True when the client reads the answer as a Native block with BlockInfo."""
    return (
        format_name == "Native"
        and protocol_version.isdigit()
        and int(protocol_version) >= _CUSTOM_SERIALISATION_REVISION
    )


def block(version: str, timezone: str) -> bytes:
    """One row of four columns as a Native block of revision 54454 or later."""
    columns = (
        ("displayName()", "String", _string(DISPLAY_NAME)),
        ("version()", "String", _string(version)),
        ("revision()", "UInt32", struct.pack("<I", 0)),
        ("timezone()", "String", _string(timezone)),
    )
    # BlockInfo: field 1 is_overflows = 0, field 2 bucket_num = -1, end of fields.
    parts = [b"\x01\x00\x02", struct.pack("<i", -1), b"\x00", _varint(len(columns)), _varint(1)]
    for name, type_name, data in columns:
        parts += [_string(name), _string(type_name), b"\x00", data]
    return b"".join(parts)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _string(text: str) -> bytes:
    data = text.encode()
    return _varint(len(data)) + data

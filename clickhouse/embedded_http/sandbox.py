"""What the kernel lets this process reach: a second wall behind the guard.

Landlock (Linux 5.13; network since 6.7) takes rights away for good: no file outside of the
directories named, no program started, no connection made. Where the kernel has none, nothing
changes. See ``man 7 landlock``.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import struct
import sys
from collections.abc import Iterable

log = logging.getLogger(__name__)

# System call numbers are the same on all architectures.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_READ = _READ_FILE | _READ_DIR
# What files can be asked for, by version of Landlock: execute, write, read, make, remove, …
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
# Bind and connect over TCP.
_NETWORK_RIGHTS = 0b11
# Rights that make sense for a file; the others are of directories.
_OF_A_FILE = (1 << 0) | (1 << 1) | _READ_FILE | (1 << 14) | (1 << 15)

# What Python, the engine and the C library read at any time. None of it is anybody's data.
_SYSTEM = tuple(
    "/usr /lib /lib64 /etc/localtime /etc/ld.so.cache /dev/null /dev/urandom /proc/self"
    " /proc/meminfo /proc/stat /proc/cpuinfo /proc/mounts /proc/sys /sys/fs/cgroup"
    " /sys/devices/system".split()
)


def enter(readable: Iterable[str], writable: Iterable[str]) -> bool:
    """Give up everything but this. For a process with one thread: others keep their rights.

    Returns whether the kernel does it.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")
    version = libc.syscall(_CREATE_RULESET, None, 0, _VERSION)
    if version < 1:
        log.debug("no Landlock here: %s", errno.errorcode.get(ctypes.get_errno(), "?"))
        return False
    rights = max(r for v, r in _FILE_RIGHTS.items() if v <= version)
    network = _NETWORK_RIGHTS if version >= 4 else 0
    attributes = struct.pack("QQ", rights, network)[: 16 if network else 8]
    rules = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if rules < 0:
        raise OSError(ctypes.get_errno(), "landlock_create_ruleset")
    try:
        for path in (*_SYSTEM, *_python(), *readable):
            _allow(libc, rules, path, rights & _READ)
        for path in writable:
            _allow(libc, rules, path, rights & ~1)  # Not to execute.
        if libc.syscall(_RESTRICT_SELF, rules, 0):
            raise OSError(ctypes.get_errno(), "landlock_restrict_self")
    finally:
        os.close(rules)
    return True


def _python() -> list[str]:
    """Where modules that are not loaded yet lie."""
    return [sys.prefix, sys.base_prefix, *(p for p in sys.path if p and os.path.isdir(p))]


def _allow(libc: ctypes.CDLL, rules: int, path: str, rights: int) -> None:
    try:
        at = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # Not on this machine.
    try:
        if not os.path.isdir(path):
            rights &= _OF_A_FILE
        # struct landlock_path_beneath_attr is packed.
        rule = struct.pack("=Qi", rights, at)
        if libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, rule, 0):
            raise OSError(ctypes.get_errno(), f"landlock_add_rule: {path}")
    finally:
        os.close(at)

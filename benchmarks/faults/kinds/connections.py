"""Senders that never finish, dribble, go away, or are too many."""

from __future__ import annotations

import resource
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from benchmarks.faults.kinds import kind
from benchmarks.faults.scene import Scene, in_threads
from benchmarks.faults.traffic import healthy
from tests.connections import reset

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def _head(size: int) -> bytes:
    return (
        "POST /v1/traces HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-protobuf\r\n"
        f"content-length: {size}\r\n\r\n"
    ).encode()


def _open(port: int) -> socket.socket | None:
    try:
        return socket.create_connection(("127.0.0.1", port), timeout=2)
    except OSError:
        return None


def _opened(stack: ExitStack, port: int, first: bytes) -> None:
    made = _open(port)
    if made is None:
        return
    stack.callback(made.close)
    with suppress(OSError):
        made.sendall(first)


@kind()
def half_written(scene: Scene) -> None:
    """150 HTTP requests and 50 gRPC calls that stop halfway and stay open"""
    http, grpc = scene.house.ports["otlp-http"], scene.house.ports["otlp-grpc"]
    body = healthy(scene.random)[0].SerializeToString()
    beginnings = (
        b"",
        b"POST /v1/tra",
        _head(len(body))[: scene.random.randrange(40, 100)],
        _head(len(body)),
        _head(len(body)) + body[: len(body) // 2],
        b"POST /v1/traces HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffff\r\nabc",
    )
    frames = (
        b"",
        b"PRI * HT",
        _PREFACE,
        _PREFACE + b"\x00\x00\x20\x01\x04\x00\x00\x00\x01\x83\x86",
        _PREFACE + b"\x00\x40\x00\x00\x00\x00\x00\x00\x01" + body[:100],
    )
    with ExitStack() as stack:
        for number in range(150):
            _opened(stack, http, beginnings[number % len(beginnings)])
        for number in range(50):
            _opened(stack, grpc, frames[number % len(frames)])
        scene.wait(3, 5)


@kind()
def idle_connections(scene: Scene) -> None:
    """600 connections that say nothing, to every port"""
    with ExitStack() as stack:
        for port in scene.house.ports.values():
            for _ in range(120):
                _opened(stack, port, b"")
        scene.wait(3, 5)


@kind()
def unfinished_bodies(scene: Scene) -> None:
    """24 bodies of 16 MB that stop before their end"""
    size = 16 << 20
    port = scene.house.ports["otlp-http"]
    with ExitStack() as stack:
        made: list[socket.socket] = []
        for _ in range(24):
            if connection := _open(port):
                stack.callback(connection.close)
                connection.settimeout(5)
                made.append(connection)

        def write(number: int) -> None:
            try:
                made[number].sendall(_head(size))
                block = bytes(1 << 16)
                for _ in range(size // len(block) - 1):
                    made[number].sendall(block)
            except OSError:
                pass

        for thread in in_threads(write, len(made)):
            thread.join(20)
        scene.wait(1, 2)


@kind()
def slow_senders(scene: Scene) -> None:
    """30 senders that write a few bytes at a time, then try as others do"""
    port = scene.house.ports["otlp-http"]
    messages = [healthy(scene.random)[0] for _ in range(30)]

    def dribble(number: int) -> None:
        body = messages[number].SerializeToString()
        connection = _open(port)
        if connection is not None:
            data = _head(len(body)) + body
            step = max(1, len(data) // 20)
            try:
                for start in range(0, len(data), step):
                    connection.sendall(data[start : start + step])
                    time.sleep(0.2)
            except OSError:
                pass
            finally:
                connection.close()
        # Nobody read the answer, so it is sent until there is one.
        scene.traffic.send(messages[number])

    for thread in in_threads(dribble, len(messages)):
        thread.join(60)


@kind()
def senders_go_away(scene: Scene) -> None:
    """40 senders that reset the connection before the answer, then send again"""
    port = scene.house.ports["otlp-http"]
    for _ in range(40):
        message, _late = healthy(scene.random)
        body = message.SerializeToString()
        if connection := _open(port):
            cut = scene.random.choice([len(body), len(body), len(body) // 2])
            with suppress(OSError):
                connection.sendall(_head(len(body)) + body[:cut])
                time.sleep(scene.random.uniform(0, 0.05))
            reset(connection)
        scene.traffic.send(message)


@kind()
def no_file_handles(scene: Scene) -> None:
    """The house may open no further file for some seconds, amid 200 new connections"""
    pid = scene.house.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    try:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 6, before[1]))
        with ExitStack() as stack:
            for _ in range(200):
                _opened(stack, scene.house.ports["otlp-http"], b"")
            scene.wait(4, 7)
    finally:
        if scene.house.alive:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)

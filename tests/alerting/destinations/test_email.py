"""E-mail, to an SMTP server on a socket."""

from __future__ import annotations

import email as standard_library
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.policy import default

import pytest

from alerting.destinations import email
from alerting.destinations.sending import AwayError, RefusedError
from tests.alerting.destinations.messages import hostile, message


class Server(socketserver.ThreadingTCPServer):
    """``answer``: what it says to a recipient; ``taken``: mails."""

    daemon_threads = True

    def __init__(self, answer: str) -> None:
        self.answer, self.taken = answer, list[bytes]()
        self.answers: dict[str, str] = {}
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        self.say("220 here")
        for line in self.rfile:
            command = line.upper().split()[0].decode()
            if command == "RCPT":
                # One answer for all, or for each address its own.
                answers = self.server.answers
                told = next((a for name, a in answers.items() if name in line.decode()), "")
                self.say(told or self.server.answer)
            elif command == "DATA":
                self.say("354 go on")
                mail = []
                while (part := self.rfile.readline()) != b".\r\n":
                    mail.append(part)
                self.server.taken.append(b"".join(mail))
                self.say("250 taken")
            elif command == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 well")

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


@contextmanager
def smtp(answer: str = "250 known") -> Iterator[tuple[Server, email.Config]]:
    with Server(answer) as server:
        yield (
            server,
            email.Config(
                type="email",
                host="127.0.0.1",
                port=server.server_address[1],
                tls="none",
                sender="a@example.com",
                to=["b@example.com"],
            ),
        )
        server.shutdown()


def test_one_thread_of_mails_for_an_alert() -> None:
    with smtp() as (server, config):
        email.send(config, message())
        email.send(config, message("resolve"))
    trigger, resolve = (
        standard_library.message_from_bytes(mail, policy=default) for mail in server.taken
    )
    assert "step 4 of 7" in trigger["Subject"]
    assert trigger["References"] == resolve["References"]
    body = trigger.get_body(("plain",))
    assert body is not None
    assert "return model.complete(prompt)" in body.get_content()


def test_hostile_text_adds_no_header() -> None:
    with smtp() as (server, config):
        email.send(config, hostile())
    (mail,) = (standard_library.message_from_bytes(mail, policy=default) for mail in server.taken)
    # Where it is folded, a space is added.
    assert len(mail["Subject"]) <= 205
    assert mail.keys().count("Subject") == 1
    html = mail.get_body(("html",))
    assert html is not None
    assert "<!channel>" not in html.get_content()


@pytest.mark.parametrize(
    ("answer", "error"), [("550 nobody", RefusedError), ("451 later", AwayError)]
)
def test_what_the_server_says_is_kept_apart(answer: str, error: type[Exception]) -> None:
    with smtp(answer) as (_, config), pytest.raises(error, match=answer[:3]):
        email.send(config, message())
    with pytest.raises(AwayError):
        email.send(config.model_copy(update={"port": 9}), message())


def test_a_mail_has_its_date() -> None:
    with smtp() as (server, config):
        email.send(config, message())
    (mail,) = (standard_library.message_from_bytes(each, policy=default) for each in server.taken)
    assert mail["Date"].datetime is not None


@pytest.mark.parametrize(
    ("answer", "error"), [("550 nobody", RefusedError), ("451 later", AwayError)]
)
def test_one_refused_recipient_of_two_is_not_sent(answer: str, error: type[Exception]) -> None:
    with smtp() as (server, config):
        both = config.model_copy(update={"to": ["b@example.com", "c@example.com"]})
        server.answers = {"c@example.com": answer}
        told = message()
        with pytest.raises(error, match=r"c@example.com: " + answer[:3]):
            email.send(both, told)
        assert len(server.taken) == 1
        # Tried again, it goes to those who have not got it.
        server.answers = {"b@example.com": "550 again?"}
        email.send(both, told)
        assert len(server.taken) == 2

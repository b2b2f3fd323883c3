"""E-mail by SMTP: one thread of messages for each alert."""

from __future__ import annotations

import hashlib
import html
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Annotated, Literal

from pydantic import Field

from alerting.destinations.config import ChannelConfig
from alerting.destinations.sending import AwayError, RefusedError, cut, rendered
from alerting.message import Message

_Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]


class Config(ChannelConfig):
    """An SMTP server, and from whom to whom."""

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: str = ""
    password: str = ""
    sender: _Address
    to: Annotated[list[_Address], Field(min_length=1)]


def body(config: Config, message: Message) -> EmailMessage:
    """Text, and the same as HTML."""
    mail = EmailMessage()
    mail["From"], mail["To"] = config.sender, ", ".join(config.to)
    mail["Subject"] = cut(" ".join(message.headline.split()), 200)
    domain = config.sender.rpartition("@")[2]
    mail["Message-ID"] = make_msgid(domain=domain)
    thread = hashlib.sha256(message.dedup_key.encode()).hexdigest()[:32]
    mail["References"] = f"<{thread}@{domain}>"
    text = rendered("alert.txt", message)
    mail.set_content(text)
    mail.add_alternative(
        '<pre style="font: 13px/1.5 ui-monospace, monospace; white-space: pre-wrap">'
        f"{html.escape(text)}</pre>",
        subtype="html",
    )
    return mail


def send(config: Config, message: Message) -> None:
    """Raises RefusedError and AwayError."""
    mail = body(config, message)
    secure = ssl.create_default_context()
    try:
        if config.tls == "implicit":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                config.host, config.port, timeout=config.timeout_seconds, context=secure
            )
        else:
            server = smtplib.SMTP(config.host, config.port, timeout=config.timeout_seconds)
        with server:
            if config.tls == "starttls":
                server.starttls(context=secure)
            if config.username:
                server.login(config.username, config.password)
            server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        codes = {code for code, _ in error.recipients.values()}
        told = f"refused: {error.recipients}"
        raise (RefusedError(told) if min(codes) >= 500 else AwayError(told)) from error
    except smtplib.SMTPResponseException as error:
        told = f"{error.smtp_code} {error.smtp_error!r}"
        raise (RefusedError(told) if error.smtp_code >= 500 else AwayError(told)) from error
    except (OSError, smtplib.SMTPException) as error:
        raise AwayError(f"{type(error).__name__}: {error}") from error

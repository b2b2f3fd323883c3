"""Personal details and secrets of twenty kinds that belong to nobody, made anew from a seed."""

from __future__ import annotations

import base64
import string
from collections.abc import Callable
from random import Random

_FIRST = "anna bruno chiara david elif farid grace hugo irina jonas kaya lena marco nora".split()
_LAST = "almeida brandt costa duarte ekman fischer garnier hoffman ivanov jansen kowalski".split()
_MAIL = "web.de gmail.com gmx.net outlook.com proton.me orange.fr libero.it".split()
_WORD = string.ascii_letters + string.digits


def _of(random: Random, characters: str, length: int) -> str:
    return "".join(random.choices(characters, k=length))


def _digits(random: Random, length: int) -> str:
    return _of(random, string.digits, length)


def _email(random: Random) -> str:
    name = f"{random.choice(_FIRST)}.{random.choice(_LAST)}{random.randrange(10000)}"
    return f"{name}@{random.choice(_MAIL)}"


def luhn(body: str) -> str:
    """The body with its check digit (ISO/IEC 7812-1)."""
    total = 0
    for place, character in enumerate(reversed(body)):
        digit = int(character) * (2 - place % 2)
        total += digit - 9 if digit > 9 else digit
    return body + str(-total % 10)


def _grouped(random: Random) -> str:
    card = luhn("4539" + _digits(random, 11))
    return " ".join(card[at : at + 4] for at in range(0, 16, 4))


def _iban(random: Random) -> str:
    account = _digits(random, 18)
    check = 98 - int(account + "131400") % 97  # D, E, 00
    return f"DE{check:02}{account}"


def _cpf(random: Random) -> str:
    body = _digits(random, 9)
    for length in (9, 10):
        total = sum(int(body[i]) * (length + 1 - i) for i in range(length))
        body += str(total * 10 % 11 % 10)
    return f"{body[:3]}.{body[3:6]}.{body[6:9]}-{body[9:]}"


def _nir(random: Random) -> str:
    body = (
        f"{random.choice('12')}{_digits(random, 2)}{random.randint(1, 12):02}{_digits(random, 8)}"
    )
    return f"{body}{97 - int(body) % 97:02}"


def _dni(random: Random) -> str:
    number = _digits(random, 8)
    return number + "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def _key(random: Random) -> str:
    body = base64.b64encode(random.randbytes(400)).decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----"


def _jwt(random: Random) -> str:
    def part(said: bytes) -> str:
        return base64.urlsafe_b64encode(said).decode().rstrip("=")

    subject = f'{{"sub":"{_digits(random, 12)}","iat":1700000000}}'.encode()
    return ".".join(map(part, (b'{"alg":"HS256"}', subject, random.randbytes(32))))


def _us_phone(random: Random) -> str:
    return f"(415) {random.randint(200, 999)}-{_digits(random, 4)}"


def _french_phone(random: Random) -> str:
    return "06 " + " ".join(_digits(random, 2) for _ in range(4))


def _ssn(random: Random) -> str:
    return f"{random.randint(100, 665)}-{random.randint(10, 99)}-{random.randint(1000, 9999)}"


def _ipv6(random: Random) -> str:
    return f"2a00:1450:4001:{random.randrange(0x1000, 0xFFFF):x}::{random.randrange(256, 0xFFFF):x}"


def _slack(random: Random) -> str:
    return f"xoxb-{_digits(random, 12)}-{_digits(random, 12)}-{_of(random, _WORD, 24)}"


def _aws(random: Random) -> str:
    return "AKIA" + _of(random, string.ascii_uppercase + "234567", 16)


def _password(random: Random) -> str:
    return _of(random, _WORD, 18)


#: Kind of the mark; what one says around it (``{}``); how a value is made.
KINDS: dict[str, tuple[str, str, Callable[[Random], str]]] = {
    "email": ("email", "write to {} please", _email),
    "us phone": ("phone", "call me at {} tonight", _us_phone),
    "german mobile": ("phone", "my mobile is {}", lambda r: f"0171 {_digits(r, 8)}"),
    "french phone": ("phone", "tel. {}", _french_phone),
    "international phone": ("phone", "whatsapp {}", lambda r: f"+34 6{_digits(r, 8)}"),
    "visa": ("card", "my card is {}", _grouped),
    "amex": ("card", "charge the amex {}", lambda r: luhn("3714" + _digits(r, 10))),
    "iban": ("iban", "to account {}", _iban),
    "ssn": ("id", "SSN {}", _ssn),
    "cpf": ("id", "CPF {}", _cpf),
    "nir": ("id", "sécurité sociale {}", _nir),
    "dni": ("id", "mi DNI es {}", _dni),
    "ipv4": ("ip", "from {} again", lambda r: f"93.184.{r.randrange(256)}.{r.randrange(1, 255)}"),
    "ipv6": ("ip", "peer {}", _ipv6),
    "aws": ("secret", "key {}", _aws),
    "github": ("secret", "token {}", lambda r: "ghp_" + _of(r, _WORD, 36)),
    "slack": ("secret", "bot {}", _slack),
    "jwt": ("secret", "Authorization: Bearer {}", _jwt),
    "private key": ("secret", "deploy with\n{}\n", _key),
    "password in a link": ("secret", "postgres://app:{}@db.internal/shop", _password),
}  # fmt: skip


def values(seed: int, each: int) -> list[tuple[str, str, str]]:
    """(name of the kind, value, a sentence around it), ``each`` of every kind."""
    random = Random(seed)
    return [
        (name, value, said.format(value))
        for name, (_, said, make) in KINDS.items()
        for value in (make(random) for _ in range(each))
    ]


def tell_tale(value: str) -> list[str]:
    """What of a value must be nowhere: of a key each of its lines."""
    return [line for line in value.splitlines() if not line.startswith("-----")] or [value]

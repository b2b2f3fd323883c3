"""Finds e-mail addresses and telephone numbers that belong to somebody.

Whether the user gave them is not asked here. Addresses of a role (support@), reserved domains
(RFC 2606), numbers kept for fiction (555-01xx) and free-of-charge lines belong to nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from everyspan.masking.finding import Finding

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+/=-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@"
    r"(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}(?![A-Za-z0-9_])"
)
_ROLES = frozenset(
    "abuse accounting accounts admin administrator api billing bookings booking bot business "
    "careers care claims community compliance contact contactus customercare customers "
    "customerservice customersupport dataprotection desk dev dpo editor email enquiries enquiry "
    "events feedback finance frontdesk git hello help helpdesk hi hostmaster hr info inquiries "
    "inquiry invest investors invoices it jobs legal mail mailer mailer-daemon marketing me media "
    "membership members name news newsletter no-reply nobody noreply notification notifications "
    "office operations ops orders partner partners payments postmaster press privacy procurement "
    "purchasing receipts reception recruiting recruitment refunds reply returns reservations root "
    "sales security service services shipping shop someone subscribe support sysadmin system "
    "talent team tech techsupport test ticket tickets trust unsubscribe user username webmaster "
    "welcome you your yourname your.name your-name your_name your.email youremail firstname "
    "first.last firstname.lastname do-not-reply donotreply".split()
)
_ROLE_PARTS = re.compile(
    r"(?:^|[._-])(?:no-?reply|support|sales|info|help|billing|service|team|contact|office|press)"
    r"(?:$|[._+-])"
)
_RESERVED_DOMAIN = re.compile(
    r"(?:^|\.)(?:example(?:\.[a-z]{2,3}){0,2}|[a-z0-9-]+\.(?:test|invalid|localhost|example|local)"
    r"|(?:your|my)?-?(?:domain|company|email|site|website|org)\.(?:com|org|net)|test\.com"
    r"|users\.noreply\.github\.com|localhost\.\w+)$"
)
#: A file name such as logo@2x.png is not an address.
_FILE_ENDINGS = frozenset("png jpg jpeg gif svg webp ico css js ts py json html md txt map".split())

#: NANP number or an international one with its plus sign.
_PHONE = re.compile(
    r"(?<![\w.+#/=-])(?:"
    r"\+\d(?:[ .()/-]{0,2}\d){7,14}+"
    r"|(?:1[ .-])?\(\d{3}\) ?\d{3}[ .-]\d{4}"
    r"|(?:1[ .-])?\d{3}([.-])\d{3}\1\d{4}"
    # France writes five pairs, Germany a mobile network's prefix: nothing else looks like that.
    r"|0[1-9](?:[ .]\d{2}){4}|01[567]\d[ /-]?\d{7,8}"
    r"|\d{10,11}|0\d{2,4}[ /-]\d{3,4}[ -]?\d{3,5}|\d{3} \d{3} \d{4}"
    r")(?![\w-]|\.\d)"
)
_NATIONAL = re.compile(r"0[1-9](?: \d{2}){4}|01[567]\d[ /-]\d{7,8}")
_PHONE_WORDS = re.compile(
    r"(?i)(?:phone|tel|mobile|cell|call(?:ed|ing)?|whatsapp|sms|text|handy|telefon|nummer"
    r"|t[ée]l(?:[ée]phone)?|rufe?|anruf(?:en)?|mobil|portable|m[óo]vil|celular|contact|reach)\W.{0,24}$"
)
_OTHER_NUMBER = re.compile(
    r"(?i)\b(?:meeting|order|ticket|case|invoice|tracking|reference|account|part|serial|session"
    r"|confirmation|booking|event|product|model|id|ref|sku|isbn)\W.{0,16}$"
)
_PUBLIC_LINE = re.compile(
    r"(?i)(?:hot ?line|help ?line|customer (?:service|support|care)|support|toll[- ]?free|office"
    r"|switchboard|front desk|reception|headquarters|emergency|sales|24/7|our (?:team|number)"
    r"|call us|contact us)\W[^\n]{0,40}$"
)
_NOBODY = re.compile(
    r"^(?:1?(?:800|888|877|866|855|844|833|822|900)\d{7}|44(?:800|808|3\d\d|8\d\d)\d{6,7}"
    r"|49800\d{6,9}|33800\d{6}|1?\d{3}55501\d\d|447700900\d{3}|441632960\d{3}|442079460\d{3}"
    r"|1?5555555555|1?1234567890|1?(\d)\1{9})$"
)
#: A verdict needs no more than these; who masks asks for all.
_MAX_LOOKS = 2000
_MAX_FINDINGS = 10


def find_emails(text: str, *, every: bool = False) -> Iterator[Finding]:
    """Addresses of persons, at most ten, or every one."""
    if "@" not in text:
        return
    found: set[str] = set()
    for looks, match in enumerate(_EMAIL.finditer(text)):
        address = match.group()
        name, _, domain = address.lower().rpartition("@")
        if not every and (looks == _MAX_LOOKS or len(found) == _MAX_FINDINGS):
            return
        if (address.lower() in found and not every) or is_nobodys(name, domain):
            continue
        # The password of a URL has an @ behind it, and message ids look like addresses.
        before = text[max(0, match.start() - 64) : match.start()]
        if ("://" in before and before.endswith(":")) or len(name) > 40:
            continue
        found.add(address.lower())
        yield Finding("email", address, 0.65, match.start())


def is_nobodys(name: str, domain: str) -> bool:
    """Whether ``name``@``domain`` (lower case) is a role's, reserved or no address at all."""
    plain = name.partition("+")[0]
    return (
        plain in _ROLES
        or _ROLE_PARTS.search(plain) is not None
        or _RESERVED_DOMAIN.search(domain) is not None
        or domain.rpartition(".")[2] in _FILE_ENDINGS
    )


def find_phones(text: str, *, every: bool = False) -> Iterator[Finding]:
    """Numbers of persons, at most ten, or every one: written as one, or named as one in the words
    before. Of one number written in several ways the first, unless it is every one."""
    found: set[str] = set()
    for looks, match in enumerate(_PHONE.finditer(text)):
        if not every and (looks == _MAX_LOOKS or len(found) == _MAX_FINDINGS):
            return
        written = match.group()
        digits = digits_of(written)
        if (digits in found and not every) or not 9 <= len(digits) <= 15 or _NOBODY.match(digits):
            continue
        before = text[max(0, match.start() - 56) : match.start()]
        american = not written.startswith(("+", "0"))
        if american and not _is_nanp(digits):
            continue
        bare = written.isdigit() or "." in written or written.startswith("0")
        bare = bare and not _NATIONAL.fullmatch(written)
        if _OTHER_NUMBER.search(before) and not _PHONE_WORDS.search(before):
            continue
        if (bare and not _PHONE_WORDS.search(before)) or _PUBLIC_LINE.search(before):
            continue
        found.add(digits)
        yield Finding("phone", written, 0.6, match.start())


def digits_of(text: str) -> str:
    """The ASCII digits of a text."""
    return "".join(re.findall(r"[0-9]+", text))


def _is_nanp(digits: str) -> bool:
    national = digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
    return len(national) == 10 and national[0] in "23456789" and national[3] in "23456789"

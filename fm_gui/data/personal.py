"""Personal data in a text: e-mail addresses, phone numbers, payment cards, identity numbers; and URLs, for masking.

Numbers are taken for personal only if they prove it: a phone number is one of a real numbering plan, written as people write
it there (phonenumbers, Google's library); cards and identity numbers have the right check digit (python-stdnum).
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from phonenumbers import PhoneNumberMatch

Kind = Literal["email", "phone", "card", "id", "url"]

# all patterns take bounded or linear time: what may repeat without end is possessive, or begins at a boundary
SOME_DIGITS = re.compile(r"[0-9](?:[^0-9]{0,3}[0-9]){6}")  # 7 digits near each other: no phone, card or id without them
_LETTERS = "A-Za-z0-9\u00c0-\u024f"
EMAIL = re.compile(
    rf"(?:(?<![{_LETTERS}._%+-])[{_LETTERS}_%+-][{_LETTERS}._%+-]{{0,63}}|[\u4e00-\u9fff]{{1,4}})@(?:[{_LETTERS}-]{{1,63}}\.){{1,8}}(?!(?:png|jpe?g|gif|webp|svg|bmp)(?![A-Za-z0-9]))[A-Za-z]{{2,24}}(?![A-Za-z0-9@])"
)
URL = re.compile(
    r"(?:(?<![A-Za-z0-9])(?:https?|ftp)://|(?<![A-Za-z0-9.@/-])www\.(?=[A-Za-z0-9]))[!#-;=?-~]++"
    r"|(?<![A-Za-z0-9.@/_-])(?:[a-z0-9-]{1,63}\.){1,4}(?:com|org|net|edu|gov|io|cn|de|fr|uk)(?:/[!#-;=?-~]*+|(?![A-Za-z0-9@_-]|\.[A-Za-z0-9]))"
)
CHAT_NAME = re.compile(  # a WeChat id after the word for it: with a digit or "_", or after a colon (of "wechat" only with "id")
    r"(?:(?P<chinese>微信|微訊|薇信)|(?<![A-Za-z0-9])(?:wechat|weixin|vx|wx)(?![A-Za-z]))(?:(?P<named>\s?(?:号|id\b|账号|帳號))?\s?(?P<colon>[:：是为]|\sis\b)?\s?)"
    r"(?P<name>(?=(?P<sure>[A-Za-z_-]*[0-9_])?)[A-Za-z][A-Za-z0-9_-]{5,19})(?![A-Za-z0-9_@-])",
    re.IGNORECASE,
)
CARD = re.compile(
    r"(?<![A-Za-z0-9.,_-])(?:[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{3})?|3[0-9]{3}([ -])[0-9]{6}\2[0-9]{4,5}|[0-9]{14,19})(?![A-Za-z0-9_]|[.,-][0-9])"
)
CARDS = re.compile(  # first digits and lengths of the networks that are in use
    r"4(?:[0-9]{15}|[0-9]{18})|(?:5[1-5]|2[3-6])[0-9]{14}|(?:222[1-9]|22[3-9][0-9]|27[01][0-9]|2720|220[0-4])[0-9]{12}|3[47][0-9]{13}"
    r"|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:6011|64[4-9][0-9]|65[0-9]{2}|35(?:2[89]|[3-8][0-9]))[0-9]{12}|62[0-9]{14,17}"
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])[0-9]{12}"
)
SSN = r"[0-9]{3}-[0-9]{2}-[0-9]{4}"
PRINTED_SSN = ("078-05-1120", "219-09-9999", "457-55-5462")  # of real people, once printed on cards and in papers: refused by the check, told all the same
IDS = {  # module of stdnum that checks it -> how it is written
    "iban": r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?",
    "cn.ric": r"[1-9][0-9]{16}[0-9Xx]",
    "us.ssn": SSN,
    "it.codicefiscale": r"[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]",
    "fr.nir": r"[12] ?[0-9]{2} ?(?:0[1-9]|1[0-2]) ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}",
    "br.cpf": r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}",
    "kr.rrn": r"[0-9]{6}-[0-9]{7}",
    "se.personnummer": r"(?:19|20)?[0-9]{6}[-+][0-9]{4}",
    "fi.hetu": r"[0-3][0-9][01][0-9]{3}[-+A][0-9]{3}[0-9A-FHJ-NPR-Y]",
    "es.dni": r"[0-9]{8}-?[A-HJ-NP-TV-Z]",
    "es.nie": r"[XYZ]-?[0-9]{7}-?[A-HJ-NP-TV-Z]",
}
ANY_ID = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(IDS.values())})")
# numbers that are something else: dates and times, decimals, addresses of machines and versions, prices, book numbers
OTHER = re.compile(
    r"(?<![0-9])(?<![0-9][-/.])(?:(?:19|20)[0-9]{2}([-/.])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([-/.])[0-9]{1,2}\2(?:19|20)?[0-9]{2})(?![0-9]|[-/.][0-9])"
    r"(?:[T ]{1,2}[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)?"
    r"|(?<![0-9])[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?![0-9])"
    r"|(?<![0-9.])[0-9]++\.[0-9]++(?!\.[0-9])|(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\.?[0-9])"
    r"|\b[vV]\.? ?[0-9][0-9.]*+|[$€£¥￥] ?[0-9][0-9.,]*+|(?<![0-9.,])[0-9][0-9.,]*+ ?(?:[$€£¥￥%]|USD|EUR|RMB|元)"
    r"|\bISBN(?:-1[03])?:? ?[0-9][0-9X -]{8,16}|(?<![0-9-])97[89][- ]?[0-9][0-9 -]{8,12}[0-9](?![0-9-])"
    rf"|\bISSN:? ?[0-9]{{4}}-[0-9]{{3}}[0-9X]|(?<![0-9-]){SSN}(?![0-9-])",
    re.ASCII,
)
_GAP = r"[ ().\-/\u00a0\u2010-\u2015]"
PHONE = re.compile(rf"(?<![A-Za-z0-9_.,#$€£¥/-])[+(]?\(?[0-9](?:{_GAP}{{0,3}}[0-9]){{6,16}}(?![A-Za-z0-9_]|[.,/-][0-9])")
US_SHAPE = re.compile(r"(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}([ .-]))[0-9]{3}(?(1)\1|[ .-])[0-9]{4}(?![0-9])")
CALLED = re.compile(  # said just before a number, it makes it a phone number
    r"(?:\b(?:tel|telephone|phone|mobile|cell|call|fax|whatsapp|sms|text|dial|ring|hotline|telefon|handy|mobil|rufnummer|numéro|téléphone|portable|teléfono|móvil)\b"
    r"|电话|手机|联系方式|致电|热线|座机|拨打|電話|手機)[^0-9+(\n]{0,20}$",
    re.IGNORECASE,
)


def find(text: str) -> list[tuple[int, int, Kind]]:
    """Where personal data stands in ``text``: (start, end, kind), in order and never overlapping.

    Kinds: email; phone (international form anywhere; national form of the US, Britain, Germany, France, Italy, the
    Netherlands, Australia, China, Japan, Korea; of others after a word such as "tel"); card; id (IBAN, and national numbers
    with a check digit: China, Italy, France, Brazil, Korea, Sweden, Finland, Spain; US social security numbers by their
    form; a WeChat id after the word for it); url (one that holds an e-mail address is told as that).
    """
    found: list[tuple[int, int, Kind]] = []
    if "@" in text:
        found = [(*match.span(), "email") for match in EMAIL.finditer(text)]
    addresses = list(urls(text))
    found += [(start, end, "url") for start, end in addresses if not EMAIL.search(text, start, end)]
    text = _hide(_hide(text, found), addresses)  # numbers in an address are no one's phone
    names = [match.span("name") for match in CHAT_NAME.finditer(text) if match["sure"] or match["colon"] and (match["named"] or match["chinese"])]
    found += [(start, end, "id") for start, end in names]
    text = _hide(text, names)
    if SOME_DIGITS.search(text):
        for kind, numbers in (("card", _cards), ("id", _ids), ("phone", _phones)):
            if kind == "phone" and PHONE.search(text):
                text = OTHER.sub(lambda match: " " * len(match[0]), text)
            spans = sorted(numbers(text))
            found += [(start, end, kind) for start, end in spans]
            text = _hide(text, spans)
    return sorted(found)


def urls(text: str) -> Iterator[tuple[int, int]]:
    """Where web addresses stand, without the full stop or bracket that may follow them."""
    if "." not in text and "://" not in text:
        return
    for match in URL.finditer(text):
        address = match[0].rstrip(".,;:!?'*_")
        while address[-1:] in (")", "]", "}") and address.count(address[-1]) > address.count({")": "(", "]": "[", "}": "{"}[address[-1]]):
            address = address[:-1].rstrip(".,;:!?'*_")
        yield match.start(), match.start() + len(address)


def _hide(text: str, spans: list[tuple]) -> str:
    """``text`` with blanks in the places of ``spans``, so that all others keep theirs."""
    pieces, at = [], 0
    for start, end, *_ in sorted(spans):
        if start >= at:
            pieces += [text[at:start], " " * (end - start)]
            at = end
    return "".join(pieces) + text[at:] if pieces else text


def _cards(text: str) -> Iterator[tuple[int, int]]:
    from stdnum import luhn

    for match in CARD.finditer(text):
        digits = re.sub(r"[^0-9]", "", match[0])
        if CARDS.fullmatch(digits) and luhn.is_valid(digits):
            yield match.span()


@cache
def _id_patterns() -> list[tuple[re.Pattern, object]]:
    """(pattern, module of stdnum) of each kind of identity number."""
    return [
        (re.compile(rf"(?<![A-Za-z0-9])(?<![0-9][.-])(?:{pattern})(?![A-Za-z0-9]|[.-][0-9])"), import_module(f"stdnum.{name}"))
        for name, pattern in IDS.items()
    ]


def _ids(text: str) -> Iterator[tuple[int, int]]:
    if not ANY_ID.search(text):
        return
    for pattern, checks in _id_patterns():
        spans = []
        for match in pattern.finditer(text):
            # an IBAN's last group may be the next word: the longest that is valid
            ends = _ends(match) if checks.__name__ == "stdnum.iban" else [match.end()]
            if end := next((end for end in ends if _valid(checks, text[match.start() : end])), 0):
                spans.append((match.start(), end))
        yield from spans
        text = _hide(text, spans)  # no number is two


def _valid(checks, number: str) -> bool:
    try:
        return checks.is_valid(number) or number in PRINTED_SSN
    except KeyError:  # stdnum.cn.ric (2.2), for a region that is no longer there
        return False


def _ends(match: re.Match) -> list[int]:
    return [match.end(), *(match.start() + place.start() for place in reversed(list(re.finditer(" ", match[0]))))]


def _phones(text: str) -> Iterator[tuple[int, int]]:
    for match in PHONE.finditer(text):
        if found := _phone(match[0], bool(CALLED.search(text, max(0, match.start() - 40), match.start()))):
            yield match.start() + found.start, match.start() + found.end


def _phone(candidate: str, called: bool) -> "PhoneNumberMatch | None":
    """The phone number in ``candidate``; ``called`` if a word before it says that it is one."""
    from phonenumbers import Leniency, PhoneNumberMatcher, PhoneNumberType, number_type

    if candidate.count("(") > candidate.count(")"):  # the bracket that the number stands in
        candidate = candidate.replace("(", " ", 1)
    shape, digits = US_SHAPE.match(candidate.lstrip()), re.sub(r"[^0-9]", "", candidate)
    plain, lenient = candidate.strip().isdigit(), Leniency.STRICT_GROUPING
    if candidate.lstrip("( ").startswith("+"):
        regions, lenient = [None], Leniency.VALID if candidate.lstrip("( ")[1:].isdigit() else Leniency.POSSIBLE
    elif digits.startswith("00"):
        regions, lenient = ["DE"], Leniency.VALID  # 00 instead of +, as dialled in most countries
    elif digits.startswith("0"):
        regions = ["CN", "GB", "FR", "DE", "IT", "JP", "KR", "NL", "AU"]
    elif shape:
        candidate = candidate[: candidate.index(shape[0]) + len(shape[0])]
        regions, lenient = ["US"], Leniency.POSSIBLE
    elif re.match(r"1[3-9][0-9]{9}$|[48]00[0-9]{7}$", digits):
        regions = ["CN"]
    else:
        regions = []
    if called:
        regions += [region for region in ("US", "CN", "ES", "IN", "PL", "BR") if region not in regions]
        lenient = min(lenient, Leniency.VALID)
    for region in regions:
        for found in PhoneNumberMatcher(candidate, region, leniency=lenient):
            # digits alone are a phone number where they can be no order number: mobile numbers, with their leading 0
            if plain and not called and number_type(found.number) != PhoneNumberType.MOBILE:
                continue
            return found
    return None

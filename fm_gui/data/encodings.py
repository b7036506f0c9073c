"""Which legacy encoding bytes are in: each one that may be is tried, and the text that looks most like a language wins.

Alphabets within Latin script (Polish, Turkish ...) are told by their usual letters, others (Cyrillic, Greek ...) by how
often each letter turns up and by capitals where none belong, Chinese, Japanese and Korean by their commonest characters.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

SCORED = 20_000  # bytes that are looked at
LEAST = 0.1  # score below which it is no text at all
MARGIN = 0.02  # by which a later candidate has to be better than an earlier, more usual one

# letters beyond ASCII of languages in Latin script, those with most files first
LATIN = {
    "cp1252": ("àâçéèêëîïôùûüœæ", "äöüßé", "áéíñóúü¿¡ºª", "ãáéíóúâêôçàü", "àèéìòù", "åäöé", "æøåéô", "äëïéèóöü", "àçèéíïòóúü·"),
    "cp1254": ("çğıöşüâîûİ",),
    "cp1250": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áéíóöőúüű", "áäčďéíĺľňóôŕšťúýž", "ăâîşţ", "čćđšž"),
    "iso8859_2": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áéíóöőúüű", "áäčďéíĺľňóôŕšťúýž", "ăâîşţ", "čćđšž"),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž", "äöõüšž"),
    "iso8859_15": ("àâçéèêëîïôùûüœ€",),
    "cp850": ("àâçéèêëîïôùûü", "äöüß", "áéíñóúü¿¡", "ãáéíóúâêôçà"),
    "mac_roman": ("àâçéèêëîïôùûüœ", "äöüß", "áéíñóúü¿¡", "ãáéíóúâêôçà"),
    "cp852": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áéíóöőúüű"),
}
ICELANDIC = "áðéíóúýþæö"  # after Turkish, whose letters have the same bytes
# letters of other alphabets, commonest first
RUSSIAN, UKRAINIAN = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", "оаинвіеркстлудмпязьбгйчхїюцжшщфєґ'"
GREEK = "αοιετσνηυρπκμλδγςωόάίθέφβήχύώζξψϊϋΐΰ"
ALPHABETS = {
    "cp1251": (RUSSIAN, UKRAINIAN), "koi8_r": (RUSSIAN,), "cp866": (RUSSIAN,), "iso8859_5": (RUSSIAN,), "mac_cyrillic": (RUSSIAN,), "koi8_u": (UKRAINIAN,),
    "cp1253": (GREEK,), "iso8859_7": (GREEK,), "cp1255": ("יוהלאתרבמשנקדםעחפסגטכזצןךףץ",), "cp1256": ("اليمونرتبةعدسفهكقأحجشصىخزطإئءضآغذثؤظ",),
    "cp874": ("านรอกเงมยล่วดทส้ตะัิปบค์หแีจพชขใไุึู็ำโื็ณผธฟซถญศษภฉฮฎฐฒฬฌฏฑ",),
}  # fmt: skip
SIMPLE = "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应向头文体美相见被什二等产或新己制身果加西月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走各入几口认条平系气题活更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直资命山金指许统区保至形社便空决治展科司五基书非则听白却界达光放强即像难且思完设式色路记南品住告类求据程北边该交规万取望觉术领共确传师观清今切院让识候带导争运差评荐喜欢质流快慢服态客退货买卖贵宜标签负"
TRADITIONAL = "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用道行所然家種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心她本前開但因只從想實日者意無力它與長把機十民第公此已工使情明性知全三又關點正業外將兩高間由問很最重並物手應向頭文體美相見被什二等產或新己制身果加西月話合回特代內信表化老給世位次度門任常先海通教兒原東聲提立及比員解水名真論處走各入幾口認條平系氣題活更別打女變四神總何電數安少報才結反受目太量再感建務做接必場件計管期市直資命山金指許統區保至形社便空決治展科司五基書非則聽白卻界達光放強即像難且思完設式色路記南品住告類求據程北邊該交規萬取望覺術領共確傳師觀清今切院讓識候帶導爭運差評薦喜歡質流快慢服態客退貨買賣貴宜標籤負"
KANJI = "日一国人年大十二本中長出三同時政事自行社見月分後前民生連五発間対上部東者地合市業内相方四定今回新場金員入選立開手力学問高代明実円関決子動京全目表経通外最言現理調体化田当約主題下意法不来作性的要用制度務強気小成期公野取都和以機平加山思家話世受区多続進正安設保数記院女初北指心界第産結点教報書活原先共得解名交資向際面文反元重近考認画海売利組知道信集在件別物使求所次水半品論計感特情投示変打私各始直両価式確提運終果西台広容必応電住能無再位真流格有料味買店良悪普満足残念商配送早壊"
KOREAN = "이다는을를가고에의하지한은도로으니습어음요기라사나아인서자리그해정시대수일있게보만제전들스부주구여상장원안무마생선성미모오비소조과화것세동공경유진신위연내방발국관간러적할된없않좋맛너면같더했었네까와저거두때집말데많드려르야우영실회물용당단개식님행계결분산반민치트키크레배송포빠른품질추천별감긍부싫"
PUNCTUATION = set("“”‘’„‚–—…•€£©®™°§«»´·\xa0×")
WIDE = set("，。！？、：；“”‘’（）《》【】「」『』—…～・￥％　〜")
KANA = {chr(code) for code in (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB), 0x30FC)}
# Latin to Arabic, Indic to Thai and Georgian, Ethiopic, Khmer, Vietnamese, punctuation and symbols, East Asian, half and full width, pictures
WRITTEN = (
    (0xA0, 0x24F), (0x300, 0x52F), (0x531, 0x6FF), (0x900, 0xEDF), (0x10A0, 0x10FF), (0x1200, 0x135F), (0x1780, 0x17FF), (0x1E00, 0x1EFF), (0x200B, 0x206F),
    (0x20A0, 0x214F), (0x2190, 0x21FF), (0x2460, 0x24FF), (0x2500, 0x27BF), (0x3000, 0x318F), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xFE0F, 0xFE0F),
    (0xFEFF, 0xFEFF), (0xFF00, 0xFFEF), (0x1F000, 0x1FAFF),
)  # fmt: skip
BROKEN, CONTROL = -3.0, -2.0  # what a character that does not fit, or an invisible one, says
RARE = {"cp850": 0.1, "mac_roman": 0.15, "cp852": 0.1}  # how much better than others these have to be: hardly used any more
NASAL = re.compile(r"(?i)õ(?=e)|ã(?=[oes]|\W|$)")  # where Portuguese has them; elsewhere they are Hungarian or Romanian, misread
INSIDE = r"(?<=[^\x00-\x7f\W])[^\x00-\x7f\w’–—](?=[^\x00-\x7f\W])"  # a sign between two letters
WORD = r"[^\x00-\x7f\W]"


@dataclass(frozen=True)
class Asian:
    """A character's worth: as one of the commonest, as one of the usual (in the standard's first level), or as any other of the script."""

    common: frozenset[str]
    leads: tuple[int, int]  # first byte of the usual characters
    usual: float = 0.5


ASIAN = {
    "gb18030": Asian(frozenset(SIMPLE), (0xB0, 0xD7)),
    "big5": Asian(frozenset(TRADITIONAL), (0xA4, 0xC6)),
    "cp932": Asian(frozenset(KANJI) | KANA, (0x88, 0x98)),
    "euc_jp": Asian(frozenset(KANJI) | KANA, (0xB0, 0xCF)),
    "cp949": Asian(frozenset(KOREAN), (0xB0, 0xC8), 0.3),
}


def guess(sample: bytes) -> str:
    """The encoding in which these lines, which are no UTF-8, read most like a language; "" if in none."""
    sample = _whole_lines(sample)
    best, best_score = "", LEAST
    for name, score in _scores(sample):
        if score > best_score + (MARGIN if best else 0):
            best, best_score = name, score
    return best


def _whole_lines(sample: bytes) -> bytes:
    """As much as is scored: to the end of a line, or at least not to the middle of a character."""
    if len(sample) <= SCORED:
        return sample
    end = max(sample.rfind(mark, SCORED // 2, SCORED) for mark in (b"\n", b" ", b",", b"."))
    return sample[: end + 1] if end > 0 else sample[:SCORED]


def _scores(sample: bytes) -> Iterable[tuple[str, float]]:
    for name, languages in LATIN.items():
        text = sample.decode(name, "replace")
        for letters in (*languages, *((ICELANDIC,) if name == "cp1254" else ())):
            yield ("cp1252", _latin(sample.decode("cp1252", "replace"), letters)) if letters == ICELANDIC else (name, _latin(text, letters) - RARE.get(name, 0))
    for name, languages in ALPHABETS.items():
        text = sample.decode(name, "replace")
        for letters in languages:
            yield name, _alphabet(text, letters)
    for name, script in ASIAN.items():
        yield name, _asian(sample.decode(name, "replace"), name, script)


def _beyond(text: str) -> tuple[Counter, int]:
    counted = Counter(character for character in text if character > "\x7f")
    return counted, max(1, counted.total())


def _odd(character: str) -> float:
    """What a character says that belongs to no word."""
    if character == "\ufffd":
        return BROKEN
    return CONTROL if "\x80" <= character <= "\x9f" else -0.5


def _latin(text: str, letters: str) -> float:
    """The share of usual letters; where many stand side by side, they are no such language's."""
    if "ã" in letters:
        text = NASAL.sub("á", text.replace("Ã", "ã")).replace("ã", "\ufffc")
    counted, count = _beyond(text)
    usual = _both_cases(letters)
    total = sum(times * (1.0 if character in usual else 0.6 if character in PUNCTUATION else _odd(character)) for character, times in counted.items())
    return (total - 1.5 * sum(map(len, re.findall(r"[^\x00-\x7f]{4,}", text)))) / count


def _alphabet(text: str, letters: str) -> float:
    """How usual the letters are, by their places; capitals inside words, and ASCII letters beside them, tell against it."""
    counted, count = _beyond(text)
    worth = _places(letters)
    total = sum(times * worth.get(character.lower(), 0.5 if character in PUNCTUATION else _odd(character)) for character, times in counted.items())
    words = re.findall(WORD + "{2,}", text)
    capitals = sum(before.islower() and after.isupper() for word in words for before, after in zip(word, word[1:]))
    beside = len(re.findall(f"(?<=[a-zA-Z]){WORD}|{WORD}(?=[a-zA-Z])", text))
    return (total - 1.5 * capitals - 1.5 * beside - len(re.findall(INSIDE, text))) / count


def _asian(text: str, name: str, script: Asian) -> float:
    """How usual the characters are; single ones between ASCII letters tell against it."""
    counted, count = _beyond(text)
    total = sum(times * _character(character, name, script) for character, times in counted.items())
    alone = len(re.findall(r"(?<=[a-z])[^\x00-\x7f](?![^\x00-\x7f])|(?<![^\x00-\x7f])[^\x00-\x7f](?=[a-z]{2})", text))
    return (total - 1.5 * alone) / count


@cache
def _character(character: str, name: str, script: Asian) -> float:
    if character in script.common:
        return 1.0
    if character in WIDE:
        return 0.7
    if character > "\uffff" or "\ufe0e" <= character <= "\ufe0f":
        return 0.2  # a picture
    if "\uff61" <= character <= "\uff9f":
        return 0.2 if name == "cp932" else -0.5  # katakana of half width
    raw = character.encode(name, "replace")
    first, last = script.leads
    usual = len(raw) == 2 and first <= raw[0] <= last and (name in ("big5", "cp932") or raw[1] >= 0xA1)
    return script.usual if usual and character.isalpha() else _odd(character)


@cache
def _both_cases(letters: str) -> frozenset[str]:
    return frozenset(letters + letters.upper())


@cache
def _places(letters: str) -> dict[str, float]:
    return {letter: 1 - place / len(letters) for place, letter in enumerate(letters)}


# -- UTF-16 without a mark


def wide(head: bytes) -> str:
    """"utf-16-le" or "utf-16-be" if that is what a file's beginning is in; "" if it is no text in either."""
    found = {name: _wide_score(head[: len(head) // 2 * 2].decode(name, "replace")) for name in ("utf-16-le", "utf-16-be")}
    best = max(found, key=found.__getitem__)
    return best if found[best] > 0 else ""


def _wide_score(text: str) -> float:
    """The share of line ends and ASCII among characters that living languages write with; 0 where others, or NULs, are among them."""
    counted = Counter(text)
    ascii_share = sum(times for character, times in counted.items() if " " <= character <= "~") / max(1, len(text))
    lines = counted["\n"] + counted["\r"]
    strange = sum(times for character, times in counted.items() if not _is_written(character))
    if counted["\0"] or strange > 0.02 * len(text) or not lines and ascii_share < 0.1 and len(text) > 8:
        return 0
    return (lines + ascii_share * len(text)) / max(1, len(text))


@cache
def _is_written(character: str) -> bool:
    code = ord(character)
    if code < 0x80:
        return character in "\t\n\r\f\x1b\x1f" or " " <= character <= "~"
    alive = any(first <= code <= last for first, last in WRITTEN)
    return alive and unicodedata.category(character) not in ("Cn", "Cc", "Co")

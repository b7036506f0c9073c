"""Legacy encodings are told by the language they hold: a table of languages, encodings and numbers of rows, and what is odd in a file."""

import random

import pytest

from fm_gui.data.decoding import decode
from fm_gui.data.readers import ReadOptions, preview, read
from fm_gui.errors import UserError
from fm_gui.text import say

SENTENCES = {
    "French": ["Le café était très bon et le service aussi", "Nous avons reçu le colis abîmé", "Où est passée ma commande ?", "Garçon sympathique; prix élevés"],
    "German": ["Die Straße ist schön und grün", "Das Gerät funktioniert überhaupt nicht", "Für mich völlig überflüssig", "Größe stimmt nicht überein"],
    "Spanish": ["El niño comió piñas en la montaña", "No volveré jamás", "¿Dónde está mi pedido?", "Envío rápido y atención excelente"],
    "Portuguese": ["Não gostei da refeição", "Chegou com atraso e não há devolução", "Coração de mãe", "As opções são ótimas"],
    "Swedish": ["Jättebra köp", "Kan inte rekommendera på något sätt", "Åker gärna dit igen"],
    "Turkish": ["Çok güzel bir ürün", "Kargo çok geç geldi ve kırık çıktı", "Değişim istiyorum ama cevap yok"],
    "Polish": ["Bardzo dobra obsługa i świetna kuchnia", "Nigdy więcej źle zapakowane", "Proszę o zwrot pieniędzy", "Żółty kolor był ładniejszy"],
    "Czech": ["Velmi dobrá kuchyně a příjemná obsluha", "Už nikdy víc", "Žádám o vrácení peněz", "Děkuji za rychlé vyřízení"],
    "Hungarian": ["Nagyon jó minőségű termék", "Soha többé", "Kérem a pénzem visszatérítését", "Őszintén örülök neki", "Gyűrű és bőrönd"],
    "Greek": ["Πολύ καλό προϊόν και γρήγορη αποστολή", "Δεν είμαι ευχαριστημένος", "Το δέμα ήρθε χαλασμένο"],
    "Russian": ["Очень вкусно и быстро", "Ужасное обслуживание", "Всё понравилось", "Больше не приду никогда"],
    "Ukrainian": ["Дуже смачно і швидко", "Жахливе обслуговування", "Їжа була холодна"],
    "Chinese": ["这家餐厅的菜很好吃，服务也不错", "物流太慢了，等了一个星期才收到", "手机屏幕有划痕", "一般般吧", "质量很好", "客服态度差", "iPhone很好用"],
    "Traditional Chinese": ["這家餐廳的菜很好吃，服務也不錯", "物流太慢了，等了一個星期才收到", "品質很好", "房間很乾淨"],
    "Japanese": ["料理がとても美味しかったです", "二度と行きません。対応が最悪", "梱包が雑で壊れていた", "残念な商品でした", "配送が早くて助かりました"],
    "Korean": ["음식이 정말 맛있었어요", "다시는 가지 않겠습니다", "배송이 빨랐습니다", "포장이 엉망이었어요", "좋아요"],
}
WESTERN = dict.fromkeys(("French", "German", "Spanish", "Portuguese", "Swedish"), ("cp1252",))
ENCODINGS = WESTERN | {
    "Turkish": ("cp1254",), "Polish": ("cp1250", "iso8859_2"), "Czech": ("cp1250", "iso8859_2"), "Hungarian": ("cp1250", "iso8859_2"), "Greek": ("cp1253",),
    "Russian": ("cp1251", "koi8_r", "cp866"), "Ukrainian": ("cp1251",), "Chinese": ("gb18030",), "Traditional Chinese": ("big5",), "Japanese": ("cp932", "euc_jp"), "Korean": ("cp949",),
}  # fmt: skip
TRIES = 6
# of 6 files of so many rows that may be read wrong: a line of Polish or Czech may have no letter that tells it from another alphabet's
MAY_FAIL = {("Polish", "iso8859_2"): {1: 2}, ("Czech", "iso8859_2"): {1: 3, 3: 1}}
@pytest.mark.parametrize(("language", "encoding"), [(language, encoding) for language, encodings in ENCODINGS.items() for encoding in encodings])
def test_language_by_encoding_by_rows(language, encoding):
    dice = random.Random(f"{language} {encoding}")
    for rows in (1, 3, 10, 60):
        wrong = []
        for _ in range(TRIES):
            text = "text,label\n" + "".join(f"{dice.choice(SENTENCES[language])},{dice.choice(('good', 'bad'))}\n" for _ in range(rows))
            if text.isascii():
                continue
            read_as, found = decode(text.encode(encoding), "a.csv")
            wrong += [] if read_as == text else [found]
        assert len(wrong) <= MAY_FAIL.get((language, encoding), {}).get(rows, 0), f"{rows} rows: {wrong}"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("language", SENTENCES)
def test_utf16_without_a_mark_in_every_language(language, encoding, tmp_path):
    path = tmp_path / "a.csv"
    texts = [*SENTENCES[language], "一退最 U+4E00"]  # characters with a NUL on the side where it is not expected
    path.write_bytes(("text;label\n" + "".join(f"{text.replace(';', ' ')};x\n" for text in texts)).encode(encoding))
    reading = read([path])
    assert reading.detected["encoding"] == encoding
    assert reading.table["text"].to_pylist() == [text.replace(";", " ") for text in texts]


def test_utf16_can_be_named_without_a_mark(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("text,label\n很好,好\n".encode("utf-16-le"))
    assert read([path], ReadOptions(encoding="utf-16")).table.to_pylist() == [{"text": "很好", "label": "好"}]
    path.write_bytes(b"\xb0\xa1")
    with pytest.raises(UserError):
        read([path], ReadOptions(encoding="utf-16"))


@pytest.mark.parametrize("name", ["a.txt", "a", "a.xlsx"])
def test_kind_of_chinese_in_utf16_without_a_mark(tmp_path, name):
    path = tmp_path / name  # the kind is told from the text, not the ending
    path.write_bytes("".join(f'{{"text": "一退最好 {n}"}}\n' for n in range(5)).encode("utf-16-le"))
    assert read([path]).table.num_rows == 5


# -- damaged and mixed files


def written(tmp_path, name: str, raw: bytes):
    path = tmp_path / name
    path.write_bytes(raw)
    return path


def test_one_damaged_row_is_left_out_and_named(tmp_path):
    lines = ["text,label", *(f'"schöne grüne\n{n}",ok' for n in range(200)), "damaged here,bad", "fine,ok"]
    path = written(tmp_path, "a.csv", "\n".join(lines).encode().replace(b"damaged", b"caf\xe9 cr\xe8me"))
    for reading in (read([path]), read([path], ReadOptions(encoding="utf-8"))):  # named by the person, or found
        assert reading.table.num_rows == 201 and reading.detected["skipped"] == 1
        assert reading.skipped[0]["row"] == 202 and reading.skipped[0]["code"] == "skipped.damaged"  # as a spreadsheet counts
        assert say("skipped.damaged", **reading.skipped[0]["values"]).startswith("Row 202 of a.csv was left out")
    assert preview(path, rows=5).table.num_rows == 5


@pytest.mark.parametrize(("encoding", "bad"), [("gb18030", b"\xff\xff"), ("cp949", b"\xff"), ("utf-16", b"\x00\xd8"), ("utf-8", b"\xe4\xbd")])
def test_damage_in_any_encoding(tmp_path, encoding, bad):
    language = "Korean" if encoding == "cp949" else "Chinese"
    row = f"{SENTENCES[language][0]}|好"[: -2 if language == "Korean" else None] + "\n"
    raw = ("text\n" + row * 60 + "X" + row + row * 3).encode(encoding)
    reading = read([written(tmp_path, "a.txt", raw.replace("X".encode(encoding)[-2 if "16" in encoding else -1 :], bad))])
    assert reading.table.num_rows == 64 and [row["row"] for row in reading.skipped] == [62]


def test_damage_in_other_formats(tmp_path):
    good = "".join(f'{{"text": "très bon déjà {n}"}}\n' for n in range(40))
    for name, raw in (("a.jsonl", good), ("a.json", f"[{','.join(good.split(chr(10))[:-1])}]")):
        reading = read([written(tmp_path, name, raw.encode().replace("déjà 7".encode(), b"d\xe9j\xe0 7"))])
        assert reading.table.num_rows == 39 and [row["row"] for row in reading.skipped] == [8]
    sentences = "".join(f"Zürich B-LOC\nschön{n} O\n\n" for n in range(40))
    reading = read([written(tmp_path, "a.conll", sentences.encode().replace("schön7".encode(), b"sch\xf6n7"))])
    assert reading.table.num_rows == 39 and [row["row"] for row in reading.skipped] == [22]


def test_much_damage_is_refused(tmp_path):
    rows = [f"{'这家餐厅的菜很好吃服务也不错' * 3}{n},x".encode() for n in range(40)]
    rows[10:30] = [row[:-2].replace(b"\xe8\xbf\x99", b"\xe8\xbf", 1) + b",x" for row in rows[10:30]]  # cut within a character
    with pytest.raises(UserError) as caught:
        read([written(tmp_path, "a.csv", b"text,label\n" + b"\n".join(rows))])
    assert caught.value.code == "encoding-damaged" and caught.value.values["line"] == 12 and caught.value.say("zh")


def test_half_utf8_half_cp1252(tmp_path):
    rows = [(f"schön grün {n}".encode("cp1252" if n % 2 else "utf-8") + b",a\n") for n in range(40)]
    reading = read([written(tmp_path, "a.csv", b"text,label\n" + b"".join(rows))])
    assert reading.table["text"].to_pylist() == [f"schön grün {n}" for n in range(40)]
    assert reading.detected["encoding"] == "utf-8" and reading.detected["mixed"] == {"encoding": "cp1252", "lines": 20}
    cut = preview(written(tmp_path, "b.csv", b"text,label\n" + b"".join(rows) * 3_000), rows=3)
    assert cut.table["text"].to_pylist() == ["schön grün 0", "schön grün 1", "schön grün 2"]


def test_mojibake_does_not_mislead(tmp_path):
    rows = ["Schöne Grüße", "Das Gerät ist kaputt".encode().decode("cp1252"), "Über den Preis läßt sich streiten", "Größe stimmt"] * 10
    reading = read([written(tmp_path, "a.csv", ("text\n" + "\n".join(rows)).encode("cp1252"))])
    texts = set(reading.table["text"].to_pylist())
    assert "Schöne Grüße" in texts and "Das Gerät ist kaputt" in texts  # its bytes are UTF-8

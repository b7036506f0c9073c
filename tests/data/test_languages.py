"""The language of real sentences is told, and nothing is said where there is nothing to tell from."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fm_gui.data.languages import SCRIPTS, detect, main_script, name_of

SENTENCES = {
    "en": ["The delivery was late and the box was damaged.", "I would like to return this phone.", "The battery dies after an hour of use.", "NOBODY ANSWERS THE TELEPHONE ANY MORE", "i was billed twice and nobody helped me"],
    "de": ["Die Lieferung kam zu spät an.", "Ich möchte dieses Telefon zurückgeben.", "Das Essen war kalt und der Kellner unfreundlich.", "Wo bleibt meine Bestellung?"],
    "fr": ["La livraison est arrivée en retard.", "Je voudrais rendre ce téléphone.", "Le repas était froid et le serveur désagréable.", "Personne ne répond à mes messages depuis une semaine."],
    "es": ["El paquete llegó tarde y estaba roto.", "La comida estaba fría y el camarero era antipático.", "Nadie contesta a mis mensajes desde hace una semana.", "Quiero que me devuelvan el dinero."],
    "it": ["La consegna è arrivata in ritardo.", "Vorrei restituire questo telefono.", "Il cibo era freddo e il cameriere scortese."],
    "pt": ["A entrega chegou atrasada e a caixa estava danificada.", "A comida estava fria e não voltarei.", "Ninguém responde às minhas mensagens há uma semana."],
    "nl": ["De levering kwam te laat aan.", "Ik wil deze telefoon graag terugsturen.", "Waar blijft mijn bestelling?"],
    "sv": ["Leveransen kom för sent och lådan var skadad.", "Jag vill lämna tillbaka den här telefonen."],
    "pl": ["Przesyłka dotarła za późno.", "Chciałbym zwrócić ten telefon.", "Gdzie jest moje zamówienie?"],
    "cs": ["Zásilka dorazila pozdě a krabice byla poškozená.", "Chtěl bych vrátit tento telefon."],
    "tr": ["Teslimat geç geldi ve kutu hasarlıydı.", "Bu telefonu iade etmek istiyorum."],
    "fi": ["Toimitus myöhästyi ja laatikko oli vaurioitunut.", "Haluaisin palauttaa tämän puhelimen."],
    "vi": ["Hàng giao trễ và hộp bị hỏng.", "Tôi muốn trả lại chiếc điện thoại này."],
    "ru": ["Доставка опоздала, а коробка была повреждена.", "Я хотел бы вернуть этот телефон.", "Еда была холодной, а официант грубым."],
    "uk": ["Доставка запізнилася, а коробка була пошкоджена.", "Я хотів би повернути цей телефон."],
    "ar": ["وصلت الشحنة متأخرة وكان الصندوق تالفا.", "أريد إرجاع هذا الهاتف لأن البطارية لا تعمل."],
    "fa": ["بسته خیلی دیر رسید و جعبه آسیب دیده بود.", "می‌خواهم این گوشی را پس بدهم."],
    "hi": ["डिलीवरी देर से हुई और डिब्बा टूटा हुआ था।", "मेरा ऑर्डर कहाँ है?"],
    "el": ["Η παράδοση άργησε και το κουτί ήταν κατεστραμμένο.", "Πού είναι η παραγγελία μου;"],
    "he": ["המשלוח הגיע באיחור והקופסה נפגעה.", "איפה ההזמנה שלי?"],
    "th": ["ของมาส่งช้าและกล่องเสียหาย", "คำสั่งซื้อของฉันอยู่ที่ไหน"],
    "ko": ["배송이 늦었고 상자가 파손되었습니다.", "이 전화기를 반품하고 싶어요."],
    "ja": ["配達が遅れて、箱が壊れていました。", "この電話を返品したいです。", "注文はどこですか？", "iPhoneのバッテリーがすぐに切れる"],
    "zh": ["快递送晚了，盒子也坏了。", "電池用一個小時就沒電了。", "很好用", "我想退掉这部 iPhone 15 Pro 手机", "2024年9月12日星期四", "鲜の每日水果店的外卖很新鲜"],
}  # fmt: skip
NOTHING = ["", "   ", "ok", "lol", "12345", "!!!", "SKU-4711", "https://example.org/a/very/long/path?query=word", "<div class='big'></div>", "P/N 33-A", "iPhone", "好", "anna.mueller@example.org", "asdf jkl qwer", "x1 y2 z3", "\ud800", "😀😀😀"]  # fmt: skip


def test_short_sentences():
    """At least 95 of 100 sentences are told, and none is told wrongly."""
    pairs = [(code, text) for code, texts in SENTENCES.items() for text in texts]
    found = detect([text for _, text in pairs])
    wrong = [(text, code) for (right, text), code in zip(pairs, found) if code and code != right]
    assert not wrong
    assert sum(map(bool, found)) >= 0.95 * len(pairs), [text for (_, text), code in zip(pairs, found) if not code]


def test_longer_texts_are_all_told():
    codes = [code for code, texts in SENTENCES.items() if len(texts) > 1]
    assert detect([" ".join(SENTENCES[code] * 2) for code in codes]) == codes


@pytest.mark.parametrize("text", NOTHING)
def test_nothing_to_tell_from(text):
    assert detect([text]) == [""]


def test_two_languages_of_one_weight_are_not_one():
    assert detect(["Доставка опоздала сегодня. The delivery was late today."]) == [""]


def test_what_is_no_language_does_not_count():
    link = "https://example.org/the/delivery/was/late/and/the/box/was/damaged/again"
    assert detect([f"Die Lieferung kam zu spät an. {link}", f"<a href='{link}'>Die Lieferung kam zu spät an.</a>"]) == ["de", "de"]


def test_names_in_both_languages():
    assert (name_of("de", "en"), name_of("de", "zh"), name_of("zh", "zh"), name_of("", "en")) == ("German", "德语", "中文", "")
    codes = {code for known, _ in SCRIPTS.values() for code in known.split()}
    assert all(name_of(code, lang) != code for code in codes for lang in ("en", "zh"))


def test_scripts():
    assert main_script("Лорем ipsum долор") == ("cyrillic", 10)
    assert main_script("我喜欢 coffee") == ("han", 3)  # a Chinese character says as much as three letters
    assert main_script("12 + 3 = 15") == ("", 0)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=80), max_size=5))
def test_any_text_has_one_answer(texts):
    found = detect(texts)
    assert len(found) == len(texts) and all(code == "" or len(code) == 2 for code in found)
    assert found == [detect([text])[0] for text in texts]  # each counts by itself

"""Steps that change texts: each on known input; twice is once where that holds; only what should change does."""

import json
import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fm_gui.config import StepSpec
from fm_gui.data.steps import STEPS, apply_all, get_step, make_step, step_words
from fm_gui.data.steps.base import CHUNK, TextStep
from fm_gui.data.steps.words import SIMPLEMMA, STEMMERS, LemmaLanguage, StemLanguage, StopLanguage, offered
from fm_gui.errors import UserError

ROLES = {"text": "text"}


def run(step: str, *texts: str | None, **values) -> list[str | None]:
    """The texts after the step."""
    table = pa.table({"text": pa.array(texts, pa.string())})
    result = make_step(StepSpec(step=step, settings=values)).apply(table, ROLES)
    assert result.kept is None and result.table.schema == table.schema
    return result.table["text"].to_pylist()


KNOWN = [  # step, settings, before, after
    ("repair-unicode", {}, "cafÃ© Ã¼ber â€œquotedâ€\x9d", "café über “quoted”"),
    ("repair-unicode", {}, "ä½\xa0å¥½", "你好"),
    ("repair-unicode", {}, "“curly” ﬁne ＡＢ，\r\n&amp; e\u0301", "“curly” ﬁne ＡＢ，\r\n&amp; e\u0301"),
    ("control-characters", {}, "a\u200bb\x00c \x1b[31mred\x1b[0m\tx\x0cy\u00ad", "abc red\tx\ny"),
    ("control-characters", {}, "\ufeffنامه\u200cای 👩\u200d💻", "نامه\u200cای 👩\u200d💻"),
    ("strip-markdown", {}, "2*3*4 = 24 and x**2 + y**2, *so*", "2*3*4 = 24 and x**2 + y**2, so"),
    ("strip-markdown", {}, "`a*2*b` un*frigging*believable", "a*2*b unfriggingbelievable"),
    ("normalise-unicode", {}, "cafe\u0301 ﬁ", "café ﬁ"),
    ("normalise-unicode", {"form": "NFKC"}, "ﬁ ① ｶﾞ", "fi 1 ガ"),
    ("full-width", {}, "ＡＢＣ１２３，你好！（１）：；？～\u3000完％", "ABC123，你好！（1）：；？～ 完%"),
    ("chinese-script", {}, "漢語頭髮發展", "汉语头发发展"),
    ("chinese-script", {"to": "traditional"}, "头发发展 ok", "頭髮發展 ok"),
    ("strip-html", {}, "<p>Hello <b>World</b></p><p>x &amp; y</p><script>var a='<b>';</script>", "Hello World\nx & y"),
    ("strip-html", {}, "a < b > d <3 <John> List<String> AT&T &foo;", "a < b > d <3 <John> List<String> AT&T &foo;"),
    ("strip-html", {}, "if a <b and c> d", "if a <b and c> d"),
    ("strip-html", {}, "<a href='x>y'>link</a>  two <!-- no -->blanks", "link  two blanks"),
    ("strip-html", {}, "never <!-- closed", "never <!-- closed"),
    ("strip-html", {}, "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a  b\nc"),
    ("strip-html", {}, "Tom &amp; Jerry &lt;3", "Tom & Jerry <3"),
    ("strip-html", {}, "<div>你好<br/>世界</div><style>p{}</style>", "你好\n世界"),
    ("strip-markdown", {}, "# Title\n\nSome *soft* **bold** [link](http://x.y) `code` ![alt](i.png)", "Title\n\nSome soft bold link code alt"),
    ("strip-markdown", {}, "- a\n- b\n\n1. c\n2. d\n\n> quote\n\n```py\nx = 1\n```", "- a\n- b\n\n1. c\n2. d\n\nquote\n\nx = 1"),
    ("strip-markdown", {}, "| a | b |\n|---|---|\n| 1 | 2 |", "a b\n1 2"),
    ("strip-markdown", {}, "2 * 3 * 4 snake_case_x\n- 5 degrees", "2 * 3 * 4 snake_case_x\n\n- 5 degrees"),
    ("strip-markdown", {}, "2023. A good year", "2023. A good year"),
    ("whitespace", {}, " \u3000a \t b\xa0\xa0c \r\n\r\n\r\n\r\n d\u3000e  ", "a b c\n\nd e"),
    ("case", {}, "Hello ÄÖ 你", "hello äö 你"),
    ("case", {"to": "upper"}, "straße", "STRASSE"),
    ("punctuation", {}, "Don't stop, e-mail: 3.14 (or 1,000)! #tag 😀 $5", "Don't stop e-mail 3.14 or 1,000 tag 😀 $5"),
    ("punctuation", {}, "你好，世界！“引用”。\nمرحبا، كيف؟", "你好 世界 引用\nمرحبا كيف"),
    ("punctuation", {}, "'quoted' - dash… a--b", "quoted dash a b"),
    ("mask", {}, "Mail bob@x.com or call +49 30 901820, see https://x.y/a", "Mail [EMAIL] or call [PHONE], see https://x.y/a"),
    ("mask", {"kinds": ["url", "number"]}, "See https://x.y/?u=bob@x.com. 3 of 1,000, MP3 共5个", "See [URL]. [NUMBER] of [NUMBER], MP3 共[NUMBER]个"),
    ("mask", {"kinds": ["email"]}, "See https://x.y/?u=bob@x.com", "See https://x.y/?u=[EMAIL]"),
    ("mask", {"kinds": ["card", "id"]}, "卡号 4242 4242 4242 4242，身份证 11010519491231002X。", "卡号 [CARD]，身份证 [ID]。"),
    ("segment-chinese", {}, "我爱北京天安门，买iPhone手机 ok", "我 爱 北京 天安门，买 iPhone 手机 ok"),
    ("stop-words", {"language": "en"}, "The cat sat on the mat, and it was asleep.\nThe cheese", "cat sat mat, asleep.\ncheese"),
    ("stop-words", {"language": "de"}, "Das ist ein schönes Haus", "schönes Haus"),
    ("stop-words", {"language": "zh"}, "我的书包和铅笔。", "书包 铅笔。"),
    ("stop-words", {"language": "zh"}, "我們的書包", "書包"),
    ("stop-words", {"language": "ar"}, "الكتاب في البيت", "الكتاب البيت"),
    ("stem", {"language": "en"}, "Connections, connected!", "connect, connect!"),
    ("stem", {"language": "de"}, "Häuser und Häusern", "haus und haus"),
    ("stem", {"language": "ar"}, "الكتاب", "كتاب"),
    ("lemmatise", {"language": "en"}, "mice were running", "mouse be run"),
    ("lemmatise", {"language": "de"}, "Häuser gingen", "Haus gehen"),
    ("replace", {"pattern": r"#(\d+)", "replacement": r"<\1>"}, "Ticket #12 and #345", "Ticket <12> and <345>"),
    ("replace", {"pattern": "好+"}, "好好学习", "学习"),
]


@pytest.mark.parametrize(("step", "values", "before", "after"), KNOWN, ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "")
def test_known(step, values, before, after):
    assert run(step, before, None, "", **values) == [after, None, ""]


def test_every_text_step_is_tried_on_known_input():
    assert {step.name for step in STEPS if issubclass(step, TextStep)} == {step for step, *_ in KNOWN}


ONCE = [("repair-unicode", {}), ("control-characters", {}), ("normalise-unicode", {"form": "NFKC"}), ("full-width", {}), ("whitespace", {}), ("case", {}),
        ("punctuation", {}), ("mask", {"kinds": ["email", "phone", "card", "id", "url", "number"]}), ("stop-words", {"language": "en"})]  # fmt: skip
PIECES = st.sampled_from(["a", "B", " ", "  ", "\n", "\r\n", "\t", "\u3000", "\xa0", "你", "，", "。", "Ａ", "１", "Ã©", "â€œ", "é", "e\u0301", "\u200b", "\x00", "\x1b[1m", "'", "-", ".", ",",
                          "3", "(", ")", "@", "x.com", "+49 ", "30 901820", "the", "<b>", "</p>", "&amp;", "&", "<", ">", "*", "_", "#", "👩\u200d💻", "ß", "İ"])  # fmt: skip
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=12).map("".join)


@pytest.mark.parametrize(("step", "values"), ONCE, ids=[name for name, _ in ONCE])
@settings(max_examples=150, deadline=None)
@given(text=TEXTS)
def test_twice_is_once(step, values, text):
    once = run(step, text, **values)
    assert run(step, *once, **values) == once


MARKUP = st.lists(st.sampled_from(["a", " ", "\n", "你", "<b>", "</b>", "<p>", "</p>", "<br/>", "<td>", "<i class='x'>", "<!-- c -->", "é", "1 < 2", "<x>"]), max_size=12).map("".join)


@settings(max_examples=150, deadline=None)
@given(text=MARKUP)
def test_html_twice_is_once(text):
    once = run("strip-html", text)[0]
    assert run("strip-html", once) == [once]
    assert "<b>" not in once and "<p>" not in once and once.count("a") == text.count("a") - text.count("<i class")


@settings(max_examples=150, deadline=None)
@given(text=st.text(alphabet="ab你é <>3&=\"'/!-", max_size=30))
def test_what_is_no_markup_stays(text):
    assert run("strip-html", text) == [text] or "<a" in text or "</a" in text or "<b" in text or "</b" in text or "<!--" in text


@pytest.mark.parametrize("text", ["<div>" * 200_000, "<ul><li>" * 100_000, "<!--" * 200_000, "<b " * 200_000, "<a b='" * 100_000, "&" * 500_000, "<script>" * 100_000, "</b>" * 200_000])  # fmt: skip
def test_hostile_html_takes_no_time(text):
    start = time.process_time()
    run("strip-html", text)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("text", ["[" * 20_000, "*a " * 20_000, "> " * 10_000, "`" * 50_000, "a**b" * 10_000, "- " * 5_000])
def test_hostile_markdown_takes_little_time(text):
    start = time.process_time()
    run("strip-markdown", text)
    assert time.process_time() - start < 8


def test_no_pattern_runs_away():
    start = time.process_time()
    assert run("replace", "a" * 1_000_000 + "!", pattern="(a+)+$", replacement="x") == ["a" * 1_000_000 + "!"]
    assert time.process_time() - start < 2


def test_language_is_told_from_the_texts():
    english = ["The house on the hill was built by my grandfather", "She would like to know where the station is", None]
    assert run("stop-words", *english) == ["house hill built grandfather", "station", None]
    assert run("lemmatise", "Die Kinder gingen gestern mit den Hunden in den Wald")[0].startswith("der Kind gehen")
    for step, texts, code in [
        ("stem", ["我们今天去公园散步，天气非常好"], "step-language-found"),
        ("lemmatise", ["今日は天気がとても良いですね"], "step-language-found"),
        ("stem", ["12", "?!", None], "step-language-unsure"),
    ]:
        with pytest.raises(UserError) as problem:
            run(step, *texts)
        assert problem.value.code == code


def test_the_languages_offered_are_there():
    import snowballstemmer
    import stopwordsiso
    from simplemma.strategies.dictionaries.dictionary_factory import SUPPORTED_LANGUAGES

    assert set(offered(StopLanguage)) == set(stopwordsiso.langs()) - {"ja", "th", "vi"}
    assert offered(StemLanguage) == tuple(STEMMERS) and set(STEMMERS.values()) <= set(snowballstemmer.algorithms())
    assert {SIMPLEMMA.get(code, code) for code in offered(LemmaLanguage)} <= SUPPORTED_LANGUAGES


# -- columns


def test_which_columns_change():
    table = pa.table({"id": ["A "], "text": ["A "], "context": ["B "], "note": ["C "], "n": [1]})
    roles = {"text": "text", "context": "context", "label": "note"}
    assert apply_all(table, roles, [StepSpec(step="whitespace")]).table.to_pylist() == [{"id": "A ", "text": "A", "context": "B", "note": "C ", "n": 1}]
    chosen = StepSpec(step="whitespace", settings={"columns": ["note"]})
    assert apply_all(table, roles, [chosen]).table.to_pylist() == [{"id": "A ", "text": "A ", "context": "B ", "note": "C", "n": 1}]
    for columns, code in (["n"], "step-column-kind"), (["x"], "step-column"):
        with pytest.raises(UserError) as problem:
            make_step(StepSpec(step="case", settings={"columns": columns})).apply(table, roles)
        assert problem.value.code == code
    with pytest.raises(UserError, match="No column was chosen"):
        make_step(StepSpec(step="case")).apply(table, {"text": "n"})


def test_chunks_that_stay_are_not_copied_and_order_holds():
    rows = 2 * CHUNK + 7
    texts = ["same"] * rows
    texts[CHUNK + 1] = " odd "
    table = pa.table({"text": pa.array(texts, pa.large_string())})
    new = make_step(StepSpec(step="whitespace")).apply(table, ROLES).table["text"]
    texts[CHUNK + 1] = "odd"
    assert new.to_pylist() == texts and new.type == pa.large_string()
    assert new.chunk(0).buffers()[2].address == table["text"].chunk(0).buffers()[2].address


def test_empty_table():
    table = pa.table({"text": pa.array([], pa.string())})
    for step in STEPS:
        if issubclass(step, TextStep):
            values = {"language": "en"} if "language" in step.model_fields else {"pattern": "a"} if step.name == "replace" else {}
            assert make_step(StepSpec(step=step.name, settings=values)).apply(table, ROLES).table.num_rows == 0


# -- settings


@pytest.mark.parametrize(
    ("step", "values", "code"),
    [
        ("wash", {}, "step-unknown"),
        ("case", {"to": "title"}, "setting-choice"),
        ("case", {"speed": 1}, "setting-unknown"),
        ("mask", {"kinds": ["name"]}, "setting-choice"),
        ("mask", {"kinds": []}, "step-setting-empty"),
        ("stop-words", {"language": "ja"}, "setting-choice"),
        ("stem", {"language": "zh"}, "setting-choice"),
        ("replace", {}, "step-setting-empty"),
        ("replace", {"pattern": "(a"}, "step-pattern"),
        ("replace", {"pattern": "(?=a)"}, "step-pattern"),
        ("replace", {"pattern": "a", "replacement": r"\1"}, "step-pattern"),
        ("replace", {"pattern": "((a{1,1000}){1,1000}){1,1000}"}, "step-pattern"),
        ("replace", {"pattern": "a" * 1_001}, "step-setting-long"),
        ("whitespace", {"columns": 3}, "setting-kind"),
    ],
)
def test_bad_settings_are_one_sentence(step, values, code):
    with pytest.raises(UserError) as problem:
        run(step, "text", **values)
    assert problem.value.code == code
    assert "\n" not in str(problem.value) and problem.value.say("zh")


def test_steps_are_told_and_only_safe_ones_are_on():
    assert [step.name for step in STEPS if step.safe] == ["repair-unicode", "control-characters", "whitespace", "drop-empty"]
    warned = {step.name for step in STEPS if step.warning}
    assert warned == {"case", "punctuation", "segment-chinese", "stop-words", "stem", "lemmatise", "balance"}
    assert len({step.name for step in STEPS}) == len(STEPS)
    for step in STEPS:
        assert get_step(step.name) is step
        for lang in ("en", "zh"):
            words = step_words(step, lang)
            assert words["title"] and words["about"] and words["group"] and bool(words["warning"]) == bool(step.warning)


def test_in_a_chat_only_what_is_said_changes():
    """Each turn by itself; who speaks, calls of tools and pictures stay; both answers of a preference too."""
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "I am bob@example.com"}, {"type": "image_url", "image_url": "bob@example.com"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "bob@example.com"}]},
        {"from": "gpt", "value": "Hello bob@example.com"},
    ]
    table = pa.table({"messages": [json.dumps(turns), "[]", None], "chosen": ["yes bob@example.com", "a", "b"], "rejected": [json.dumps(turns[2:]), "c", "d"]})
    roles = {name: name for name in table.column_names}
    for step, how in (("mask", {}), ("replace", {"pattern": r"\S+@\S+", "replacement": "[EMAIL]"})):
        after = make_step(StepSpec(step=step, settings=how)).apply(table, roles).table
        said = json.loads(after["messages"][0].as_py())
        assert said[0]["content"][0]["text"] == "I am [EMAIL]" and said[0]["content"][1] == turns[0]["content"][1] and said[1] == turns[1]
        assert said[2] == {"from": "gpt", "value": "Hello [EMAIL]"} and after["messages"].to_pylist()[1:] == ["[]", None]
        assert after["chosen"][0].as_py() == "yes [EMAIL]" and "Hello [EMAIL]" in after["rejected"][0].as_py()


def test_copies_of_chats_go():
    chat = json.dumps([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}])
    spaced = chat.replace(", ", ",  ")
    other = chat.replace("Hello", "Good day")
    table = pa.table({"messages": [chat, other, spaced]})
    result = make_step(StepSpec(step="deduplicate")).apply(table, {"messages": "messages"})
    assert result.table["messages"].to_pylist() == [chat, other]

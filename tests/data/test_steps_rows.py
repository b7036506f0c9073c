"""Steps that choose rows, change labels and columns; kept; the preview; replaying on new data."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fm_gui.config import StepSpec
from fm_gui.data.recipe import row_key
from fm_gui.data.steps import apply_all, make_step
from fm_gui.data.steps.preview import preview
from fm_gui.data.steps.rows import COPIES, LEAST
from fm_gui.errors import UserError

ROLES = {"text": "text", "label": "label"}


def step(name: str, /, **values) -> StepSpec:
    return StepSpec(step=name, settings=values)


def table_of(texts: list, labels: list | None = None, **more) -> pa.Table:
    columns = {"text": pa.array(texts, pa.string())} | ({"label": labels} if labels is not None else {}) | more
    return pa.table(columns)


def run(name: str, table: pa.Table, roles: dict = ROLES, /, **values) -> pa.Table:
    """The table after the step; each of its rows is the one that ``kept`` says, but for the columns the step is there to change."""
    result = make_step(step(name, **values)).apply(table, roles)
    kept = np.arange(table.num_rows) if result.kept is None else result.kept
    assert len(kept) == result.table.num_rows
    assert table.column_names[-1] == "n" and result.table["n"].to_pylist() == [table["n"][int(row)].as_py() for row in kept]
    return result.table


def numbered(texts: list, labels: list | None = None, **more) -> pa.Table:
    return table_of(texts, labels, **more, n=list(range(len(texts))))


def rows_of(name: str, table: pa.Table, roles: dict = ROLES, /, **values) -> list[int]:
    return run(name, table, roles, **values)["n"].to_pylist()


# -- rows


def test_what_programs_write_for_nothing_is_no_text():
    texts = ["null", " None ", "N/A", "#N/A", "NaN", "\u200b", "\ufeff", "\u3000", "none of it", "nullable", "N/A?", "-"]
    assert rows_of("drop-empty", numbered(texts, ["x"] * len(texts))) == [8, 9, 10, 11]
    asked = pa.table({"question": ["Which?"] * 3, "target": ["none", "\u200b", "blue"], "n": [0, 1, 2]})
    assert rows_of("drop-empty", asked, {"question": "question", "target": "target"}) == [0, 2]  # an answer may be "none"


def test_drop_empty():
    table = numbered(["a", "", None, " \u3000\n", "b"], ["x", "x", "x", "x", None])
    assert rows_of("drop-empty", table) == [0, 4]
    pairs = pa.table({"q": ["a", "", "c"], "context": ["", "b", None], "n": [0, 1, 2]})
    assert rows_of("drop-empty", pairs, {"question": "q", "context": "context"}) == [0, 2]
    assert rows_of("drop-empty", pairs.drop_columns("n").append_column("n", pa.array([None, None, 2])), {}) == [None, None, 2]
    assert rows_of("drop-empty", pa.table({"a": ["", "x", None], "n": pa.array([None, None, None], pa.int64())}), {}) == [None]


def test_length_limits():
    table = numbered(["", "ab", " abcd ", "你好世界啊", None])
    assert rows_of("length-limits", table) == [1, 2, 3]
    assert rows_of("length-limits", table, shortest=0, longest=4) == [0, 1, 2, 4]
    assert rows_of("length-limits", table, shortest=3) == [2, 3]
    cut = run("length-limits", table, shortest=0, longest=4, too_long="cut")
    assert cut["text"].to_pylist() == ["", "ab", " abcd ", "你好世界", None] and cut.schema == table.schema
    assert run("length-limits", cut, shortest=0, longest=4, too_long="cut") == cut
    with pytest.raises(UserError, match="at least 5"):
        run("length-limits", table, shortest=5, longest=4)


def test_deduplicate_exact():
    table = numbered(["a", " a", "b", "A", "a ", "", "", None, "b"], ["x", "x", "y", "x", "z", "x", "x", "x", "y"])
    assert rows_of("deduplicate", table) == [0, 2, 3, 5, 6, 7]
    assert rows_of("deduplicate", table, keep_per_label=True) == [0, 2, 3, 4, 5, 6, 7]
    pairs = pa.table({"q": ["a", "a", "a"], "c": ["1", "2", "1"], "n": [0, 1, 2]})
    assert rows_of("deduplicate", pairs, {"question": "q", "context": "c"}) == [0, 1]
    with pytest.raises(UserError, match="label"):
        run("deduplicate", table, {"text": "text"}, keep_per_label=True)


def test_deduplicate_near():
    sentence = "the quick brown fox jumps over the lazy dog while the sun sets behind the old barn near the river"
    other = "a completely different text about cooking rice with vegetables and a little soy sauce for dinner tonight"
    table = numbered([sentence, other, sentence + " today", "", ""], ["x", "y", "z", "x", "x"])
    assert rows_of("deduplicate", table) == [0, 1, 2, 3, 4]
    assert rows_of("deduplicate", table, near=True) == [0, 1, 3, 4]
    assert rows_of("deduplicate", table, near=True, keep_per_label=True) == [0, 1, 2, 3, 4]


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.tuples(st.sampled_from(["a", " a", "b ", "b", "", None]), st.sampled_from(["x", "y"])), max_size=12), per_label=st.booleans())
def test_deduplicate_is_as_one_would_do_it_by_hand(rows, per_label):
    seen, expected = set(), []
    for number, (text, label) in enumerate(rows):
        key = ((text or "").strip(), label if per_label else None)
        if not key[0] or key not in seen:
            expected.append(number)
        seen.add(key)
    table = numbered([text for text, _ in rows], pa.array([label for _, label in rows], pa.string()))
    assert rows_of("deduplicate", table, keep_per_label=per_label) == expected


def test_drop_rows():
    table = numbered(["a", " a ", "b", None])
    assert rows_of("drop-rows", table, keys=[row_key("a"), row_key("not there")]) == [2, 3]
    assert rows_of("drop-rows", table, keys=[row_key("")]) == [0, 1, 2]


def test_keep_language():
    table = numbered(["The weather is very nice today and we go out", "我们今天去公园散步，天气非常好", "Das Wetter ist heute sehr schön und wir gehen raus", "ok", None])
    assert rows_of("keep-language", table, languages=["en"]) == [0, 3, 4]
    assert rows_of("keep-language", table, languages=["ZH ", "de"]) == [1, 2, 3, 4]


def balanced(labels: list, how: str, roles: dict = ROLES, seed: int = 1, **more) -> pa.Table:
    return run("balance", numbered([f"t{n}" for n in range(len(labels))], labels, **more), roles, how=how, seed=seed)


def test_balance_down():
    labels = ["a"] * 100 + ["b "] * 30 + ["c"] * 50 + [None] * 5
    down = balanced(labels, "down")
    assert Counter(down["label"].to_pylist()) == {"a": 30, "b ": 30, "c": 30, None: 5}
    assert down["n"].to_pylist() == sorted(set(down["n"].to_pylist())), "each row once, in order"
    assert down == balanced(labels, "down") and down != balanced(labels, "down", seed=2)
    few = balanced(["a"] * 100 + ["b"] * 3, "down")
    assert Counter(few["label"].to_pylist()) == {"a": LEAST, "b": 3}


def test_balance_up():
    up = balanced(["a"] * 100 + ["b"] * 30 + ["c"] * 2, "up")
    assert Counter(up["label"].to_pylist()) == {"a": 100, "b": 100, "c": 2 * COPIES}
    copies = Counter(up["n"].to_pylist())
    assert {copies[n] for n in range(100)} == {1} and {copies[n] for n in range(100, 130)} == {3, 4}


def test_balance_leaves_held_back_rows_alone():
    labels, split = ["a"] * 60 + ["b"] * 30 + ["a"] * 20, ["train"] * 90 + ["test"] * 20
    down = balanced(labels, "down", ROLES | {"split": "split"}, split=split)
    assert Counter(zip(down["label"].to_pylist(), down["split"].to_pylist())) == {("a", "train"): 30, ("b", "train"): 30, ("a", "test"): 20}


def test_balance_needs_classes():
    for labels in (["a"] * 3, [None] * 3):
        with pytest.raises(UserError, match="two classes"):
            balanced(pa.array(labels, pa.string()), "up")
    with pytest.raises(UserError, match="label"):
        balanced(["a", "b"], "down", {"text": "text"})


# -- labels


def test_merge_labels():
    table = numbered(list("abcde"), ["Spam", " spam ", "ham", None, "SPAM"])
    new = run("merge-labels", table, names={"SPAM": "Spam", "spam": "Spam", "nobody": "x"})
    assert new["label"].to_pylist() == ["Spam", "Spam", "ham", None, "Spam"]
    assert run("merge-labels", table, names={"ham": ""})["label"].to_pylist() == ["Spam", " spam ", None, None, "SPAM"]
    assert run("merge-labels", numbered(list("abc"), [0, 1, None]), names={"0": "no"})["label"].to_pylist() == ["no", "1", None]


def test_set_labels():
    table = numbered(["a", " b", None, "b"], ["x", "y", "y", "y"])
    new = run("set-labels", table, labels={row_key("b"): "z", row_key("gone"): "q"})
    assert new["label"].to_pylist() == ["x", "z", "y", "z"] and new["text"] == table["text"]
    assert run("set-labels", table, labels={row_key("a"): ""})["label"].to_pylist() == [None, "y", "y", "y"]
    bare = table_of(["a", "b"])
    assert make_step(step("set-labels", labels={row_key("b"): "z"})).apply(bare, {"text": "text"}).table["label"].to_pylist() == [None, "z"]


# -- columns


def test_join_columns():
    table = pa.table({"title": ["T", None, " ", None], "body": ["b", "c", "d", None], "n": [1, 2, 3, None]})
    new = run("join-columns", table, columns=["title", "body", "n"], separator=" | ", into="all")
    assert new["all"].to_pylist() == ["T | b | 1", "c | 2", "d | 3", None] and new.column_names == ["title", "body", "n", "all"]
    over = run("join-columns", table, columns=["body", "title"], name="title")
    assert over["title"].to_pylist() == ["b T", "c", "d", None] and over.column_names == table.column_names
    for values, code in [
        ({"columns": ["title"]}, "step-join-few"),
        ({"columns": ["title", "x"]}, "step-column"),
        ({"columns": ["title", "body"], "into": "n"}, "step-join-name"),
        ({"columns": ["title", "body"], "into": " "}, "step-join-name"),
        ({"columns": ["title", "body"], "separator": "-" * 101}, "step-setting-long"),
    ]:
        with pytest.raises(UserError) as problem:
            run("join-columns", table, **values)
        assert problem.value.code == code


def test_drop_columns():
    table = table_of(["a"], ["x"])
    assert make_step(step("drop-columns", columns=["label", "label"])).apply(table, ROLES).table.column_names == ["text"]
    for columns, code in ([], "step-setting-empty"), (["x"], "step-column"), (["text", "label"], "step-drops-all"):
        with pytest.raises(UserError) as problem:
            make_step(step("drop-columns", columns=columns)).apply(table, ROLES)
        assert problem.value.code == code


@pytest.mark.parametrize(
    ("name", "values"), [("drop-rows", {"keys": []}), ("keep-language", {}), ("merge-labels", {}), ("set-labels", {}), ("balance", {"how": "x"}), ("deduplicate", {"similarity": 2})]
)
def test_bad_settings(name, values):
    with pytest.raises(UserError):
        make_step(step(name, **values)).apply(table_of(["a", "b"], ["x", "y"]), ROLES)


@pytest.mark.parametrize("name", ["drop-empty", "length-limits", "deduplicate", "drop-rows", "keep-language", "balance", "merge-labels", "set-labels"])
def test_missing_roles_and_empty_tables(name):
    values = {"keys": ["k"]} if name == "drop-rows" else {"languages": ["en"]} if name == "keep-language" else {}
    values |= {"names": {"a": "b"}} if name == "merge-labels" else {"labels": {"k": "b"}} if name == "set-labels" else {}
    if name != "drop-empty":
        with pytest.raises(UserError) as problem:
            make_step(step(name, **values)).apply(table_of(["a"], ["x"]), {})
        assert problem.value.code in ("step-no-text", "step-no-label")
    if name != "balance":
        empty = pa.table({"text": pa.array([], pa.string()), "label": pa.array([], pa.string())})
        assert make_step(step(name, **values)).apply(empty, ROLES).table.num_rows == 0


# -- several steps, previewed and replayed

RECIPE = [step("whitespace"), step("drop-empty"), step("deduplicate"), step("merge-labels", names={"SPAM": "spam"}), step("drop-columns", columns=["n"])]


def test_kept_counts_in_rows_of_the_first_table():
    table = numbered([" a", "", "b", "a ", "c"], ["SPAM", "x", "x", "x", "SPAM"])
    result = apply_all(table, ROLES, RECIPE)
    assert result.kept.tolist() == [0, 2, 4]
    assert result.table.to_pylist() == [{"text": "a", "label": "spam"}, {"text": "b", "label": "x"}, {"text": "c", "label": "spam"}]
    assert apply_all(table, ROLES, []).kept is None


def test_a_recipe_replays_on_new_rows():
    recipe = [StepSpec(**spec.model_dump()) for spec in RECIPE]
    new = numbered(["z ", None, "z"], ["spam", "spam", "SPAM"])
    assert apply_all(new, ROLES, recipe).table.to_pylist() == [{"text": "z", "label": "spam"}]


def test_a_column_taken_out_plays_no_part_any_more():
    with pytest.raises(UserError, match="No column was chosen"):
        apply_all(table_of(["a"], ["x"]), ROLES, [step("drop-columns", columns=["text"]), step("case")])


def test_preview_of_changed_texts():
    long = "word " * 100 + "caf\u00c3\u00a9 " + "more " * 100
    table = numbered(["fine", long, "\u00c3\u00bcber", None], ["x"] * 4)
    seen = preview(table, ROLES, [step("repair-unicode")])
    assert {key: seen[key] for key in ("of", "rows", "before", "after", "removed", "added", "changed")} == {
        "of": 4, "rows": 4, "before": 4, "after": 4, "removed": 0, "added": 0, "changed": 2,
    }  # fmt: skip
    first, second = seen["examples"]
    assert (first["row"], first["column"]) == (2, "text") and "cafÃ©" in first["before"] and "café" in first["after"]
    assert first["before"].startswith("…") and first["before"].endswith("…") and len(first["after"]) < 130
    assert second == {"row": 3, "column": "text", "before": "Ã¼ber", "after": "über"}
    assert len(preview(table, ROLES, [step("repair-unicode")], examples=1)["examples"]) == 1


def test_preview_of_rows():
    table = numbered(["a ", "a", "", "b"], ["x", "x", "x", "SPAM"])
    seen = preview(table, ROLES, RECIPE)
    assert (seen["before"], seen["after"], seen["removed"], seen["added"], seen["changed"], seen["columns_removed"]) == (4, 2, 2, 0, 2, ["n"])
    assert seen["examples"][:2] == [
        {"row": 1, "column": "text", "before": "a ", "after": "a"},
        {"row": 4, "column": "label", "before": "SPAM", "after": "spam"},
    ]
    assert seen["examples"][2:] == [{"row": row, "column": "text", "before": text, "after": None} for row, text in ((2, "a"), (3, ""))]
    up = preview(numbered(list("abcdef"), list("xxxxyy")), ROLES, [step("balance", how="up")])
    assert (up["before"], up["after"], up["removed"], up["added"], up["changed"]) == (6, 8, 0, 2, 0)
    joined = preview(table, ROLES, [step("join-columns", columns=["label", "text"], into="both")])
    assert joined["columns_added"] == ["both"] and joined["changed"] == 0


def test_preview_looks_at_all_rows_only_where_that_is_quick():
    table = table_of(["a "] * 6_000, ["x"] * 6_000)
    seen = preview(table, ROLES, [step("whitespace")])
    assert (seen["of"], seen["rows"], seen["changed"]) == (5_000, 6_000, 5_000)
    assert preview(table, ROLES, [step("deduplicate")])["removed"] == 5_999
    assert preview(table.slice(0, 0), ROLES, [step("whitespace")])["changed"] == 0


def test_preview_changes_nothing_and_is_json():
    import json

    table = numbered(["a ", None], ["x", "y"])
    before = table.to_pylist()
    json.dumps(preview(table, ROLES, RECIPE))
    assert table.to_pylist() == before

"""What each column holds, and which one plays which role: guessed from names and contents, with the reason."""

import re
from typing import TYPE_CHECKING

from fm_gui.config import ColumnInfo, RoleGuess
from fm_gui.data.split import part_of

if TYPE_CHECKING:
    import pyarrow as pa

ROLES = ("text", "label", "split")
NAMES = {  # role -> words that its column is called by, or that are part of its name
    "text": "text review comment sentence content body message tweet document description abstract question prompt utterance article story title "
    "文本 正文 内容 评论 评价 句子 文章 留言 消息 描述 问题 标题",
    "label": "label class category sentiment target topic intent tag emotion polarity rating star lang language type "
    "标签 类别 情感 分类 类型 意图 主题 情绪 评分 语言 标注",
    "split": "split set part subset partition fold 划分 数据集 集合 用途",
}
NUMBER = r"^\s*[+-]?([0-9]+(,[0-9]{3})*([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?\s*$"
IDENTIFIER = r"^[!-~]*[0-9][!-~]*$"  # printable ASCII without blanks and with a digit: ids, dates, addresses
FEW = 50  # classes at most in a column that is taken for the label by its contents alone
LABEL_LENGTH = 60  # mean characters above which a column is no label


def describe(table: "pa.Table") -> list[ColumnInfo]:
    """Each column's kind, how many cells are filled, how many differ, how long they are."""
    return [_describe(name, table[name]) for name in table.column_names]


def _describe(name: str, column: "pa.ChunkedArray") -> ColumnInfo:
    import pyarrow as pa
    import pyarrow.compute as compute

    number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    cells = compute.utf8_trim_whitespace(column.cast(pa.string())).drop_null()
    cells = cells.filter(compute.not_equal(cells, ""))
    filled, distinct = len(cells), compute.count_distinct(cells).as_py()
    if not filled:
        return ColumnInfo(name=name, kind="other", filled=0, distinct=0, mean_length=0)
    length = compute.mean(compute.utf8_length(cells)).as_py()

    def share(pattern: str) -> float:
        return compute.sum(compute.match_substring_regex(cells, pattern)).as_py() / filled

    if number or share(NUMBER) > 0.95:
        kind = "number"
    elif length <= LABEL_LENGTH and distinct <= min(1_000, filled / 2):
        kind = "category"
    elif length <= LABEL_LENGTH and share(IDENTIFIER) > 0.9:
        kind = "other"
    else:
        kind = "text"
    return ColumnInfo(name=name, kind=kind, filled=filled, distinct=distinct, mean_length=round(length, 2))


def guess_roles(table: "pa.Table", columns: list[ColumnInfo]) -> dict[str, RoleGuess]:
    """The likely text, label and split columns; a role without a likely column is left out, no column plays two."""
    roles: dict[str, RoleGuess] = {}
    for role, guess in (("split", _guess_split), ("text", _guess_text), ("label", _guess_label)):
        taken = {guessed.column for guessed in roles.values()}
        found = guess(table, [column for column in columns if column.name not in taken])
        if found:
            roles[role] = found
    return {role: roles[role] for role in ROLES if role in roles}


def _named(name: str, role: str) -> float:
    """How well a name suits a role: 1 is one of its words, 0.5 contains one ("review_text", "is_spam_label"), 0 does not."""
    words = [word for word in re.split(r"[\W_]+|(?<=[a-z])(?=[A-Z])", name) if word]
    plain = {word.lower().removesuffix("s") for word in words} | {word.lower() for word in words}
    for word in NAMES[role].split():
        if name.strip().lower() in (word, word + "s"):
            return 1.0
    return 0.5 if any(word in plain or (word > "一" and word in name) for word in NAMES[role].split()) else 0.0


def _guess_split(table: "pa.Table", columns: list[ColumnInfo]) -> RoleGuess | None:
    import pyarrow.compute as compute

    for column in sorted(columns, key=lambda column: -_named(column.name, "split")):
        if not 2 <= column.distinct <= 12 or column.mean_length > 12:
            continue
        values = [str(value) for value in compute.unique(table[column.name]).to_pylist() if value is not None and str(value).strip()]
        parts = {part_of(value) for value in values}
        if None not in parts and "train" in parts and len(parts) > 1:
            return RoleGuess(
                column=column.name, reason="reason.split", values={"column": column.name, "found": ", ".join(sorted(values)[:6])}
            )
    return None


def _guess_text(table: "pa.Table", columns: list[ColumnInfo]) -> RoleGuess | None:
    def weight(column: ColumnInfo) -> float:
        # long and different in every row; a telling name counts for a lot, but an id called "text" should not win
        contents = column.mean_length * column.distinct / max(1, column.filled) * {"text": 1, "category": 0.3}.get(column.kind, 0.05)
        return contents * {1.0: 10, 0.5: 4}.get(_named(column.name, "text"), 1) * (0.2 if _named(column.name, "label") == 1 else 1)

    wordy = [
        column
        for column in columns
        if column.kind in ("text", "category") or column.filled and column.kind == "other" and _named(column.name, "text")
    ]
    if not any(column.kind == "text" for column in wordy):
        named = [column for column in columns if _named(column.name, "text") == 1 and column.kind != "number"]
        wordy = named or [column for column in wordy if not _named(column.name, "label") and column.mean_length > 2]
    if not wordy:
        return None
    best = max(wordy, key=weight)
    values = {"column": best.name, "length": round(best.mean_length)}
    if _named(best.name, "text"):
        return RoleGuess(column=best.name, reason="reason.text-name", values=values)
    if sum(column.kind == "text" for column in columns) <= 1:
        return RoleGuess(column=best.name, reason="reason.text-only", values=values)
    return RoleGuess(column=best.name, reason="reason.text-longest", values=values)


def _guess_label(table: "pa.Table", columns: list[ColumnInfo]) -> RoleGuess | None:
    def named_well(column: ColumnInfo) -> bool:
        return column.distinct < column.filled or 0 < column.filled <= FEW and column.kind != "other"

    def fits(column: ColumnInfo) -> bool:
        whole = column.kind != "number" or column.mean_length <= 3
        return (
            2 <= column.distinct <= min(FEW, column.filled / 2)
            and column.mean_length <= 30
            and whole
            and column.filled >= 0.5 * table.num_rows
        )

    short = [column for column in columns if column.mean_length <= LABEL_LENGTH]
    named = [
        column
        for column in short
        if _named(column.name, "label") and named_well(column) and (fits(column) or _named(column.name, "label") == 1)
    ]
    if named:
        best = max(named, key=lambda column: (fits(column), _named(column.name, "label"), column.kind == "category", -column.distinct))
        return RoleGuess(column=best.name, reason="reason.label-name", values={"column": best.name, "distinct": best.distinct})
    likely = [column for column in short if fits(column)]
    if not likely:
        return None
    best = max(likely, key=lambda column: (column.kind == "category", -column.distinct))
    return RoleGuess(column=best.name, reason="reason.label-few", values={"column": best.name, "distinct": best.distinct})

"""Rows from two small grammars, English and Chinese: product reviews whose label can be learned, without faults of their own."""

import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from fm_gui.config import Applied, DatasetSpec, RoleGuess, SplitSpec
from fm_gui.data.columns import describe
from fm_gui.data.split import split_rows

THINGS = ["kettle", "lamp", "backpack", "keyboard", "blender", "tent", "scarf", "printer", "camera", "chair", "mattress", "drill", "pillow", "router", "speaker", "toaster", "suitcase", "helmet", "stove", "clock"]
PRAISE = (
    "it does all that I hoped for", "everything about it is excellent", "I love how quiet it runs", "the finish looks beautiful", "great value for so little money",
    "it feels solid in the hand", "setting it up was a pleasure", "my family is delighted with it", "it has been reliable ever since", "I would buy another one tomorrow",
    "the quality surprised me in a good way", "it cleans up easily", "the colours are lovely", "a perfect fit for our needs", "I happily recommend it to friends",
)  # fmt: skip
BLAME = (
    "it stopped working on the second day", "nothing about it is worth keeping", "I hate the noise it makes", "the surface arrived scratched", "far too expensive for such junk",
    "it wobbles and feels cheap", "the manual is useless and confusing", "my family is annoyed with it", "it broke again after the repair", "I want a refund at once",
    "the quality disappointed me badly", "it smells of burnt plastic", "the stitching came apart", "a terrible choice for anybody", "I regret every cent of it",
)  # fmt: skip
NEUTRAL = (
    "We ordered it for the office in spring.", "The parcel came through a neighbour.", "My old one was given away last year.", "I read the other opinions first.",
    "It stands in the hallway beside the door.", "My brother has the larger version.", "I use it two or three times a week.", "The shop also sells spare parts.",
    "We compared four models before choosing.", "It was meant as a gift for my aunt.", "The box was bigger than I had expected.", "I paid with a voucher from work.",
    "Someone on television had mentioned it.", "The cable is about two metres long.", "We took it along on our holiday.", "It replaced a model from another maker.",
    "My daughter picked the design.", "They wrapped it in brown paper.", "I waited a month before writing this.", "The same one is in our summer house.",
)  # fmt: skip
DINGE = ["水壶", "台灯", "背包", "键盘", "搅拌机", "帐篷", "围巾", "打印机", "相机", "椅子", "床垫", "电钻", "枕头", "音箱", "行李箱", "头盔", "炉子", "挂钟", "雨伞", "书架"]
LOB = (
    "完全达到了我的期待", "各方面都非常出色", "运行起来特别安静", "做工漂亮得让人惊喜", "这个价钱真是划算", "拿在手里很扎实", "安装过程轻松愉快", "全家人都很喜欢", "一直用到现在都很可靠",
    "明天还想再买一个", "品质超出了预想", "清洗起来十分方便", "颜色搭配让人心动", "正好满足我们的需要", "已经推荐给了好朋友",
)  # fmt: skip
TADEL = (
    "第二天就坏掉了", "没有一处值得留下", "噪音大得受不了", "表面到手就有划痕", "卖这么贵简直离谱", "摇摇晃晃显得廉价", "说明书毫无用处", "全家人都抱怨不停", "修好之后又出故障",
    "只想马上退款", "品质让人失望透顶", "总有一股焦糊味", "缝线很快就散开了", "谁买谁后悔", "一分钱都觉得冤枉",
)  # fmt: skip
MITTE = (
    "春天给办公室订的。", "包裹是邻居代收的。", "旧的那个去年送人了。", "下单前看过别人的意见。", "现在放在门口走廊里。", "我哥哥用的是大一号。", "每周大概用两三次。", "店里也卖配件。",
    "我们比较过四种型号。", "本来是送给姑姑的礼物。", "箱子比想象中大。", "用单位发的券付的款。", "电视里有人提起过。", "线大约两米长。", "度假时带着一起去了。", "替换了另一家的产品。",
    "款式是女儿挑的。", "外面包着牛皮纸。", "等了一个月才来写。", "乡下的房子里也有同款。",
)  # fmt: skip


def reviews(count: int, seed: int = 1, chinese: bool = False) -> tuple[list[str], list[str]]:
    """(texts, labels) of ``count`` different reviews, labels in turn."""
    rng, found = random.Random(seed), {}
    names = ("好评", "差评") if chinese else ("good", "bad")
    while len(found) < count:
        label = names[len(found) % 2]
        parts, text = (_chinese if chinese else _english)(rng, label == names[0])
        found.setdefault(frozenset(parts), (text, label))  # the same sentences in another order are a near copy
    return [text for text, _ in found.values()], [label for _, label in found.values()]


def _english(rng: random.Random, good: bool) -> tuple[tuple, str]:
    first, second = rng.sample(PRAISE if good else BLAME, 2)
    thing, before, after = rng.choice(THINGS), *rng.sample(NEUTRAL, 2)
    opinion = rng.choice((f"About the {thing}: {first}.", f"With this {thing}, {first}.", f"{first.capitalize()}, this {thing}."))
    return (first, second, before, after), " ".join(rng.sample((before, opinion, after, f"{second.capitalize()}."), 4))


def _chinese(rng: random.Random, good: bool) -> tuple[tuple, str]:
    first, second = rng.sample(LOB if good else TADEL, 2)
    thing, before, after = rng.choice(DINGE), *rng.sample(MITTE, 2)
    opinion = rng.choice((f"这个{thing}{first}。", f"说说{thing}，{first}。", f"{first}，就是这个{thing}。"))
    return (first, second, before, after), "".join(rng.sample((before, opinion, after, f"{second}。"), 4))


@dataclass
class Rows:
    """What the checks read of a Dataset, held in memory."""

    columns: dict[str, list]
    roles: dict[str, str] = field(default_factory=lambda: {"text": "text", "label": "label"})
    split: SplitSpec = field(default_factory=SplitSpec)
    recipe: list[Any] = field(default_factory=list)

    def __post_init__(self):
        self.table = pa.table(self.columns)
        guesses = {role: RoleGuess(column=column, reason="reason.chosen") for role, column in self.roles.items()}
        recipe = [Applied(**step.model_dump(), table="", rows=0) for step in self.recipe]
        self.spec = DatasetSpec(
            name="rows", source="here", rows=self.table.num_rows, columns=describe(self.table), roles=guesses, split=self.split, recipe=recipe
        )

    def parts(self) -> dict[str, np.ndarray]:
        cells = {role: ["" if cell is None else str(cell) for cell in self.table[column].to_pylist()] for role, column in self.roles.items()}
        return split_rows(cells["text"], *(cells.get(role) for role in ("label", "split")), self.split, *(cells.get(role) for role in ("group", "date")))


def rows(texts: list[str], labels: list | None = None, roles: dict[str, str] | None = None, split: SplitSpec | None = None, **more: list) -> Rows:
    columns = {"text": texts} | ({} if labels is None else {"label": labels}) | more
    usual = {name: name for name in ("text", "label", "split", "group") if name in columns}
    return Rows(columns, usual | (roles or {}), split or SplitSpec())


def fixed(data: Rows, finding, number: int = 0) -> tuple[Rows, np.ndarray]:
    """``data`` after a finding's fix, and the input row each of its rows came from."""
    from fm_gui.data.steps import make_step

    spec = finding.fixes[number]
    result = make_step(spec).apply(data.table, data.roles)
    kept = np.arange(data.table.num_rows) if result.kept is None else result.kept
    columns = {name: result.table[name].to_pylist() for name in result.table.column_names}
    roles = {role: column for role, column in data.roles.items() if column in columns}
    return Rows(columns, roles, data.split, [*data.recipe, spec]), kept


def changed(before: Rows, after: Rows, kept: np.ndarray) -> set[int]:
    """The rows of ``before`` that are gone or differ in ``after`` (in the columns that both have)."""
    names = [name for name in before.table.column_names if name in after.table.column_names]
    old, new = before.table.select(names).to_pylist(), after.table.select(names).to_pylist()
    gone = set(range(len(old))) - set(kept.tolist())
    return gone | {int(row) for row, now in zip(kept, new) if old[row] != now}

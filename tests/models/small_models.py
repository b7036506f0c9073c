"""Small real tokenizers and model folders for these tests."""

from functools import cache

from fm_gui.config import ModelSpec
from fm_gui.models.scratch import build_scratch
from fm_gui.models.tokenizers import train_tokenizer

ENGLISH = [
    "The parcel arrived two days late and the box was torn open at one corner.",
    "I can't log in to my account since the update; it's asking for a code.",
    "Thank you, the new coffee machine works well and it's very quiet!",
    "Our café sells crème brûlée and espresso; the invoice was wrong twice.",
]
CHINESE = ["今天天气很好，我们去公园散步。", "快递晚到了两天，箱子的一角破了。", "咖啡机很安静，我们都很喜欢！", "登录时一直要求输入验证码，怎么办？"]
TEXTS = (ENGLISH + CHINESE) * 4


@cache
def wordpiece():
    return train_tokenizer(TEXTS, "wordpiece", 320, exact=False)


@cache
def bpe():
    return train_tokenizer(TEXTS, "bpe", 400, exact=False)


def small(name, auto_class, seed=0, **overrides):
    """(model, tokenizer) of the smallest size of an architecture."""
    import copy

    from fm_gui.models.catalog import get_architecture

    tokenizer = copy.deepcopy({"wordpiece": wordpiece, "bpe": bpe}[get_architecture(name).tokenizer]())
    return build_scratch(ModelSpec(architecture=name, size="1m"), auto_class, tokenizer, context=32, seed=seed, **overrides), tokenizer


def save(folder, name, auto_class, seed=0, **overrides):
    """A model folder as the worker writes it."""
    model, tokenizer = small(name, auto_class, seed, **overrides)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model, tokenizer

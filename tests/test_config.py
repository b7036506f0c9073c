"""Settings outside their limits are refused in one sentence, whoever sets them."""

import pytest

from fm_gui.config import ModelSpec, SplitSpec, TrainSettings, parse
from fm_gui.errors import UserError


@pytest.mark.parametrize(
    ("model", "values", "words"),
    [
        (TrainSettings, {"learning_rate": 0}, ("learning_rate", "0", "more than 0")),
        (TrainSettings, {"learning_rate": "fast"}, ("learning_rate", "fast", "number")),
        (TrainSettings, {"batch_size": 0}, ("batch_size", "0", "at least 1")),
        (TrainSettings, {"dropout": 1}, ("dropout", "1", "less than 1")),
        (TrainSettings, {"seed": 2**40}, ("seed", str(2**40), "at most")),
        (TrainSettings, {"schedule": "zigzag"}, ("schedule", "zigzag", "linear, cosine, wsd, constant")),
        (TrainSettings, {"learningrate": 1}, ("learningrate", "learning_rate")),
        (SplitSpec, {"test": 0.9}, ("test", "0.9", "0.5")),
        (ModelSpec, {"vocab_size": -1}, ("vocab_size", "-1", "at least 0")),
    ],
)
def test_refused_in_one_sentence(model, values, words):
    with pytest.raises(UserError) as refused:
        parse(model, values)
    for word in words:
        assert word in str(refused.value)
    assert UserError.from_dict(refused.value.to_dict()).say("zh") == refused.value.say("zh") != str(refused.value)


def test_what_is_within_the_limits_is_kept():
    assert parse(TrainSettings, {"minutes": None, "epochs": 0.5}).epochs == 0.5

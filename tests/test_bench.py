"""The arithmetic of the comparisons, and that each of them is reachable; what they measure is no test's business."""

import importlib
import inspect
import json

import pytest

from tests.bench import __main__ as bench
from tests.bench import compare


def test_every_bench_is_reachable_and_says_what_it_measures():
    assert {"data", "finetune", "overhead", "quality", "quick"} <= set(bench.names())
    for name in bench.names():
        module = importlib.import_module(f"tests.bench.bench_{name}")
        assert list(inspect.signature(module.main).parameters) == ["argv"], name
        assert len(bench.about(name)) > 20, name
        with pytest.raises(SystemExit) as ended:
            module.main(["--help"])
        assert ended.value.code == 0


def test_an_unknown_bench_lists_the_known_ones(capsys):
    assert bench.main(["nothing"]) == 2 and bench.main([]) == 2
    told = capsys.readouterr().err
    assert all(name in told for name in bench.names())


def test_rounds_take_turns_and_swap_who_begins():
    seen = []
    pairs = compare.rounds(lambda: seen.append("a") or 4.0, lambda: seen.append("b") or 2.0, 3)
    assert "".join(seen) == "abbaab" and pairs == [(4.0, 2.0)] * 3


def test_ratios_are_of_rounds_and_not_of_means():
    result = compare.Result("work", "items/s", [(10, 5), (30, 10), (8, 8)], rows=[{"what": "x", "value": 1}], to_score=[(1.0, 4.0), (3.0, 6.0)])
    told = json.loads(result.json())
    assert told["ratio"] == 2.0 and told["ratio_spread"] == [1.5, 2.5]
    assert told["ratio_seconds_to_score"] == 0.375 and told["ratio_seconds_to_score_spread"] == [0.3125, 0.4375]
    assert told["rows"][-1] == {"what": "x", "value": 1} and len(told["rows"]) == 6
    shown = result.show()
    assert "ratio 2 (1.5 to 2.5, 3 rounds)" in shown and "ratio 0.375" in shown and "what: x" in shown


def test_what_was_not_measured_is_none():
    told = compare.Result("work", "items/s", [(3, 2)]).values()
    assert told["ratio_spread"] == [1.5, 1.5] and told["ratio_seconds_to_score"] is None and told["ratio_seconds_to_score_spread"] is None


def test_quick_asks_for_fewer_rounds_unless_said():
    parsed = [compare.parser("x").parse_args(line.split()) for line in ("", "--quick", "--quick --rounds 7 --seeds 2")]
    assert [(one.rounds, one.seeds) for one in parsed] == [(5, 3), (2, 1), (7, 2)]


def test_several_results_are_one_object(capsys):
    compare.tell(compare.parser("x").parse_args(["--json"]), *(compare.Result(name, "items/s", [(2, 1)]) for name in "ab"))
    told = json.loads(capsys.readouterr().out)
    assert told["name"] == "a" and [one["name"] for one in told["more"]] == ["b"]


def test_peak_is_a_rate_of_this_machine():
    assert compare.peak_flops() > 1e8
    assert compare.mfu(5e9, 1e10).startswith("50% of")

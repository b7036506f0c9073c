"""The arithmetic of the comparisons, and that each of them is reachable; what they measure is no test's business."""

import importlib
import inspect
import json

import pytest

from tests.bench import __main__ as bench
from tests.bench import bench_gpt, compare, prose


def test_every_bench_is_reachable_and_says_what_it_measures():
    assert {"data", "finetune", "gpt", "mlm", "overhead", "quality", "quick"} <= set(bench.names())
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


def test_prose_of_an_own_file_comes_once_and_stays_on_its_page(tmp_path):
    file = tmp_path / "own.txt"
    paragraphs = [f"Paragraph number {n} of a\n text that is long enough." for n in range(45)]
    file.write_text("\n\n".join([*paragraphs, paragraphs[3], "short"]), encoding="utf-8")
    rows = list(prose.cut(prose.own(file), 0))
    assert [text for _, text in rows] == [one.replace("\n", "") for one in paragraphs]
    assert {page for page, _ in rows} == {"own.txt 0", "own.txt 1", "own.txt 2"}
    assert 10 <= len(list(prose.cut(prose.own(file), 500))) <= 12
    pages = list(prose.joined(rows))
    assert [page for page, _ in pages] == ["own.txt 0", "own.txt 1", "own.txt 2"] and pages[0][1].count("\n\n") == 19
    assert max(len(text) for _, text in prose.joined([("long", "x" * 1_500)] * 5)) <= prose.PAGE


def test_prose_of_packages_is_sentences_of_many_pages():
    some = list(prose.cut(prose.packaged(), 20_000))
    assert sum(len(text) for _, text in some) >= 20_000 and len({page for page, _ in some}) > 3


def test_the_peers_rate_rises_and_falls_as_nanogpts_does():
    assert bench_gpt.share_of_rate(0, 10_000) == 1 / 101 and bench_gpt.share_of_rate(100, 10_000) == 1.0
    assert bench_gpt.share_of_rate(10_000, 10_000) == pytest.approx(0.1) and bench_gpt.share_of_rate(20, 200) == 1.0


def test_without_the_peer_nothing_is_measured(capsys):
    bench_gpt.main(["--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["ratio"] is None and "git clone" in told["name"]

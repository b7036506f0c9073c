"""What follows from a measurement, how it is kept, and how often it came true: figures in, values out, no process."""

import json
import os
import time

import pytest

from fm_gui import preflight, preflight_words
from fm_gui.errors import UserError
from fm_gui.files import write_json
from fm_gui.plan import Plan, disk_needed
from fm_gui.preflight import MARGIN, Preflight
from fm_gui.text import table
from tests.train.jobs import toy_config

GB = 10**9
FOUND = {  # as the process writes it
    "available_memory": 8 * GB, "others": 0, "device": "cpu", "launch_seconds": 3.0, "start_seconds": 2.0, "seconds_per_step": 0.5, "spread": 0.02,
    "seconds_per_check": 4.0, "evaluation_seconds": 20.0, "first_save_seconds": 0.0, "best_save_seconds": 0.0, "fixed_memory": 1 * GB, "peak_memory": 5 * GB, "weight_bytes": 40_000_000, "checkpoint_bytes": 120_000_000,
    "longest": 512, "longest_rows": 64, "longest_memory": 5 * GB,
}  # fmt: skip


def planned(steps: int | None = 1000, per_epoch: int = 100, parameters: int = 10_000_000) -> Plan:
    return Plan(
        rows={"train": 3200, "validation": 400, "test": 400}, steps=steps, steps_per_epoch=per_epoch, parameters=parameters, tokens_per_step=1000,
        examples=[], truncated=0, unreadable=0, warnings=[], command="",
    )  # fmt: skip


def concluded(workspace, config, plan=None, **found) -> Preflight:
    return preflight.conclude(workspace, config, plan or planned(), {k: v for k, v in (FOUND | found).items() if v is not None})


@pytest.fixture
def config(workspace):
    return toy_config(workspace, "text-classification", batch_size=64, max_steps=0)


# -- time


def test_the_whole_time_is_the_sum_of_its_parts(workspace, config):
    result = concluded(workspace, config)
    checks = 1 + 12  # before the first step, and twelve times
    assert result.seconds.mid == pytest.approx(3 + 2 + 1000 * 0.5 + checks * 4 + 20)
    assert result.seconds.low < result.seconds.mid < result.seconds.high
    assert result.seconds.high / result.seconds.mid == pytest.approx(1.1)  # never surer than a tenth
    assert result.fits and result.advice == [] and result.steps == 1000
    saving = concluded(workspace, config, first_save_seconds=1.5, best_save_seconds=0.5)
    assert saving.seconds.mid == pytest.approx(result.seconds.mid + 1.5 + 12 * 0.5)  # the untrained model is never the best


def test_unsteady_steps_widen_the_range(workspace, config):
    result = concluded(workspace, config, spread=0.2)
    assert result.seconds.high / result.seconds.mid == pytest.approx(1.4)
    assert result.seconds.mid / result.seconds.low == pytest.approx(1.4)


def test_a_time_budget_decides_the_steps(workspace):
    config = toy_config(workspace, "text-classification", minutes=10.0, max_steps=0)
    result = concluded(workspace, config, planned(steps=None))
    assert result.steps == int((600 - 13 * 4) / 0.5)
    assert result.seconds.mid == pytest.approx(600 + 3 + 2 + 20, abs=5)


def test_a_compiled_run_is_told_by_its_compiled_steps(workspace, config):
    result = concluded(workspace, config, compile=True, compiled_step=0.3, compile_seconds=40.0, compile_gain=160.0)
    assert result.compile is True and result.seconds_per_step == 0.3
    assert result.seconds.mid == pytest.approx(3 + 2 + 40 + 1000 * 0.3 + 13 * 4 + 20)
    assert concluded(workspace, config, compile=False).seconds_per_step == 0.5


def test_processes_on_the_cpu_share_its_memory_and_wait_for_each_other(workspace):
    config = toy_config(workspace, "text-classification", batch_size=64, processes=2)
    two = concluded(workspace, config)
    assert two.peak_memory == 10 * GB and not two.fits  # of 8
    assert two.seconds.high / two.seconds.mid == pytest.approx(1.25)
    assert concluded(workspace, config, device="cuda:0").peak_memory == 5 * GB


# -- memory and disk


def test_it_fits_only_with_some_memory_to_spare(workspace, config):
    assert concluded(workspace, config, available_memory=int(5 * GB * MARGIN) + 1).fits
    assert not concluded(workspace, config, available_memory=int(5 * GB * MARGIN) - 1).fits


def test_the_advice_takes_as_many_rows_as_should_fit(workspace, config):
    result = concluded(workspace, config, available_memory=3 * GB)
    # 64 rows take 4 GB beside 1 GB that is always there: 85 % of the 2 GB that are left hold 27, and the power of two below is 16
    assert result.advice[0].settings == {"micro_batch_size": 16}
    codes = [one.code.removeprefix("preflight.advice.") for one in result.advice]
    assert codes == ["micro-batch", "activation-checkpointing", "shorter"]  # the smallest size has none below it
    assert result.advice[2].settings == {"max_length": 256}
    assert all(one.code in table() for one in result.advice)


def test_where_nothing_is_known_half_is_tried(workspace, config):
    result = concluded(workspace, config, memory="out", peak_memory=None, fixed_memory=None, longest_rows=None, seconds_per_step=None)
    assert not result.fits and result.seconds is None and result.peak_memory == 0
    assert result.advice[0].settings == {"micro_batch_size": 32}
    assert preflight_words.peak(result, "en") == "more than there is"


def test_fewer_rows_are_not_advised_where_they_do_not_help(workspace, config):
    alone = concluded(workspace, config, available_memory=3 * GB, longest_rows=1)
    no_room = concluded(workspace, config, available_memory=1 * GB, fixed_memory=2 * GB)
    assert all("micro_batch_size" not in one.settings for one in [*alone.advice, *no_room.advice])


def test_a_smaller_size_is_advised_from_scratch_and_a_smaller_start_otherwise(workspace):
    config = toy_config(workspace, "text-classification", batch_size=64)
    larger = config.model_copy(update={"model": config.model.model_copy(update={"size": "12m"})})
    sizes = [one.settings for one in concluded(workspace, larger, available_memory=3 * GB).advice if "size" in one.settings]
    assert sizes == [{"size": "5m"}]
    start = toy_config(workspace, "text-classification", start="minilm")
    last = concluded(workspace, start, available_memory=3 * GB).advice[-1]
    assert last.code == "preflight.advice.smaller-start" and last.settings == {}


def test_too_little_disk_does_not_fit_either(workspace, config, monkeypatch):
    usage = type("Usage", (), {"free": disk_needed(40_000_000, 120_000_000) - 1})
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: usage)
    result = concluded(workspace, config)
    assert result.memory_fits and not result.fits
    assert [one.code for one in result.advice] == ["preflight.advice.disk"] and str(workspace.root) in str(result.advice[0].values["path"])


# -- kept


def test_the_fingerprint_changes_with_what_matters_only(workspace):
    one = toy_config(workspace, "text-classification")
    same = toy_config(workspace, "text-classification").model_copy(update={"id": "other", "created": 0.0})
    assert preflight.fingerprint(one) == preflight.fingerprint(same)
    for changed in (toy_config(workspace, "text-classification", batch_size=9), toy_config(workspace, "text-classification", options={"max_length": 16})):
        assert preflight.fingerprint(changed) != preflight.fingerprint(one)
    newer = one.model_copy(update={"versions": one.versions | {"torch": "0"}})
    assert preflight.fingerprint(newer) != preflight.fingerprint(one)


def test_what_was_measured_is_known_for_a_day(workspace, config):
    assert preflight.cached(workspace, config) is None
    result = concluded(workspace, config)
    write_json(preflight._path(workspace, config), result.model_dump())
    assert preflight.cached(workspace, config) == result
    write_json(preflight._path(workspace, config), result.model_copy(update={"time": time.time() - preflight.FRESH - 1}).model_dump())
    assert preflight.cached(workspace, config) is None


def test_old_measurements_are_tidied_away(workspace):
    old, fresh, left = (workspace.root / "cache" / f"preflight-{name}" for name in ("a.json", "b.json", "killed"))
    left.mkdir()
    for path in (old, fresh, left / "log.txt"):
        path.write_text("{}", encoding="utf-8")
    for path in (old, left):
        os.utime(path, (0, 0))
    preflight._tidy(workspace)
    assert fresh.exists() and not old.exists() and not left.exists()


# -- how it ended


@pytest.mark.parametrize("status", [-9, 137])
def test_killed_by_the_system_is_out_of_memory(tmp_path, status):
    write_json(tmp_path / "result.json", {"available_memory": 5})
    assert preflight._result(tmp_path, status, 90, 100) == {"available_memory": 5, "memory": "out"}
    with pytest.raises(UserError, match="ended the measurement"):  # not for want of memory
        preflight._result(tmp_path, status, 10, 100)
    write_json(tmp_path / "result.json", {"seconds_per_step": 1.0})  # killed later, while it tried to compile: the answer stands
    assert preflight._result(tmp_path, status, 90, 100) == {"seconds_per_step": 1.0}


def test_an_error_of_the_run_is_told_as_the_run_would_and_a_crash_with_its_last_line(tmp_path):
    write_json(tmp_path / "result.json", {"error": UserError("out-of-memory").to_dict()})
    with pytest.raises(UserError) as told:
        preflight._result(tmp_path, 0, 0, 100)
    assert told.value.code == "out-of-memory"
    (tmp_path / "result.json").unlink()
    (tmp_path / "log.txt").write_text("Traceback\nValueError: no such thing\n", encoding="utf-8")
    with pytest.raises(UserError, match="ValueError: no such thing"):
        preflight._result(tmp_path, 1, 0, 100)


# -- predicted and true


def finished(workspace, config, name: str, *, seconds: float, memory: int, steps: int = 1000) -> None:
    run = workspace.new_run(config, name)
    before = concluded(workspace, config).model_dump()
    preflight.record(workspace, run, {"preflight": before, "actual_steps": steps, "eval_every": 84, "actual_total": seconds, "actual_memory": memory})


def test_a_run_that_stopped_early_is_compared_for_the_steps_it_took(workspace, config):
    finished(workspace, config, "early", seconds=100.0, memory=5 * GB, steps=168)
    [entry] = preflight.history(workspace)
    assert entry["predicted_seconds"] == pytest.approx(2 + 168 * 0.5 + 3 * 4 + 20)  # its launch is not among the run's own seconds
    assert entry["fits"] is True and entry["ran_out"] is False


def test_the_hit_rate_counts_time_within_15_and_memory_within_10_percent(workspace, config):
    right = 2 + 500 + 13 * 4 + 20
    finished(workspace, config, "a", seconds=right, memory=5 * GB)
    finished(workspace, config, "b", seconds=right / 1.14, memory=int(5 * GB / 1.2))
    finished(workspace, config, "c", seconds=right / 1.16, memory=int(5 * GB / 1.09))
    finished(workspace, config, "d", seconds=right / 0.84, memory=int(5 * GB / 0.89))
    assert preflight.hit_rate(workspace) == {"time": 2, "memory": 2, "count": 4}
    with open(workspace.root / "preflight.jsonl", "a", encoding="utf-8") as file:  # of another machine
        file.write(json.dumps(preflight.history(workspace)[0] | {"machine": "elsewhere"}) + "\n")
    assert preflight.hit_rate(workspace)["count"] == 4
    assert "2 of 4" in preflight_words.hits(preflight.hit_rate(workspace), "en")


def test_nothing_is_said_of_predictions_before_there_is_one(workspace):
    assert preflight_words.hits(preflight.hit_rate(workspace), "en") == ""


# -- before anything is measured


def test_a_long_run_is_seen_from_afar(workspace, config):
    small = preflight.rough_seconds(planned(steps=100, parameters=1_000_000), config)
    large = preflight.rough_seconds(planned(steps=100_000, parameters=100_000_000), config)
    assert small < preflight.LONG < large
    assert preflight.rough_seconds(planned(None), toy_config(workspace, "text-classification", minutes=30)) == 1800

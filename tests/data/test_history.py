"""Versions: steps taken, taken back, brought back and replayed; what runs need is kept, what nobody needs is made again."""

import pytest

from fm_gui.config import DatasetSpec, SplitSpec, StepSpec
from fm_gui.data import history
from fm_gui.data.dataset import Dataset
from fm_gui.data.recipe import Result
from fm_gui.errors import UserError
from tests.data.added import added

UPPER, LOWER = StepSpec(step="case", settings={"to": "upper"}), StepSpec(step="case", settings={"to": "lower"})


def replace(old, new):
    return StepSpec(step="replace", settings={"pattern": old, "replacement": new})


@pytest.fixture
def data(workspace):
    rows = [("First text", "a"), ("Second text", "b"), ("First text", "a"), ("Third text", "b"), ("", "a")] + [(f"Text {n}", "ab"[n % 2]) for n in range(20)]
    return added(workspace, "rows", "text,label,note\n" + "".join(f"{text},{label},n\n" for text, label in rows))


def opened(data):
    return Dataset(data.workspace, data.spec.name)


def tables(data):
    return {file.stem for file in (data.path / "tables").glob("*.arrow")}


def refused(code, function, *args):
    with pytest.raises(UserError) as caught:
        function(*args)
    assert caught.value.code == code and caught.value.say("zh") != str(caught.value)


def test_steps_are_taken_in_order_and_written_down(data):
    told = []
    fresh = history.apply(data, [StepSpec(step="drop-empty"), StepSpec(step="deduplicate"), UPPER], lambda share, key: told.append(round(share, 2)))
    assert told == [0.0, 0.33, 0.67]
    again = opened(data)
    assert again.spec == fresh.spec and again.spec.rows == again.table.num_rows == 23
    assert again.column("text")[:3] == ["FIRST TEXT", "SECOND TEXT", "THIRD TEXT"]
    assert [(step.step, step.rows) for step in again.spec.recipe] == [("drop-empty", 24), ("deduplicate", 23), ("case", 23)]
    assert next(c for c in again.spec.columns if c.name == "text").filled == 23
    assert again.spec.fingerprint != DatasetSpec(**{**again.spec.model_dump(), "fingerprint": ""}).fingerprint
    assert set(again.parts()["train"]) <= set(range(23))


def test_back_and_forth(data):
    original = data.spec.table
    fresh = history.apply(history.apply(data, [UPPER]), [replace("TEXT", "WORD")])
    assert [history.undo(opened(data)).column("text")[0] for _ in range(2)] == ["FIRST TEXT", "First text"]
    assert opened(data).spec.table == original == opened(data).spec.original
    refused("no-step-to-undo", history.undo, opened(data))
    assert [history.redo(opened(data)).column("text")[0] for _ in range(2)] == ["FIRST TEXT", "FIRST WORD"]
    refused("no-step-to-redo", history.redo, opened(data))
    assert history.go_to(opened(data), 0).column("text")[0] == "First text"
    assert history.go_to(opened(data), 2).spec.fingerprint == fresh.spec.fingerprint
    refused("version-unknown", history.go_to, opened(data), 3)
    refused("version-unknown", history.go_to, opened(data), -1)
    history.undo(opened(data))
    other = history.apply(opened(data), [replace("TEXT", "LINE")])  # from here there is no way to WORD
    assert other.spec.undone == [] and other.column("text")[0] == "FIRST LINE"


def test_all_or_nothing(data):
    before = (data.path / "dataset.json").read_bytes()
    for code, steps in {
        "step-unknown": [UPPER, StepSpec(step="polish")],
        "setting-unknown": [UPPER, StepSpec(step="case", settings={"size": 3})],
        "step-changes-nothing": [replace("no such thing", "x")],
        "step-leaves-nothing": [UPPER, StepSpec(step="length-limits", settings={"shortest": 1000, "longest": 2000})],
    }.items():
        refused(code, history.apply, opened(data), steps)
    refused("step-changes-nothing", history.apply, opened(data), [])
    assert (data.path / "dataset.json").read_bytes() == before


def test_equal_rows_cut_into_other_chunks_are_no_change(data, monkeypatch):
    """A step may leave the same rows in other pieces, which makes another file."""
    import pyarrow as pa

    class Recut:
        def apply(self, table, roles):
            return Result(pa.concat_tables([table.slice(0, 5), table.slice(5)]))

    monkeypatch.setattr("fm_gui.data.steps.make_step", lambda spec: Recut())
    refused("step-changes-nothing", history.apply, data, [UPPER])


def test_what_another_window_did_is_not_overwritten(data):
    one, other = opened(data), opened(data)
    history.apply(one, [UPPER])
    refused("dataset-moved-on", history.apply, other, [LOWER])
    assert opened(data).column("text")[0] == "FIRST TEXT"


def test_old_tables_are_forgotten_and_made_again(data):
    for n in range(10):
        history.apply(opened(data), [replace("Text" if n == 0 else f"step {n - 1} ", f"step {n} ")])
    spec = opened(data).spec
    assert len(tables(data)) == history.VERSIONS_KEPT + 1 and {spec.original, spec.table} <= tables(data)
    assert spec.recipe[1].table not in tables(data)
    back = history.go_to(opened(data), 2)  # made again from the original
    assert back.column("text")[5] == "step 1  0" and opened(data).table.num_rows == 25
    assert history.go_to(opened(data), 10).column("text")[5] == "step 9  0"


def test_a_run_keeps_its_version(data):
    from fm_gui import plan

    changed = history.apply(data, [UPPER])
    config = plan.make_config(data.workspace, task="text-classification", data="rows", start="scratch", architecture="bert", size="1m")
    run = data.workspace.new_run(config, "reader")
    for n in range(8):
        history.apply(opened(data), [replace("TEXT" if n == 0 else f"STEP {n - 1} ", f"STEP {n} ")])
    kept = Dataset(data.workspace, "rows", run.config.data)
    assert kept.column("text") == changed.column("text") and changed.spec.table in tables(data)


def test_a_recipe_is_replayed_on_other_rows(data):
    other = added(data.workspace, "new", "text,label,note\nFourth text,a,n\nFourth text,a,n\nfifth,b,n\n")
    refused("no-step-to-replay", history.replay, other, data)
    history.apply(data, [StepSpec(step="drop-empty"), StepSpec(step="deduplicate"), UPPER])
    fresh = history.replay(other, opened(data))
    assert fresh.column("text") == ["FOURTH TEXT", "FIFTH"] and [step.step for step in fresh.spec.recipe] == ["deduplicate", "case"]
    refused("step-changes-nothing", history.replay, opened(other), opened(data))


def test_roles_follow_the_columns(data):
    fresh = history.apply(data, [StepSpec(step="drop-columns", settings={"columns": ["note"]})])
    assert history.columns_of(fresh) == {"text": "text", "label": "label"} and fresh.table.column_names == ["text", "label"]
    back = history.undo(fresh)
    back.set_roles({"text": "text"})  # without a label, as the person wants it
    gone = history.apply(back, [StepSpec(step="join-columns", settings={"columns": ["text", "note"], "separator": " / ", "name": "both"})])
    assert "label" not in gone.spec.roles


def test_columns_that_come_back_play_their_roles_again(data):
    data.set_roles({"text": "text", "label": "label", "group": "note"})
    data.set_split(SplitSpec(validation=0.2))
    gone = history.apply(opened(data), [StepSpec(step="drop-columns", settings={"columns": ["note", "label"]})])
    assert set(gone.spec.roles) == {"text"}
    back = history.undo(opened(data))
    assert history.columns_of(back) == {"text": "text", "label": "label", "group": "note"}
    assert set(history.redo(opened(data)).spec.roles) == {"text"}
    assert history.columns_of(history.go_to(opened(data), 0)) == {"text": "text", "label": "label", "group": "note"}


def test_a_role_given_after_the_step_comes_back_with_it(data):
    both = StepSpec(step="join-columns", settings={"columns": ["text", "note"], "into": "both"})
    history.apply(data, [both]).set_roles({"text": "both", "label": "label"})
    assert history.columns_of(history.undo(opened(data))) == {"text": "text", "label": "label"}
    assert history.columns_of(history.redo(opened(data))) == {"text": "both", "label": "label"}
    assert history.columns_of(opened(data)) == {"text": "both", "label": "label"}
    history.go_to(opened(data), 0)
    replaced = history.apply(opened(data), [StepSpec(step="join-columns", settings={"columns": ["text", "note"], "into": "text"}), UPPER])
    assert replaced.column("text")[0] == "FIRST TEXT N" and history.columns_of(history.go_to(replaced, 0))["text"] == "text"


def test_what_a_person_chose_meanwhile_stays(data):
    history.apply(data, [UPPER]).set_roles({"text": "text", "group": "note"})
    assert history.columns_of(history.undo(opened(data))) == {"text": "text", "group": "note"}
    opened(data).set_roles({"text": "note"})
    assert history.columns_of(history.redo(opened(data))) == {"text": "note"}


def test_a_replay_leaves_out_columns_that_are_not_there(data):
    other = added(data.workspace, "new", "text,label,more\nfourth text,a,n\nfifth text,b,n\n")
    two = StepSpec(step="drop-columns", settings={"columns": ["note", "label"]})
    history.apply(data, [StepSpec(step="drop-columns", settings={"columns": ["note"]}), UPPER])
    fresh = history.replay(other, opened(data))
    assert [step.step for step in fresh.spec.recipe] == ["case"] and fresh.column("text") == ["FOURTH TEXT", "FIFTH TEXT"]
    history.go_to(opened(data), 0)
    history.apply(opened(data), [two])
    fresh = history.replay(history.go_to(opened(other), 0), opened(data))
    assert fresh.spec.recipe[0].settings == {"columns": ["label"]} and fresh.table.column_names == ["text", "more"]
    history.go_to(opened(data), 0)
    history.apply(opened(data), [StepSpec(step="case", settings={"to": "upper", "columns": ["note"]})])
    with pytest.raises(UserError) as caught:
        history.replay(opened(other), opened(data))
    assert caught.value.code == "step-column" and "case" in str(caught.value) and "note" in str(caught.value)


def test_a_split_that_needs_a_column_stops_the_step_that_takes_it(data):
    data.set_roles({"text": "text", "label": "label", "group": "note"})
    data.set_split(SplitSpec(method="group"))
    refused("split-needs-role", history.apply, opened(data), [StepSpec(step="drop-columns", settings={"columns": ["note"]})])
    assert "note" in opened(data).table.column_names

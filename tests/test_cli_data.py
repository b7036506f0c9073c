"""`fm-gui data ...`: look at rows, check, clean, go back, split, label, copy, write; here in one process, as a person types."""

import csv
import json

import pytest

from fm_gui.cli import main
from fm_gui.workspace import Workspace


@pytest.fixture
def run(tmp_path, capsys):
    """run("check", "shop") -> (exit code, stdout, stderr); with ``as_json`` the value printed."""

    def run(*words, as_json=False):
        with pytest.raises(SystemExit) as ended:
            main(["data", *words, "--workspace", str(tmp_path / "ws"), *(["--json"] if as_json else [])])
        said = capsys.readouterr()
        return json.loads(said.out) if as_json else (ended.value.code, said.out, said.err)

    return run


@pytest.fixture
def shop(tmp_path, run):
    """120 rows with an author each; row 5 stands twice, rows 7 to 9 are empty, one label is misspelled."""
    file = tmp_path / "shop.csv"
    things = ["lamp", "chair", "kettle", "carpet", "mirror", "pillow"]
    with open(file, "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["comment", "rating", "author"])
        for n in range(120):
            text = f"The {things[n % 6]} of order {n * 37} was {'lovely and' if n % 2 else 'awful, not'} what we hoped for in week {n}"
            writer.writerow(["" if 7 <= n <= 9 else text, "good" if n % 2 else "bad", f"customer {n // 4}"])
        writer.writerow(["The pillow of order 185 was lovely and what we hoped for in week 5", "good", "customer 1"])
    assert run("add", str(file), "--name", "shop")[0] == 0
    return "shop"


def test_profile_and_search(run, shop):
    found = run("profile", shop, as_json=True)
    assert found["rows"] == 121 and found["duplicates"] == 1 and {c["name"] for c in found["columns"]} == {"comment", "rating", "author"}
    code, out, _ = run("profile", shop)
    assert code == 0 and "121 rows" in out and "rating" in out
    found = run("search", shop, "KETTLE", "--where", "rating=bad", as_json=True)
    assert found["found"] == len([n for n in range(0, 120, 2) if n % 6 == 2 and n != 8]) and all("kettle" in row["comment"] for row in found["rows"])
    assert run("search", shop, "(", "--regex")[0] == 2


def test_check_fix_and_back(run, shop):
    codes = {finding["code"]: finding for finding in run("check", shop, as_json=True)}
    assert codes["exact-duplicates"]["count"] in (1, 2) and codes["empty-texts"]["count"] == 3
    code, out, err = run("check", shop)
    assert code == 0 and "exact-duplicates" in out and "--fix" in err
    spec = run("check", shop, "--fix", "exact-duplicates", "--fix", "empty-texts", as_json=True)
    assert spec["rows"] == 117 and len(spec["recipe"]) == 2
    assert not {"exact-duplicates", "empty-texts"} & {finding["code"] for finding in run("check", shop, as_json=True)}
    assert run("versions", shop, "--undo", as_json=True)["version"] == 1
    assert run("versions", shop, "--go", "0", as_json=True)["rows"] == 121
    assert run("versions", shop, "--redo", as_json=True)["version"] == 1
    code, out, _ = run("versions", shop)
    assert code == 0 and "as it was read" in out and "* 1" in out
    assert run("check", shop, "--fix", "nothing")[0] == 2


def test_clean_preview_and_replay(run, shop, tmp_path):
    seen = run("clean", shop, "--step", "case", "--set", "to=upper", "--preview", as_json=True)
    assert seen["changed"] == 118 and seen["examples"][0]["after"].isupper()
    code, out, err = run("clean", shop, "--step", "case", "--set", "to=upper")
    assert code == 0 and "121" in out and err  # what is likely to hurt is told
    more = tmp_path / "more.csv"
    more.write_text("comment,rating,author\nGood lamp,good,x\nbad chair,bad,y\nGood chair,good,z\nbad lamp,bad,w\n", encoding="utf-8")
    run("add", str(more), "--name", "more")
    assert run("replay", "more", "--from", shop, as_json=True)["rows"] == 4
    assert run("show", "more", as_json=True)["first_rows"][0]["comment"] == "GOOD LAMP"
    code, out, _ = run("steps")
    assert code == 0 and "strip-html" in out
    assert run("clean", shop, "--step", "polish")[0] == 2 and run("clean", shop, "--step", "case", "--set", "to=sideways")[0] == 2


def test_split_by_group(run, shop):
    run("roles", shop, "--map", "group=author")
    found = run("split", shop, "--set", "method=group", "--set", "test=0.2", as_json=True)
    assert found["split"]["method"] == "group" and sum(found["parts"].values()) == 118 and found["parts"]["test"] >= 16
    run("roles", shop, "--map", "group=")  # refused: the split needs it
    assert run("split", shop, as_json=True)["split"]["method"] == "group"
    code, _, err = run("split", shop, "--set", "method=sideways")
    assert code == 2 and "sideways" in err


def test_label_by_hand(run, shop):
    first = run("label", shop, as_json=True)["ask"][0]
    assert run("label", shop, "--row", str(first), "--label", "mixed", as_json=True)["answered"] == 1
    left = run("label", shop, "--finish", as_json=True)
    assert "mixed" in left["labels"]
    assert run("search", shop, where(first), as_json=True)["found"] >= 1
    assert run("show", shop, as_json=True)["labels"]["mixed"] >= 1
    assert run("label", shop, "--row", "999", "--label", "x")[0] == 2


def where(row):
    return f"week {row - 1}"


def test_whole_data_sets(run, shop, tmp_path):
    assert run("copy", shop, "second", as_json=True)["rows"] == 121
    assert run("rename", "second", "third", as_json=True)["name"] == "third"
    assert run("sample", shop, "30", "--name", "few", as_json=True)["rows"] == 30
    assert run("merge", shop, "few", "--name", "both", as_json=True)["rows"] == 151
    code, out, _ = run("write", "few", str(tmp_path / "few.jsonl"))
    assert code == 0 and "30" in out and len((tmp_path / "few.jsonl").read_text(encoding="utf-8").splitlines()) == 30
    assert run("write", "few", str(tmp_path / "few.docx"))[0] == 2 and run("sample", shop, "9999")[0] == 2
    assert {spec.name for spec in Workspace(tmp_path / "ws").datasets()} == {"shop", "third", "few", "both"}


def test_reading_options(run, tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("One paragraph\nof two lines.\n\nAnother one.\n", encoding="utf-8")
    assert run("add", str(file), "--name", "lines", as_json=True)["rows"] == 3
    assert run("add", str(file), "--name", "paragraphs", "--read", "unit=paragraph", as_json=True)["rows"] == 2
    code, _, err = run("add", str(file), "--read", "units=paragraph")
    assert code == 2 and "unit" in err
    code, _, err = run("add", "--hub", "nobody/nothing-here")
    assert code == 2 and err
    assert run("add", str(file), "--sample", "tickets")[0] == 2

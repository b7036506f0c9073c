"""`fm-gui data ...`: look at rows, check, clean, go back, split, label, copy, write; here in one process, as a person types."""

import csv
import io
import itertools
import json
import zipfile

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


def test_what_was_detected_and_what_is_missing(run, tmp_path):
    file = tmp_path / "export.csv"
    lines = ["Export of the shop;;", ";;", "text;label;note", *(f"Row {n} of the shop;{'yes' if n % 2 else 'no'};für {n}" for n in range(40)), *("a;b;c;d;e;f" for _ in range(3))]
    file.write_bytes("\n".join(lines).encode("cp1252"))
    code, out, err = run("add", str(file), "--name", "export", "--map", "label=")
    assert code == 0 and "CSV" in out and "“;”" in out and "Export of the shop" in out and ("cp1252" in out or "latin" in out)
    shown = run("show", "export", as_json=True)
    assert len(shown["skipped"]) == 3 and "3 rows could not be read" in err and err.count("export.csv") >= 3  # a sentence each
    code, out, err = run("show", "export")
    assert code == 0 and "“;”" in out and "○ text-classification" in out and "Still missing: Label" in out and "✓ masked-lm" in out and "3 rows could not be read" in err


def test_ignored_files_of_an_archive(run, tmp_path):
    with zipfile.ZipFile(tmp_path / "texts.zip", "w") as archive:
        for number in range(12):
            archive.writestr(f"{'good' if number % 2 else 'bad'}/{number}.txt", f"This is text number {number}")
        archive.writestr("licence.txt", "All yours")
    code, out, _ = run("add", str(tmp_path / "texts.zip"), "--name", "texts")
    assert code == 0 and "left out: 1 (licence.txt)" in out


def test_preview_and_paste(run, tmp_path, monkeypatch):
    file = tmp_path / "some.tsv"
    file.write_text("text\tlabel\n" + "".join(f"Row {n}\tyes\n" for n in range(30)), encoding="utf-8")
    code, out, err = run("add", str(file), "--preview")
    assert code == 0 and "Row 0" in out and "Row 9" not in out and "tab" in out and "Nothing was added" in err
    (seen,) = run("add", str(file), "--preview", as_json=True)
    assert seen["columns"] == ["text", "label"] and len(seen["rows"]) == 5 and seen["detected"]["delimiter"] == "\t"
    assert Workspace(tmp_path / "ws").datasets() == [] and run("add", "--sample", "tickets", "--preview")[0] == 2

    def piped(text):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    piped(file.read_text(encoding="utf-8"))
    spec = run("add", "-", as_json=True)
    assert (spec["name"], spec["source"], spec["rows"], spec["roles"]["label"]["column"]) == ("pasted", "pasted", 30, "label")
    piped(" \n")
    code, _, err = run("add", "-")
    assert code == 2 and "no text" in err


def test_fix_by_the_split(run, shop):
    run("roles", shop, "--map", "group=author")
    before = run("show", shop, as_json=True)
    assert {"group-leak"} <= {finding["code"] for finding in run("check", shop, as_json=True)}
    seen = run("check", shop, "--fix", "group-leak", "--preview", as_json=True)
    assert seen["split"]["method"] == "group" and sum(seen["parts"].values()) == 118
    code, out, _ = run("check", shop, "--fix", "group-leak", "--preview")
    assert code == 0 and "held back in another way" in out
    assert run("show", shop, as_json=True)["split"] == before["split"]  # only shown
    code, out, _ = run("check", shop, "--fix", "group-leak", "--fix", "exact-duplicates")
    assert code == 0 and "held back in another way" in out and "120 rows" in out
    after = run("show", shop, as_json=True)
    assert after["split"]["method"] == "group" and after["parts"] != before["parts"]
    assert not {"group-leak", "exact-duplicates"} & {finding["code"] for finding in run("check", shop, as_json=True)}


def test_near_copies_are_kept_together(run, tmp_path):
    texts = [f"The {thing} of order {n * 37} came in week {n} and it was quite {word} for what we had paid, says the customer {'once' if copy else 'twice'} more"
             for n, (thing, word) in enumerate(itertools.product(["lamp", "chair", "kettle", "carpet", "mirror"], ["lovely", "awful", "dull", "large"])) for copy in (0, 1)]  # fmt: skip
    file = tmp_path / "near.csv"
    file.write_text("text\n" + "\n".join(f'"{text}"' for text in texts), encoding="utf-8")
    run("add", str(file), "--name", "near")
    found = {finding["code"]: finding for finding in run("check", "near", as_json=True)}
    assert found["near-overlap"]["values"]["split"] == "similar"
    spec = run("check", "near", "--fix", "near-overlap", as_json=True)
    assert spec["split"]["keep_similar"] and spec["rows"] == len(texts) and spec["recipe"] == []
    assert "near-overlap" not in {finding["code"] for finding in run("check", "near", as_json=True)}


def test_fix_preview(run, shop):
    seen = run("check", shop, "--fix", "empty-texts", "--preview", as_json=True)
    assert (seen["before"], seen["removed"]) == (121, 3)
    code, out, _ = run("check", shop, "--fix", "empty-texts", "--preview")
    assert code == 0 and "121 rows before, 118 after" in out and run("show", shop, as_json=True)["rows"] == 121
    code, _, err = run("check", shop, "--preview")
    assert code == 2 and "--fix" in err


def test_a_chat_is_checked_and_numbers_are_not(run, tmp_path):
    chat = tmp_path / "chat.jsonl"
    lines = [json.dumps({"messages": [{"role": "user", "content": f"Question {n} of the day, please"}, {"role": "assistant", "content": f"Answer {n * 7}"}]}) for n in range(20)]
    chat.write_text("\n".join([*lines, lines[3]]), encoding="utf-8")
    run("add", str(chat), "--name", "chat")
    found = {finding["code"]: finding for finding in run("check", "chat", as_json=True)}
    assert found["exact-duplicates"]["rows"] == [20]
    code, out, err = run("check", "chat")
    assert code == 0 and "No step can do this" not in out and "--fix exact-duplicates" in err
    assert run("check", "chat", "--fix", "exact-duplicates")[0] == 0 and run("show", "chat", as_json=True)["rows"] == 20
    numbers = tmp_path / "numbers.csv"
    numbers.write_text("a,b\n" + "".join(f"{n},{n * n}\n" for n in range(30)), encoding="utf-8")
    spec = run("add", str(numbers), "--name", "numbers", as_json=True)
    run("roles", "numbers", "--map", "text=")
    assert "text" not in run("show", "numbers", as_json=True)["roles"] and spec["rows"] == 30
    assert run("check", "numbers", as_json=True) == []
    code, out, err = run("check", "numbers")
    assert code == 0 and "not checked" in err and "Nothing suspicious" not in out


def test_options_that_do_not_go_together(run, shop):
    for words in (["versions", shop, "--undo", "--redo"], ["versions", shop, "--go", "0", "--undo"], ["label", shop, "--finish", "--label", "x"], ["label", shop, "--label", "x"]):
        code, out, err = run(*words)
        assert code == 2 and not out and len(err.strip().splitlines()) == 1 and "--" in err


def test_profile_as_text(run, shop):
    found = run("profile", shop, as_json=True)
    code, out, _ = run("profile", shop)
    assert code == 0 and f"2 labels: good ({found['labels']['counts']['good']})" in out and "bad (60)" in out
    assert f"longest {found['characters']['max']}" in out and f"median {found['characters']['median']:.0f}" in out
    assert " 0%" not in out.split("Languages:")[1].splitlines()[0].replace("100%", "") and ": \n" not in out


def test_what_is_told(run, shop):
    """A fix is told with its finding; a new name is not a new data set."""
    code, out, _ = run("check", shop)
    assert "  → Takes them out (3)." in out
    code, out, _ = run("rename", shop, "store")
    assert code == 0 and "now called “store”" in out and "Added" not in out

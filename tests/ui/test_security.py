"""Who may talk to the page: tried on the real server, as a foreign page or a rebound name would."""

import io
import json
import secrets
import socket
import zipfile
from pathlib import Path

import httpx
import pytest

from fm_gui.errors import UserError
from fm_gui.text import say
from fm_gui.ui import security
from fm_gui.ui.api import Api
from tests.ui.runs_for_tests import append_event, make_run
from tests.ui.serving import endpoints_that_take


@pytest.fixture
def ask(served):
    with httpx.Client(base_url=served.url, timeout=30) as client:
        yield client.request


# what a page of another site can send without the browser asking first
CROSS = {"content": '{"data": {}, "fn_name": "news", "component_id": 1, "session_hash": "x"}'}


@pytest.mark.parametrize("path", ["gradio_api/component_server", "gradio_api/upload", "gradio_api/queue/join"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://127.0.0.1:1"},
    ],
)
def test_another_sites_post_is_refused(ask, path, headers):
    assert ask("POST", path, headers={"content-type": "text/plain", **headers}, **CROSS).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "", "[bad"])
def test_a_foreign_name_is_refused(ask, host):
    assert ask("GET", "", headers={"host": host}).status_code == 400


def test_own_page_is_served_with_nosniff_and_may_post(ask, served):
    page = ask("GET", "")
    assert page.status_code == 200 and page.headers["x-content-type-options"] == "nosniff"
    own = {"origin": served.url.rstrip("/"), "sec-fetch-site": "same-origin"}
    assert ask("POST", "gradio_api/upload", headers=own, files={"files": ("a.csv", b"a,b\n")}).status_code == 200
    assert ask("GET", "", headers={"host": f"localhost:{served.port}"}).status_code == 200
    assert ask("POST", "gradio_api/upload", files={"files": ("a.csv", b"a,b\n")}).status_code == 200  # a script: no browser, no Origin


@pytest.mark.parametrize("path", ["/etc/passwd", "app.py", "../app.py", "http://127.0.0.1:1/", "{workspace}/runs", "{workspace}/locks"])
def test_no_path_from_a_browser_is_opened(ask, served, path):
    assert ask("GET", "gradio_api/file=" + path.format(workspace=served.workspace.root)).status_code in (403, 404)


def test_what_watches_people_is_off(ask):
    assert ask("GET", "gradio_api/monitoring").status_code in (403, 404)
    assert ask("GET", "monitoring").status_code in (403, 404)
    config = ask("GET", "config").json()
    assert not config.get("enable_monitoring") and not config.get("run_history") and not config.get("analytics_enabled")


def test_only_named_endpoints_are_public(ask):
    assert set(ask("GET", "gradio_api/info").json()["named_endpoints"]) == {f"/{name}" for name in vars(Api) if not name.startswith("_")}


def test_a_wider_bind_needs_a_password_or_a_flag():
    with pytest.raises(UserError, match="password"):
        security.check_bind("0.0.0.0", False, False)
    for host, guarded, insecure in (("127.0.0.1", False, False), ("localhost", False, False), ("0.0.0.0", True, False), ("::", False, True)):
        security.check_bind(host, guarded, insecure)


def test_a_proxys_name_is_trusted_only_when_given():
    assert security.public_hosts("https://example.org/fm") == ("example.org",)
    assert security.TrustedHost(None, hosts=("example.org",))._trusts("example.org")
    assert not security.TrustedHost(None)._trusts("example.org")
    assert security.TrustedHost(None)._trusts("192.168.1.5:7860") and security.TrustedHost(None)._trusts("[::1]:7860")


# -- names, paths and archives from outside


def call(ask, endpoint, **given):
    """A named endpoint: what it returns, or {"error": its sentence}."""
    joined = ask("POST", f"gradio_api/call/v2/{endpoint}", json=given)
    assert joined.status_code == 200, joined.text
    told = next(
        json.loads(line.removeprefix("data: "))
        for line in ask("GET", f"gradio_api/call/v2/{endpoint}/{joined.json()['event_id']}").text.splitlines()
        if line.startswith("data: ") and line != "data: null"
    )
    return told[0] if isinstance(told, list) else told


def sent(ask, name, content):
    answer = ask("POST", "gradio_api/upload", files={"files": (name, content)})
    assert answer.status_code == 200, answer.text
    return {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}


TABLE = b"text,label\n" + b"".join(b"row %d is %s,%s\n" % (n, *((b"good", b"yes") if n % 2 else (b"bad", b"no"))) for n in range(40))
OUTSIDE = ["../secret", "..", "a/../../b", "/etc", "..%2fsecret", "a\\b", "secret\x00", ".hidden", "CON/../x", "~", "\u2025/secret", ""]


def test_no_endpoint_takes_a_name_that_leaves_its_folder(ask, served):
    outside = served.workspace.root / "secret"
    outside.mkdir(exist_ok=True)
    (outside / "dataset.json").write_text("{}", encoding="utf-8")
    (outside / "config.json").write_text("{}", encoding="utf-8")
    name = "../secret"
    taking = [*endpoints_that_take("run", name), *endpoints_that_take("data", name)]
    assert len(taking) > 12
    for endpoint, given in taking:
        assert "cannot be a name" in call(ask, endpoint, **given)["error"], endpoint
    assert "error" in call(ask, "restore", name=name)
    asked = {"task": "text-classification", "data": "plain", "start": "minilm"}
    assert "error" in call(ask, "start_run", **asked | {"data": name})
    assert "error" in call(ask, "start_run", **asked | {"start": f"run:{name}"})
    assert (outside / "dataset.json").exists()


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_name_leaves_its_folder(ask, name):
    assert "cannot be a name" in call(ask, "run_status", run=name)["error"]
    assert "cannot be a name" in call(ask, "show_dataset", data=name)["error"]
    if name:  # none is given, so one is made
        assert "cannot be a name" in call(ask, "add_dataset", file=sent(ask, "table.csv", TABLE), name=name)["error"]


@pytest.mark.parametrize("name", ["../../evil.csv", "..\\..\\evil.csv", "/tmp/evil.csv", "C:\\evil.csv", "evil.csv/../../..", "\u202egpj.csv"])
def test_an_uploads_name_is_only_a_name(ask, served, name):
    answer = ask("POST", "gradio_api/upload", files={"files": (name, TABLE)})
    uploads = served.workspace.root / "cache" / "uploads"
    assert answer.status_code == 400 or uploads in Path(answer.json()[0]).resolve().parents
    assert not list(served.workspace.root.glob("evil*")) and not list(served.workspace.root.parent.glob("evil*"))


@pytest.mark.parametrize("path", [
    "gradio_api/file=../../../etc/passwd", "gradio_api/file=/proc/self/environ", "gradio_api/file=..%2f..%2f..%2fetc%2fpasswd", "gradio_api/file/etc/passwd",
    "gradio_api/file={workspace}/access.json", "gradio_api/file={workspace}/cache/uploads/../uploads.json", "gradio_api/file={workspace}/cache/uploads/..%2f..%2fsecret%2fconfig.json",
    "gradio_api/file=file:///etc/passwd", "gradio_api/file=https://example.org/", "gradio_api/file=%20https://example.org/", "gradio_api/proxy=https://example.org/",
    "static/..%2f..%2f..%2fetc%2fpasswd", "assets/..%2f..%2f..%2fetc%2fpasswd", "theme.css/../../etc/passwd", "gradio_api/custom_component/1/client/component/..%2f..%2fetc%2fpasswd",
])  # fmt: skip
def test_no_address_opens_a_file_of_the_server_or_fetches_from_elsewhere(ask, served, path):
    (served.workspace.root / "access.json").write_text("[]", encoding="utf-8")
    answer = ask("GET", path.format(workspace=served.workspace.root))
    assert answer.status_code in (400, 403, 404, 405, 422, 500) and "root:" not in answer.text, answer.status_code


def packed(**files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize("inside", ["../../../../evil.csv", "/tmp/fm-evil.csv", "..\\..\\evil.csv", "a/../../../../evil.csv"])
def test_nothing_in_an_archive_is_written_outside(ask, served, tmp_path_factory, inside):
    told = call(ask, "add_dataset", file=sent(ask, "rows.zip", packed(**{inside: TABLE})))
    assert "error" in told or told["rows"] == 40
    places = (served.workspace.root, served.workspace.root.parent, *served.workspace.root.parents[1:3], Path("/tmp"))
    assert not [file for place in places for file in place.glob("*evil.csv")]


# -- what is too large, and what is code


def test_a_request_that_is_too_large_is_refused_before_it_is_read(ask, served):
    for path, size in (("gradio_api/upload", 3 * 2**30), ("gradio_api/queue/join", 65 * 2**20), ("gradio_api/component_server", 65 * 2**20), ("login", 65 * 2**20)):
        with socket.create_connection(("127.0.0.1", served.port), timeout=30) as line:
            line.sendall(f"POST /{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n".encode())
            assert line.recv(100).startswith(b"HTTP/1.1 413"), path
    told = ask("POST", "gradio_api/queue/join", content=iter([b"x" * 2**20] * 66), headers={"content-type": "application/json"})
    assert told.status_code in (400, 413)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "weights.pt", "model.pkl", "model.ckpt", "model.h5"])
def test_weights_that_may_hold_code_are_refused(ask, served, tmp_path, name):
    call(ask, "add_dataset", file=sent(ask, "for-pickles.csv", TABLE), name="for-pickles")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    (folder / name).write_bytes(b"\x80\x04cposix\nsystem\n")
    told = call(ask, "start_run", task="text-classification", data="for-pickles", start=f"folder:{folder}")
    assert "safetensors" in told["error"], told
    assert "error" in call(ask, "add_dataset", file=sent(ask, name, b"\x80\x04\x95\x00cposix\nsystem\n"))


def test_a_models_own_code_is_refused(ask, tmp_path):
    call(ask, "add_dataset", file=sent(ask, "for-pickles.csv", TABLE), name="for-code")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bert", "auto_map": {"AutoModel": "evil.Model"}}', encoding="utf-8")
    (folder / "evil.py").write_text("raise SystemExit", encoding="utf-8")
    told = call(ask, "start_run", task="text-classification", data="for-code", start=f"folder:{folder}")
    assert "code" in told["error"], told


def test_a_folder_of_the_server_is_no_hub_data_set(ask, served):
    """The field takes an id of the hub; the library behind it would open a folder of that name."""
    config = ask("GET", "config").json()
    event = next(d["id"] for d in config["dependencies"] if str(d["api_name"]).startswith("add_from_hub"))
    for name in (str(served.workspace.root / "runs"), "../runs", "a/b/c"):
        assert run_event(ask, event, name, "", "")["error"] == say("error.hub-data-id", name=name.strip("/"))


def run_event(ask, index, *data):
    session = secrets.token_hex(6)
    assert ask("POST", "gradio_api/queue/join", json={"data": list(data), "fn_index": index, "session_hash": session}).status_code == 200
    lines = ask("GET", "gradio_api/queue/data", params={"session_hash": session}).text.splitlines()
    return next(m["output"] for line in lines if line and (m := json.loads(line.removeprefix("data: "))).get("msg") == "process_completed")


# -- HTML in everything that is shown

EVIL = "<img src=x onerror=fm_evil()>"


def test_html_in_names_cells_and_sentences_is_text(ask, served):
    """Whatever an event puts into an HTML part of the page has it escaped; everything else is sanitised by Gradio or set as text."""
    rows = "".join(f'"{EVIL} number {n}","{EVIL}{n % 2}"\n' for n in range(40)).encode()
    spec = call(ask, "add_dataset", file=sent(ask, f"{EVIL}.csv", f'"{EVIL}","label {EVIL}"\n'.encode() + rows))
    assert EVIL in spec["columns"][0]["name"] and "<" not in spec["name"]
    run = make_run(served.workspace, "hostile", "failed", error={"code": "crash", "values": {"kind": EVIL, "text": EVIL}, "sentence": EVIL})
    append_event(run, kind="sample", step=5, prompt=EVIL, text=EVIL)
    (run.path / "log.txt").write_text(EVIL, encoding="utf-8")
    config = ask("GET", "config").json()
    html = {c["id"] for c in config["components"] if c["type"] in ("html", "markdown")}
    shown, seen = 0, 0
    for event in config["dependencies"]:
        if not str(event["api_name"]).startswith(("show", "choose", "check", "look", "find")):
            continue
        ids = [i if isinstance(i, int) else i[0] for i in event["inputs"]]
        defaults = {c["id"]: c["props"].get("value") for c in config["components"]}
        names = {c["id"] for c in config["components"] if c["type"] == "radio" and c["props"].get("elem_id") in ("data-list", "data-names")}
        given = [spec["name"] if i in names else defaults[i] for i in ids]
        told = run_event(ask, event["id"], *given)
        for part, value in zip(event["outputs"], told.get("data") or []):
            text = json.dumps(value, ensure_ascii=False)
            seen += "fm_evil" in text
            if part in html and isinstance(value, str) and value[:1] not in "{[":  # JSON is drawn as text by our scripts: see tests/browser
                shown += "fm_evil" in text
                assert EVIL not in text and "<img src=x" not in text, (event["api_name"], text[:500])
    assert seen > 2 and shown > 0  # it was there, as text
    sentence = call(ask, "run_status", run=EVIL)["error"]
    assert "cannot be a name" in sentence

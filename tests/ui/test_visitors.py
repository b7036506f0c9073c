"""A demo: two visitors at once on the real server see nothing of each other, whatever way they ask, and nobody gets more than is lent."""

import asyncio
import json
import os
import secrets
import time

import httpx
import pytest
from starlette.responses import PlainTextResponse

from fm_gui import demo
from fm_gui.text import say
from fm_gui.ui import visitors as v
from fm_gui.ui import visitors_web as w
from fm_gui.workspace import Workspace
from tests.ui.runs_for_tests import make_run
from tests.ui.serving import endpoints_that_take, serving

ROWS = "review,stars\n" + "".join(f"a {'good' if n % 2 else 'bad'} lamp number {n},{'pos' if n % 2 else 'neg'}\n" for n in range(60))

MARK = {"meta": {"_type": "gradio.FileData"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("demo"), "--demo", "--trust-proxy", "127.0.0.1") as server:
        yield server


class Visitor:
    """A browser of its own, without the browser."""

    def __init__(self, server, address="192.0.2.1"):
        self.http = httpx.Client(base_url=server.url, timeout=60, headers={"x-forwarded-for": address})
        self.page = self.http.get("")
        self.root = server.workspace.root / "visitors"
        if "fm_visitor" in self.http.cookies:
            self.workspace = Workspace(self.root / v.id_of(self.http.cookies["fm_visitor"]))
            self.config = self.http.get("config").json()

    def call(self, endpoint, **given):
        """A named endpoint, as scripts call it: what it returns, or {"error": its sentence}."""
        joined = self.http.post(f"gradio_api/call/v2/{endpoint}", json=given)
        assert joined.status_code == 200, joined.text
        with self.http.stream("GET", f"gradio_api/call/v2/{endpoint}/{joined.json()['event_id']}") as stream:
            for line in stream.iter_lines():
                if line.startswith("data: ") and line != "data: null":
                    told = json.loads(line.removeprefix("data: "))
                    if isinstance(told, list):
                        return told[0] if told else None
                    return told if isinstance(told, dict) else {"error": told}

    def ask(self, name, **data):
        component = next(c["id"] for c in self.config["components"] if "news" in (c["props"].get("server_fns") or ()))
        body = {"data": {"asks": [[name, data]]}, "fn_name": "news", "component_id": component, "session_hash": secrets.token_hex(6)}
        answer = self.http.post("gradio_api/component_server", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()[0]

    def event(self, name, *data):
        """A queued event, by the stream that a page listens to; its last message."""
        session = secrets.token_hex(6)
        index = next(d["id"] for d in self.config["dependencies"] if d["api_name"] == name)
        joined = self.http.post("gradio_api/queue/join", json={"data": list(data), "fn_index": index, "session_hash": session})
        assert joined.status_code == 200, joined.text
        with self.http.stream("GET", "gradio_api/queue/data", params={"session_hash": session}) as stream:
            for line in stream.iter_lines():
                message = json.loads(line.removeprefix("data: ")) if line else {}
                if message.get("msg") == "process_completed":
                    return message["output"]

    def upload(self, name="reviews.csv", text=ROWS):
        answer = self.http.post("gradio_api/upload", files={"files": (name, text.encode())})
        return answer.json()[0] if answer.status_code == 200 else answer

    def add(self, name, text=ROWS):
        return self.call("add_dataset", file={"path": self.upload(text=text)} | MARK, name=name)


@pytest.fixture(scope="module")
def ann(server):
    visitor = Visitor(server)
    added = visitor.add("anns-secret")
    assert added.get("rows") == 60, (added, server.log.read_text(encoding="utf-8")[-3000:])
    make_run(visitor.workspace, "anns-run", "training")
    return visitor


@pytest.fixture(scope="module")
def ben(server, ann):
    visitor = Visitor(server)
    assert visitor.add("bens", ROWS.replace("lamp", "tent"))["rows"] == 60
    return visitor


def test_a_cookie_is_unguessable_and_the_browsers_alone(ann, ben):
    told = ann.page.headers["set-cookie"]
    assert "HttpOnly" in told and "SameSite=Lax" in told and len(ann.http.cookies["fm_visitor"]) == 43
    assert ann.http.cookies["fm_visitor"] != ben.http.cookies["fm_visitor"]
    assert ann.http.cookies["fm_visitor"] not in [path.name for path in ann.root.iterdir()]  # a listing of folders lets nobody in


def test_data_sets_by_endpoint_and_event(ann, ben):
    assert [spec["name"] for spec in ann.call("list_datasets")] == ["anns-secret"]
    assert [spec["name"] for spec in ben.call("list_datasets")] == ["bens"]
    for name, given in endpoints_that_take("data", "anns-secret"):
        told = ben.call(name, **given)
        assert "no data set named" in told["error"] and "anns" not in told["error"].replace("“anns-secret”", ""), told
    shows = {d["api_name"]: [None] * len(d["inputs"]) for d in ann.config["dependencies"] if str(d["api_name"]).startswith("show")}
    assert len(shows) > 8  # each tab's
    assert any("anns-secret" in json.dumps(ann.event(name, *inputs)) for name, inputs in shows.items())
    assert not any("anns-secret" in json.dumps(ben.event(name, *inputs)) for name, inputs in shows.items())


def test_runs_by_endpoint_and_by_polling(ann, ben):
    assert [run["id"] for run in ann.call("list_runs")] == ["anns-run"] and ben.call("list_runs") == []
    for name, given in endpoints_that_take("run", "anns-run"):
        assert "no run named" in ben.call(name, **given)["error"], name
    assert [row["id"] for row in ann.ask("all_runs")["rows"]] == ["anns-run"] and ben.ask("all_runs")["rows"] == []
    assert [line["id"] for line in ann.ask("running_now")["lines"]] == ["anns-run"] and ben.ask("running_now")["lines"] == []
    assert "anns-run" in json.dumps(ann.ask("run_state", run="anns-run"))
    assert "reviews" not in json.dumps(ben.ask("run_state", run="anns-run")) and "reviews" not in json.dumps(ben.ask("run_story", run="anns-run"))
    asked = {"runs": {"anns-run": 0}, "key": "loss", "keys": ["train/loss"]}
    assert "0.3" not in json.dumps(ben.ask("new_points", **asked))
    assert not (ann.workspace.run("anns-run").path / "stop").exists()


def test_what_was_deleted_is_its_owners(ann, ben):
    ann.add("anns-old")
    ann.call("delete_dataset", data="anns-old")
    assert "anns-old" in json.dumps(ann.call("list_bin")) and "anns" not in json.dumps([ben.call("list_bin"), ben.call("list_queue")])
    assert "error" in ben.call("restore", name="anns-old") and "error" in ben.call("undo_delete")
    ben.call("empty_bin")
    assert ann.call("restore", name="anns-old") == "anns-old"
    ann.call("delete_dataset", data="anns-old")


def test_files_that_were_uploaded_or_made(ann, ben):
    path = ann.upload("private.csv", "text\nonly for ann\n")
    assert "only for ann" in ann.http.get(f"gradio_api/file={path}").text
    for spelt in (path, path.replace("/", "//", 1), f"{os.path.dirname(path)}/./private.csv", path.replace("工", "%E5%B7%A5")):
        answer = ben.http.get(f"gradio_api/file={spelt}")
        assert answer.status_code in (403, 404) and "only for ann" not in answer.text
    assert "not an uploaded file" in ben.call("add_dataset", file={"path": path} | MARK, name="taken")["error"]
    assert "not an uploaded file" in ben.call("add_dataset", file={"path": path}, name="taken")["error"]
    made = ann.event("write_rows", "anns-secret", "csv")
    file = next(path for path in paths_of(made) if path.endswith(".csv"))
    assert "lamp number 1" in ann.http.get(f"gradio_api/file={file}").text
    assert ben.http.get(f"gradio_api/file={file}").status_code == 404


def test_answers_that_another_waits_for(ann, ben):
    joined = ann.http.post("gradio_api/call/v2/list_datasets", json={}).json()["event_id"]
    assert "anns-secret" in ann.http.get(f"gradio_api/call/v2/list_datasets/{joined}").text
    assert ben.http.get(f"gradio_api/call/v2/list_datasets/{joined}").status_code == 403
    session = secrets.token_hex(6)
    with ann.http.stream("GET", f"gradio_api/heartbeat/{session}") as page:
        assert page.status_code == 200
        for path in (f"gradio_api/heartbeat/{session}", f"gradio_api/queue/data?session_hash={session}"):
            with ben.http.stream("GET", path) as other:
                assert other.status_code == 403, path


def paths_of(value):
    if isinstance(value, dict):
        yield from [value["path"]] if isinstance(value.get("path"), str) else []
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from paths_of(one)


def test_without_a_cookie_nothing_is_reached(server, ann):
    stranger = httpx.Client(base_url=server.url, timeout=30, headers={"x-forwarded-for": "192.0.2.9"})
    for path in ("run/list_runs", "queue/join", "component_server", "upload", "call/list_runs"):
        answer = stranger.post(f"gradio_api/{path}", json={"data": []})
        assert answer.status_code == 403 and answer.text == say("demo.cookie")
    assert stranger.get("gradio_api/queue/data", params={"session_hash": "x"}).status_code == 403
    guessed = httpx.Client(base_url=server.url, timeout=30, cookies={"fm_visitor": v.id_of(ann.http.cookies["fm_visitor"])})
    assert guessed.post("gradio_api/run/list_runs", json={"data": []}).status_code == 403
    assert stranger.get("gradio_api/info").status_code == 200  # what there is to call is no secret


def test_who_only_looks_whether_the_page_is_up_costs_nothing(server, ann):
    before = set(ann.root.iterdir())
    for _ in range(3):
        assert httpx.head(server.url, headers={"x-forwarded-for": "198.51.100.6"}).status_code == 200
    assert set(ann.root.iterdir()) == before


def test_new_visitors_from_one_address_are_slowed_down(tmp_path):
    """Whoever comes with a cookie that nobody knows is new, made up or not."""
    owners, visitors = w.Owners([]), v.Visitors(tmp_path / "visitors")
    layer = w.Visitor(answer_all, visitors, owners)

    async def visits():
        transport = httpx.ASGITransport(layer, client=("198.51.100.7", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            tokens = [secrets.token_urlsafe(32) for _ in range(25)]
            return [(await client.get("/gradio_api/queue/status", headers={"cookie": f"fm_visitor={token}"})).status_code for token in [*tokens, tokens[0]]]

    assert asyncio.run(visits()) == [200] * 20 + [429] * 5 + [200]
    assert len(list((tmp_path / "visitors").iterdir())) == 20


async def answer_all(scope, receive, send):
    await PlainTextResponse("in")(scope, receive, send)


def test_a_space_is_a_demo_by_itself(tmp_path):
    """As the hub runs it: no argument, its proxy's words, its cookie in the frame of the hub's page."""
    with serving(tmp_path, SPACE_ID="me/fm", SPACE_HOST="me-fm.hf.space") as server:
        told = {"host": "me-fm.hf.space", "x-forwarded-proto": "https", "x-forwarded-for": "198.51.100.9"}
        client = httpx.Client(base_url=server.url, headers=told, timeout=60)
        page = client.get("")
        cookie = page.headers["set-cookie"]
        assert page.status_code == 200 and cookie.startswith("__Host-fm_visitor=") and cookie.endswith("HttpOnly; SameSite=None; Secure; Partitioned")
        assert "frame-ancestors" not in str(page.headers) and "git clone https://huggingface.co/spaces/me/fm" in page.text
        client.headers["cookie"] = cookie.partition(";")[0]
        assert client.post("gradio_api/run/list_runs", json={"data": []}, headers={"origin": "https://me-fm.hf.space"}).json()["data"] == [[]]
        assert client.post("gradio_api/run/list_runs", json={"data": []}, headers={"origin": "https://evil.example"}).status_code == 403
        assert client.get("", headers={"host": "evil.example"}).status_code == 400
        assert len(list((server.workspace.root / "visitors").iterdir())) == 1


def test_another_visitors_page_is_not_acted_for(server, ann, ben):
    """A page's session holds what its parts remember, so an event that names it comes only from its own visitor."""
    session = secrets.token_hex(6)
    index = next(d["id"] for d in ann.config["dependencies"] if d["api_name"] == "list_runs")
    body = {"data": [], "fn_index": index, "session_hash": session}
    assert "anns-run" in ann.http.post("gradio_api/run/list_runs", json=body).text
    told = ben.http.post("gradio_api/run/list_runs", json=body)
    assert told.status_code == 500 and "anns" not in told.text


def test_uploads_are_small(server):
    visitor = Visitor(server, "198.51.100.8")
    answer = visitor.upload("big.csv", "x" * (demo.LIMITS.upload + 1000))
    assert answer.status_code == 413 and answer.text == say("access.large", limit="10 MB")
    assert not list((server.workspace.root / "cache" / "uploads").rglob("*big*"))


def test_nothing_is_read_from_the_server_or_downloaded(server, ben):
    for start in ("folder:/etc", "hub:someone/model", f"folder:{server.workspace.root}"):
        assert "This demo takes nothing from" in ben.call("start_run", task="text-classification", data="bens", start=start)["error"]
    from_hub = next(d["api_name"] for d in ben.config["dependencies"] if str(d["api_name"]).startswith("add_from_hub"))
    assert "This demo takes nothing from" in json.dumps(ben.event(from_hub, "/etc", "", ""))


def test_training_is_small_and_bounded_and_takes_turns(server, ben):
    asked = {"task": "text-classification", "data": "bens"}
    assert "too large for this demo" in ben.call("start_run", **asked, start="scratch", settings={"size": "30m", "architecture": "bert"})["error"]
    started = ben.call("start_run", **asked, start="minilm", preset="best", settings={"batch_size": 4096, "device": "cpu"}, name="first")
    assert started == "first"
    run = ben.workspace.run("first")
    try:
        train = run.config.train
        assert train.batch_size == demo.LIMITS.batch and train.device == "cpu"
        assert (train.minutes or 99) <= demo.LIMITS.minutes or 0 < train.max_steps <= demo.LIMITS.steps
        make_run(ben.workspace, "second", "training")
        assert "2 trainings" in ben.call("start_run", **asked, start="minilm", preset="quick")["error"]
        assert "2 trainings" in ben.call("resume_run", run="first")["error"]
        end = time.monotonic() + 60
        while run.status().state in ("queued",) and time.monotonic() < end:
            time.sleep(0.2)
        locks = server.workspace.root / "locks"
        assert list(locks.glob("*cpu.lock")) and not list((ben.workspace.root / "locks").glob("*cpu.lock"))  # shared with all visitors
    finally:
        ben.call("stop_run", run="first")
        run.wait(60)

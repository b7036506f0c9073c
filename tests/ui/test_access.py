"""Signing in, slowed-down guessing, quotas; behind a real reverse proxy, by TLS, and how the server ends."""

import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
import psutil
import pytest
import uvicorn
from filelock import FileLock
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

import app
from fm_gui import access
from fm_gui.errors import UserError
from fm_gui.files import read_json
from fm_gui.runs import Run
from fm_gui.text import say
from fm_gui.ui import security
from fm_gui.workspace import Workspace
from tests.ui.serving import ROOT, free_port, serving

PASSWORD = "correct horse"

# -- people and their passwords


def test_a_password_is_kept_as_a_salted_hash_only(tmp_path):
    people = access.People(tmp_path)
    people.add("ann", PASSWORD, quota=5)
    people.add("李雷", PASSWORD)
    text = (tmp_path / "access.json").read_text(encoding="utf-8")
    kept = read_json(tmp_path / "access.json")
    assert PASSWORD not in text and kept[0]["password"] != kept[1]["password"] and kept[0]["password"].startswith("scrypt$32768$8$3$")
    assert os.stat(tmp_path / "access.json").st_mode & 0o077 == 0
    assert people.check("ann", PASSWORD) and people.check("李雷", PASSWORD)
    assert not people.check("ann", PASSWORD + " ") and not people.check("bob", PASSWORD) and not people.check("", "")


def test_people_change_while_the_server_runs(tmp_path):
    server, terminal = access.People(tmp_path, "of the start"), access.People(tmp_path)
    assert server.check("fm", "of the start") and not terminal.all()
    terminal.add("ann", PASSWORD)
    assert server.check("ann", PASSWORD) and [person.name for person in server.all()] == ["ann", "fm"]
    terminal.add("ann", "another password")
    assert not server.check("ann", PASSWORD) and server.check("ann", "another password")
    terminal.remove("ann")
    assert not server.find("ann") and server.check("fm", "of the start")
    with pytest.raises(UserError, match="Nobody is called"):
        terminal.remove("ann")


def test_what_will_not_do_is_refused(tmp_path):
    people = access.People(tmp_path)
    for name, password, told in (("ann", "short", "at least 8"), ("../ann", PASSWORD, "cannot be a name"), ("", PASSWORD, "cannot be a name")):
        with pytest.raises(UserError, match=told):
            people.add(name, password)
    (tmp_path / "access.json").write_text("[{", encoding="utf-8")
    with pytest.raises(UserError, match="nobody is let in"):
        access.People(tmp_path).all()
    (tmp_path / "access.json").write_text('[{"name": "ann"}]', encoding="utf-8")
    with pytest.raises(UserError, match="nobody is let in"):
        access.People(tmp_path).all()


def test_sizes_as_people_write_them():
    assert [access.bytes_of(size) for size in ("", "0", "1024", "500mb", "2 GB", "1.5g", "3KiB")] == [0, 0, 1024, 500 * 2**20, 2 * 2**30, 3 * 2**29, 3072]
    for wrong in ("much", "-1", "5 bananas", "1e9"):
        with pytest.raises(UserError, match="is not a size"):
            access.bytes_of(wrong)


def command(*arguments, folder, given=""):
    return subprocess.run(
        [sys.executable, "-m", "fm_gui", "access", *arguments, "--workspace", str(folder)],
        input=given, capture_output=True, text=True, encoding="utf-8", cwd=ROOT, timeout=60,
    )  # fmt: skip


def test_from_the_terminal(tmp_path):
    assert command("add", "ann", "--password-stdin", "--quota", "2gb", folder=tmp_path, given=PASSWORD + "\n").returncode == 0
    told = command("list", "--json", folder=tmp_path)
    assert json.loads(told.stdout)[0]["quota"] == 2 * 2**30 and "scrypt" not in told.stdout
    assert access.People(tmp_path).check("ann", PASSWORD)
    refused = command("add", "bob", "--password-stdin", folder=tmp_path, given="short\n")
    assert refused.returncode == 2 and refused.stderr.strip() == say("error.password-short", least=8)
    assert command("remove", "ann", folder=tmp_path).returncode == 0 and not access.People(tmp_path).all()


# -- guessing, asking, uploading too much


def test_each_guess_takes_longer_and_a_right_one_ends_it():
    attempts = access.Attempts(free=3, longest=100)
    waits = []
    now = 0.0
    for _ in range(12):
        now += attempts.wait("x", now)
        attempts.count("x", now)
        waits.append(attempts.wait("x", now))
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 64, 100, 100, 100]
    assert attempts.wait("y", now) == 0
    assert attempts.wait("x", now + 3601) == 0  # forgotten
    attempts.forget("x")
    assert attempts.wait("x", now) == 0


def test_what_is_remembered_of_guesses_and_requests_is_bounded():
    attempts, rate = access.Attempts(most=50), access.Rate(1, 1, most=50)
    for n in range(500):
        attempts.count(str(n), 0.0)
        rate.take(str(n), 0.0)
    assert len(attempts._failed) == len(rate._left) == 50


def test_requests_are_bounded_in_the_long_run():
    rate = access.Rate(per_second=2, burst=10)
    assert [rate.take("a", 0.0) for _ in range(10)] == [0] * 10 and rate.take("a", 0.0) == 0.5
    assert rate.take("b", 0.0) == 0
    assert sum(rate.take("a", 1 + n / 100) == 0 for n in range(1000)) == pytest.approx(22, abs=2)  # 11 seconds later, at 2 a second


def test_uploads_are_counted_over_a_restart(tmp_path):
    ledger, file = access.Ledger(tmp_path / "cache" / "uploads.json"), tmp_path / "a.csv"
    file.write_bytes(b"x")
    ledger.add("ann", 700, [str(file)], now=0.0)
    ledger.coming("ann", 50)
    again = access.Ledger(tmp_path / "cache" / "uploads.json")
    assert ledger.used("ann", 10.0) == (750, 750) and again.used("ann", 10.0) == (700, 700) and again.used("bob", 10.0) == (0, 0)
    assert again.used("ann", 3601.0) == (700, 0)  # an hour later only what still lies there
    file.unlink()
    assert again.used("ann", 10.0) == (0, 700)


# -- the server, behind a proxy that takes a sub-path away


def proxy(target: str, prefix: str) -> Starlette:
    """What nginx does with ``proxy_pass http://127.0.0.1:7860/`` and the usual three headers, the Host changed to the inner one."""
    forgetful = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # else it would send one caller's cookie for the next
    client = httpx.AsyncClient(base_url=target, timeout=60, cookies=forgetful)

    async def forward(request: Request) -> StreamingResponse:
        headers = [(name, value) for name, value in request.headers.items() if name not in ("host", "x-forwarded-for", "connection")]
        caller = request.headers.get("x-test-caller", request.client.host)
        before = request.headers.get("x-forwarded-for")
        headers += [("x-forwarded-for", f"{before}, {caller}" if before else caller)]  # as $proxy_add_x_forwarded_for
        headers += [("x-forwarded-proto", "http"), ("x-forwarded-host", request.headers["host"])]
        url = httpx.URL(target.rstrip("/") + request.url.path.removeprefix(prefix), query=request.url.query.encode())
        answer = await client.send(client.build_request(request.method, url, headers=headers, content=request.stream()), stream=True)
        kept = {name: value for name, value in answer.headers.items() if name not in ("transfer-encoding", "set-cookie")}
        response = StreamingResponse(answer.aiter_raw(), answer.status_code, headers=kept, background=BackgroundTask(answer.aclose))
        for cookie in answer.headers.get_list("set-cookie"):
            response.headers.append("set-cookie", cookie)
        return response

    return Starlette(routes=[Route(prefix + "/{path:path}", forward, methods=["GET", "POST", "HEAD"])])


@contextmanager
def running(app: Starlette, port: int):
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_level="warning", proxy_headers=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    """The server with people, reached only as http://localhost:PORT/team/fm/."""
    folder, port = tmp_path_factory.mktemp("proxied"), free_port()
    people = access.People(Workspace(folder / "工作 区").root)
    for name in ("ann", "bob", "cat", "dan"):
        people.add(name, PASSWORD)
    people.add("eve", PASSWORD, hourly=3000)
    arguments = ("--root-path", f"http://localhost:{port}/team/fm", "--trust-proxy", "127.0.0.1", "--quota", "20000")
    with serving(folder, *arguments) as server, running(proxy(server.url, "/team/fm"), port):
        yield f"http://localhost:{port}/team/fm/", server, people


def person(base, name="", password=PASSWORD, caller="203.0.113.1"):
    client = httpx.Client(base_url=base, timeout=30, headers={"x-test-caller": caller, "accept-language": "en"})
    return client, client.post("login", data={"username": name, "password": password}) if name else None


def test_the_page_works_under_a_sub_path(proxied):
    base, server, _ = proxied
    stranger, _ = person(base)
    page = stranger.get("")
    assert page.status_code == 200 and '"auth_required":true' in page.text.replace(" ", "")
    for path in ("config", "gradio_api/info", "gradio_api/file=/etc/passwd"):
        assert stranger.get(path).status_code == 401
    for path in ("gradio_api/upload", "gradio_api/component_server", "gradio_api/queue/join", "gradio_api/run/list_runs"):
        assert stranger.post(path, json={"data": []}).status_code == 401
    ann, told = person(base, "ann")
    assert told.status_code == 200
    config = ann.get("config").json()
    assert config["root"] == base.rstrip("/") and config["username"] == "ann"
    assert ann.post("gradio_api/run/list_runs", json={"data": []}).json()["data"] == [[]]
    own = {"origin": base.split("/team")[0], "sec-fetch-site": "same-origin"}
    sent = ann.post("gradio_api/upload", files={"files": ("a.csv", b"a,b\n")}, headers=own)
    assert sent.status_code == 200 and ann.get(f"gradio_api/file={sent.json()[0]}").content == b"a,b\n"
    component = next(c["id"] for c in config["components"] if "running_now" in (c["props"].get("server_fns") or ()))
    body = {"data": {}, "fn_name": "running_now", "component_id": component, "session_hash": secrets.token_hex(6)}
    assert ann.post("gradio_api/component_server", json=body, headers=own).json()["lines"] == []
    for foreign in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        for path in ("gradio_api/upload", "gradio_api/component_server", "gradio_api/queue/join", "login"):
            assert ann.post(path, json=body, headers=foreign).status_code == 403, (path, foreign)
    rebound = httpx.get(server.url, headers={"x-forwarded-host": "evil.example"})  # a foreign name that leads to the proxy
    assert rebound.status_code == 400


def test_session_cookies_stay_at_home(proxied):
    base, _, _ = proxied
    _, told = person(base, "ann")
    for cookie in told.headers.get_list("set-cookie"):
        assert "SameSite=Lax" in cookie and "HttpOnly" in cookie and "none" not in cookie.lower()


def test_guessing_is_slowed_down_by_address(proxied):
    base, _, _ = proxied
    statuses = [person(base, f"nobody{n}", caller="203.0.113.50")[1] for n in range(6)]
    assert [told.status_code for told in statuses] == [400] * 5 + [429]
    told = statuses[-1]
    assert told.json()["detail"] == say("access.wait", seconds=int(told.headers["retry-after"]))
    spoofed = httpx.post(base + "login", data={"username": "ann", "password": "wrong"}, headers={"x-test-caller": "203.0.113.50", "x-forwarded-for": "8.8.8.8"})
    assert spoofed.status_code == 429  # what the caller says of itself does not count, only what the proxy adds
    chinese = httpx.post(base + "login", data={"username": "x", "password": "y"}, headers={"x-test-caller": "203.0.113.50", "accept-language": "zh-CN"})
    assert "秒后再试" in chinese.json()["detail"]
    assert person(base, "ann", caller="203.0.113.51")[1].status_code == 200


def test_guessing_is_slowed_down_by_name_and_its_owner_gets_in_again(proxied):
    base, _, _ = proxied
    statuses = [person(base, "bob", "wrong password", caller=f"203.0.113.{100 + n}")[1].status_code for n in range(6)]
    assert statuses == [400] * 5 + [429]
    assert person(base, "bob", caller="203.0.113.120")[1].status_code == 429
    end = time.monotonic() + 20
    while (told := person(base, "bob", caller="203.0.113.120")[1]).status_code == 429 and time.monotonic() < end:
        time.sleep(0.3)
    assert told.status_code == 200


def test_many_guesses_at_once_are_not_free(proxied):
    base, _, _ = proxied
    found = []
    threads = [threading.Thread(target=lambda n=n: found.append(person(base, "cat", f"guess {n}", caller="203.0.113.60")[1].status_code)) for n in range(12)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert found.count(400) == 5 and found.count(429) == 7


def test_whoever_is_removed_is_out_at_once(proxied):
    base, _, people = proxied
    dan, _ = person(base, "dan")
    assert dan.get("config").status_code == 200
    people.remove("dan")
    assert dan.get("config").status_code == 401


def upload(client, size, name="a.csv"):
    return client.post("gradio_api/upload", files={"files": (name, secrets.token_bytes(size))})


def test_uploads_stay_within_the_quota_of_each_person(proxied):
    base, server, _ = proxied
    (bob, _), (eve, _) = person(base, "ann", caller="203.0.113.2"), person(base, "eve", caller="203.0.113.2")
    assert upload(eve, 2000).status_code == 200
    told = upload(eve, 2000)
    assert told.status_code == 413 and told.text == say("access.hourly", limit="1 MB")
    assert upload(bob, 12_000, "first.csv").status_code == 200
    told = upload(bob, 12_000, "second.csv")
    assert told.status_code == 413 and told.text == say("access.quota", limit="1 MB")

    def unsaid(size):  # without Content-Length
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="third.csv"\r\n\r\n'
        for _ in range(size // 1000):
            yield b"x" * 1000
        yield b"\r\n--b--\r\n"

    told = bob.post("gradio_api/upload", content=unsaid(100_000), headers={"content-type": "multipart/form-data; boundary=b"})
    assert told.status_code in (400, 413) and say("access.quota", limit="1 MB") in told.text
    uploads = server.workspace.root / "cache" / "uploads"
    assert [file.name for file in uploads.rglob("*") if file.is_file() and file.stat().st_size > 3000] == ["first.csv"]
    next(uploads.rglob("first.csv")).unlink()
    assert upload(bob, 12_000, "second.csv").status_code == 200


def test_strangers_are_slowed_down_and_people_are_not(proxied):
    base, _, _ = proxied
    ann, _ = person(base, "ann", caller="203.0.113.70")
    stranger, _ = person(base, caller="203.0.113.70")
    statuses = [stranger.get("gradio_api/app_id").status_code for _ in range(800)]
    assert 429 in statuses and statuses[:500] == [200] * 500
    told = next(answer for _ in range(800) if (answer := stranger.get("gradio_api/app_id")).status_code == 429)
    assert told.text == say("access.slow", seconds=int(told.headers["retry-after"]))
    assert all(ann.get("gradio_api/app_id").status_code == 200 for _ in range(50))


# -- without a proxy, by TLS; and the end


def test_a_certificate_that_cannot_be_used_is_told(tmp_path):
    (tmp_path / "wrong.pem").write_text("nothing", encoding="utf-8")
    for arguments in (["--ssl-certfile", "missing.pem"], ["--ssl-certfile", str(tmp_path / "wrong.pem")], ["--ssl-keyfile", "k.pem"]):
        with pytest.raises(UserError) as told:
            app.check_certificate(app.parse(arguments))
        assert str(told.value) == say("error.tls-file", path=arguments[1])


@pytest.fixture
def certificate(tmp_path):
    """A self-signed one for 127.0.0.1, valid for a day."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=fm", "-addext", "subjectAltName=IP:127.0.0.1",
               "-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("openssl is not installed, so there is no certificate to try")
    return tmp_path / "cert.pem", tmp_path / "key.pem"


def test_tls_a_password_of_the_start_and_an_end_that_leaves_training_running(certificate, tmp_path):
    cert, key = certificate
    context = ssl.create_default_context(cafile=str(cert))
    arguments = ("--ssl-certfile", str(cert), "--ssl-keyfile", str(key))
    with serving(tmp_path, *arguments, scheme="https", FM_GUI_PASSWORD=PASSWORD) as server:
        client = httpx.Client(base_url=server.url, verify=context, timeout=30)
        assert client.get("config").status_code == 401
        spoofed = [client.post("login", data={"username": "fm", "password": "no"}, headers={"x-forwarded-for": f"8.8.8.{n}"}).status_code for n in range(6)]
        assert spoofed == [400] * 5 + [429]  # nobody stands before this server, so the header is made up
        time.sleep(1.1)
        told = client.post("login", data={"username": "fm", "password": PASSWORD})
        assert told.status_code == 200 and all("Secure" in cookie for cookie in told.headers.get_list("set-cookie"))
        assert client.get("config").json()["root"].startswith("https://")
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{server.port}/", timeout=10)
        assert PASSWORD not in server.log.read_text(encoding="utf-8")
        ends_well_and_leaves_training(server, client)


def ends_well_and_leaves_training(server, client):
    busy = FileLock(server.workspace.root / "locks" / f"{socket.gethostname()}.cpu.lock")
    busy.acquire()  # so that the worker waits its turn for as long as we look
    sent = {"data": ["tickets"]}
    assert client.post("gradio_api/run/add_sample", json=sent).status_code == 200
    asked = {"task": "text-classification", "data": "tickets", "start": "minilm", "name": "going", "settings": {"device": "cpu"}}
    client.post("gradio_api/call/v2/start_run", json=asked)
    run = Run(server.workspace.root / "runs" / "going")
    end = time.monotonic() + 60
    while not (run.path / "process.json").exists() or not run.status().devices:
        assert time.monotonic() < end, server.log.read_text(encoding="utf-8")
        time.sleep(0.1)
    try:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        assert "Traceback" not in server.log.read_text(encoding="utf-8")
        assert run.has_worker and run.status().state in run.ACTIVE, run.log_tail()
        assert not [p for p in psutil.process_iter(["cmdline"]) if str(server.port) in (p.info["cmdline"] or [])]
    finally:
        run.stop()
        run.wait(60)
        busy.release()


# -- what stands at the start


def test_who_may_listen_how(tmp_path):
    for proxies in ("nginx", "10.0.0.0/99", "127.0.0.1,*"):
        with pytest.raises(UserError, match="not an address or network"):
            security.trusted_proxies(proxies)
    assert security.trusted_proxies("10.0.0.1,192.168.0.0/16") == "10.0.0.1,192.168.0.0/16"


def test_a_space_is_a_demo_unless_its_owner_set_a_password(monkeypatch):
    monkeypatch.delenv("FM_GUI_PASSWORD", raising=False)
    assert not app.is_public_demo(app.parse([]))
    monkeypatch.setenv("SPACE_ID", "me/space")
    assert app.is_public_demo(app.parse([])) and app.parse([]).host == "0.0.0.0"
    assert security.trusted_proxies("").startswith("127.0.0.0/8")
    monkeypatch.setenv("FM_GUI_PASSWORD", PASSWORD)
    assert not app.is_public_demo(app.parse([])) and app.is_public_demo(app.parse(["--demo"]))

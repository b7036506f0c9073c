"""Signing in and uploading at the real server, reached through a real reverse proxy under a sub-path, and by TLS; and how it ends."""

import os
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
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
from fm_gui.runs import Run
from fm_gui.text import say
from fm_gui.workspace import Workspace
from tests.ui.serving import ROOT, free_port, serving

PASSWORD = "correct horse"

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
    component = next(c["id"] for c in config["components"] if "news" in (c["props"].get("server_fns") or ()))
    body = {"data": {"asks": [["running_now", {}]]}, "fn_name": "news", "component_id": component, "session_hash": secrets.token_hex(6)}
    assert ann.post("gradio_api/component_server", json=body, headers=own).json()[0]["lines"] == []
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


def first_refused(guess, most=15):
    """(how many guesses passed, the answer to the next): each wait is twice as long, so that a slow machine meets one too."""
    for count in range(most):
        if (told := guess(count)).status_code == 429:
            return count, told
        assert told.status_code == 400, told.text
    raise AssertionError(f"{most} guesses and no end")


def test_guessing_is_slowed_down_by_address(proxied):
    base, _, _ = proxied
    # what the caller says of itself does not count, only what the proxy adds
    said = [{"x-test-caller": "203.0.113.50", "accept-language": "zh-CN" if n > 4 else "en", "x-forwarded-for": f"8.8.8.{n}"} for n in range(15)]
    count, told = first_refused(lambda n: httpx.post(base + "login", data={"username": f"nobody{n}", "password": "wrong"}, headers=said[n], timeout=60))
    assert count >= 5 and told.json()["detail"] == say("access.wait", "zh", seconds=int(told.headers["retry-after"]))
    assert person(base, "ann", caller="203.0.113.51")[1].status_code == 200


def test_guessing_is_slowed_down_by_name_and_its_owner_gets_in_again(proxied):
    base, _, _ = proxied
    count, _ = first_refused(lambda n: person(base, "bob", "wrong password", caller=f"203.0.113.{100 + n}")[1])
    assert count >= 5
    end = time.monotonic() + 90
    while (told := person(base, "bob", caller="203.0.113.120")[1]).status_code == 429 and time.monotonic() < end:
        time.sleep(0.3)
    assert told.status_code == 200


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


def test_who_has_not_signed_in_reaches_only_the_form(proxied):
    """Gradio itself leaves these open: to end another's event, to hold connections, to hear who is there."""
    base, _, _ = proxied
    stranger, _ = person(base)
    for path in ("gradio_api/cancel", "gradio_api/reset", "gradio_api/stream/x", "gradio_api/vibe-edit"):
        assert stranger.post(path, json={"session_hash": "x", "fn_index": 0, "event_id": "x"}).status_code == 401, path
    for path in ("gradio_api/heartbeat/x", "gradio_api/token", "gradio_api/queue/status", "monitoring/x", "gradio_api/stream/a/b/1/playlist.m3u8", "x/assets/x"):
        assert stranger.get(path).status_code == 401, path
    large = stranger.post("login", data={"username": "ann", "password": "x" * 100_000})
    assert large.status_code == 413 and stranger.get("gradio_api/app_id").status_code == 200


def test_a_session_ends_by_signing_out_and_by_a_new_password(proxied):
    base, _, people = proxied
    (here, _), (there, _) = person(base, "cat", caller="203.0.113.3"), person(base, "cat", caller="203.0.113.3")
    kept = dict(here.cookies)
    here.get("config").raise_for_status()
    here.get("logout")
    stolen = httpx.Client(base_url=base, cookies=kept, timeout=30)
    assert here.get("config").status_code == 401 and stolen.get("config").status_code == 401 and there.get("config").status_code == 200
    people.add("cat", "a new password")
    assert there.get("config").status_code == 401
    assert person(base, "cat", "a new password", caller="203.0.113.3")[0].get("config").status_code == 200


# -- what the README says


@pytest.mark.skipif(not shutil.which("caddy"), reason="caddy is not installed")
def test_the_readmes_caddyfile(tmp_path):
    port, inner = free_port(), free_port()
    written = re.search(r"```caddy\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    asked = written.replace("example.org {", f"https://localhost:{port} {{\n    tls internal").replace("7860", str(inner))
    options = f"{{\n    admin off\n    skip_install_trust\n    auto_https disable_redirects\n    storage file_system {tmp_path / 'caddy'}\n}}\n"
    (tmp_path / "Caddyfile").write_text(options + asked, encoding="utf-8")
    with open(tmp_path / "caddy.txt", "wb") as log:
        caddy = subprocess.Popen(["caddy", "run", "--config", "Caddyfile"], cwd=tmp_path, stdout=log, stderr=log, env=os.environ | {"HOME": str(tmp_path)})
    base = f"https://localhost:{port}/fm/"
    try:
        with serving(tmp_path, "--root-path", base.rstrip("/"), "--trust-proxy", "127.0.0.1", port=inner, FM_GUI_PASSWORD=PASSWORD):
            client = httpx.Client(base_url=base, timeout=60, verify=False, follow_redirects=True)
            assert client.get(base.rstrip("/")).url == base and client.get("config").status_code == 401
            told = client.post("login", data={"username": "fm", "password": PASSWORD}, headers={"origin": f"https://localhost:{port}"})
            assert told.status_code == 200 and all("Secure" in cookie and "SameSite=Lax" in cookie for cookie in told.headers.get_list("set-cookie"))
            assert client.get("config").json()["root"] == base.rstrip("/")
            sent = client.post("gradio_api/upload", files={"files": ("a.csv", b"a,b\n")})
            assert client.get(f"gradio_api/file={sent.json()[0]}").content == b"a,b\n"
            joined = client.post("gradio_api/call/v2/list_runs", json={}).json()["event_id"]
            assert "event: complete" in client.get(f"gradio_api/call/v2/list_runs/{joined}").text
            guesses = first_refused(lambda n: client.post("login", data={"username": f"x{n}", "password": "no"}, headers={"x-forwarded-for": f"8.8.8.{n}"}))
            assert guesses[0] >= 5  # Caddy does not pass on what a caller says of itself
    finally:
        caddy.terminate()
        caddy.wait(20)


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


def test_tls_and_a_password_of_the_start(certificate, tmp_path):
    cert, key = certificate
    context = ssl.create_default_context(cafile=str(cert))
    arguments = ("--ssl-certfile", str(cert), "--ssl-keyfile", str(key))
    with serving(tmp_path, *arguments, scheme="https", FM_GUI_PASSWORD=PASSWORD) as server:
        client = httpx.Client(base_url=server.url, verify=context, timeout=30)
        assert client.get("config").status_code == 401
        # nobody stands before this server, so the header is made up
        guesses = first_refused(lambda n: client.post("login", data={"username": f"x{n}", "password": "no"}, headers={"x-forwarded-for": f"8.8.8.{n}"}))
        assert guesses[0] >= 5
        while (told := client.post("login", data={"username": "fm", "password": PASSWORD})).status_code == 429:
            time.sleep(0.2)
        assert told.status_code == 200 and all("Secure" in cookie for cookie in told.headers.get_list("set-cookie"))
        assert client.get("config").json()["root"].startswith("https://")
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{server.port}/", timeout=10)
        assert PASSWORD not in server.log.read_text(encoding="utf-8")


@pytest.mark.long
def test_an_end_leaves_training_running(tmp_path):
    with serving(tmp_path) as server:
        ends_well_and_leaves_training(server, httpx.Client(base_url=server.url, timeout=30))


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

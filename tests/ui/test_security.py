"""Who may talk to the page: tried on the real server, as a foreign page or a rebound name would."""

import httpx
import pytest

from fm_gui.errors import UserError
from fm_gui.ui import security


@pytest.fixture
def ask(served):
    with httpx.Client(base_url=served.url, timeout=30) as client:
        yield client.request


# what a page of another site can send without the browser asking first
CROSS = {"content": '{"data": {}, "fn_name": "all_runs", "component_id": 1, "session_hash": "x"}'}


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
    public = set(ask("GET", "gradio_api/info").json()["named_endpoints"])
    assert public == {"/" + name for name in (
        "add_dataset", "list_datasets", "offers", "start_run", "list_runs", "run_status", "run_metrics", "stop_run", "resume_run",
        "delete_run", "predict", "generate", "evaluate", "export", "show_dataset", "delete_dataset", "add_sample", "undo_delete", "run_events")}  # fmt: skip


def test_a_wider_bind_needs_a_password_or_a_flag(monkeypatch):
    monkeypatch.delenv("SPACE_ID", raising=False)
    with pytest.raises(UserError, match="password"):
        security.check_bind("0.0.0.0", "", False)
    for host, password, insecure in (("127.0.0.1", "", False), ("localhost", "", False), ("0.0.0.0", "secret", False), ("::", "", True)):
        security.check_bind(host, password, insecure)
    monkeypatch.setenv("SPACE_ID", "me/space")
    security.check_bind("0.0.0.0", "", False)


def test_a_proxys_name_is_trusted_only_when_given():
    assert security.public_hosts("https://example.org/fm") == ("example.org",)
    assert security.TrustedHost(None, hosts=("example.org",))._trusts("example.org")
    assert not security.TrustedHost(None)._trusts("example.org")
    assert security.TrustedHost(None)._trusts("192.168.1.5:7860") and security.TrustedHost(None)._trusts("[::1]:7860")

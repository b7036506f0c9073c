"""Signing in, slowed-down guessing and quotas, without a server; test_access_server.py has one."""

import asyncio
import json
import os
import subprocess
import sys
import time

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import app
from fm_gui import access
from fm_gui.data.adding import add_dataset
from fm_gui.errors import UserError
from fm_gui.files import read_json
from fm_gui.text import say
from fm_gui.ui import security
from fm_gui.ui.access import Door, Guard, address
from fm_gui.ui.access_uploads import Quota, Uploads
from fm_gui.workspace import Workspace
from tests.ui.serving import ROOT

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


# -- the door alone, by a clock that stands still


class Still:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def door(tmp_path):
    """(what a client at an address sends through the door, its guard)."""
    people = access.People(tmp_path, PASSWORD)
    guard = Guard(people, clock=Still())
    inner = Starlette(routes=[Route("/{path:path}", lambda request: PlainTextResponse("in"), methods=["GET", "POST"])], middleware=[Middleware(Door, guard=guard)])
    inner.cookie_id, inner.tokens = "x", {"a token": "fm"}

    def client(address, cookies=None):
        return httpx.AsyncClient(transport=httpx.ASGITransport(inner, client=(address, 1)), base_url="http://test", cookies=cookies)

    return client, guard


def test_strangers_are_slowed_down_and_people_are_not(door):
    client, guard = door

    async def visits():
        stranger, fm = client("203.0.113.70"), client("203.0.113.70", {"access-token-x": "a token"})
        assert [(await stranger.get("/")).status_code for _ in range(600)] == [200] * 600
        told = await stranger.get("/")
        assert told.status_code == 429 and told.text == say("access.slow", seconds=1)
        assert [(await fm.get("/anything")).status_code for _ in range(700)] == [200] * 700
        assert (await client("203.0.113.71").get("/")).status_code == 200
        guard.clock.now += 1
        assert [(await stranger.get("/")).status_code for _ in range(31)] == [200] * 30 + [429]

    asyncio.run(visits())


def test_many_guesses_at_once_are_not_free(door):
    _, guard = door

    async def guess(n):
        guard.asking({"type": "http", "client": ("203.0.113.60", 1), "headers": []})
        try:
            return await guard.check(f"name{n}", "wrong password")
        except HTTPException as refused:
            return refused.status_code

    async def all_at_once():
        return await asyncio.gather(*(guess(n) for n in range(12)))

    found = asyncio.run(all_at_once())
    assert found.count(False) == 5 and found.count(429) == 7


def test_an_address_is_a_customers():
    assert address({"client": ("203.0.113.7", 1)}) == "203.0.113.7" == address({"client": ("::ffff:203.0.113.7", 1)})
    assert address({"client": ("2001:db8::1", 1)}) == address({"client": ("2001:db8::2", 1)}) == "2001:db8::/64"


def test_a_list_of_people_that_breaks_lets_nobody_in(door, tmp_path):
    client, _ = door
    (tmp_path / "access.json").write_text("[{", encoding="utf-8")

    async def visit():
        return await client("203.0.113.7", {"access-token-x": "a token"}).get("/config")

    told = asyncio.run(visit())
    assert told.status_code == 503 and told.text == say("access.closed")


def test_uploads_side_by_side_share_the_quota(tmp_path):
    """Each is within it when it begins; together they are not."""

    async def swallow(scope, receive, send):
        while (await receive())["more_body"]:
            await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"[]"})

    uploads = Uploads(swallow, access.Ledger(tmp_path / "cache" / "uploads.json"), lambda scope: Quota(hourly=1000, once=900))

    async def one():
        left, statuses = [100] * 6, []

        async def receive():
            left.pop()
            return {"type": "http.request", "body": b"x" * 100, "more_body": bool(left)}

        async def send(message):
            statuses.append(message.get("status"))

        scope = {"type": "http", "method": "POST", "path": "/gradio_api/upload", "headers": [], "client": ("203.0.113.7", 1), "fm.person": None}
        await uploads(scope, receive, send)
        return statuses[0]

    async def both():
        return await asyncio.gather(one(), one())

    assert sorted(asyncio.run(both())) == [200, 413]
    assert uploads.ledger.used("address 203.0.113.7", time.time()) == (0, 600)  # nothing of it lies anywhere


def test_uploads_that_nothing_needs_go_after_a_day(tmp_path):
    space = Workspace(tmp_path / "工作 区")
    uploads = space.root / "cache" / "uploads"
    for name in ("a/used.csv", "b/unused.csv", "c/new.csv"):
        (uploads / name).parent.mkdir(parents=True)
        (uploads / name).write_text("text,label\n" + "a lamp,good\na tent,bad\n" * 20, encoding="utf-8")
    add_dataset(space, [uploads / "a" / "used.csv"], name="kept")
    assert (uploads / "a" / "used.csv").stat().st_nlink == 2
    access.clear(uploads, time.time())
    assert len(list(uploads.rglob("*.csv"))) == 3
    yesterday = time.time() - access.KEPT - 1
    for path in ("a/used.csv", "b/unused.csv", "a", "b"):
        os.utime(uploads / path, (yesterday, yesterday))
    access.clear(uploads, time.time())
    assert sorted(path.name for path in uploads.rglob("*.csv")) == ["new.csv", "used.csv"]
    space.delete_dataset("kept")
    space.empty_bin()
    access.clear(uploads, time.time())
    assert [path.name for path in uploads.rglob("*.csv")] == ["new.csv"]


# -- what stands at the start


def test_who_may_listen_how(tmp_path):
    for proxies in ("nginx", "10.0.0.0/99", "127.0.0.1,*"):
        with pytest.raises(UserError, match="not an address or network"):
            security.trusted_proxies(proxies)
    assert security.trusted_proxies("10.0.0.1,192.168.0.0/16") == "10.0.0.1,192.168.0.0/16"


def test_a_space_is_a_demo_unless_its_owner_has_people_sign_in(monkeypatch, tmp_path):
    nobody, one = access.People(tmp_path), access.People(tmp_path, PASSWORD)
    assert not app.is_public_demo(app.parse([]), nobody)
    monkeypatch.setenv("SPACE_ID", "me/space")
    assert app.is_public_demo(app.parse([]), nobody) and app.parse([]).host == "0.0.0.0"
    assert security.trusted_proxies("").startswith("127.0.0.0/8")
    assert not app.is_public_demo(app.parse([]), one) and app.is_public_demo(app.parse(["--demo"]), one)
    access.People(tmp_path).add("ann", PASSWORD)
    assert not app.is_public_demo(app.parse([]), nobody)


def test_a_password_of_the_start_is_no_shorter(tmp_path, capsys):
    assert app.main(["--workspace", str(tmp_path), "--password", "short", "--no-browser"]) == 1
    assert "at least 8" in capsys.readouterr().err

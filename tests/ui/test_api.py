"""The named endpoints through gradio_client, on the real server."""

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from fm_gui.files import write_json
from tests.ui.runs_for_tests import make_run


@pytest.fixture(scope="module")
def client(served, tmp_path_factory):
    return Client(served.url, verbose=False, download_files=str(tmp_path_factory.mktemp("downloads")))


@pytest.fixture(scope="module")
def reviews(client, tmp_path_factory):
    file = tmp_path_factory.mktemp("files") / "reviews.csv"
    rows = [f'"A {"good" if n % 2 else "bad"} lamp, number {n}",{"pos" if n % 2 else "neg"}' for n in range(60)]
    file.write_text("\n".join(["review,stars", *rows]), encoding="utf-8")
    return client.predict(file=handle_file(str(file)), name="api-reviews", api_name="/add_dataset")


def test_a_file_becomes_a_data_set_with_offers(client, reviews):
    assert reviews["rows"] == 60 and reviews["roles"]["text"]["column"] == "review"
    assert "api-reviews" in [spec["name"] for spec in client.predict(api_name="/list_datasets")]
    offers = {offer["task"]: offer["missing"] for offer in client.predict(data="api-reviews", api_name="/offers")}
    assert offers["text-classification"] == []


def test_mistakes_come_as_their_sentence(client, reviews):
    with pytest.raises(AppError, match="no run named “nobody”"):
        client.predict(run="nobody", api_name="/run_status")
    with pytest.raises(AppError, match="cannot be a name"):
        client.predict(run="../../etc", api_name="/run_status")
    with pytest.raises(AppError, match="no setting named “speed”"):
        client.predict(task="text-classification", data="api-reviews", settings={"speed": 1}, api_name="/start_run")
    with pytest.raises(AppError, match="learning_rate"):
        client.predict(task="text-classification", data="api-reviews", settings={"learning_rate": 7}, api_name="/start_run")


def test_what_to_start_from_is_read_as_on_the_command_line(client, reviews, served):
    asked = {"task": "text-classification", "data": "api-reviews", "preset": "quick", "api_name": "/start_run"}
    run = served.workspace.run(client.predict(start="modernbert:1m", settings={"max_steps": 1}, **asked))
    assert (run.config.model.start, run.config.model.architecture, run.config.model.size) == ("scratch", "modernbert", "1m")
    run.stop()
    with pytest.raises(AppError, match="nothing called “minilmm”.*minilm, .*modernbert"):
        client.predict(start="minilmm", **asked)
    with pytest.raises(AppError, match="no size|1m"):
        client.predict(start="modernbert:2m", **asked)
    run.wait(120)


def test_nothing_to_predict_is_a_sentence(client, served):
    make_run(served.workspace, "api-empty", "done", step=50)
    with pytest.raises(AppError, match="at least one"):
        client.predict(run="api-empty", texts=[], api_name="/predict")


def test_runs_are_listed_followed_and_deleted(client, served):
    make_run(served.workspace, "api-run", "stopped", step=50)
    assert client.predict(run="api-run", api_name="/run_status")["step"] == 50
    first = client.predict(run="api-run", api_name="/run_metrics")
    assert first["points"][0]["step"] == 1
    assert client.predict(run="api-run", offset=first["offset"], api_name="/run_metrics")["points"] == []
    assert client.predict(run="api-run", api_name="/delete_run") == "api-run"
    assert "api-run" not in [run["id"] for run in client.predict(api_name="/list_runs")]


def test_the_line_is_listed_and_moved(client, served):
    for place, name in enumerate(("api-first", "api-second")):
        run = make_run(served.workspace, name, "queued", step=0, devices=["cpu"])
        write_json(run.path / "place.json", {"order": float(place)})

    def order():
        return [one["run"] for one in client.predict(api_name="/list_queue")["waiting"]]

    assert order() == ["api-first", "api-second"]
    assert client.predict(run="api-second", how="next", api_name="/move_run")["place"] == 1 and order() == ["api-second", "api-first"]
    with pytest.raises(AppError, match="up, down, next"):
        client.predict(run="api-second", how="sideways", api_name="/move_run")
    with pytest.raises(AppError, match="no run named"):
        client.predict(run="nobody", api_name="/cancel_run")
    for name in ("api-first", "api-second"):
        write_json(served.workspace.run(name).path / "process.json", {"pid": 2**22 + 1, "create_time": 1.0})
    assert client.predict(api_name="/list_queue") == {"waiting": [], "fallen": ["api-second", "api-first"]}
    for name in ("api-first", "api-second"):
        assert client.predict(run=name, api_name="/cancel_run") == "stopped"


def test_the_outlook_of_a_resume_and_the_bin(client, served):
    run = make_run(served.workspace, "api-stopped", "stopped", train={"epochs": 4.0})
    write_json(run.path / "estimate.json", {"steps": 1000, "steps_per_epoch": 250})
    assert "2,000" in client.predict(run="api-stopped", settings={"epochs": 8}, api_name="/resume_outlook")[0]
    with pytest.raises(AppError, match="may not change"):
        client.predict(run="api-stopped", settings={"seed": 8}, api_name="/resume_run")
    assert client.predict(run="api-stopped", api_name="/discard_run") == "api-stopped"
    assert client.predict(api_name="/list_bin")[0]["name"] == "api-stopped"
    assert client.predict(name="runs.api-stopped", api_name="/restore") == "api-stopped" and run.path.exists()


def test_a_path_of_the_server_is_no_upload(client, served):
    secret = served.workspace.root / "secret.csv"
    secret.write_text("text,label\na,b\nc,d\n", encoding="utf-8")
    for sent in (
        {"path": str(secret)},
        {"path": str(secret), "meta": {"_type": "gradio.FileData"}},
        str(secret),
        {"path": f"{served.workspace.root}/cache/uploads/../../secret.csv"},
    ):
        answer = httpx.post(served.url + "gradio_api/run/add_dataset", json={"data": [sent]}, timeout=30)
        assert answer.status_code >= 400 or "error" in answer.text, answer.text
    assert "secret" not in [spec.name for spec in served.workspace.datasets()]

"""Loading what exists: real folders, refusals in one sentence, a local server in place of the hub."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from small_models import save, small

from fm_gui.config import DatasetSpec, ModelSpec, RunConfig, TrainSettings
from fm_gui.errors import UserError
from fm_gui.models import hub
from fm_gui.models.catalog import CAUSAL, CLASSIFY, MASKED

torch = pytest.importorskip("torch")

CLASSIFICATION = SimpleNamespace(head=CLASSIFY, families=("encoder", "decoder"))
MASKED_LM = SimpleNamespace(head=MASKED, families=("encoder",))
CAUSAL_LM = SimpleNamespace(head=CAUSAL, families=("decoder",))
NAMES = ["good", "bad", "so-so"]
LABELS = {"num_labels": 3, "id2label": dict(enumerate(NAMES)), "label2id": {name: i for i, name in enumerate(NAMES)}}


def add_run(workspace, name, architecture, head, **overrides):
    data = DatasetSpec(name="notes", source="notes.txt", rows=8, columns=[])
    run = workspace.new_run(RunConfig(task="t", data=data, model=ModelSpec(architecture=architecture, size="1m"), train=TrainSettings()), name)
    return save(run.path / "model", architecture, head, **overrides)


@pytest.fixture(scope="module")
def bert_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "一个 bert"
    save(folder, "bert", MASKED)
    return folder


@pytest.fixture
def folder(bert_folder, tmp_path):
    """A copy of a good model, to be damaged."""
    return shutil.copytree(bert_folder, tmp_path / "a model")


def refused(code, call, *args, **kwargs):
    """The UserError that ``call`` raises, which must have this code and a sentence in each language."""
    with pytest.raises(UserError) as problem:
        call(*args, **kwargs)
    assert problem.value.code == code, str(problem.value)
    assert str(problem.value) != problem.value.say("zh") and "{" not in str(problem.value) + problem.value.say("zh")
    json.dumps(problem.value.to_dict())
    return problem.value


# -- starts


def test_starts_of_an_empty_workspace(workspace):
    assert [(s.value, s.recommended) for s in hub.list_starts(workspace, CLASSIFICATION)] == [("minilm", True), ("scratch", False)]
    assert [(s.value, s.recommended) for s in hub.list_starts(workspace, MASKED_LM)] == [("scratch", True), ("minilm", False)]
    assert [(s.value, s.recommended) for s in hub.list_starts(workspace, CAUSAL_LM)] == [("scratch", True)]


def test_runs_are_listed_where_they_fit(workspace):
    made = {name: add_run(workspace, name, architecture, head)[0] for name, architecture, head in [
        ("my-bert", "bert", MASKED), ("my-gpt", "gpt2", CAUSAL), ("my-chat", "nanochat", CAUSAL)]}
    data = DatasetSpec(name="notes", source="notes.txt", rows=8, columns=[])
    workspace.new_run(RunConfig(task="t", data=data, model=ModelSpec(), train=TrainSettings()), "unfinished")

    listed = {task.head: {s.value for s in hub.list_starts(workspace, task) if s.kind == "run"} for task in (CLASSIFICATION, MASKED_LM, CAUSAL_LM)}
    assert listed == {CLASSIFY: {"run:my-bert", "run:my-gpt"}, MASKED: {"run:my-bert"}, CAUSAL: {"run:my-gpt", "run:my-chat"}}

    from fm_gui.text import say

    for start in hub.list_starts(workspace, CLASSIFICATION):
        for lang in ("en", "zh"):
            assert say(start.title, lang, **start.values) and say(start.about, lang, **start.values)
    start = next(s for s in hub.list_starts(workspace, CAUSAL_LM) if s.value == "run:my-gpt")
    assert say(start.title, "en", **start.values) == "Your model “my-gpt”" and "notes" in say(start.about, "zh", **start.values)
    assert start.parameters == made["my-gpt"].num_parameters()


def test_family_and_supports(workspace, folder):
    add_run(workspace, "chat", "nanochat", CAUSAL)
    assert hub.check(workspace, "minilm", "AutoModelForMaskedLM") == "encoder" and hub.check(workspace, "run:chat", "AutoModelForCausalLM") == "decoder"
    assert hub.check(workspace, f"folder:{folder}", "AutoModelForMaskedLM") == "encoder"
    assert hub.supports("roberta", CLASSIFY) and hub.supports("llama", CAUSAL) and hub.supports("distilbert", "AutoModelForTokenClassification")
    assert not hub.supports("roberta", CAUSAL) and not hub.supports("llama", MASKED) and not hub.supports("nanochat", CLASSIFY)
    assert (hub.family_of("llama"), hub.family_of("roberta")) == ("decoder", "encoder")


# -- loading


def test_a_pretrained_run_is_loaded_for_classification_with_its_body_and_a_new_seeded_head(workspace):
    for name, architecture, head in [("b", "bert", MASKED), ("m", "modernbert", MASKED), ("g", "gpt2", CAUSAL)]:
        trained, tokenizer = add_run(workspace, name, architecture, head, seed=7)
        one, loaded = hub.load(workspace, f"run:{name}", CLASSIFY, seed=1, **LABELS)
        two, _ = hub.load(workspace, f"run:{name}", CLASSIFY, seed=1, **LABELS)
        other, _ = hub.load(workspace, f"run:{name}", CLASSIFY, seed=2, **LABELS)
        body = dict(trained.base_model.named_parameters())
        for key, weight in one.base_model.named_parameters():
            if "pooler" not in key:
                assert torch.equal(weight, body[key])
        states = [model.state_dict() for model in (one, two, other)]
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
        new = [key for key in states[0] if not torch.equal(states[0][key], states[2][key])]
        assert new and all("pooler" in key or not key.startswith(one.base_model_prefix + ".") for key in new)
        assert one.config.id2label == LABELS["id2label"] and one.config.label2id == LABELS["label2id"]
        assert one.config.pad_token_id == loaded.pad_token_id == tokenizer.pad_token_id and loaded.padding_side == "right"
        batch = loaded(["The parcel", "今天天气很好！"], padding=True, return_tensors="pt")
        assert one(**batch).logits.shape == (2, 3)


def test_a_run_goes_on_where_it_was(workspace):
    for name, head in [("gpt2", CAUSAL), ("nanochat", CAUSAL), ("modernbert", MASKED)]:
        trained, tokenizer = add_run(workspace, "r-" + name, name, head, seed=3)
        model, loaded = hub.load(workspace, f"run:r-{name}", head)
        ids = tokenizer(["The parcel arrived."], return_tensors="pt")["input_ids"]
        assert torch.equal(model.eval()(input_ids=ids).logits, trained.eval()(input_ids=ids).logits)
        assert loaded.model_max_length == 32
        embedding = model.get_input_embeddings()
        assert embedding.padding_idx == (None if head == CAUSAL else 0)  # the token between documents goes on learning


def test_a_classifier_can_learn_other_classes(workspace):
    trained, _ = add_run(workspace, "c", "bert", CLASSIFY, **LABELS)
    same, _ = hub.load(workspace, "run:c", CLASSIFY, **LABELS)
    assert torch.equal(same.classifier.weight, trained.classifier.weight)
    five, _ = hub.load(workspace, "run:c", CLASSIFY, num_labels=5, id2label=dict(enumerate("abcde")), label2id={c: i for i, c in enumerate("abcde")})
    assert five.classifier.out_features == 5
    assert torch.equal(five.bert.encoder.layer[0].output.dense.weight, trained.bert.encoder.layer[0].output.dense.weight)


def test_half_precision_weights_are_loaded_in_full_precision(workspace, tmp_path):
    model, tokenizer = small("gpt2", CAUSAL)
    model.to(torch.bfloat16).save_pretrained(tmp_path / "half")
    tokenizer.save_pretrained(tmp_path / "half")
    loaded, _ = hub.load(workspace, f"folder:{tmp_path / 'half'}", CAUSAL)
    assert model.dtype == torch.bfloat16 and {weight.dtype for weight in loaded.parameters()} == {torch.float32}


def test_minilm_is_there_offline(workspace):
    before = torch.get_rng_state()
    model, tokenizer = hub.load(workspace, "minilm", CLASSIFY, seed=1, dropout=0.3, limit=64, **LABELS)
    assert torch.equal(before, torch.get_rng_state())
    assert model.classifier.out_features == 3 and tokenizer.model_max_length == 64
    assert model.config.hidden_dropout_prob == model.config.attention_probs_dropout_prob == 0.3
    assert model.dropout.p == 0.3 and model.bert.encoder.layer[0].attention.self.dropout.p == 0.3
    assert hub.load_tokenizer(workspace, "minilm").model_max_length <= 512


# -- refusals


def test_what_is_not_there(workspace, tmp_path):
    refused("start-unknown", hub.resolve, workspace, "gpt5")
    refused("run-unknown", hub.resolve, workspace, "run:none")
    refused("model-folder", hub.resolve, workspace, f"folder:{tmp_path / 'none'}")
    refused("model-folder", hub.resolve, workspace, "folder:")
    refused("model-no-config", hub.load, workspace, f"folder:{tmp_path}", MASKED)
    data = DatasetSpec(name="notes", source="notes.txt", rows=8, columns=[])
    workspace.new_run(RunConfig(task="t", data=data, model=ModelSpec(), train=TrainSettings()), "unfinished")
    refused("run-no-model", hub.load, workspace, "run:unfinished", MASKED)


def test_pickled_weights_are_refused_and_not_opened(workspace, folder):
    (folder / "model.safetensors").unlink()
    opened = folder / "opened"
    # a pickle that would make a file if anything loaded it
    (folder / "pytorch_model.bin").write_bytes(b"cos\nmkdir\n(V" + str(opened).encode("raw_unicode_escape") + b"\ntR.")
    problem = refused("model-pickled", hub.load, workspace, f"folder:{folder}", MASKED)
    assert "pytorch_model.bin" in str(problem) and ".safetensors" in str(problem) and not opened.exists()
    (folder / "pytorch_model.bin").unlink()
    refused("model-no-weights", hub.load, workspace, f"folder:{folder}", MASKED)


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_that_comes_with_a_model_is_refused_and_not_run(workspace, folder, file):
    config = json.loads((folder / file).read_text(encoding="utf-8"))
    config["auto_map"] = {"AutoConfig": "evil.EvilConfig", "AutoModelForMaskedLM": "evil.Evil", "AutoTokenizer": ["evil.T", None]}
    (folder / file).write_text(json.dumps(config), encoding="utf-8")
    (folder / "evil.py").write_text(f"open({str(folder / 'ran')!r}, 'w')", encoding="utf-8")
    for call in (lambda: hub.load(workspace, f"folder:{folder}", MASKED), lambda: hub.load_tokenizer(workspace, f"folder:{folder}")):
        refused("model-remote-code", call)
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b""])
def test_broken_config(workspace, folder, content):
    (folder / "config.json").write_bytes(content)
    refused("model-config", hub.load, workspace, f"folder:{folder}", MASKED)


@pytest.mark.parametrize("change,code", [
    ({"model_type": "wonderbert"}, "model-type"), ({"model_type": None}, "model-type"), ({"model_type": ["bert"]}, "model-type"),
    ({"hidden_size": "wide"}, "model-config"), ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "model-quantized"),
    ({"num_hidden_layers": 3}, "model-weights"), ({"hidden_size": 64}, "model-weights"), ({"num_attention_heads": 5}, "model-broken"),
])
def test_config_that_does_not_fit(workspace, folder, change, code):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | change), encoding="utf-8")
    refused(code, hub.load, workspace, f"folder:{folder}", MASKED)
    if code in ("model-type", "model-config"):
        refused(code, hub.load_tokenizer, workspace, f"folder:{folder}")


def test_damaged_weights(workspace, folder):
    whole = (folder / "model.safetensors").read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"\x00" * 100, b"<html>Not found</html>"):
        (folder / "model.safetensors").write_bytes(broken)
        refused("model-broken", hub.load, workspace, f"folder:{folder}", MASKED)
    (folder / "model.safetensors").unlink()
    (folder / "model-00001-of-00002.safetensors").write_bytes(whole)
    index = {"metadata": {}, "weight_map": {"bert.embeddings.word_embeddings.weight": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    refused("model-broken", hub.load, workspace, f"folder:{folder}", MASKED)


def test_weights_of_another_model(workspace, folder, tmp_path):
    save(tmp_path / "gpt", "gpt2", CAUSAL)
    shutil.copy(tmp_path / "gpt" / "model.safetensors", folder / "model.safetensors")
    refused("model-weights", hub.load, workspace, f"folder:{folder}", MASKED)


def test_tokenizer_missing_broken_or_of_another_model(workspace, folder):
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    whole = json.dumps(tokenizer)
    for broken in ("{}", "[]", "", whole[: len(whole) // 2], whole.replace('"WordPiece"', '"Wonder"')):
        (folder / "tokenizer.json").write_text(broken, encoding="utf-8")
        refused("model-tokenizer", hub.load, workspace, f"folder:{folder}", MASKED)
    tokenizer["added_tokens"].append(tokenizer["added_tokens"][0] | {"id": 5000, "content": "[NEW]"})
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    refused("model-mismatch", hub.load, workspace, f"folder:{folder}", MASKED)
    (folder / "tokenizer.json").unlink()
    refused("model-no-tokenizer", hub.load, workspace, f"folder:{folder}", MASKED)
    refused("model-no-tokenizer", hub.load_tokenizer, workspace, f"folder:{folder}")


def test_models_that_cannot_learn_the_task(workspace, folder):
    add_run(workspace, "chat", "nanochat", CAUSAL)
    refused("model-encoder", hub.load, workspace, "minilm", CAUSAL)
    refused("model-encoder", hub.load, workspace, f"folder:{folder}", CAUSAL)
    refused("model-head", hub.load, workspace, "run:chat", CLASSIFY)
    refused("model-head", hub.load, workspace, "run:chat", MASKED)
    problem = refused("model-context", hub.load, workspace, f"folder:{folder}", MASKED, limit=33)
    assert problem.values["most"] == 32


def test_tokenizer_without_mask_or_padding(workspace, folder):
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    (folder / "tokenizer_config.json").write_text(json.dumps({k: v for k, v in config.items() if k != "mask_token"}), encoding="utf-8")
    refused("model-no-mask", hub.load, workspace, f"folder:{folder}", MASKED)
    (folder / "tokenizer_config.json").write_text(json.dumps({k: v for k, v in config.items() if k != "pad_token"}), encoding="utf-8")
    refused("model-no-pad", hub.load, workspace, f"folder:{folder}", MASKED)


@pytest.mark.parametrize("name", ["", "a/b/c", "../etc", "a b", "https://x.y/z", "/root", "名/字", "org/..", "-x/y"])
def test_hub_names_that_cannot_be(workspace, name):
    refused("hub-id", hub.resolve, workspace, f"hub:{name}")


def test_hub_offline(workspace):
    problem = refused("hub-offline", hub.load, workspace, "hub:some-org/some-model", MASKED)
    assert "HF_HUB_OFFLINE" in str(problem)


# -- the hub, played by a server on this machine

ASK = """
import json, sys
from fm_gui.errors import UserError
from fm_gui.models import hub
from fm_gui.workspace import Workspace
workspace, answers = Workspace(sys.argv[1]), {}
for name in sys.argv[2:]:
    try:
        model, _ = hub.load(workspace, "hub:" + name, "AutoModelForMaskedLM")
        answers[name] = [type(model).__name__, sorted(file.name for file in hub.resolve(workspace, "hub:" + name).iterdir())]
    except UserError as problem:
        answers[name] = problem.code
print(json.dumps(answers))
"""


class Hub(BaseHTTPRequestHandler):
    """Enough of huggingface.co: a good model with other files beside it, a gated one, one whose files fail, one that is pickled."""

    folder: Path
    protocol_version = "HTTP/1.1"

    def answer(self, code, body=b"", **headers):
        self.send_response(code)
        for name, value in ({"X-Repo-Commit": "c" * 40, "Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self):
        files = {file.name: file.read_bytes() for file in self.folder.iterdir()}
        repo = "/".join(self.path.removeprefix("/api/models").split("/")[1:3])
        if repo in ("org/gated", "org/none"):
            error = {"org/gated": "GatedRepo", "org/none": "RepoNotFound"}[repo]
            return self.answer(403 if "gated" in repo else 404, b"{}", **{"X-Error-Code": error})
        names = ["config.json", "pytorch_model.bin"] if repo == "org/pickled" else [*files, "README.md", "run.py", "onnx/config.json"]
        if self.path.startswith("/api/models"):
            if "/tree/" in self.path:
                listing = [{"type": "file", "path": name, "size": len(files.get(name, b"x")), "oid": "0" * 40} for name in names]
                return self.answer(200, json.dumps(listing).encode())
            info = {"id": repo, "sha": "c" * 40, "siblings": [{"rfilename": name} for name in names]}
            return self.answer(200, json.dumps(info).encode())
        _, resolve, name = self.path.partition(f"/resolve/{'c' * 40}/")
        if not resolve or repo == "org/broken":
            return self.answer(404 if not resolve else 403)
        body = files.get(name, b"{}")
        return self.answer(200, body, **{"ETag": f'"{hashlib.sha1(body).hexdigest()}"'})

    do_HEAD = do_GET

    def log_message(self, *args):
        pass


@pytest.mark.slow
def test_the_hub_online(workspace, bert_folder, tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Serving", (Hub,), {"folder": bert_folder}))
    Thread(target=server.serve_forever, daemon=True).start()
    environment = dict(
        os.environ, HF_HUB_OFFLINE="0", HF_ENDPOINT=f"http://127.0.0.1:{server.server_port}", HF_HOME=str(tmp_path / "hf"),
        HF_HUB_DISABLE_XET="1", NO_PROXY="127.0.0.1", no_proxy="127.0.0.1",
    )
    command = [sys.executable, "-c", ASK, str(workspace.root)]
    names = [f"org/{name}" for name in ("good", "gated", "none", "broken", "pickled")]
    run = subprocess.run([*command, *names], env=environment, capture_output=True, text=True, timeout=240, check=False)
    server.shutdown()
    assert run.returncode == 0, run.stderr[-2000:]
    answers = json.loads(run.stdout.splitlines()[-1])
    # nothing but the config, the weights and the tokenizer was fetched
    kind, fetched = answers.pop("org/good")
    assert kind == "BertForMaskedLM" and set(fetched) <= {file.name for file in bert_folder.iterdir()}
    assert answers == {"org/gated": "hub-gated", "org/none": "hub-missing", "org/broken": "hub-failed", "org/pickled": "model-no-weights"}

    # downloaded once, it is there offline; what was not is told apart by whether the network is off or gone
    for offline, code in (("1", "hub-offline"), ("0", "hub-unreachable")):
        run = subprocess.run([*command, "org/good", "org/none"], env=environment | {"HF_HUB_OFFLINE": offline, "HF_ENDPOINT": "http://127.0.0.1:9"},
                             capture_output=True, text=True, timeout=240, check=False)
        answers = json.loads(run.stdout.splitlines()[-1])
        assert answers["org/good"][0] == "BertForMaskedLM" and answers["org/none"] == code

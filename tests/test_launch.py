"""A script starts the very run folder elsewhere: right for bash, YAML, Python and Slurm, whatever the paths are called."""

import ast
import json
import os
import re
import subprocess
import sys

import pytest
import yaml

from fm_gui import plan
from fm_gui.cli import main
from fm_gui.errors import UserError
from fm_gui.launch import Elsewhere, script
from fm_gui.workspace import Workspace
from tests.train.jobs import toy_config

SYSTEMS = ("slurm", "skypilot", "torchrun", "ray")
ODD = "it's a \"工作\" $HOME `x` 区"  # what a folder may be called, and a shell must not touch


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("launch") / ODD)


@pytest.fixture
def made(workspace):
    """A function that makes a run, not started."""

    def make(**settings):
        return plan.make(workspace, toy_config(workspace, "causal-lm", **{"device": "auto"} | settings), f"诗人-{len(workspace.runs())}")

    return make


def bash_of(system: str, text: str) -> str:
    """The bash in a script."""
    if system == "skypilot":
        return yaml.safe_load(text)["run"]
    if system == "ray":
        return next(ast.literal_eval(node.value) for node in ast.parse(text).body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SCRIPT")
    return text


def words_of(system: str, text: str, tmp_path, number: str) -> list[str]:
    """What the machine of this number would run: bash executes the script, with programs that only tell how they were called."""
    tools = tmp_path / "tools"
    tools.mkdir(exist_ok=True)
    fakes = {
        "python-there": 'printf "%s\\n" "$@"; echo "OMP=$OMP_NUM_THREADS" >&2',
        "scontrol": "printf 'node-a\\nnode-b\\n'",
        "srun": '[ "$1" = --kill-on-bad-exit=1 ] && shift; exec "$@"',
    }
    for name, body in fakes.items():
        (tools / name).write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
        (tools / name).chmod(0o755)
    place = {
        "SLURM_NODEID": number, "SLURM_JOB_NODELIST": "node-[a-b]", "SLURM_JOB_ID": "4242", "SLURM_CPUS_PER_TASK": "8",
        "SKYPILOT_NODE_RANK": number, "SKYPILOT_NODE_IPS": "node-a\nnode-b", "FIRST": "node-a", "NUMBER": number,
    }  # fmt: skip
    file = tmp_path / "script"
    file.write_text(bash_of(system, text), encoding="utf-8")
    environment = os.environ | place | {"PATH": f"{tools}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", str(file), number, "node-a"], capture_output=True, text=True, encoding="utf-8", env=environment)
    assert done.returncode == 0 and not done.stdout, done.stderr
    return done.stderr.splitlines()


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("number", ["0", "1"])
def test_each_machine_runs_torchrun_on_the_very_folder(made, tmp_path, system, number):
    run = made()
    text = script(run, system, Elsewhere(machines=2, processes=3, gpu="A100", python="python-there"))
    words_of(system, text, tmp_path, number)
    log = run.path / ("log.txt" if number == "0" else "log-1.txt")
    told = log.read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"OMP=[1-9]\d*", told.pop())
    assert told[:2] == ["-m", "torch.distributed.run"] and told[-4:] == ["-m", "fm_gui", "worker", str(run.path)]
    options = dict(zip(told[2:-4:2], told[3:-4:2], strict=True))
    assert options.pop("--master-port").isdigit() and int(options.pop("--shutdown-timeout")) >= 60
    wanted = {"--nnodes": "2", "--node-rank": number, "--nproc-per-node": "3", "--master-addr": "node-a", "--max-restarts": "0"}
    assert options == wanted


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("machines", [1, 2])
@pytest.mark.parametrize("system", SYSTEMS)
def test_every_script_is_valid_and_says_what_must_be_shared(made, tmp_path, system, machines, lang):
    run = made(device="cpu")
    text = script(run, system, Elsewhere(machines, 2), lang)
    file = tmp_path / "script"
    file.write_text(bash_of(system, text), encoding="utf-8")
    assert subprocess.run(["bash", "-n", str(file)], capture_output=True).stderr == b""
    comments = "\n".join(line for line in text.splitlines() if line.startswith("# "))
    assert str(run.path) in comments and ("on a disk they share" if lang == "en" else "共享磁盘") in comments
    if system == "torchrun":
        assert len(re.findall(r"^#   bash FILE", text, re.M)) == machines


def test_slurm_asks_for_what_is_wanted(made):
    run = made()
    text = script(run, "slurm", Elsewhere(machines=4, processes=8, hours=1.5, partition="gpu long", gpu="h100"))
    asked = re.findall(r"^#SBATCH --(.*)$", text, re.M)
    assert asked == [
        f'job-name="{run.id}"', "nodes=4", "ntasks-per-node=1", "cpus-per-task=32", "gpus-per-node=h100:8", "time=01:30:00", "signal=TERM@180", 'partition="gpu long"',
    ]  # fmt: skip
    assert text.index("#SBATCH") < text.index("set -euo")  # Slurm reads them up to the first command
    assert "gpus" not in script(made(device="cpu"), "slurm", Elsewhere())


def test_skypilot_asks_for_what_is_wanted(made):
    asked = yaml.safe_load(script(made(), "skypilot", Elsewhere(machines=2, processes=4, gpu="A100-80GB")))
    assert asked["num_nodes"] == 2 and asked["resources"] == {"accelerators": "A100-80GB:4"}
    assert "pip install" in asked["setup"] and re.fullmatch(r"[a-z][a-z0-9-]+", asked["name"])
    assert yaml.safe_load(script(made(device="cpu"), "skypilot", Elsewhere(processes=2)))["resources"] == {"cpus": "8+"}


def test_ray_asks_for_what_is_wanted(made):
    text = script(made(), "ray", Elsewhere(machines=2, processes=4))
    compile(text, "script", "exec")
    assert "MACHINES, EACH = 2, {'CPU': 16, 'GPU': 4}" in text


def test_the_workspace_may_be_elsewhere_there(made):
    run = made()
    text = script(run, "torchrun", Elsewhere(python="python-there", folder="/mnt/共享 disk/"))
    assert f"run='/mnt/共享 disk/runs/{run.id}'" in text


@pytest.mark.parametrize("there, settings, system, said", [
    (Elsewhere(), {}, "kubernetes", "slurm, skypilot"),
    (Elsewhere(processes=2), {"device": "cuda:0"}, "slurm", "--devices auto"),
    (Elsewhere(), {}, "skypilot", "--gpu A100"),
    (Elsewhere(partition="a\n#SBATCH --uid=0"), {}, "slurm", "line break"),
    (Elsewhere(folder="/mnt\nrm -rf /"), {}, "torchrun", "line break"),
    (Elsewhere(2, 2), {"shard": True, "optimizer": "muon"}, "slurm", "adamw"),
])  # fmt: skip
def test_what_cannot_be_is_said_in_a_sentence(made, there, settings, system, said):
    run = made()
    if settings:
        run.config.train = run.config.train.model_copy(update=settings)
    with pytest.raises(UserError, match=said):
        script(run, system, there)


# -- the command line


def test_from_making_a_run_to_its_script(made, workspace, tmp_path, capsys):
    made()
    file, common = tmp_path / "start 脚本.sh", ["--workspace", str(workspace.root)]
    words = ["train", "--data", "causal-lm", "--task", "causal-lm", "--model", "nanochat:1m", "--no-start", "--name", "later", *common]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--nproc", "2", "--devices", "cpu", "--shard", "--set", "optimizer=adamw", "--json"])
    assert ended.value.code == 0
    run = workspace.run(json.loads(capsys.readouterr().out)["run"])
    train = run.config.train
    assert (train.processes, train.device, train.shard) == (2, "cpu", True)
    assert run.status().state == "stopped" and not (run.path / "process.json").exists()
    with pytest.raises(SystemExit):
        main(["launch-script", "later", "--on", "torchrun", "--nproc", "2", "--out", str(file), *common])
    assert str(workspace.root) in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == script(run, "torchrun", Elsewhere(processes=2, python=sys.executable))


def test_what_cannot_train_is_refused_before_anything_is_made(made, workspace, capsys):
    made()
    before = len(workspace.runs())
    for options, said in ((["--devices", "cpu", "--shard", "--set", "optimizer=muon"], "adamw"), (["--devices", "cuda:7"], "cuda:7")):
        with pytest.raises(SystemExit) as ended:
            main(["train", "--data", "causal-lm", "--task", "causal-lm", "--nproc", "2", *options, "--workspace", str(workspace.root)])
        assert ended.value.code == 2 and said in capsys.readouterr().err
    assert len(workspace.runs()) == before

"""Scripts that train a run on other machines: the very same run folder, which they must see too, under torchrun.

Nothing is sent or copied. The machines share the workspace's folder (NFS, Lustre, a cluster's own disk), so the page shows
the curve as it grows, and Stop and Resume work from there.
"""

import json
import shlex
import sys
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from fm_gui.errors import UserError
from fm_gui.runs import Run
from fm_gui.text import say

System = Literal["slurm", "skypilot", "torchrun", "ray"]
CORES = 4  # CPU cores asked for beside each GPU
SAVING = 180  # seconds before the end of its time in which a run may save and end by itself


@dataclass(frozen=True)
class Elsewhere:
    """What the other machines are like."""

    machines: int = 1
    processes: int = 1  # on each machine: one a GPU
    hours: float = 24.0
    partition: str = ""  # Slurm's name for a group of machines; empty: its default
    gpu: str = ""  # the kind of GPU to ask for, such as A100; empty: any
    python: str = ""  # the Python there that has fm_gui; empty: this one
    folder: str = ""  # where the workspace's folder is there; empty: the same path. To the functions below: the run's folder


def script(run: Run, system: System, there: Elsewhere = Elsewhere(), lang: str = "en") -> str:
    """The text of the file that trains ``run`` there. Raises UserError if it cannot be trained so."""
    check(run, system, there)
    there = replace(there, folder=_folder(run, there), python=there.python or ("python" if system == "skypilot" else sys.executable))
    match system:
        case "slurm":
            return slurm(run, there, lang)
        case "skypilot":
            return skypilot(run, there, lang)
        case "ray":
            return ray(run, there, lang)
    return torchrun(run, there, lang)


def _folder(run: Run, there: Elsewhere) -> str:
    """The run's folder, as the other machines see it."""
    return f"{there.folder.rstrip('/')}/runs/{run.id}" if there.folder else str(run.path.resolve())


def check(run: Run, system: str, there: Elsewhere) -> None:
    """Raises UserError for what cannot be, or would fail there only after a long wait."""
    if system not in get_args(System):
        raise UserError("setting-choice", name="on", value=system, limit=", ".join(get_args(System)))
    if (state := run.status().state) == "done" or state in run.ACTIVE:
        raise UserError("run-done" if state == "done" else "launch-active", name=run.id)
    settings = run.config.train
    count, known = there.machines * there.processes, settings.device.split(",")
    if known[0] not in ("auto", "cpu") and len(known) < there.processes:
        raise UserError("launch-device", device=settings.device, count=there.processes)
    if settings.shard and count > 1 and settings.optimizer == "muon":
        raise UserError("shard-muon")
    if system == "skypilot" and on_gpu(run) and not there.gpu:
        raise UserError("launch-gpu")
    for text in (there.partition, there.gpu, there.python, _folder(run, there), run.config.model.start):
        if any(not letter.isprintable() for letter in text):  # a line of its own in a script could say anything
            raise UserError("launch-characters", value=ascii(text))


def on_gpu(run: Run) -> bool:
    return run.config.train.device != "cpu"


def port(run: Run) -> int:
    """Where the processes meet on the first machine: another for each run, so that two do not clash."""
    return 20_000 + zlib.crc32(run.id.encode()) % 10_000


# -- the parts that scripts share


def about(run: Run, there: Elsewhere, lang: str) -> list[str]:
    """What the file is, as comments."""
    needs = say("launch.needs", lang, folder=there.folder, python=there.python)
    lines = [say("launch.about", lang, run=run.id, machines=there.machines, processes=there.processes), *needs.split("\n")]
    if run.config.model.start.startswith("folder:"):
        lines.append(say("launch.needs-model", lang, folder=run.config.model.start.removeprefix("folder:")))
    lines.append(say("launch.again", lang))
    return [f"# {line}" for line in lines]


def shell(there: Elsewhere, first: str, number: str, at: str) -> list[str]:
    """Lines of bash that become machine ``number`` of the training, which meets on port ``at`` of machine ``first``."""
    count = there.processes
    return [
        f"run={shlex.quote(there.folder)}",
        f"python={shlex.quote(there.python)}",
        f"number={number}",
        'log="$run/log.txt"; [ "$number" = 0 ] || log="$run/log-$number.txt"',
        '[ "$number" != 0 ] || rm -f "$run/stop"  # of an earlier stop',
        "export PYTHONUNBUFFERED=1 PYTHONUTF8=1",
        f"export OMP_NUM_THREADS=${{OMP_NUM_THREADS:-$(( $(nproc) < {count} ? 1 : $(nproc) / {count} ))}}",
        f'exec "$python" -m torch.distributed.run --nnodes {there.machines} --node-rank "$number" --nproc-per-node {count} \\',
        f'  --master-addr "{first}" --master-port "{at}" --max-restarts 0 --shutdown-timeout {SAVING - 30} \\',
        '  -m fm_gui worker "$run" >> "$log" 2>&1',
    ]


def time_of(hours: float) -> str:
    """As Slurm writes it: 1.5 is "01:30:00"."""
    minutes = max(1, round(60 * hours))
    return f"{minutes // 60:02}:{minutes % 60:02}:00"


# -- one function a system


def torchrun(run: Run, there: Elsewhere, lang: str) -> str:
    """A script to be called on each machine with its number and the first one's address."""
    if there.machines == 1:
        use, address, number = ["#   bash FILE"], "127.0.0.1", "0"
    else:
        use = [f"#   bash FILE {number} ADDRESS" for number in range(there.machines)]
        address, number = "${2:?ADDRESS}", f'"${{1:?{say("launch.torchrun.number", lang)}}}"'
    lines = ["#!/usr/bin/env bash", *about(run, there, lang), f"# {say('launch.torchrun.use', lang)}", *use, "set -euo pipefail"]
    return "\n".join([*lines, *shell(there, address, number, str(port(run)))]) + "\n"


def slurm(run: Run, there: Elsewhere, lang: str) -> str:
    """A batch script: one task a machine, each of which becomes torchrun."""
    cores = there.processes * CORES
    asked = [
        f"--job-name={json.dumps(run.id, ensure_ascii=False)}", f"--nodes={there.machines}", "--ntasks-per-node=1", f"--cpus-per-task={cores}",
        f"--time={time_of(there.hours)}", f"--signal=TERM@{SAVING}",
    ]  # fmt: skip
    if on_gpu(run):
        asked.insert(4, f"--gpus-per-node={there.gpu + ':' if there.gpu else ''}{there.processes}")
    if there.partition:
        asked.append(f"--partition={json.dumps(there.partition, ensure_ascii=False)}")
    inside = "\n".join(shell(there, "$FIRST", '"$SLURM_NODEID"', "$PORT"))
    return "\n".join(
        [
            "#!/usr/bin/env bash",
            *(f"#SBATCH {one}" for one in asked),
            *about(run, there, lang),
            f"# {say('launch.slurm.use', lang)}",
            "set -euo pipefail",
            'export FIRST=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)',
            "export PORT=$(( 20000 + SLURM_JOB_ID % 10000 ))",
            'export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"  # srun does not take it over by itself',
            f"srun --kill-on-bad-exit=1 bash -c {shlex.quote(inside)}",
        ]
    ) + "\n"


def skypilot(run: Run, there: Elsewhere, lang: str) -> str:
    """A task of SkyPilot. Strings are written as JSON, which YAML reads as they are."""
    program = Path(__file__).resolve().parent.parent
    cores = there.processes * CORES
    wanted = f"accelerators: {json.dumps(f'{there.gpu}:{there.processes}')}" if on_gpu(run) else f'cpus: "{cores}+"'
    first = "$(echo \"$SKYPILOT_NODE_IPS\" | head -n 1)"
    body = ["set -euo pipefail", *shell(there, first, '"$SKYPILOT_NODE_RANK"', str(port(run)))]
    install = [f"{shlex.quote(there.python)} -m pip install -q -r requirements.txt -e ."]
    lines = [
        *about(run, there, lang),
        f"# {say('launch.skypilot.use', lang)}",
        f"name: fm-gui-{zlib.crc32(run.id.encode()):08x}",
        f"num_nodes: {there.machines}",
        "resources:",
        f"  {wanted}",
    ]
    if (program / "requirements.txt").exists():  # else it was installed as a package, whose source is not at hand
        lines += [f"workdir: {json.dumps(str(program), ensure_ascii=False)}", "setup: |", *(f"  {line}" for line in install)]
    return "\n".join([*lines, "run: |", *(f"  {line}" for line in body)]) + "\n"


def ray(run: Run, there: Elsewhere, lang: str) -> str:
    """A Python script: Ray chooses the machines, and runs on each what the other systems run."""
    each = {"CPU": there.processes * CORES if on_gpu(run) else there.processes} | ({"GPU": there.processes} if on_gpu(run) else {})
    body = "\n".join(["set -euo pipefail", *shell(there, "$FIRST", '"$NUMBER"', str(port(run)))])
    lines = [*about(run, there, lang), f"# {say('launch.ray.use', lang)}", f"MACHINES, EACH = {there.machines}, {each!r}", f"SCRIPT = {body!r}"]
    return "\n".join(lines) + "\n" + RAY


RAY = '''
import os
import subprocess
import sys

import ray
from ray.util.placement_group import placement_group, placement_group_table
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy


@ray.remote(max_retries=0)
def train(number, first):
    return subprocess.run(["bash", "-c", SCRIPT], env=os.environ | {"FIRST": first, "NUMBER": str(number)}).returncode


ray.init()
group = placement_group([EACH] * MACHINES, strategy="STRICT_SPREAD" if MACHINES > 1 else "PACK")
ray.get(group.ready())
addresses = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes()}
first = addresses[placement_group_table(group)["bundles_to_node_id"][0]]


def started(number):
    place = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=number)
    return train.options(num_cpus=EACH["CPU"], num_gpus=EACH.get("GPU", 0), scheduling_strategy=place).remote(number, first)


sys.exit(max(map(abs, ray.get([started(number) for number in range(MACHINES)]))))
'''

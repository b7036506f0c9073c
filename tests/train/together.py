"""Real processes that work together under torchrun: each calls the same functions, and the test sees what each got.

``torchrun ... -m tests.train.together FOLDER MODULE NAME...`` are they.
"""

import faulthandler
import importlib
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


PATIENCE = 180  # seconds, after which a rank that still works tells where it stands, and ends


def together(folder: Path, module: str, names: list[str], world: int = 2) -> dict[str, list]:
    """Name -> what the function of that name in ``module`` returned on each rank, JSON values.

    Each gets its Ranks and ``folder``. Raises AssertionError with the trace of a rank that failed.
    """
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(world), "--max-restarts", "0"]
    done = subprocess.run(
        [*command, "-m", "tests.train.together", str(folder), module, *names], capture_output=True, text=True, encoding="utf-8",
        cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=PATIENCE + 60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    results = [json.loads((folder / f"rank-{rank}.json").read_text(encoding="utf-8")) for rank in range(world)]
    return {name: [result[name] for result in results] for name in names}


def main(folder: Path, module: str, names: list[str]) -> None:
    from fm_gui.train.ranks import Ranks

    ranks = Ranks.join()
    found = {name: getattr(importlib.import_module(module), name)(ranks, folder) for name in names}
    (folder / f"rank-{ranks.rank}.json").write_text(json.dumps(found), encoding="utf-8")
    ranks.leave()


if __name__ == "__main__":
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    try:
        main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # at once: the others hear of it when the connection breaks

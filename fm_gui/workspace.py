"""The workspace: one folder on disk that holds data sets, runs, a cache and a bin.

    datasets/NAME/   dataset.json (DatasetSpec), table.arrow
    runs/ID/         one run (see runs.py)
    cache/           tokenised data and trained tokenizers, by fingerprint; safe to delete
    locks/           one lock file per device, so that runs take turns
    bin/             deleted data sets and runs, until emptied
"""

import os
import shutil
import time
from pathlib import Path

from fm_gui.config import DatasetSpec, RunConfig
from fm_gui.errors import UserError
from fm_gui.files import as_name, check_name, disk_guard, read_json, write_json
from fm_gui.runs import Run


class Workspace:
    """Handle on a workspace folder; creates it if missing. Raises UserError if that cannot be done."""

    def __init__(self, root: str | Path):
        self.root = Path(root).expanduser().resolve()
        try:
            for part in ("datasets", "runs", "cache", "locks", "bin"):
                (self.root / part).mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise UserError("workspace", path=str(self.root), reason=problem.strerror or str(problem)) from None

    @classmethod
    def default(cls) -> "Workspace":
        """The folder in FM_GUI_WORKSPACE, else this user's data folder."""
        from platformdirs import user_data_path

        return cls(os.environ.get("FM_GUI_WORKSPACE") or user_data_path("fm_gui", appauthor=False))

    # -- data sets

    def dataset_path(self, name: str) -> Path:
        """Folder of a data set that exists. Raises UserError naming the known ones otherwise."""
        path = self.root / "datasets" / check_name(name)
        if not (path / "dataset.json").exists():
            raise UserError("dataset-unknown", name=name, known=", ".join(s.name for s in self.datasets()) or "-")
        return path

    def datasets(self) -> list[DatasetSpec]:
        """All data sets, newest first."""
        specs = [DatasetSpec(**read_json(file)) for file in self.root.glob("datasets/*/dataset.json")]
        return sorted(specs, key=lambda spec: -spec.created)

    def delete_dataset(self, name: str) -> None:
        """Move a data set to the bin. Raises UserError while there is a run that goes on with it or is judged by its rows."""
        path = self.dataset_path(name)
        users = [run.id for run in self.runs() if run.config.data.name == name]
        if users:
            raise UserError("dataset-in-use", name=name, runs=", ".join(users))
        self._to_bin(path)

    # -- runs

    def new_run(self, config: RunConfig, name: str = "") -> Run:
        """Make the folder of a new run and write its config.json.

        With ``name`` that is its id (UserError if taken), else an id is made from the data set's name.
        """
        if name:
            run_id = check_name(name)
            if not self._claim(run_id):
                raise UserError("run-exists", name=run_id)
        else:
            stem, number = as_name(config.data.name, "run")[:40], 1
            while not self._claim(run_id := f"{stem}-{number}"):
                number += 1
        path = self.root / "runs" / run_id
        try:
            with disk_guard(self.root):
                write_json(path / "config.json", config.model_copy(update={"id": run_id}).model_dump(mode="json"))
        except UserError:
            shutil.rmtree(path)  # else the name would be taken by a run that nobody can see
            raise
        return Run(path)

    def _claim(self, run_id: str) -> bool:
        try:
            (self.root / "runs" / run_id).mkdir()
        except FileExistsError:
            return False
        return True

    def run(self, run_id: str) -> Run:
        """The run ``run_id``. Raises UserError naming the known ones if there is none."""
        path = self.root / "runs" / check_name(run_id)
        if not (path / "config.json").exists():
            raise UserError("run-unknown", name=run_id, known=", ".join(r.id for r in self.runs()[:12]) or "-")
        return Run(path)

    def runs(self) -> list[Run]:
        """All runs, newest first."""
        runs = [Run(file.parent) for file in self.root.glob("runs/*/config.json")]
        return sorted(filter(_still_there, runs), key=lambda run: -run.config.created)

    def delete_run(self, run_id: str) -> None:
        """Move a run to the bin. Raises UserError while it is active or another unfinished run builds on it."""
        run = self.run(run_id)
        if run.status().state in Run.ACTIVE:
            raise UserError("run-active", name=run_id)
        users = [r.id for r in self.runs() if r.config.model.start == f"run:{run_id}" and r.status().state in Run.UNFINISHED]
        if users:
            raise UserError("run-in-use", name=run_id, runs=", ".join(users))
        self._to_bin(run.path)

    # -- bin

    def _to_bin(self, path: Path) -> None:
        # renamed, so it is at once and cannot half happen; the kind and time make the name unique and sortable
        os.rename(path, self.root / "bin" / f"{time.time_ns()}.{path.parent.name}.{path.name}")

    def undo_delete(self) -> str:
        """Bring back what was deleted last and return its name. Raises UserError if the bin is empty or the name is taken."""
        kept = sorted(self.root.glob("bin/*"), key=lambda path: int(path.name.split(".")[0]))
        if not kept:
            raise UserError("bin-empty")
        _, kind, name = kept[-1].name.split(".", 2)
        if (self.root / kind / name).exists():
            raise UserError("run-exists", name=name)
        os.rename(kept[-1], self.root / kind / name)
        return name

    def empty_bin(self) -> None:
        """Delete for good what is in the bin."""
        for path in self.root.glob("bin/*"):
            shutil.rmtree(path)


def _still_there(run: Run) -> bool:
    """False for a run that another process deletes while all are listed; the config of the others is read, and kept."""
    try:
        return bool(run.config.id)
    except FileNotFoundError:
        return False

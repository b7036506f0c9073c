"""The workspace: one folder on disk that holds data sets, runs, a cache and a bin.

    datasets/NAME/   dataset.json (DatasetSpec), tables/*.arrow, its files as they came, labels given by hand
    runs/ID/         one run (see runs.py)
    cache/           tokenised data and trained tokenizers, by fingerprint; safe to delete
    locks/           lock files: one per device so that runs take turns, and those of layout.py
    bin/             deleted data sets and runs, until emptied
    workspace.json   its version (see layout.py)
"""

import errno
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from fm_gui import layout
from fm_gui.config import DatasetSpec, RunConfig
from fm_gui.errors import UserError
from fm_gui.files import as_name, check_name, disk_guard, read_json, write_json
from fm_gui.runs import Run

PARTS = ("datasets", "runs", "cache", "locks", "bin")


@dataclass(frozen=True)
class Deleted:
    """Something in the bin."""

    path: Path
    kind: str  # "datasets" or "runs"
    name: str
    time: float  # when it was deleted


def default_root() -> Path:
    """Where the workspace lies unless a folder is given."""
    from platformdirs import user_data_path

    return Path(os.environ.get("FM_GUI_WORKSPACE") or user_data_path("fm_gui", appauthor=False))


class Workspace:
    """Handle on a workspace folder; creates it if missing, follows it if it was moved, raises it to this version if it is older.

    Raises UserError if that cannot be done, and if a newer fm_gui made it.
    """

    def __init__(self, root: str | Path):
        self.root = Path(root).expanduser().resolve()
        try:
            self.root = layout.find(self.root)
            if self.writable or not self.root.exists():
                for part in PARTS:
                    (self.root / part).mkdir(parents=True, exist_ok=True)
            layout.enter(self.root)
        except OSError as problem:
            raise UserError("workspace", path=str(self.root), reason=problem.strerror or str(problem)) from None

    @classmethod
    def default(cls) -> "Workspace":
        """The folder in FM_GUI_WORKSPACE, else this user's data folder."""
        return cls(default_root())

    @property
    def words(self) -> list[str]:
        """What a command line must say so that it means this workspace: nothing for the default one."""
        return [] if default_root().expanduser().resolve() == self.root else ["--workspace", str(self.root)]

    @property
    def writable(self) -> bool:
        """False where it can only be looked at: caches are then not kept."""
        return os.access(self.root, os.W_OK)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """While this holds, nobody else makes, renames, deletes or brings back a data set or a run, or clears a table away."""
        with layout.alone(self.root, "names"), disk_guard(self.root):
            yield

    @contextmanager
    def editing(self, name: str) -> Iterator[None]:
        """While this holds, nobody else changes what is in the data set ``name``, or renames or deletes it."""
        with layout.alone(self.root, f"data-{check_name(name)}"):
            yield

    # -- data sets

    def dataset_path(self, name: str) -> Path:
        """Folder of a data set that exists. Raises UserError naming the known ones otherwise."""
        path = self.root / "datasets" / check_name(name)
        if not (path / "dataset.json").exists():
            raise UserError("dataset-unknown", name=name, known=", ".join(s.name for s in self.datasets()) or "-")
        return path

    def datasets(self) -> list[DatasetSpec]:
        """All data sets, newest first; those that cannot be read are left to `fm-gui workspace check`."""
        specs = [spec for path in self.root.glob("datasets/*/dataset.json") if (spec := read_spec(path.parent))]
        return sorted(specs, key=lambda spec: -spec.created)

    def delete_dataset(self, name: str) -> None:
        """Move a data set to the bin. Raises UserError while there is a run that goes on with it or is judged by its rows."""
        with self.editing(name), self.changing():
            path = self.dataset_path(name)
            users = [run.id for run in self.runs() if run.config.data.name == name]
            if users:
                raise UserError("dataset-in-use", name=name, runs=", ".join(users))
            self.to_bin(path)

    # -- runs

    def new_run(self, config: RunConfig, name: str = "") -> Run:
        """Make the folder of a new run and write its config.json.

        With ``name`` that is its id (UserError if taken), else an id is made from the data set's name. Raises UserError
        if the rows of ``config``, or the run it starts from, are no longer there: somebody else was faster.
        """
        with self.changing():
            self._check_ground(config)
            run_id = check_name(name) if name else self._free_id(config)
            path = self.root / "runs" / run_id
            if (path / "config.json").exists():
                raise UserError("run-exists", name=run_id)
            beside = self.root / "cache" / f"adding-{uuid.uuid4().hex}"
            try:
                beside.mkdir()
                write_json(beside / "config.json", config.model_copy(update={"id": run_id}).model_dump(mode="json"))
                os.rename(beside, path)  # at once: a run without config.json would take a name that nobody can see
            except OSError as problem:
                if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                raise UserError("run-exists", name=run_id) from None  # a damaged one, which `fm-gui workspace check` finds
            finally:
                shutil.rmtree(beside, ignore_errors=True)
            return Run(path)

    def _free_id(self, config: RunConfig) -> str:
        stem = as_name(config.data.name, "run")[:40]
        gone = {deleted.name for deleted in self.bin() if deleted.kind == "runs"}  # so that it can come back
        ids = (f"{stem}-{number}" for number in count(1))
        return next(run_id for run_id in ids if run_id not in gone and not (self.root / "runs" / run_id).exists())

    def _check_ground(self, config: RunConfig) -> None:
        data, start = config.data, config.model.start
        if data.table and not (self.root / "datasets" / data.name / "tables" / f"{data.table}.arrow").exists():
            self.dataset_path(data.name)
            raise UserError("dataset-moved-on", name=data.name)
        if start.startswith("run:"):
            self.run(start.removeprefix("run:"))

    def run(self, run_id: str) -> Run:
        """The run ``run_id``. Raises UserError naming the known ones if there is none."""
        path = self.root / "runs" / check_name(run_id)
        if not (path / "config.json").exists():
            raise UserError("run-unknown", name=run_id, known=", ".join(r.id for r in self.runs()[:12]) or "-")
        return Run(path)

    def runs(self) -> list[Run]:
        """All runs, newest first; those that cannot be read are left to `fm-gui workspace check`."""
        if not (folder := self.root / "runs").is_dir():  # of a workspace that may only be looked at
            return []
        with os.scandir(folder) as entries:
            found = [(created, run) for entry in entries if (created := _created(run := Run(entry.path))) is not None]
        return [run for _, run in sorted(found, key=lambda one: -one[0])]

    def delete_run(self, run_id: str) -> None:
        """Move a run to the bin. Raises UserError while it is active or another unfinished run builds on it."""
        run = self.run(run_id)
        with layout.alone(self.root, f"run-{run_id}"), self.changing():
            run = self.run(run_id)
            if run.status().state in Run.ACTIVE and (run.path / "status.json").exists():  # one that was never started is not at work
                raise UserError("run-active", name=run_id)
            users = [r.id for r in self.runs() if r.config.model.start == f"run:{run_id}" and r.status().state in Run.UNFINISHED]
            if users:
                raise UserError("run-in-use", name=run_id, runs=", ".join(users))
            self.to_bin(run.path)

    # -- bin

    def to_bin(self, path: Path) -> None:
        """Put the folder of a data set or a run into the bin; whoever calls holds ``changing`` and knows that nobody needs it."""
        # renamed, so it is at once and cannot half happen; the kind and time make the name unique and sortable, though a clock may be set back
        last = max((round(deleted.time * 1e9) for deleted in self.bin()), default=0)
        os.rename(path, self.root / "bin" / f"{max(time.time_ns(), last + 1_000)}.{path.parent.name}.{path.name}")

    def bin(self) -> list[Deleted]:
        """What was deleted and can be brought back, last first."""
        found = [(path, re.fullmatch(r"(\d+)\.(datasets|runs)\.(.+)", path.name)) for path in self.root.glob("bin/*")]
        return sorted((Deleted(path, m[2], m[3], int(m[1]) / 1e9) for path, m in found if m), key=lambda deleted: -deleted.time)

    def restore(self, name: str) -> str:
        """Bring back what was deleted under ``name`` (of several the last; or "datasets.NAME", "runs.NAME") and return its name.

        Raises UserError if it is not in the bin, or if its name was taken meanwhile.
        """
        with self.changing():
            found = [one for one in self.bin() if name in (one.name, f"{one.kind}.{one.name}", one.path.name)]
            if not found:
                raise UserError("bin-unknown", name=name, known=", ".join(one.name for one in self.bin()[:12]) or "-")
            return self._back(found[0])

    def undo_delete(self) -> str:
        """Bring back what was deleted last and return its name. Raises UserError if the bin is empty or the name is taken."""
        with self.changing():
            if not (found := self.bin()):
                raise UserError("bin-empty")
            return self._back(found[0])

    def _back(self, deleted: Deleted) -> str:
        if (self.root / deleted.kind / deleted.name).exists():
            raise UserError("bin-taken", name=deleted.name)
        try:
            os.rename(deleted.path, self.root / deleted.kind / deleted.name)
        except OSError as problem:
            if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # a data set that was added in this moment
                raise
            raise UserError("bin-taken", name=deleted.name) from None
        return deleted.name

    def empty_bin(self) -> None:
        """Delete for good what is in the bin."""
        for path in self.root.glob("bin/*"):
            with self.changing():
                if not path.exists():  # somebody else empties it too, or brought this one back
                    continue
                gone = self.root / "cache" / f"emptying-{uuid.uuid4().hex}"
                os.rename(path, gone)  # first out of the bin, from where half of it could be brought back
            shutil.rmtree(gone) if gone.is_dir() else gone.unlink()


def read_spec(folder: Path) -> DatasetSpec | None:
    """What is known of the data set in ``folder``, which names it; None if it is gone or cannot be read or understood."""
    try:
        return DatasetSpec(**read_json(folder / "dataset.json") | {"name": folder.name})
    except (FileNotFoundError, PermissionError, ValueError, TypeError):
        return None


def _created(run: Run) -> float | None:
    """When it was made; None if another process deletes it while all are listed, or its config.json is broken or not ours to read.

    From here on the run knows its config, so that whoever goes through the list need not fear that it is deleted meanwhile.
    """
    try:
        return config.created if (config := run.config).id else None
    except (FileNotFoundError, NotADirectoryError, PermissionError, ValueError, TypeError):
        return None

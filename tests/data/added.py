"""A data set made of a file's text, for tests."""

from fm_gui.data.adding import add_dataset
from fm_gui.data.dataset import Dataset


def added(workspace, name: str, text: str, ending: str = ".csv") -> Dataset:
    path = workspace.root / "cache" / f"{name}{ending}"
    path.write_text(text, encoding="utf-8")
    try:
        return Dataset(workspace, add_dataset(workspace, [path], name=name).name)
    finally:
        path.unlink()

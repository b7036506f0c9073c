"""A data set of the Hugging Face hub (or a local folder laid out like one), by the datasets library; code in it is never run."""

import logging
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fm_gui import demo
from fm_gui.data.formats.cells import plain, unique_names
from fm_gui.data.formats.combine import combine
from fm_gui.data.formats.options import ReadOptions
from fm_gui.data.formats.source import Budget, Progress, Reading, Rows, Source, check_columns
from fm_gui.data.split import part_of
from fm_gui.errors import UserError

BATCH = 4_096  # rows in memory at once
SECONDS = 4.0  # in which the hub has to answer anything at all


def read_hub_into(dataset_id: str, config: str, split: str, folder: Path, progress: Progress) -> Reading:
    """The rows of a hub data set; ``config`` "" is the default one, ``split`` "" all of them, with a column that says which row is whose.

    Raises UserError if it is unknown, locked, or the hub cannot be reached.
    """
    import datasets

    demo.check_source(dataset_id)
    progress(0.0, "reading.download")
    with _quiet(), _told(dataset_id):
        here = Path(dataset_id).exists() or (Path(datasets.config.HF_DATASETS_CACHE) / dataset_id.replace("/", "___")).exists()
        if not here and not _reachable():
            raise UserError("dataset-hub-offline", name=dataset_id)
        configs = datasets.get_dataset_config_names(dataset_id)
        default = datasets.get_dataset_default_config_name(dataset_id) or configs[0]
        if config and config not in configs:
            raise UserError("dataset-hub-config", name=dataset_id, config=config[:80], known=", ".join(configs[:20]))
        config = config or default
        splits = datasets.get_dataset_split_names(dataset_id, config)
        if split and split not in splits:
            raise UserError("dataset-hub-split", name=dataset_id, split=split[:80], known=", ".join(splits[:20]))
        readings = []
        for number, name in enumerate([split] if split else splits):
            progress(number / len(splits), "reading.download")
            rows = datasets.load_dataset(dataset_id, config, split=name)
            source = Source(Path(dataset_id), dataset_id, ReadOptions(), folder, progress, Budget(1))
            readings.append(_read(rows, source))
    known = [part_of(name) for name in splits]
    parts = known if not split and all(known) and "train" in known else None
    reading = combine(readings, [split] if split else splits, parts or [None] * len(readings))
    choices = {"config": configs, "split": splits}
    reading.detected |= {"format": "hub", "config": config, "split": split, "choices": {name: some for name, some in choices.items() if len(some) > 1}}
    return reading


def _read(dataset, source: Source) -> Reading:
    import pyarrow as pa

    with Rows(source) as rows:
        check_columns(len(dataset.column_names), source.name)
        labels = {name: feature.names for name, feature in dataset.features.items() if getattr(feature, "names", None)}
        for table in dataset.with_format("arrow").iter(BATCH):
            columns = []
            for name, column in zip(table.column_names, table.columns):
                if name in labels:  # classes are kept as numbers; their names say more
                    names = labels[name]
                    values = [names[value] if value is not None and 0 <= value < len(names) else None for value in column.to_pylist()]
                    columns.append(pa.array(values, pa.string()))
                else:
                    columns.append(plain(column))
            plain_table = pa.table(columns, names=unique_names(table.column_names))
            for batch in plain_table.combine_chunks().to_batches():
                rows.write(batch)
            source.tell(rows.written / max(1, dataset.num_rows))
    return rows.reading()


def _reachable() -> bool:
    """Whether the hub answers within SECONDS, whatever it says. The library itself goes on trying for half a minute."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session, httpx

    told: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def ask() -> None:
        try:
            get_session().head(constants.ENDPOINT, timeout=SECONDS)
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            told.put(False)
        else:
            told.put(True)

    threading.Thread(target=ask, daemon=True).start()  # looking up a host's name takes its time, whatever the timeout
    try:
        return told.get(timeout=SECONDS)
    except queue.Empty:
        return False


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's line for each request that it sends again: what went wrong is told once, at the end."""
    log = logging.getLogger("huggingface_hub")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


@contextmanager
def _told(dataset_id: str) -> Iterator[None]:
    """What the library raises, as one sentence."""
    import datasets
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx

    try:
        yield
    except UserError:
        raise
    except (errors.GatedRepoError, errors.LocalTokenNotFoundError):
        raise UserError("dataset-hub-locked", name=dataset_id) from None
    except (errors.OfflineModeIsEnabled, ConnectionError, httpx.TransportError, TimeoutError):
        raise UserError("dataset-hub-offline", name=dataset_id) from None
    except (datasets.exceptions.DatasetNotFoundError, errors.HFValidationError, errors.RepositoryNotFoundError):
        raise UserError("dataset-hub-unknown", name=dataset_id) from None
    except (datasets.exceptions.DatasetsError, errors.HfHubHTTPError, OSError, ValueError, RuntimeError, TypeError) as problem:
        raise UserError("dataset-hub-unreadable", name=dataset_id, reason=(str(problem).strip().splitlines() or ["?"])[0][:200]) from None

"""Small models for tests of what comes after training: one trained for real in seconds, others as good as newborn."""

import csv
import random
from functools import cache
from pathlib import Path

from fm_gui import plan
from fm_gui.data.adding import add_dataset
from fm_gui.data.dataset import Dataset
from fm_gui.data.prepare import prepare
from fm_gui.files import write_json
from fm_gui.runs import Run, Status
from fm_gui.tasks import get_task
from fm_gui.workspace import Workspace

WORDS = {
    "praise": ["lovely", "great", "quick", "happy", "perfect", "friendly"],
    "complaint": ["broken", "slow", "awful", "late", "useless", "rude"],
    "question": ["where", "when", "how", "which", "why", "who"],
}
THINGS = ["shop", "parcel", "lamp", "chair", "phone", "book", "kettle", "coat"]


@cache
def small_runs(folder: Path) -> Workspace:
    """A workspace with the data set "tickets" and the runs sorter (trained and judged), sorter-2, filler and writer (neither).

    Made once a test session: give a folder below ``tmp_path_factory.getbasetemp()``, and do not change what is in it.
    """
    workspace = Workspace(folder / "训练 runs")
    tickets(workspace)
    trained(workspace, "sorter")
    newborn(workspace, "text-classification", "bert", "sorter-2")
    newborn(workspace, "masked-lm", "bert", "filler")
    newborn(workspace, "causal-lm", "gpt2", "writer")
    return workspace


def tickets(workspace: Workspace, rows: int = 240) -> None:
    """A data set with three labels that a few words give away; one text is long, one holds markup."""
    dice = random.Random(1)
    path = workspace.root / "cache" / "tickets.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        write = csv.writer(file)
        write.writerow(["message", "kind"])
        write.writerow(["<b>The lamp</b> is broken & late", "complaint"])
        write.writerow(["The very long coat " * 60 + "is lovely", "praise"])
        for number in range(rows):
            label = list(WORDS)[number % 3]
            words = dice.sample(WORDS[label], 2) if dice.random() < 0.85 else [dice.choice(sum(WORDS.values(), []))]
            write.writerow([f"The {dice.choice(THINGS)} number {number} was {' and '.join(words)} today", label])
    add_dataset(workspace, [path], name="tickets")


def trained(workspace: Workspace, name: str) -> Run:
    """A tiny BERT trained to tell the tickets' labels apart, in a process of its own, to the end."""
    settings = {"max_steps": 30, "epochs": 100, "learning_rate": 2e-3, "early_stopping": False}
    config = plan.make_config(
        workspace, task="text-classification", data="tickets", start="scratch", architecture="bert", size="1m", vocab_size=150, preset="quick", train=settings
    )
    run = plan.start(workspace, config, name)
    assert run.wait(240).state == "done", run.log_tail(3000)
    return run


def newborn(workspace: Workspace, task_name: str, architecture: str, name: str) -> Run:
    """A stopped run with a whole model of random weights, which nobody has judged."""
    config = plan.make_config(workspace, task=task_name, data="tickets", start="scratch", architecture=architecture, size="1m")
    run, task = workspace.new_run(config, name), get_task(task_name)
    dataset = Dataset(workspace, "tickets")
    processor = task.processor(config, dataset, workspace)
    labels = prepare(workspace, config, task, dataset, processor).labels
    task.build(config, labels, processor, workspace).save_pretrained(run.path / "model")
    processor.model_max_length = task.limit(config)
    processor.save_pretrained(run.path / "model")
    write_json(run.path / "status.json", Status(state="stopped", step=3, steps=60).model_dump())
    return run


def without_its_data(workspace: Workspace, run: Run, name: str) -> Run:
    """A run of the same configuration in another workspace, where its data set is not."""
    folder = workspace.root / "runs" / name
    folder.mkdir()
    write_json(folder / "config.json", run.config.model_copy(update={"id": name}).model_dump(mode="json"))
    return Run(folder)

"""What can be learned: one literal tuple. A new task is one file and one line here."""

from fm_gui.config import DatasetSpec
from fm_gui.errors import UserError
from fm_gui.tasks.base import Kind, Step, Task
from fm_gui.tasks.causal_lm import CausalLM
from fm_gui.tasks.masked_lm import MaskedLM
from fm_gui.tasks.text_classification import TextClassification

TASKS: tuple[Task, ...] = (TextClassification(), MaskedLM(), CausalLM())

__all__ = ["TASKS", "Kind", "Step", "Task", "get_task", "offers"]


def get_task(name: str) -> Task:
    """The task called ``name``. Raises UserError listing the known ones."""
    for task in TASKS:
        if task.name == name:
            return task
    raise UserError("task-unknown", name=name, known=", ".join(task.name for task in TASKS))


def offers(spec: DatasetSpec) -> list[tuple[Task, list[str]]]:
    """Every task with the roles that this data set lacks for it (none: it can teach the task), teachable ones first."""
    lacking = [(task, [role for role in task.columns if role not in spec.roles]) for task in TASKS]
    return sorted(lacking, key=lambda pair: len(pair[1]))

"""The model card: what a model is, how good, how far to trust it, how to use it and how to make it again."""

import json
import re
from pathlib import Path, PurePath
from typing import Any

from fm_gui import __version__
from fm_gui.config import RunConfig, TrainSettings
from fm_gui.models.catalog import PACKAGED
from fm_gui.models.hub import count_parameters
from fm_gui.plan import command
from fm_gui.runs import Run
from fm_gui.scores import certainty, number, scores
from fm_gui.tasks import get_task
from fm_gui.text import say, say_setting
from fm_gui.workspace import Workspace

# a transformers fact, not one of tasks: the pipeline that serves a head, and how it is called
PIPELINES = {
    "AutoModelForSequenceClassification": ("text-classification", 'model("{example}", top_k=None, truncation=True)'),
    "AutoModelForMaskedLM": ("fill-mask", 'model("{example}", top_k=10)'),
    "AutoModelForCausalLM": ("text-generation", 'model("{example}", max_new_tokens=60, do_sample=True, temperature=0.8)'),
}
SETTINGS = ("preset", "epochs", "batch_size", "learning_rate", "schedule", "warmup", "optimizer", "weight_decay", "precision", "seed")


def write_card(run: Run, lang: str = "en") -> Path:
    """Write the card to the run folder's README.md and return its path."""
    path = run.path / "README.md"
    with open(path, "w", encoding="utf-8") as file:
        file.write(card_text(run, lang))
    return path


def card_text(run: Run, lang: str = "en") -> str:
    """The whole card: front matter for the hub, then Markdown; it names no folder of this machine."""
    from huggingface_hub import ModelCard

    return str(ModelCard(f"---\n{_front_matter(run)}\n---\n\n{card_body(run, lang)}"))


def card_body(run: Run, lang: str = "en") -> str:
    """The card without its front matter."""
    parts = [f"# {run.id}", _what(run, lang)]
    for title, write in (
        ("scores", _scores), ("data", _data), ("training", _training), ("limits", _limits), ("use", _use), ("again", _again),
    ):
        parts += [f"## {say(f'card.{title}', lang)}", write(run, lang)]
    return "\n\n".join(parts) + "\n"


def snippet(run: Run, folder: str, lang: str = "en") -> str:
    """Python that answers one example with transformers alone."""
    task = get_task(run.config.task)
    name, call = PIPELINES[task.head]
    kind = next(iter(task.inputs.values()))
    example = say(f"card.example.{kind}", lang).replace("[MASK]", _mask_token(run))
    lines = ["from transformers import pipeline", "", f'model = pipeline("{name}", model={json.dumps(folder, ensure_ascii=False)})']
    return "\n".join([*lines, f"print({call.format(example=example)})"])


# -- what is known of the model on disk


def longest(run: Run) -> int:
    """The most tokens the model reads at once; 0 if it says nothing."""
    said = [_model_json(run, "tokenizer_config.json").get("model_max_length"), _model_json(run, "config.json").get("max_position_embeddings")]
    return int(min((one for one in said if one and one < 10**9), default=0))


def _mask_token(run: Run) -> str:
    token = _model_json(run, "tokenizer_config.json").get("mask_token") or "[MASK]"
    return token["content"] if isinstance(token, dict) else token


def _model_json(run: Run, name: str) -> dict[str, Any]:
    path = run.path / "model" / name
    if not path.exists():
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


# -- the parts of the card


def _front_matter(run: Run) -> str:
    from huggingface_hub import ModelCardData

    task, start = get_task(run.config.task), run.config.model.start
    facts: dict[str, Any] = {"library_name": "transformers", "pipeline_tag": PIPELINES[task.head][0], "tags": ["fm_gui", run.config.task]}
    if start.startswith("hub:"):
        facts["base_model"] = start.removeprefix("hub:")
    if start in PACKAGED:
        facts["license"] = PACKAGED[start].licence.lower()
    evaluation = run.evaluation()
    if evaluation:
        facts["metrics"] = [score.metric for score in scores(run, evaluation)]
    return ModelCardData(**facts).to_yaml()


def origin(config: RunConfig, lang: str) -> str:
    """What training started from, without naming a folder of this machine."""
    kind, _, name = config.model.start.partition(":")
    if kind == "scratch":
        return say("card.from.scratch", lang, architecture=config.model.architecture or "-", size=config.model.size)
    if kind == "folder":
        return say("card.from.folder", lang, name=PurePath(name).name)
    return say(f"card.from.{kind}", lang, name=name) if name else say("card.from.packaged", lang, name=kind)


def _what(run: Run, lang: str) -> str:
    config = run.config
    lines = [say("card.what", lang, task=say(f"task.{config.task}", lang), data=config.data.name, origin=origin(config, lang), count=count_parameters(run.path / "model"))]
    labels = _model_json(run, "config.json").get("id2label") or {}
    if run.evaluation() and run.evaluation().get("per_class"):
        shown = ", ".join(list(labels.values())[:30])
        lines.append(say("card.labels", lang, count=len(labels), labels=_plain(shown)))
    return " ".join(lines)


def _scores(run: Run, lang: str) -> str:
    evaluation = run.evaluation()
    if not evaluation:
        return say("card.unscored", lang)
    parts = ["\n".join(f"- **{score.title(lang)}**: {score.line(lang)}" for score in scores(run, evaluation)), certainty(evaluation, lang)]
    if classes := evaluation.get("per_class"):
        heads = [say(key, lang) for key in ("score.class", "metric.precision", "metric.recall", "metric.f1", "score.class-rows")]
        parts.append(_table(heads, [[c["label"], *(number(c[k]) for k in ("precision", "recall", "f1")), c["rows"]] for c in classes]))
    return "\n\n".join(parts)


def _data(run: Run, lang: str) -> str:
    data = run.config.data
    source = ", ".join(re.split(r"[\\/]", part)[-1] for part in data.source.split(", "))
    lines = [say("card.data.rows", lang, name=data.name, source=_plain(source), rows=data.rows)]
    if parts := part_sizes(run):
        lines.append(say("card.data.parts", lang, **parts))
    lines += [say("card.data.split", lang, validation=data.split.validation, test=data.split.test, seed=data.split.split_seed)]
    if data.fingerprint:
        lines.append(say("card.data.fingerprint", lang, fingerprint=data.fingerprint))
    lines += [say("card.data.provenance", lang, fact=fact, value=_plain(value)) for fact, value in data.provenance.items()]
    return "\n".join(f"- {line}" for line in lines)


def part_sizes(run: Run) -> dict[str, int]:
    """Rows of each part; empty if those rows are gone."""
    from fm_gui.data.dataset import Dataset

    workspace, data = Workspace(run.workspace_root), run.config.data
    if not Dataset.has(workspace, data):
        return {}
    return {part: len(rows) for part, rows in Dataset(workspace, data.name, data).parts().items()}


def _training(run: Run, lang: str) -> str:
    config, status = run.config, run.status()
    values = [(say_setting(TrainSettings, name, lang)[0], _value(getattr(config.train, name))) for name in SETTINGS]
    if config.train.max_steps:
        values.append((say_setting(TrainSettings, "max_steps", lang)[0], f"{config.train.max_steps:,}"))
    values += [(say_setting(get_task(config.task).Options, name, lang)[0], _value(value)) for name, value in config.options.items()]
    values += [(say("card.steps", lang), f"{status.step:,}"), (say("card.seconds", lang), f"{status.seconds:,.0f}")]
    if status.best_step is not None:
        values.append((say("card.best-step", lang), f"{status.best_step:,}"))
    return _table([say("card.setting", lang), say("card.value", lang)], values)


def _value(value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _limits(run: Run, lang: str) -> str:
    task, evaluation = get_task(run.config.task), run.evaluation()
    lines = [say("card.limit.data", lang, data=run.config.data.name), say("card.limit.language", lang)]
    if tokens := longest(run):
        lines.insert(0, say("card.limit.length", lang, tokens=tokens))
    if evaluation and evaluation["rows"] < 200:
        lines.append(say("card.limit.small", lang, rows=evaluation["rows"]))
    lines.append(say(f"card.limit.{task.output}", lang))
    return "\n".join(f"- {line}" for line in lines)


def _use(run: Run, lang: str) -> str:
    return f"{say('card.use.python', lang)}\n\n```python\n{snippet(run, 'MODEL', lang)}\n```\n\n{say('card.use.script', lang)}\n\n```\npython predict.py \"...\"\n```"


def _again(run: Run, lang: str) -> str:
    config = run.config
    made_with = {"fm_gui": __version__, **config.versions}
    versions = ", ".join(f"{name} {number}" for name, number in made_with.items())
    return f"{say('card.again.how', lang)}\n\n```\n{redo(config)}\n```\n\n{say('card.again.versions', lang, versions=versions)}"


def redo(config: RunConfig) -> str:
    """The command that trains the same again, without naming a folder of this machine."""
    kind, _, name = config.model.start.partition(":")
    start = f"folder:{PurePath(name).name}" if kind == "folder" else config.model.start
    return command(config.model_copy(update={"model": config.model.model_copy(update={"start": start})}))


def _table(heads: list, rows: list) -> str:
    def line(cells):
        return "| " + " | ".join(_plain(cell).replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(heads), "|" + " --- |" * len(heads), *(line(row) for row in rows)])


def _plain(value) -> str:
    """A value in one line, unable to open a tag."""
    return " ".join(str(value).split()).replace("<", "&lt;")

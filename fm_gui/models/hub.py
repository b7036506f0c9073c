"""A model that exists: packaged, a finished run, a folder or a hub id; and the list of what training can start from.

Only safetensors weights are read and no code that comes with a model is ever run. A hub model is downloaded first
(its weights, config and tokenizer, nothing else) and then is a folder like the others: one way in, one set of checks.
"""

import json
import math
import re
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fm_gui import demo
from fm_gui.errors import UserError
from fm_gui.files import read_json
from fm_gui.models import catalog, settle
from fm_gui.models.catalog import CAUSAL, MASKED, PACKAGED, Family, find_architecture

if TYPE_CHECKING:
    from fm_gui.tasks.base import Task
    from fm_gui.workspace import Workspace

HUB_ID = re.compile(r"(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
PICKLED = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt", "*.msgpack", "*.h5")
POSITIONS_AFTER_PADDING = {"roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet"}
NO_PACKING = {"deberta", "deberta-v2", "bloom", "falcon", "mpt", "xlnet"}  # their attention takes no mask of documents
TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model", "merges.txt")


# -- what training can start from


@dataclass(frozen=True)
class Start:
    """One thing to start from: ``title`` and ``about`` are words keys, ``values`` fill both."""

    kind: str  # packaged | run | scratch
    value: str  # for ModelSpec.start
    title: str
    about: str
    parameters: int | None = None  # of what exists; from scratch they follow from architecture, size and vocabulary
    recommended: bool = False
    values: dict[str, Any] = field(default_factory=dict)


def list_starts(workspace: "Workspace", task: "Task") -> list[Start]:
    """What this task can start from, best first: for pretraining from scratch, else a model that knows something already.

    Imports no torch. A run of a type outside the catalog is listed unchecked; loading it checks.
    The architectures for "scratch" are catalog.architectures_for(task.head).
    """
    architectures = catalog.architectures_for(task.head)
    scratch = [Start("scratch", "scratch", "start.scratch", "start.scratch.about")] if architectures else []
    packaged = _packaged_starts(task)
    runs = [start for run in workspace.runs() if run.has_model and (start := _run_start(run, task))]
    pretraining = any(task.head == architecture.heads[0] for architecture in architectures)
    first, *others = [*scratch, *packaged, *runs] if pretraining else [*packaged, *runs, *scratch]
    return [replace(first, recommended=True), *others]


def _packaged_starts(task: "Task") -> list[Start]:
    return [
        Start("packaged", p.name, f"start.{p.name}", f"start.{p.name}.about", p.parameters, values={"licence": p.licence})
        for p in PACKAGED.values()
        if find_spec(p.module) and family_of(p.model_type) in task.families and supports(p.model_type, task.head)
    ]


def _run_start(run, task: "Task") -> Start | None:
    architecture = find_architecture(read_json(run.path / "model" / "config.json").get("model_type", ""))
    if architecture and (architecture.family not in task.families or task.head not in architecture.heads):
        return None
    values = {"run": run.id, "data": run.config.data.name}
    return Start("run", f"run:{run.id}", "start.run", "start.run.about", count_parameters(run.path / "model"), values=values)


def count_parameters(folder: Path) -> int:
    """The number of weights in a folder's safetensors files, read from their headers (integers there are no weights)."""
    tensors = [tensor for file in folder.glob("*.safetensors") for tensor in _header(file).values()]
    return sum(math.prod(tensor["shape"]) for tensor in tensors if "F" in tensor["dtype"])


def _header(file: Path) -> dict[str, dict]:
    with open(file, "rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    return {name: tensor for name, tensor in header.items() if name != "__metadata__"}


# -- what a model type can do


def supports(model_type: str, auto_class: str) -> bool:
    """True if transformers has this head for this type, and training it makes sense.

    A type that reads in both directions never continues text here, although transformers has such classes.
    """
    if architecture := find_architecture(model_type):
        return auto_class in architecture.heads
    return model_type in _names(auto_class) and not (auto_class == CAUSAL and model_type in _names(MASKED))


def _names(auto_class: str) -> dict[str, str]:
    """transformers' own table of one auto class: model type -> class name."""
    from transformers.models.auto import modeling_auto

    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", auto_class.removeprefix("AutoModelFor")).upper()
    return getattr(modeling_auto, f"MODEL_FOR_{snake}_MAPPING_NAMES")


def family_of(model_type: str) -> Family:
    """Whether models of this type read in both directions (encoder) or continue text (decoder)."""
    if architecture := find_architecture(model_type):
        return architecture.family
    return "decoder" if model_type in _names(CAUSAL) and model_type not in _names(MASKED) else "encoder"


# -- where it is


def resolve(workspace: "Workspace", start: str, only: tuple[str, ...] = ()) -> Path:
    """The folder of the model at ``start``; a hub model is downloaded (``only`` these files of it, if given)."""
    kind, _, name = start.partition(":")
    if kind in ("folder", "hub"):
        demo.check_source(start)
    if start in PACKAGED:
        packaged = PACKAGED[start]
        if not find_spec(packaged.module):
            raise UserError("model-package", name=start, package=packaged.package)
        return Path(getattr(import_module(packaged.module), packaged.function)())
    if kind == "run":
        run = workspace.run(name)
        if not run.has_model:
            raise UserError("run-no-model", name=name)
        return run.path / "model"
    if kind == "folder":
        folder = Path(name).expanduser()
        if not name or not folder.is_dir():
            raise UserError("model-folder", path=name)
        return folder
    if kind == "hub":
        return _download(name, only)
    raise UserError("start-unknown", name=start, known=", ".join([*PACKAGED, "scratch", "run:ID", "folder:PATH", "hub:ORG/NAME"]))


def _download(name: str, only: tuple[str, ...]) -> Path:
    from huggingface_hub import constants, errors, snapshot_download

    if not HUB_ID.fullmatch(name):
        raise UserError("hub-id", name=name)
    patterns = list(only) or ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns, ignore_patterns=["*/*"]))
    except errors.HFValidationError:
        raise UserError("hub-id", name=name) from None
    except errors.GatedRepoError:
        raise UserError("hub-gated", name=name) from None
    except errors.RepositoryNotFoundError:
        raise UserError("hub-missing", name=name) from None
    except (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError) as problem:
        if isinstance(problem.__cause__, errors.HfHubHTTPError):  # it did answer
            raise UserError("hub-failed", name=name, reason=_first_line(problem.__cause__)) from None
        raise UserError("hub-offline" if constants.HF_HUB_OFFLINE else "hub-unreachable", name=name) from None
    except OSError as problem:
        raise UserError("hub-failed", name=name, reason=_first_line(problem)) from None


def _first_line(problem: BaseException) -> str:
    return (str(problem).splitlines() or [type(problem).__name__])[0][:200]


# -- checking and loading


def first_position(model_type: str, padding: int | None) -> int:
    """The number a model gives its first token's place: RoBERTa and its kin count on from their padding token's id."""
    return (1 if padding is None else padding) + 1 if model_type in POSITIONS_AFTER_PADDING else 0


def check(workspace: "Workspace", start: str, auto_class: str) -> Family:
    """The family of the model at ``start``. Raises UserError, before anything runs, for one that is not there, has no such
    head, or must not be loaded; of a hub model only the config is fetched for that."""
    folder = resolve(workspace, start, only=("config.json",))
    config = _read_config(folder, start)
    _check_head(start, config, auto_class)
    if not start.startswith("hub:"):
        _check_weights(folder, start)
    return family_of(config["model_type"])


def _read_config(folder: Path, start: str) -> dict[str, Any]:
    """config.json, refused if it is missing, broken, asks for code, or is of a type this transformers does not know."""
    settle()
    from transformers import CONFIG_MAPPING

    if not (folder / "config.json").is_file():
        raise UserError("model-no-config", name=start)
    configs = {}
    for name in ("config.json", "tokenizer_config.json"):
        try:
            configs[name] = read_json(folder / name) if (folder / name).is_file() else {}
        except ValueError:  # not JSON, or not UTF-8
            raise UserError("model-config", name=start, file=name) from None
        if not isinstance(configs[name], dict):
            raise UserError("model-config", name=start, file=name)
        if "auto_map" in configs[name]:
            raise UserError("model-remote-code", name=start)
    config = configs["config.json"]
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or model_type not in CONFIG_MAPPING:
        raise UserError("model-type", name=start, type=str(model_type or "-"))
    return config


def _check_weights(folder: Path, start: str) -> None:
    if not any(folder.glob("*.safetensors")):
        pickled = next((file.name for pattern in PICKLED for file in sorted(folder.glob(pattern))), None)
        raise UserError("model-pickled", name=start, file=pickled) if pickled else UserError("model-no-weights", name=start)


def _check_head(start: str, config: dict[str, Any], auto_class: str) -> None:
    model_type = config["model_type"]
    if auto_class == CAUSAL and not supports(model_type, CAUSAL) and family_of(model_type) == "encoder":
        raise UserError("model-encoder", name=start, type=model_type)
    if not supports(model_type, auto_class) or (auto_class in (MASKED, CAUSAL) and model_type in NO_PACKING):
        raise UserError("model-head", name=start, type=model_type)
    if config.get("quantization_config"):
        raise UserError("model-quantized", name=start)


def load_tokenizer(workspace: "Workspace", start: str):
    """The tokenizer of the model at ``start``, padding on the right, with a padding token and the model's true length limit."""
    folder = resolve(workspace, start)
    _read_config(folder, start)
    return _tokenizer(folder, start, _config(folder, start, {}))


def _tokenizer(folder: Path, start: str, config):
    settle()
    from transformers import AutoTokenizer

    if not any(file for pattern in TOKENIZER_FILES for file in folder.glob(pattern)):
        raise UserError("model-no-tokenizer", name=start)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, config=config, trust_remote_code=False, local_files_only=True)
    except Exception as problem:  # for a broken file the tokenizers library raises Exception itself, no narrower class
        raise UserError("model-tokenizer", name=start, reason=_first_line(problem)) from None
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise UserError("model-no-pad", name=start)
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"
    if most := getattr(config, "max_position_embeddings", None):
        tokenizer.model_max_length = min(tokenizer.model_max_length, most - first_position(config.model_type, config.pad_token_id))
    return tokenizer


def load(
    workspace: "Workspace", start: str, auto_class: str, *, seed: int = 0, dropout: float | None = None, limit: int = 0, **config_overrides
):
    """(model, tokenizer) at ``start`` with this head, in fp32 on the CPU.

    A head the model does not have yet (or has for other classes: num_labels, id2label, label2id) is new, from ``seed``.
    ``dropout`` None keeps the model's own; ``limit`` is the longest text, in tokens, that it will be given.
    Raises UserError for anything that cannot or must not be loaded.
    """
    folder = resolve(workspace, start)
    settings = _read_config(folder, start)
    _check_head(start, settings, auto_class)
    _check_weights(folder, start)
    config = _config(folder, start, config_overrides)
    tokenizer = _tokenizer(folder, start, config)
    if auto_class == MASKED and tokenizer.mask_token is None:
        raise UserError("model-no-mask", name=start)
    config.pad_token_id = tokenizer.pad_token_id
    most = getattr(config, "max_position_embeddings", None)
    most = most and most - first_position(config.model_type, config.pad_token_id)
    if most and limit > most:
        raise UserError("model-context", name=start, limit=limit, most=most)
    tokenizer.model_max_length = limit or tokenizer.model_max_length
    if dropout is not None:
        catalog.set_dropout(config, dropout)
    model = _weights(folder, start, auto_class, config, seed)
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        raise UserError("model-mismatch", name=start, tokens=len(tokenizer), rows=model.get_input_embeddings().num_embeddings)
    return model, tokenizer


def _config(folder: Path, start: str, overrides: dict[str, Any]):
    from huggingface_hub.errors import StrictDataclassError
    settle()
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True, **overrides)
    except (StrictDataclassError, ValueError, TypeError, KeyError, AttributeError):
        raise UserError("model-config", name=start, file="config.json") from None


def _weights(folder: Path, start: str, auto_class: str, config, seed: int):
    import torch
    import transformers
    from safetensors import SafetensorError

    from fm_gui.models.scratch import learn_every_token, seeded

    transformers.logging.set_verbosity_error()  # a terminal is for results; what matters in the report is checked below
    transformers.logging.disable_progress_bar()
    try:
        with seeded(seed):
            model, report = getattr(transformers, auto_class).from_pretrained(
                folder, config=config, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, local_files_only=True,
                ignore_mismatched_sizes=True, output_loading_info=True,
            )
    except (SafetensorError, OSError, RuntimeError, ValueError, KeyError) as problem:
        raise UserError("model-broken", name=start, reason=_first_line(problem)) from None
    # a new head is expected; a body that did not get its weights would train from random numbers without a word
    body = model.base_model_prefix + "."
    lost = [key for key in report["missing_keys"] if key.startswith(body) and ".pooler." not in key]
    lost += [key for key, *_ in report["mismatched_keys"] if key.startswith(body)]
    if lost:
        raise UserError("model-weights", name=start, count=len(lost), example=sorted(lost)[0])
    learn_every_token(model)
    return model

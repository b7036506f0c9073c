"""What a frozen model makes of a text, computed once: the inputs of its last layer, cached on disk by all that they follow from.

With the rest of the model frozen, they are the same in every epoch, check and run (linear probing: Alain & Bengio 2016), so a step
costs as good as nothing. cache/features/KEY.npy holds one row a text (rows x width, float32), memory-mapped; KEY is a hash of the
tokens, the weights and the kind of device, so that whatever would change a number changes the name.
"""

import hashlib
import uuid
from pathlib import Path

import numpy as np

from fm_gui.files import sync_to_disk
from fm_gui.tasks.heads import head_inputs


def cached(folder: Path, model, layer, pad, sequences, device, beat, micro_tokens: int) -> np.ndarray:
    """The inputs of ``layer`` for each of ``sequences`` (a Ragged), from ``folder`` when the same was computed before."""
    place = folder / f"{_key(model, layer, sequences, device)}.npy"
    shape = (len(sequences), layer.in_features)
    if (known := _whole(place, shape)) is not None:
        return known
    folder.mkdir(parents=True, exist_ok=True)
    computed = head_inputs(model, layer, pad, [sequences[i] for i in range(len(sequences))], device, beat, micro_tokens)
    beside = place.with_name(f".{place.stem}.{uuid.uuid4().hex[:8]}.npy")
    try:
        np.save(beside, computed)
        sync_to_disk(beside)  # before it has its name: a power cut must not leave half of it there
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)
    return _whole(place, shape)


def _whole(place: Path, shape: tuple[int, int]) -> np.ndarray | None:
    """What stands there, or None if there is nothing, or less than there should be."""
    try:
        found = np.load(place, mmap_mode="r")
    except (FileNotFoundError, ValueError, EOFError):
        return None
    return found.view(np.ndarray) if found.shape == shape else None


def _key(model, layer, sequences, device) -> str:
    """The layer's own weights come after what is cached, so they do not count."""
    import torch

    own = {id(weight) for weight in layer.parameters()}
    about = [type(model).__name__, model.config.to_json_string(), torch.__version__, device.type, str(sequences.values.dtype)]
    found = hashlib.blake2b("\n".join(about).encode(), digest_size=12)
    for array in (sequences.offsets, sequences.values):
        found.update(np.ascontiguousarray(array))
    for name, weight in model.named_parameters():
        if id(weight) not in own:
            found.update(name.encode())
            found.update(weight.detach().cpu().contiguous().numpy())
    return found.hexdigest()

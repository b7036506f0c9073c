"""A new output layer fitted before anything else is trained: head first, then all weights (LP-FT: Kumar et al. 2022).

A random head on a pretrained model sends gradients of no meaning through all its layers, which must then be learned
anew. A head fitted to the model's features starts from what the model knows already, so few steps and small ones are enough.
"""

import numpy as np

from fm_gui.data.batching import micro_batches

MOST_ROWS = 5_000  # that the head is fitted to, evenly spread: more do not make it better, but take their time
STRENGTH = 0.01  # inverse of the penalty (C, as scikit-learn counts it) for features of unit scale
STRENGTHS = (0.003, 0.01, 0.03, 0.1)  # among which held-out rows choose where the head is all that is trained
ITERATIONS = 100  # at most, of a fit


def fit_head(model, pad, sequences, labels: np.ndarray, classes: int, device, beat, balanced: bool = False, micro_tokens: int = 2048) -> bool:
    """Fit the model's last linear layer to ``labels`` by logistic regression on its inputs; False if it has no such layer.

    ``pad(sequences)`` makes a batch; ``labels`` are int, one a sequence. All other weights stay as they are.
    """
    layer = last_linear(model, classes)
    if layer is None or len(np.unique(labels)) < 2:
        return False
    fit_layer(layer, head_inputs(model, layer, pad, sequences, device, beat, micro_tokens), labels, balanced=balanced, beat=beat)
    return True


def fit_layer(layer, features: np.ndarray, labels: np.ndarray, held: tuple[np.ndarray, np.ndarray] | None = None, balanced: bool = False, beat=lambda: None) -> float:
    """Set ``layer`` to the multinomial logistic regression of ``labels`` on ``features``; returns its penalty's inverse (C).

    That is STRENGTH, or with ``held`` (features and labels of other rows) the one of STRENGTHS whose macro-F1 on these is best.
    At least two classes must occur.
    """
    import torch
    from sklearn.metrics import f1_score

    scale = float(features.std()) or 1.0
    inputs, targets = torch.from_numpy(np.asarray(features, np.float32) / scale), torch.from_numpy(np.asarray(labels, np.int64))
    weights = class_weights(labels, layer.out_features) if balanced else None
    weight, bias = torch.zeros(layer.out_features, layer.in_features), torch.zeros(layer.out_features)
    best = (-1.0, STRENGTH, weight, bias)
    for strength in STRENGTHS if held else (STRENGTH,):  # upwards, each from the last one's weights: a few iterations more
        _regress(weight, bias, inputs, targets, strength, weights, beat)
        guess = (torch.from_numpy(held[0] / scale) @ weight.T + bias).argmax(-1).numpy() if held else None
        score = f1_score(held[1], guess, average="macro", zero_division=0) if held else 0.0
        if score > best[0]:
            best = score, strength, weight.clone(), bias.clone()
    with torch.no_grad():
        layer.weight.copy_(best[2] / scale)
        if layer.bias is not None:
            layer.bias.copy_(best[3])
    return best[1]


def class_weights(labels: np.ndarray, classes: int):
    """n / (classes that occur x count) for each class: the rows' mean is 1."""
    import torch

    counts = np.bincount(labels, minlength=classes)
    return torch.from_numpy((len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))).astype(np.float32))


def _regress(weight, bias, inputs, targets, strength: float, weights, beat) -> None:
    """Move ``weight`` and ``bias`` to the optimum of the mean cross-entropy and the squares of ``weight`` over 2 x strength x rows.

    By L-BFGS (Liu & Nocedal 1989): on thousands of rows ten times as fast here as scikit-learn's.
    """
    import torch
    import torch.nn.functional as F

    seen = torch.bincount(targets, minlength=len(bias)) > 0
    optimizer = torch.optim.LBFGS([weight.requires_grad_(), bias.requires_grad_()], max_iter=ITERATIONS, history_size=10, line_search_fn="strong_wolfe")

    def objective():
        optimizer.zero_grad()
        loss = F.cross_entropy(inputs @ weight.T + bias, targets, weight=weights, reduction="sum") / len(targets)
        loss = loss + weight.square().sum() / (2 * strength * len(targets))
        loss.backward()
        beat()
        return loss

    optimizer.step(objective)
    weight.requires_grad_(False), bias.requires_grad_(False)
    weight[~seen], bias[~seen] = 0.0, bias[seen].min() - 1.0  # a class without rows should not be the likeliest


def last_linear(model, classes: int):
    """The linear layer that gives the logits, None if there is none."""
    import torch

    found = [module for module in model.modules() if isinstance(module, torch.nn.Linear) and module.out_features == classes]
    return found[-1] if found else None


def freeze_all_but(model, layer) -> None:
    """Let only ``layer`` be trained."""
    model.requires_grad_(False)
    layer.requires_grad_(True)


def head_inputs(model, layer, pad, sequences, device, beat, micro_tokens: int = 2048) -> np.ndarray:
    """What goes into ``layer`` for each sequence (rows x width, float32); of a model that reads on, at its last token."""
    import torch

    caught: list[torch.Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
    lengths = np.array([len(ids) for ids in sequences])
    result = np.zeros((len(sequences), layer.in_features), np.float32)
    model.eval()
    try:
        with torch.inference_mode():
            for rows in micro_batches(np.arange(len(sequences)), lengths, micro_tokens):
                caught.clear()
                model(**{key: value.to(device) for key, value in pad([sequences[i] for i in rows]).items()})
                values = caught[-1].float()
                if values.ndim == 3:
                    values = values[torch.arange(len(rows)), torch.from_numpy(lengths[rows] - 1).to(values.device)]
                result[rows] = values.cpu().numpy()
                beat()
    finally:
        hook.remove()
    return result

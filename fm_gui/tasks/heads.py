"""A new output layer fitted before anything else is trained: head first, then all weights (LP-FT: Kumar et al. 2022).

A random head on a pretrained model sends gradients of no meaning through all its layers, which must then be learned
anew. A head fitted to the model's features starts from what the model knows already, so few steps and small ones are enough.
"""

import numpy as np

from fm_gui.data.batching import micro_batches

MOST_ROWS = 5_000  # that the head is fitted to, evenly spread: more do not make it better, but take their time
STRENGTH = 0.01  # inverse of the penalty (scikit-learn's C) for features of unit scale


def fit_head(model, pad, sequences, labels: np.ndarray, classes: int, device, beat, balanced: bool = False) -> bool:
    """Fit the model's last linear layer to ``labels`` by logistic regression on its inputs; False if it has no such layer.

    ``pad(sequences)`` makes a batch; ``labels`` are int, one a sequence. All other weights stay as they are.
    """
    import torch
    from sklearn.linear_model import LogisticRegression

    layer = last_linear(model, classes)
    if layer is None or len(np.unique(labels)) < 2:
        return False
    features = _features(model, layer, pad, sequences, device, beat)
    scale = float(features.std()) or 1.0
    known = LogisticRegression(C=STRENGTH, max_iter=300, class_weight="balanced" if balanced else None).fit(features / scale, labels)
    weight, bias = np.zeros((classes, features.shape[1])), np.full(classes, known.intercept_.min() - 1.0)
    if len(known.classes_) == 2:  # scikit-learn gives one row for two classes: that of the second over the first
        weight[known.classes_] = np.concatenate([-known.coef_, known.coef_]) / 2
        bias[known.classes_] = np.array([-1, 1]) * known.intercept_[0] / 2
    else:
        weight[known.classes_], bias[known.classes_] = known.coef_, known.intercept_
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight / scale))
        if layer.bias is not None:
            layer.bias.copy_(torch.from_numpy(bias))
    return True


def last_linear(model, classes: int):
    """The linear layer that gives the logits, None if there is none."""
    import torch

    found = [module for module in model.modules() if isinstance(module, torch.nn.Linear) and module.out_features == classes]
    return found[-1] if found else None


def _features(model, layer, pad, sequences, device, beat, micro_tokens: int = 2048) -> np.ndarray:
    """What goes into ``layer`` for each sequence (rows x width, float64); of a model that reads on, at its last token."""
    import torch

    caught: list[torch.Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
    lengths = np.array([len(ids) for ids in sequences])
    result = np.zeros((len(sequences), layer.in_features))
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

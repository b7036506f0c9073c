"""Run by small_export.verify in a fresh process: what the predict.py of an unpacked small form answers.

python chances_onnx.py FOLDER TEXTS.json OUT.npz : OUT holds one array of probabilities a text.
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np


def main(folder: str, texts_path: str, out: str) -> None:
    spec = importlib.util.spec_from_file_location("predict", Path(folder) / "predict.py")
    predict = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(predict)
    with open(texts_path, encoding="utf-8") as file:
        answers = predict.Model().chances(json.load(file))
    assert not {"fm_gui", "torch", "transformers"} & set(sys.modules)  # it must answer without us and them
    np.savez(out, *answers)


if __name__ == "__main__":
    main(*sys.argv[1:])

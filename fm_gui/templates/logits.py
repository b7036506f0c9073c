"""Run by export.verify in a fresh process: what the model in a folder answers, with transformers alone.

python logits.py FOLDER CLASS TEXTS.json OUT.npz : CLASS is a transformers auto class; OUT holds one array a text.
"""

import json
import sys

import numpy as np
import torch
import transformers


def main(folder: str, auto_class: str, texts_path: str, out: str) -> None:
    torch.set_num_threads(min(4, torch.get_num_threads()))
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = getattr(transformers, auto_class).from_pretrained(folder, dtype=torch.float32).eval()
    with open(texts_path, encoding="utf-8") as file:
        texts = json.load(file)
    with torch.inference_mode():
        answers = [model(**tokenizer(text, truncation=True, max_length=64, return_tensors="pt")).logits[0].numpy() for text in texts]
    assert "fm_gui" not in sys.modules  # it must load without us
    np.savez(out, *answers)


if __name__ == "__main__":
    main(*sys.argv[1:])

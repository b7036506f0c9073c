"""Label texts with the model in this folder: python predict.py "some text" "another text"

Or a file with one text a line: python predict.py --lines texts.txt > labels.txt
Needs only onnxruntime, tokenizers and numpy (see requirements.txt); nothing is downloaded.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

FOLDER = Path(__file__).resolve().parent
TOKENS = 2048  # in memory at once


class Model:
    """The model, loaded once; ``chances`` may be called as often as you like."""

    def __init__(self, folder=FOLDER):
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        said = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        self.labels = [config["id2label"][str(i)] for i in range(len(config["id2label"]))]
        self.filler = config.get("pad_token_id") or 0
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        if said.get("model_max_length", 10**9) < 10**9:
            self.tokenizer.enable_truncation(said["model_max_length"], direction=said.get("truncation_side", "right"))
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])

    def chances(self, texts):
        """Probabilities, texts x labels. Texts of like length are answered together, so that little is spent on filling up."""
        found = np.zeros((len(texts), len(self.labels)), np.float32)
        sequences = [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]
        rest = sorted(range(len(texts)), key=lambda i: -len(sequences[i]))
        while rest:
            longest = max(1, len(sequences[rest[0]]))
            rows, rest = rest[: max(1, TOKENS // longest)], rest[max(1, TOKENS // longest) :]
            ids = np.full((len(rows), longest), self.filler, np.int64)
            mask = np.zeros_like(ids)
            for at, row in enumerate(rows):
                ids[at, : len(sequences[row])] = sequences[row]
                mask[at, : len(sequences[row])] = 1
            logits = self.session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0]
            shares = np.exp(logits - logits.max(-1, keepdims=True))
            found[rows] = shares / shares.sum(-1, keepdims=True)
        return found


def main():
    parser = argparse.ArgumentParser(description="Label texts with the model in this folder.")
    parser.add_argument("text", nargs="*", help="one or more texts; put each in quotes")
    parser.add_argument("--lines", metavar="FILE", help="a file with one text a line; the label and its probability are printed for each")
    parser.add_argument("--top", type=int, default=5, help="how many labels to show (default 5)")
    args = parser.parse_args()
    if not args.text and not args.lines:
        parser.error("give a text, or --lines FILE")
    model = Model()
    sys.stdout.reconfigure(encoding="utf-8")
    if args.lines:
        for row in model.chances(Path(args.lines).read_text(encoding="utf-8").splitlines()):
            print(f"{model.labels[row.argmax()]}\t{row.max():.4f}")
        return
    for text, row in zip(args.text, model.chances(args.text)):
        print(text)
        for label in np.argsort(-row)[: args.top]:
            print(f"  {row[label]:7.2%}  {model.labels[label]}")


if __name__ == "__main__":
    main()

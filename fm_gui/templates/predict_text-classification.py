"""Label texts with the model in this folder: python predict.py "some text" "another text"

Needs only torch and transformers (see requirements.txt); nothing is downloaded.
"""

import argparse
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, logging

FOLDER = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description="Label texts with the model in this folder.")
    parser.add_argument("text", nargs="+", help="one or more texts; put each in quotes")
    parser.add_argument("--top", type=int, default=5, help="how many labels to show (default 5)")
    args = parser.parse_args()

    logging.set_verbosity_error()  # only the answers are printed
    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    model = AutoModelForSequenceClassification.from_pretrained(FOLDER, dtype=torch.float32).eval()
    longest = min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", tokenizer.model_max_length))
    for text in args.text:
        inputs = tokenizer(text, truncation=True, max_length=longest, return_tensors="pt")
        with torch.inference_mode():
            probabilities = model(**inputs).logits[0].softmax(-1)
        ranking = probabilities.argsort(descending=True)[: args.top].tolist()
        print(text)
        for label in ranking:
            print(f"  {probabilities[label]:7.2%}  {model.config.id2label[label]}")


if __name__ == "__main__":
    main()

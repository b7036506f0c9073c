"""Fill the gaps of a sentence with the model in this folder: python predict.py "The [MASK] is open."

Needs only torch and transformers (see requirements.txt); nothing is downloaded.
"""

import argparse
from pathlib import Path

import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer, logging

FOLDER = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description="Fill each [MASK] of a text with what the model in this folder finds likeliest.")
    parser.add_argument("text", nargs="+", help="one or more texts with [MASK] in them; put each in quotes")
    parser.add_argument("--top", type=int, default=10, help="how many candidates to show (default 10)")
    args = parser.parse_args()

    logging.set_verbosity_error()  # only the answers are printed
    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    model = AutoModelForMaskedLM.from_pretrained(FOLDER, dtype=torch.float32).eval()
    longest = min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", tokenizer.model_max_length))
    for text in args.text:
        inputs = tokenizer(text.replace("[MASK]", tokenizer.mask_token), truncation=True, max_length=longest, return_tensors="pt")
        gaps = (inputs["input_ids"][0] == tokenizer.mask_token_id).nonzero()[:, 0].tolist()
        if not gaps:
            parser.error(f"there is no [MASK] in: {text}")
        with torch.inference_mode():
            probabilities = model(**inputs).logits[0].softmax(-1)
        print(text)
        for number, gap in enumerate(gaps, start=1):
            print(f" gap {number}")
            for token in probabilities[gap].argsort(descending=True)[: args.top].tolist():
                print(f"  {probabilities[gap, token]:7.2%}  {tokenizer.decode([token])}")


if __name__ == "__main__":
    main()

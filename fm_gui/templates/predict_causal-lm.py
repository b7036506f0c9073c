"""Continue a text with the model in this folder: python predict.py "Once upon a time"

Needs only torch and transformers (see requirements.txt); nothing is downloaded.
"""

import argparse
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, logging

FOLDER = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description="Continue texts with the model in this folder.")
    parser.add_argument("text", nargs="+", help="one or more beginnings; put each in quotes")
    parser.add_argument("--temperature", type=float, default=0.8, help="0 always takes the likeliest token; higher is more surprising")
    parser.add_argument("--top-p", type=float, default=0.95, help="choose among the likeliest tokens that together have this probability")
    parser.add_argument("--max-new-tokens", type=int, default=120, help="how many tokens to add at most")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same text")
    args = parser.parse_args()

    logging.set_verbosity_error()  # only the answers are printed
    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    model = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32).eval()
    begin = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    context = getattr(model.config, "max_position_embeddings", 1024)
    chance = {"do_sample": False}
    if args.temperature > 0:
        chance = {"do_sample": True, "temperature": args.temperature, "top_p": args.top_p, "top_k": 0}
    for text in args.text:
        torch.manual_seed(args.seed)
        new = max(1, min(args.max_new_tokens, context - 1))
        # documents began with this token in training, so texts begin with it here
        start = ([begin] + tokenizer.encode(text, add_special_tokens=False))[-(context - new) :]
        inputs = torch.tensor([start])
        with torch.inference_mode():
            tokens = model.generate(
                inputs, attention_mask=torch.ones_like(inputs), max_new_tokens=new, pad_token_id=tokenizer.eos_token_id, **chance
            )
        whole, given = tokenizer.decode(tokens[0], skip_special_tokens=True), tokenizer.decode(start, skip_special_tokens=True)
        print(text + whole[len(given) :])


if __name__ == "__main__":
    main()

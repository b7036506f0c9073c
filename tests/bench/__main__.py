"""Every comparison by one entry: ``python -m tests.bench NAME [--quick] [--json] [--rounds N] ...``, ``NAME --help`` says what else.

Without a name the benches are listed. The allocator is set as the worker sets it before torch loads, for the peer as for ours.
"""

import importlib
import sys
from pathlib import Path

from fm_gui.train.worker import set_allocator


def names() -> list[str]:
    """Every bench: bench_NAME.py beside this file."""
    return sorted(file.stem.removeprefix("bench_") for file in Path(__file__).parent.glob("bench_*.py"))


def about(name: str) -> str:
    """The first line of a bench's docstring."""
    text = Path(__file__).with_name(f"bench_{name}.py").read_text(encoding="utf-8")
    return text.split('"""')[1].strip().splitlines()[0]


def main(argv: list[str] | None = None) -> int:
    """Run the bench named first in ``argv``; returns the exit status, 2 for an unknown name."""
    name, *rest = (sys.argv[1:] if argv is None else argv) or [""]
    if name not in names():
        print(f"{__doc__.splitlines()[0]}\n", *(f"{known:<12}{about(known)}" for known in names()), sep="\n", file=sys.stderr)
        return 2
    set_allocator()
    sys.argv[0] = f"python -m tests.bench {name}"  # what its --help calls it
    importlib.import_module(f"tests.bench.bench_{name}").main(rest)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m fm_gui` and `fm-gui`: the command line; its verbs are in ``cli/``."""

from fm_gui.cli import main

if __name__ == "__main__":
    main()

"""fm_gui: train foundation models on your own machine by pointing and clicking.

Layers, arrows pointing down only (``tests/test_layers.py`` walks the imports):

    app.py, __main__   ->  ui, engine
    ui                 ->  engine verbs, workspace, runs, config   (gradio lives in app.py and ui/ only)
    ---------------- process boundary: Run.start() launches `python -m fm_gui worker RUN` ----------------
    train              ->  tasks, models, data, runs, config
    plan, predict, evaluate, export, card  ->  tasks, models, data, runs, config
    upkeep             ->  data, runs, config     (checks and repairs the workspace; only the command line calls it)
    moving             ->  runs, config           (backs it up and moves it)
    tasks              ->  baselines, models, data, config   (no task knows another's data, the loop or the page)
    baselines          ->  nothing of ours: numbers in, scores out
    models, data       ->  config
    runs, workspace, config, machine, errors, text  ->  light: no torch, transformers or gradio at import

A *run* is one folder (see ``runs.py``); the page, the worker and the command line only read and write it.
Start reading at ``config.py`` (what a run is), then ``tasks/base.py`` (what can be learned), then ``train/loop.py``.
"""

__version__ = "0.1.0"

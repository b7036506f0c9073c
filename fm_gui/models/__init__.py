"""The models: what can be built, where it comes from, how text becomes numbers.

    catalog.py     one literal table of architectures and sizes, exact parameter counts; no torch at import or in use
    scratch.py     a new model from the catalog, seeded
    hub.py         a model that exists: packaged, a run of the workspace, a folder, a hub id; and the list of starts
    tokenizers.py  training a tokenizer on a person's text, its cache, how it cuts a sentence

A model knows no task: a task names the transformers auto class (its head) that it needs.
"""


def settle() -> None:
    """Wait until transformers is whole, before names are taken from it.

    It puts another object in its own place while it is imported; a thread that asks in that moment (the page warms up in one)
    would hold the empty one, and find no name in it.
    """
    import transformers  # noqa: F401 - whoever imports it waits for whoever does already

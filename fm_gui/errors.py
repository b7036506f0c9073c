"""What goes wrong by a person's hand or their machine, as a value: a code, numbers, one sentence with a remedy."""

from fm_gui.text import say

# codes of what stopped a run and would stop it again: other data, settings or another model are needed, so a new run
INCURABLE = (
    "text-too-short", "tokenizer-text", "tokenizer-vocab", "part-empty", "one-class", "too-many-classes", "no-usable-rows", "role-missing",
    "rows-unreadable", "out-of-memory-longest", "loss-not-finite", "checkpoint-damaged", "model-context", "model-mismatch", "model-no-mask",
)


class UserError(ValueError):
    """A mistake or a limit to be told to a person.

    ``code`` is a key ``error.<code>`` of the table of words; ``values`` fill its places.
    ``str(e)`` is the English sentence; ``e.say("zh")`` the Chinese one.
    """

    def __init__(self, code: str, **values):
        self.code, self.values = code, values
        super().__init__(self.say())

    def say(self, lang: str = "en") -> str:
        return say("error." + self.code, lang, **self.values)

    def to_dict(self) -> dict:
        """A JSON-ready form, kept in status.json; ``UserError.from_dict`` reads it back."""
        return {"code": self.code, "values": self.values, "sentence": str(self)}

    @classmethod
    def from_dict(cls, error: dict) -> "UserError":
        return cls(error["code"], **error["values"])


def is_panic(problem: BaseException) -> bool:
    """True for a library written in Rust (tokenizers, safetensors) that gave up: no subclass of Exception, and not importable."""
    return type(problem).__name__ == "PanicException"

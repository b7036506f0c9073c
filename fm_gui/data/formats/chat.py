"""Conversations and questions as others write them, turned into the columns that the rest of the program knows."""

from typing import Any

SPEAKERS = {
    "human": "user", "user": "user", "prompter": "user", "gpt": "assistant", "chatgpt": "assistant", "bing": "assistant", "bard": "assistant",
    "assistant": "assistant", "model": "assistant", "system": "system", "tool": "tool", "function": "tool", "function_call": "assistant",
    "observation": "tool", "function_response": "tool", "developer": "system",
}  # fmt: skip


def messages_of(value: Any) -> list[dict[str, str]] | None:
    """OpenAI ``messages`` or ShareGPT ``conversations`` as [{"role", "content"}, ...]; None if it is neither."""
    if not isinstance(value, list) or not value:
        return None
    messages = []
    for turn in value:
        if not isinstance(turn, dict):
            return None
        role, content = turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))
        if isinstance(content, list):  # OpenAI's parts; only text ones can be learned from
            parts = [part.get("text") if isinstance(part, dict) else part for part in content]
            content = "".join(part for part in parts if isinstance(part, str))
        if content is None and turn.keys() & {"content", "value", "tool_calls", "function_call"}:  # a turn that only calls tools
            content = ""
        if not isinstance(role, str) or not isinstance(content, str):
            return None
        messages.append({"role": SPEAKERS.get(role.lower(), role.lower()), "content": content})
    return messages


def known_row(row: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """(what it is: "openai", "sharegpt", "alpaca", "squad" or ""; the row in our columns) of one JSON object."""
    for kind, name in (("openai", "messages"), ("sharegpt", "conversations"), ("sharegpt", "conversation")):
        if name in row and (messages := messages_of(row[name])) is not None:
            return kind, {"messages" if key == name else key: messages if key == name else cell for key, cell in row.items()}
    if isinstance(row.get("instruction"), str) and isinstance(row.get("output"), str) and isinstance(row.get("input", ""), str) and "messages" not in row:
        system = [{"role": "system", "content": row["system"]}] if isinstance(row.get("system"), str) and row["system"] else []
        asked = "\n\n".join(part for part in (row["instruction"], row.get("input", "")) if part)
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": row["output"]}]
        return "alpaca", {"messages": system + turns, **row}
    answers = row.get("answers")
    if isinstance(answers, dict) and isinstance(answers.get("text"), list) and isinstance(answers.get("answer_start"), list) and "question" in row:
        kept = {key: cell for key, cell in row.items() if key != "answers"}
        pairs = [{"text": text, "answer_start": start} for text, start in zip(answers["text"], answers["answer_start"])]
        return "squad", kept | answer_columns(pairs)
    return "", row


def answer_columns(answers: list) -> dict[str, Any]:
    """The first answer as ``answer`` and ``answer_start`` (None where there is none); all of them as ``answers`` where there are more."""
    answers = [answer for answer in answers if isinstance(answer, dict)]
    first = answers[0] if answers else {}
    texts = [answer.get("text") for answer in answers]
    return {"answer": first.get("text"), "answer_start": first.get("answer_start")} | ({"answers": texts} if len(set(map(str, texts))) > 1 else {})


def squad_rows(document: Any):
    """The questions of a SQuAD file (its "data"), one row each; None for what is no article, paragraph or question."""
    for article in document:
        paragraphs = article.get("paragraphs") if isinstance(article, dict) else None
        for paragraph in paragraphs if isinstance(paragraphs, list) else [None]:
            if not isinstance(paragraph, dict) or not isinstance(paragraph.get("qas"), list):
                yield None
                continue
            for asked in paragraph["qas"]:
                if not isinstance(asked, dict) or "question" not in asked:
                    yield None
                    continue
                answers = asked.get("answers") if isinstance(asked.get("answers"), list) else []
                row = {"id": asked.get("id"), "title": article.get("title"), "question": asked["question"], "context": paragraph.get("context")}
                yield row | answer_columns(answers)

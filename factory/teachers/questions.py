"""Questions about documents: a teacher asks what one sentence answers, and the answer must stand in that sentence.

The row gives the passage with the question; the sentence is kept as its support. No question is believed to be a good one, but
that its answer is in the text, is not given away and belongs to the passage is checked.
"""

from __future__ import annotations

from dataclasses import replace

from factory.records import KEPT, Example, Verdict
from factory.specialist import Specialist
from factory.teachers import Failed, Teacher, Told
from factory.text import words

SEVERAL = False
SCHEMA = {
    "type": "object",
    "properties": {"question": {"type": "string"}, "answer": {"type": "string"}},
    "required": ["question", "answer"],
    "additionalProperties": False,
}
TELLING = 4
"""Letters from which a word of the question ties it to the passage."""


def template(task: Specialist) -> str:
    """The prompt stands in the configuration, as source.ask, and is in the seed already."""
    return ""


def asked(task: Specialist, row: Example, prompt: str) -> str:
    """The seed's own prompt."""
    return row.prompt


async def told(teacher: Teacher, task: Specialist, row: Example, prompt: str) -> Told:
    """A seed with its question and answer, where they hold."""
    said = await teacher.ask(row.messages, SCHEMA, int(row.id[:8], 16))
    if isinstance(said, Failed):
        return Verdict("failed", f"teacher: {said.reason}"), None
    question, answer = (" ".join(said[name].split()) for name in ("question", "answer"))
    if reason := wrong(question, answer, row.provenance["passage"], row.provenance["support"]):
        return Verdict.drop(f"teacher: {reason}"), None
    content = f"{row.provenance['passage']}\n\nQuestion: {question}"
    about = {name: value for name, value in row.provenance.items() if name != "passage"}
    return KEPT, replace(
        row,
        messages=({"role": "user", "content": content},),
        answer=answer,
        state={**(row.state or {}), "answer": answer},
        provenance={**about, "teacher": teacher.settings.kind, "renderings": []},
    )


def wrong(question: str, answer: str, passage: str, support: str) -> str:
    """Why question and answer do not hold; empty where they do."""
    inside, of_answer, of_question = words(support), words(answer), words(question)
    if not question.endswith("?"):
        return "no question"
    if not of_answer or not run(of_answer, inside):
        return "the answer is not in the sentence"
    if run(of_answer, of_question):
        return "the question says the answer"
    if not {word for word in of_question if len(word) >= TELLING} & set(words(passage)):
        return "the question is not about the passage"
    return ""


def run(part: list[str], whole: list[str]) -> bool:
    """Whether the words of `part` stand in `whole` one after the other."""
    return any(whole[start : start + len(part)] == part for start in range(len(whole) - len(part) + 1))

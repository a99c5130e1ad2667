"""A model is asked a suite's rows: prompts that fit, answers in batches, likelihoods of choices, losses.

Rows go by length. What a batch came to is kept as it comes, so that an interrupted sitting goes on where it was.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factory import config, models
from factory.chat import IGNORED, Tokens, encode, prompt_ids
from factory.errors import Mistake
from factory.store import Events, digest
from factory.suites import Row

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

KEPT = "said.jsonl"
ALL_TOKENS = 0
"""No limit on how many tokens are drawn from but `top_p`."""


@dataclass(frozen=True)
class Said:
    """What a model said to a row: texts, tokens and whether each ended by itself, one per sample.

    `turns` of the row were told. `figures` are parts of the score that only the model knows, `likelihoods` the natural
    logarithms of those of the choices. `refused`: why the row was not asked.
    """

    texts: list[str]
    tokens: list[int]
    stopped: list[bool]
    turns: int | None = None
    figures: dict[str, float] = field(default_factory=dict)
    likelihoods: list[float] = field(default_factory=list)
    refused: str = ""


@dataclass(frozen=True)
class Hall:
    """Where a suite is sat: the model, its tokenizer, how it is asked, and what was kept of an interrupted sitting."""

    model: PreTrainedModel
    words: PreTrainedTokenizerBase
    suite: config.Suite
    seed: int
    kept: Path
    events: Events

    def room(self, answer: int) -> int:
        """Tokens that a prompt may have beside an answer of so many."""
        positions = self.model.config.get_text_config().max_position_embeddings
        room = min(self.suite.prompt_tokens or positions, positions - answer)
        if room < 1:
            what = f"leaves no room for a prompt: the base reads {positions} tokens"
            raise Mistake(f"suite.max_new_tokens={self.suite.max_new_tokens}", what, "take fewer")
        return room


def asked(hall: Hall, kind: str, rows: Sequence[Row]) -> list[Said]:
    """What the model says to every row, in their order; `kind` is what is asked of it."""
    prepare, say = {"answers": (prompts, answers), "choices": (chosen_among, choices), "loss": (spoken, losses)}[kind]
    ready, found = {}, {}
    for place, row in enumerate(rows):
        one = prepare(hall, row)
        if isinstance(one, Said):
            found[place] = one
        else:
            ready[place] = one
    order = sorted(ready, key=lambda place: (size(ready[place]), place))
    batches = [order[start : start + hall.suite.batch_size] for start in range(0, len(order), hall.suite.batch_size)]
    before = dict(remembered(hall.kept))
    for number, batch in enumerate(batches):
        if not before.keys() >= {rows[place].id for place in batch}:
            new = say(hall, number, [rows[place] for place in batch], [ready[place] for place in batch])
            before |= {rows[place].id: said for place, said in zip(batch, new, strict=True)}
            remember(hall.kept, {rows[place].id: before[rows[place].id] for place in batch})
        found |= {place: before[rows[place].id] for place in batch}
        hall.events("asked", done=len(found), total=len(rows))
    return [found[place] for place in range(len(rows))]


def size(ready: Any) -> int:
    """The tokens of a prepared row."""
    return len(ready[0]) if isinstance(ready, tuple) else max(len(one.ids) for one in ready)


def remembered(path: Path) -> Iterator[tuple[str, Said]]:
    """What was kept; a line that a kill cut short is none."""
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else ():
        if line.endswith("\n"):
            row = json.loads(line)
            yield row["id"], Said(**row["said"])


def remember(path: Path, found: dict[str, Said]) -> None:
    """Keeps what a batch came to; a cut line before it is closed, so that it spoils no other."""
    with path.open("a+b") as file:
        if file.tell():
            file.seek(-1, 2)
            if file.read() != b"\n":
                file.truncate(path.read_bytes().rfind(b"\n") + 1)
        for row, said in found.items():
            file.write(json.dumps({"id": row, "said": asdict(said)}).encode() + b"\n")


def prompts(hall: Hall, row: Row) -> tuple[list[int], int] | Said:
    """The ids of a row's prompt and the turns told in it; or that it is not asked."""
    room = hall.room(hall.suite.max_new_tokens)
    ids, turns = fitted(hall.words, row, room if hall.suite.overlong == "shorten" else None)
    if len(ids) > room:
        return Said([], [], [], refused=f"its prompt has {len(ids)} tokens, and {room} fit")
    return ids, turns


def fitted(words: PreTrainedTokenizerBase, row: Row, room: int | None) -> tuple[list[int], int]:
    """The ids of a row's prompt and how many of its first turns they tell: those that fit `room`, else all of them."""

    def told(turns: int) -> list[int]:
        return prompt_ids(words, row.messages(turns))

    ids, turns = told(len(row.turns)), len(row.turns)
    if room is None or len(ids) <= room or not turns:
        return ids, turns
    fitting = bisect_right(range(1, turns), room, key=lambda kept: len(told(kept)))
    return (told(fitting), fitting) if fitting else (ids, turns)


def answers(hall: Hall, number: int, rows: Sequence[Row], ready: Sequence[tuple[list[int], int]]) -> list[Said]:
    """Answers to a batch: greedy, or so many samples, each from a seed of its own."""
    import torch

    suite, found = hall.suite, []
    how = {"temperature": suite.temperature, "top_p": suite.top_p, "top_k": ALL_TOKENS} if suite.temperature else {}
    for sample in range(suite.samples):
        with torch.random.fork_rng():
            torch.manual_seed(int(digest([hall.seed, number, sample])[:15], 16))
            found.append(models.answer(hall.model, hall.words, [ids for ids, _ in ready], suite.max_new_tokens, **how))
    return [
        Said(
            [hall.words.decode(ids).strip() for ids in said],
            [len(ids) for ids in said],
            [len(ids) < suite.max_new_tokens for ids in said],
            turns,
        )
        for (_, turns), said in zip(ready, zip(*found, strict=True), strict=True)
    ]


def chosen_among(hall: Hall, row: Row) -> list[Tokens] | Said:
    """Every choice as the end of the prompt, in plain text, with the choice's tokens as those that count."""
    every = [continued(hall.words, row.prompt, choice) for choice in row.choices]
    long, room = max(len(one.ids) for one in every), hall.room(0)
    return Said([], [], [], refused=f"has {long} tokens, and {room} fit") if long > room else every


def continued(words: PreTrainedTokenizerBase, prompt: str, choice: str) -> Tokens:
    """The ids of prompt, blank and choice; the choice's are those behind the ids of the prompt alone.

    Where there is no prompt, the token that texts begin with (else the one that ends them) stands before the choice.
    """
    whole = words(f"{prompt} {choice}", add_special_tokens=bool(prompt))["input_ids"]
    before = words(prompt)["input_ids"] if prompt else []
    first = [] if before else [words.eos_token_id if words.bos_token_id is None else words.bos_token_id]
    ids, start = [*first, *whole], len(first) + len(before)
    return Tokens(ids, [IGNORED] * start + ids[start:])


def choices(hall: Hall, number: int, rows: Sequence[Row], ready: Sequence[list[Tokens]]) -> list[Said]:
    """The likeliest choice of every row, its likelihood per character; beside it that by the whole likelihood."""
    flat = [tokens for row in ready for tokens in row]
    means = iter(models.losses(hall.model, hall.words, flat))
    found = []
    for row, several in zip(rows, ready, strict=True):
        sums = [-next(means) * tokens.trained for tokens in several]
        likely = [total / len(choice) for total, choice in zip(sums, row.choices, strict=True)]
        whole = row.choices[sums.index(max(sums))]
        best = row.choices[likely.index(max(likely))] if row.prompt else whole
        figures = {"whole likelihood": float(whole == row.gold)} if row.prompt else {}
        found.append(Said([best], [0], [True], figures=figures, likelihoods=sums))
    return found


def spoken(hall: Hall, row: Row) -> list[Tokens] | Said:
    """A conversation's last answer behind all before it, as it is trained."""
    tokens, room = encode(hall.words, row.chat[:-1], row.chat[-1]["content"]), hall.room(0)
    if len(tokens.ids) > room:
        return Said([], [], [], refused=f"has {len(tokens.ids)} tokens, and {room} fit")
    return [tokens]


def losses(hall: Hall, number: int, rows: Sequence[Row], ready: Sequence[list[Tokens]]) -> list[Said]:
    """The loss of every answer in nats per token."""
    flat = [tokens for (tokens,) in ready]
    means = models.losses(hall.model, hall.words, flat)
    return [Said([""], [one.trained], [True], figures={"loss": mean}) for one, mean in zip(flat, means, strict=True)]

"""What a base and up to two of its adapters say to a prompt: real models, loaded once and kept, one prompt at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from factory import config, models, registry
from factory.browse.reader import Reader
from factory.chat import prompt_ids
from factory.errors import Mistake
from factory.registry import Row
from factory.store import Source

MOST = 2
"""Adapters beside their base."""
ONE = Lock()
"""This process holds one base; who asks while it answers waits."""


@dataclass(frozen=True)
class Desk:
    """A base as it is asked: its sources, whose digests were taken when it was loaded, and its tokenizer."""

    name: str
    weights: Source
    settings: config.Weights
    contract: Mapping[str, Any]
    words: Any


DESKS: dict[str, Desk] = {}
"""By what was asked for; the weights of one of them are in memory (`models.base_on_loan`)."""


def ask(reader: Reader, prompt: str, *names: str) -> dict[str, Any]:
    """The answers of the versions of these names and of their base, greedy, each with its seconds and tokens.

    Mistake where the versions are on different bases, or the prompt has no room; ContractMismatch where the base is another
    than they were trained on.
    """
    if not prompt.strip():
        raise Mistake("prompt", "is empty", "write what is to be answered")
    if not 1 <= len(names) <= MOST:
        raise Mistake("versions", f"{len(names)} were named", f"name one or {MOST}")
    rows = [reader.row(name) for name in names]
    with ONE:
        models.go_offline(reader.asked.runtime)
        desk = one_desk(reader, rows)
        adapters = [adapter(reader.asked, row, desk) for row in rows]
        found = list(said(reader.asked, desk, prompt, adapters))
    return {
        "prompt": prompt,
        "base": desk.name,
        "notices": sorted({reader.evidence(row).report.get("notice", "") for row in rows} - {""}),
        "max_new_tokens": reader.asked.evaluate.max_new_tokens,
        "answers": [
            {"version": None if row is None else row.plain(), **answer}
            for row, answer in zip((None, *rows), found, strict=True)
        ],
    }


def one_desk(reader: Reader, rows: list[Row]) -> Desk:
    """The base that all these versions name; Mistake where they name several."""
    own = [based(reader, row) for row in rows]
    desks = [desk(one) for one in own]
    if len({one.weights.digest for one in desks}) > 1:
        named = " and ".join(f"{row.model} version {row.version} on {row.base}" for row in rows)
        raise Mistake("versions", f"on different bases: {named}", "ask them one after another")
    return desks[0]


def based(reader: Reader, row: Row) -> config.Config:
    """The configuration of this program, with the base and the method of the version."""
    held = reader.evidence(row).wanted("config", f"{row.model} version {row.version}")
    plain = reader.asked.dump()
    return config.typed(
        {**plain, "base": held["base"], "train": plain["train"] | {"method": held["train"]["method"]}}, ()
    )


def desk(asked: config.Config) -> Desk:
    """The base of a configuration, its digests taken once; Mistake where its files are gone."""
    key = asked.base.model_dump_json() + asked.adapted.model_dump_json()
    if key not in DESKS:
        weights, tokenizer = models.weights_source(asked.base), models.tokenizer_source(asked.base)
        contract = models.base_contract(weights, tokenizer, asked.adapted)
        DESKS[key] = Desk(asked.base.name, weights, asked.adapted, contract, models.load_tokenizer(tokenizer))
    return DESKS[key]


def adapter(asked: config.Config, row: Row, desk: Desk) -> Path:
    """The files of a version, held against the base before anything is loaded."""
    settings = asked.registry.model_copy(update={"model": row.model})
    folder, _ = registry.fetch(settings, str(row.version), Path(asked.runtime.runs) / "fetched")
    models.check_contract(folder, desk.contract)
    return folder


def said(asked: config.Config, desk: Desk, prompt: str, adapters: list[Path]) -> Iterator[dict[str, Any]]:
    """The base's answer, then each adapter's: text, tokens, seconds, and whether it ended by itself."""
    ids, most = prompt_ids(desk.words, [{"role": "user", "content": prompt}]), asked.evaluate.max_new_tokens
    with models.base_on_loan(desk.weights, desk.settings, asked.runtime) as bare:
        room = bare.config.max_position_embeddings - most
        fits = len(ids) <= room
        if fits:
            models.answer(bare, desk.words, [ids], 1)  # what a first call takes longer is no answer's time
            yield timed(bare, desk.words, ids, most)
            model = None
            for place, folder in enumerate(adapters):
                if model is None:
                    model = models.attach(bare, folder, desk.contract)
                else:
                    models.attach_beside(model, folder, desk.contract, f"adapter {place}")
                yield timed(model, desk.words, ids, most)
    if not fits:  # said when the base is back: an error in between would unload it
        hint = f"the base takes {room} beside an answer of evaluate.max_new_tokens={most}"
        raise Mistake("prompt", f"is {len(ids)} tokens long", hint)


def timed(model: Any, words: Any, ids: list[int], most: int) -> dict[str, Any]:
    """One answer: its text, tokens, seconds, and whether it ended by itself."""
    started = time.monotonic()
    answer = models.answer(model, words, [ids], most)[0]
    seconds = round(time.monotonic() - started, 3)
    return {
        "text": words.decode(answer).strip(),
        "tokens": len(answer),
        "seconds": seconds,
        "stopped": len(answer) < most,
    }

"""Near-duplicates in many rows: ours beside rensa and datasketch, each in a process of its own, on the same texts.

    python tests/benchmarks/near_duplicates.py [ROWS]

Texts are random words (a Zipf law over made-up ones) with clusters planted by changing words, so that the pairs which reach the
threshold are known exactly, by counting; and dialogues of the medical grammar, which are all of one mould. CPU seconds are
those of the deduplication alone, shingles included; memory is the peak of the process, the texts in it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from factory.display import console
from factory.text import random_word

THRESHOLD = 0.7
PERMUTATIONS = 72
"""Of ours: the pairs are counted, so that a sketch need only propose them; the others have the 128 of their documentation."""
Pairs = set[tuple[int, int]]


def planted(rows: int) -> tuple[list[str], Pairs]:
    """Texts of 60 to 180 words, a quarter of them in clusters of changed copies; and the pairs that reach the threshold."""
    rng = Random(0)
    vocabulary = list(dict.fromkeys(random_word(rng) for _ in range(20_000)))
    weights = list(itertools.accumulate(1 / rank for rank in range(10, len(vocabulary) + 10)))
    texts: list[list[str]] = []
    pairs: Pairs = set()
    while len(texts) < rows:
        first = rng.choices(vocabulary, cum_weights=weights, k=rng.randint(60, 180))
        copies = [first]
        if rng.random() < 0.12:
            copies += [changed(rng, first, vocabulary) for _ in range(rng.randint(1, 3))]
        sets = [grams(words) for words in copies]
        for (i, one), (j, two) in itertools.combinations(enumerate(sets), 2):
            if len(one & two) >= THRESHOLD * len(one | two):
                pairs.add((len(texts) + i, len(texts) + j))
        texts += copies
    texts = texts[:rows]
    order = list(range(rows))
    rng.shuffle(order)
    place = {old: new for new, old in enumerate(order)}
    known = {tuple(sorted((place[a], place[b]))) for a, b in pairs if a < rows and b < rows}
    return [" ".join(texts[old]) for old in order], known


def changed(rng: Random, words: list[str], vocabulary: list[str]) -> list[str]:
    """A copy with up to a tenth of its words replaced."""
    copy = list(words)
    for _ in range(rng.randint(0, len(words) // 10)):
        copy[rng.randrange(len(copy))] = rng.choice(vocabulary)
    return copy


def dialogues(rows: int) -> list[str]:
    """Prompts of the medical specialist's grammar."""
    from factory.config import load
    from factory.specialist import Inapplicable, find

    task, found, index = find("medical"), [], 0
    settings = task.typed(load(["specialist=medical"]).specialist.settings)
    while len(found) < rows:
        with contextlib.suppress(Inapplicable):
            found.append(task.example(index, 0, settings, "train").prompt)
        index += 1
    return found


def grams(words: list[str]) -> set[str]:
    """Runs of three words."""
    return {" ".join(words[i : i + 3]) for i in range(len(words) - 2)}


def ours(texts: list[str]) -> Iterator[tuple[int, int]]:
    """The pairs behind the near-duplicate filter."""
    from factory.filters.near_duplicate import shingles, similar

    found, starts = shingles(texts)
    for block in similar(found, starts, THRESHOLD, PERMUTATIONS, print):
        yield from ((int(two), int(one)) for one, two, _ in block)


def rensa(texts: list[str]) -> Iterator[tuple[int, int]]:
    """As its documentation has it: signatures, bands, and the signatures' own estimate of the similarity."""
    from rensa import RMinHash, RMinHashLSH

    signed = []
    for text in texts:
        one = RMinHash(num_perm=128, seed=42)
        one.update(list(grams(text.split())))
        signed.append(one)
    index = RMinHashLSH(threshold=THRESHOLD, num_perm=128, num_bands=16)
    for row, one in enumerate(signed):
        index.insert(row, one)
    for row, one in enumerate(signed):
        for other in index.query(one):
            if other < row and one.jaccard(signed[other]) >= THRESHOLD:
                yield other, row


def datasketch(texts: list[str]) -> Iterator[tuple[int, int]]:
    """As its documentation has it: signatures and an index that picks its own bands."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=THRESHOLD, num_perm=128)
    for row, one in enumerate(
        MinHash.generator(([g.encode() for g in grams(text.split())] for text in texts), num_perm=128)
    ):
        yield from ((other, row) for other in index.query(one))
        index.insert(row, one, check_duplication=False)


METHODS: dict[str, Callable[[list[str]], Iterator[tuple[int, int]]]] = {
    "ours": ours,
    "rensa": rensa,
    "datasketch": datasketch,
}


def child(method: str, texts: Path, out: Path) -> None:
    """Runs one method on the texts and writes its pairs, CPU seconds and memory."""
    rows = json.loads(texts.read_text())
    start = time.process_time()
    pairs = {(min(pair), max(pair)) for pair in METHODS[method](rows)}
    spent, most = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    out.write_text(json.dumps({"seconds": spent, "memory": most / 1024, "pairs": sorted(pairs)}))


def main(rows: int) -> None:
    """All methods on both corpora."""
    with tempfile.TemporaryDirectory() as folder:
        texts, known = planted(rows)
        console.print(
            f"{rows:,} texts of random words, {len(known):,} pairs with a similarity of {THRESHOLD:g} or more"
        )
        compared(Path(folder), texts, known)
        texts = dialogues(rows)
        console.print(f"{rows:,} prompts of one grammar")
        compared(Path(folder), texts, None)


def compared(folder: Path, texts: list[str], known: Pairs | None) -> None:
    """A line per method."""
    (folder / "texts.json").write_text(json.dumps(texts))
    for method in METHODS:
        command = [sys.executable, __file__, method, str(folder / "texts.json"), str(folder / "out.json")]
        subprocess.run(command, check=True)
        found = json.loads((folder / "out.json").read_text())
        pairs = set(map(tuple, found["pairs"]))
        line = f"  {method:10} {found['seconds']:7.1f} CPU-s  {found['memory']:6.0f} MiB  {len(pairs):9,} pairs"
        if known is not None:
            right = len(pairs & known)
            line += f"  recall {right / len(known):.4f}  precision {right / max(1, len(pairs)):.4f}"
        else:
            sets = {row: grams(texts[row].split()) for pair in pairs for row in pair}
            right = sum(len(sets[a] & sets[b]) >= THRESHOLD * len(sets[a] | sets[b]) for a, b in pairs)
            line += f"  {right:,} of them reach the threshold"
        console.print(line)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        child(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)

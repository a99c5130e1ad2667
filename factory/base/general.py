"""Lessons of no domain: records, lists, sums."""

from __future__ import annotations

from random import Random

from factory.specialists.sql.families import words
from factory.text import random_word

Pair = tuple[str, str]
COLORS = ("red", "blue", "green", "yellow", "white", "black", "brown", "grey")
ANIMALS = ("cat", "dog", "fox", "owl", "hen", "bear", "mouse", "horse", "goat", "crow")


def records(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """Records with named fields, and look-ups in them."""
    random = rng.random() < 0.33
    fields = rng.sample(("city", "age", "color", "pet", "price", "year", "room", "team"), 2 + round(level * 2))
    people = list(dict.fromkeys(name(rng, random) for _ in range(2 + round(level * 3))))
    rows = {who: {f: fact(rng, f, random) for f in fields} for who in people}
    context = "\n".join(f"- {who} : {' , '.join(f'{f} {v}' for f, v in row.items())}" for who, row in rows.items())
    pairs = []
    for _ in range(rng.randint(5, 7)):
        who, field = rng.choice(people), rng.choice(fields)
        holders = [p for p in people if rows[p][field] == rows[who][field]]
        pairs.append(
            rng.choice(
                (
                    (f"What is the {field} of {who} ?", str(rows[who][field])),
                    (f"Who has the {field} {rows[who][field]} ?", " , ".join(holders)),
                    (f"Write the record of {who} .", " , ".join(f"{f} {v}" for f, v in rows[who].items())),
                )
            )
        )
    return f"Records:\n{context}", pairs


def name(rng: Random, random: bool) -> str:
    """A person's name, or a random word."""
    return random_word(rng) if random else f"{rng.choice(words()['first'])} {rng.choice(words()['last'])}"


def fact(rng: Random, field: str, random: bool) -> str | int:
    """A value that suits a field."""
    if field in ("age", "price", "year", "room"):
        return {
            "age": rng.randint(5, 90),
            "price": rng.randint(1, 500),
            "year": rng.randint(1950, 2024),
            "room": rng.randint(1, 40),
        }[field]
    if random:
        return random_word(rng)
    return rng.choice({"city": words()["place"], "color": COLORS, "pet": ANIMALS, "team": words()["noun"]}[field])


def lists(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """A list of words or numbers and what one can ask of it."""
    size = 3 + round(level * 4)
    numbers = rng.random() < 0.5
    things = rng.sample(range(1, 100), size) if numbers else [random_word(rng) for _ in range(size)]
    text = list(map(str, things))
    asks = [
        ("Say it backwards.", " , ".join(reversed(text))),
        ("What comes first?", text[0]),
        ("What comes last?", text[-1]),
        ("How many are there?", str(size)),
        ("Sort it.", " , ".join(map(str, sorted(things)))),
        ("Say it again.", " , ".join(text)),
        (f"What comes after {text[1]} ?", text[2]),
    ]
    if numbers:
        asks += [
            ("Which is the largest?", str(max(things))),
            ("Which is the smallest?", str(min(things))),
            ("What is the sum of the first two?", str(things[0] + things[1])),
        ]
    return f"List: {' , '.join(text)}", rng.sample(asks, 5)


def arithmetic(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """Sums, differences and comparisons of small numbers."""
    most = 20 + round(level * 80)
    pairs = []
    for _ in range(6):
        a, b = rng.randint(1, most), rng.randint(1, most)
        pairs.append(
            rng.choice(
                (
                    (f"{a} + {b} =", str(a + b)),
                    (f"{max(a, b)} - {min(a, b)} =", str(abs(a - b))),
                    (f"Which is larger, {a} or {b} ?", str(max(a, b))),
                )
            )
        )
    return "", pairs


def instructions(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """A line of words, named or random, and what one can be told to do with it."""
    size = 3 + round(level * 5)
    pool = [random_word(rng) for _ in range(size)] if rng.random() < 0.5 else rng.sample(words()["noun"], size)
    line = [word.lower() for word in pool]
    one, other, new = rng.choice(line), rng.choice(line), random_word(rng)
    place = line.index(one)
    asks = [
        (f"Leave out {one} .", " ".join(word for word in line if word != one)),
        (f"Put {new} in the place of {one} .", " ".join(new if word == one else word for word in line)),
        (f"Put {new} before {one} .", " ".join([*line[:place], new, *line[place:]])),
        (f"Say {one} three times.", " ".join([one] * 3)),
        (f"Say {one} and {other} .", f"{one} and {other}"),
        ("Say it with commas.", " , ".join(line)),
        ("Number the words.", " ; ".join(f"{number} {word}" for number, word in enumerate(line, 1))),
        ("How many words are there?", str(len(line))),
        (f"Is {new} there?", "yes" if new in line else "no"),
        (f"Is {one} there?", "yes"),
        (f"What stands before {line[1]} ?", line[0]),
        ("Say only the last two.", " ".join(line[-2:])),
        (f"Say it as a form with the keys {one} and {other} .", f"{one} : {line[0]} ; {other} : {line[-1]}"),
    ]
    return f"Words: {' '.join(line)}", rng.sample(asks, 7)


LESSONS = {"records": records, "lists": lists, "arithmetic": arithmetic, "instructions": instructions}

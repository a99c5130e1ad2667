"""What a prompt says, in phrases of its side; and the texts of the grammar."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest

from factory.specialist import find
from factory.specialists.creative import lexicon
from factory.specialists.creative.rhyme import pronunciations, rhymes, syllables
from factory.specialists.creative.survey import distinct, masked, survey
from tests.drawn import drawn, used

PROMPTS = lexicon.read("prompts")
FREQUENT = [act for act in PROMPTS if act.endswith("_sentence")]


examples = partial(drawn, "creative", streams=500)


def test_training_uses_no_held_out_phrase() -> None:
    said = [phrase for example in examples("train", False) for _, phrase in used(example, PROMPTS)]
    assert len(said) > 3000
    assert [phrase for phrase in said if phrase.startswith("~")] == []


def test_a_held_out_rendering_uses_one_wherever_there_is_one() -> None:
    for example in examples("exam", True):
        for act, phrase in used(example, PROMPTS):
            assert phrase.startswith("~") or not any(other.startswith("~") for other in PROMPTS[act])


@pytest.mark.parametrize("act", FREQUENT)
def test_a_constraint_has_a_dozen_seen_sentences_and_three_held_out(act: str) -> None:
    held = sum(phrase.startswith("~") for phrase in PROMPTS[act])
    assert len(PROMPTS[act]) - held >= 12
    assert held >= 3
    assert len({phrase.removeprefix("~").lower() for phrase in PROMPTS[act]}) == len(PROMPTS[act])


def test_a_prompt_says_what_the_plan_asks() -> None:
    for example in examples("train", False):
        plan, prompt = example.state, example.prompt
        wanted = [
            plan["hero"]["name"],
            plan["hero"]["kind"],
            plan["place"],
            plan["wish"],
            *plan["required"],
            *plan["forbidden"],
        ]
        wanted += [plan[name] for name in ("obstacle", "turn", "mood") if plan[name]]
        wanted += [str(end) for end in (plan["words"] or {}).values()]
        for phrase in wanted:
            assert phrase.lower() in prompt.lower(), (phrase, prompt)


def test_rows_are_short_enough_to_be_learnt() -> None:
    for example in examples("train", False):
        assert len(example.prompt.split()) <= 150
        assert len(example.answer.split()) <= 110
    lengths = [len(f"{example.prompt} {example.answer}".split()) for example in examples("train", False)]
    assert 60 <= sum(lengths) / len(lengths) <= 100


def test_texts_are_not_all_alike() -> None:
    task, rows = find("creative"), examples("train", False)
    texts = [masked(task.state(**row.state), row.answer) for row in rows]
    assert distinct(texts, 2) > 0.3
    openings = Counter(tuple(text[:3]) for text in texts)
    assert openings.most_common(1)[0][1] / len(texts) < 0.1
    assert len({row.answer for row in rows}) == len(rows)


def test_no_text_of_the_grammar_has_a_cliche() -> None:
    task, rows = find("creative"), [*examples("train", False), *examples("exam", True)]
    figures = survey([task.state(**row.state) for row in rows], [row.answer for row in rows], [])
    assert figures["cliches"] == 0
    worn = survey([task.state(**rows[0].state)], ["Once upon a time there was a fox."], [])
    assert worn["cliches"] == 1


def test_the_survey_sees_copies_and_repetition() -> None:
    task, rows = find("creative"), examples("train", False)[:20]
    states, answers = [task.state(**row.state) for row in rows], [row.answer for row in rows]
    copied = survey(states, answers, answers)
    assert (copied["copied"], copied["copied whole"]) == (1, 1)
    fresh = survey(states, answers, ["Nothing of this was ever said before by anyone at all."])
    assert (fresh["copied"], fresh["copied whole"]) == (0, 0)
    again = survey(states[:1] * 20, [answers[0]] * 20, [])
    assert again["same opening"] == 1 and again["shared between"] == 1
    assert again["distinct-2"] < fresh["distinct-2"]
    assert survey(states[:1], ["a b c d a b c d a b c d"], [])["repeated inside"] > 0.5
    assert survey([], [], [])["distinct-1"] == 0


def test_line_ends_of_a_group_rhyme_and_have_partners() -> None:
    for name, ends in lexicon.read("tails").items():
        last = [end.split()[-1] for end in ends]
        assert len(set(last)) > 1
        for one in last:
            assert pronunciations(one), one
            assert all(one == other or rhymes(one, other) for other in last), name


@pytest.mark.parametrize(
    ("one", "other", "same"), [("night", "light", True), ("night", "day", False), ("sea", "sea", False)]
)
def test_rhymes(one: str, other: str, same: bool) -> None:
    assert rhymes(one, other) == same


@pytest.mark.parametrize(("word", "count"), [("avalanche", 3), ("fire", 1), ("Mira", 2), ("zzz", 1)])
def test_syllables(word: str, count: int) -> None:
    assert syllables(word) in (count, count + 1)

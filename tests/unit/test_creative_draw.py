"""Plans: families of their side, room for every constraint, words that do not contradict each other."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from random import Random

import pytest

from factory.config import load
from factory.specialist import Inapplicable, find
from factory.specialists.creative import lexicon
from factory.specialists.creative.draw import draw, plan_words
from factory.specialists.creative.state import State
from factory.specialists.creative.write import needed, settled


@cache
def plans(side: str) -> list[State]:
    task, found = find("creative"), []
    settings = task.typed(load(["specialist=creative"]).specialist.settings)
    for index in range(600):
        try:
            found.append(draw(Random(f"plan {index}"), settings, side))
        except Inapplicable:
            continue
    return found


def things(side: str) -> set[str]:
    """The last words of wishes, obstacles, turns, and the props: what a family speaks of."""
    phrases = [
        phrase
        for family in lexicon.families(side)
        for phrase in (*family.wishes, *family.obstacles, *family.turns, *family.props)
    ]
    return {phrase.split()[-1] for phrase in phrases}


def test_families_of_the_exam_are_their_own() -> None:
    train, exam = ({family.name for family in lexicon.families(side)} for side in ("train", "exam"))
    assert (len(train), len(exam)) == (24, 8)
    assert not train & exam
    assert not things("train") & things("exam"), "a thing of the exam stands in a training family"
    assert {plan.family for plan in plans("train")} == train
    assert {plan.family for plan in plans("exam")} == exam


def test_forms_and_difficulties_come_in_their_shares() -> None:
    forms = Counter(plan.form for plan in plans("train"))
    assert 0.5 < forms["story"] / len(plans("train")) < 0.7
    assert {plan.difficulty for plan in plans("train")} == {"easy", "medium", "hard"}
    assert len(plans("train")) > 550


@pytest.mark.parametrize("side", ["train", "exam"])
def test_a_plan_does_not_contradict_itself(side: str) -> None:
    for plan in plans(side):
        said = plan_words(plan) | set(plan.required)
        assert not set(plan.forbidden) & said
        assert not set(plan.required) & plan_words(plan)
        assert len(set(plan.required)) == len(plan.required) <= 3
        assert plan.friend is None or plan.friend.name != plan.hero.name
        assert not plan.rhyme or plan.form == "poem"
        assert plan.person in ("first", "") or plan.form != "letter"
        assert plan.count in ((0, 4, 6) if plan.form == "poem" else (0, 3, 4, 5, 6))
        assert plan.words is None or plan.words.high - plan.words.low >= 15


def test_a_poem_has_a_line_for_everything() -> None:
    for plan in plans("train"):
        if plan.form == "poem":
            assert needed(plan) <= (plan.count or 6)
            assert needed(plan) <= 4 or plan.rhyme != "alternating"


@pytest.mark.parametrize("name", ["place", "wish", "person", "tense", "count", "required", "friend", "rhyme", "words"])
def test_every_constraint_is_asked_of_some_plans_and_left_open_in_others(name: str) -> None:
    some = [plan for plan in plans("train") if plan.form == ("poem" if name == "rhyme" else "story")]
    assert 0.1 < sum(bool(getattr(plan, name)) for plan in some) / len(some) < 0.9


def test_a_plan_asks_for_something_and_hardness_counts_what_it_asks() -> None:
    numbers = {plan.difficulty: set() for plan in plans("train")}
    for plan in plans("train"):
        numbers[plan.difficulty].add(len(plan.asked))
    assert numbers["easy"] == {1, 2, 3} and numbers["medium"] == {4, 5, 6} and min(numbers["hard"]) == 7


def test_what_is_left_open_is_chosen_before_writing_and_nothing_else_changes() -> None:
    for plan in plans("exam")[:200]:
        full = settled(plan, Random("open"))
        assert full.place and full.person and full.tense and full.count >= 2
        assert {
            **full.model_dump(),
            **{name: getattr(plan, name) for name in ("place", "person", "tense", "count")},
        } == {**plan.model_dump()}
        assert settled(full, Random("open")) == full


def test_required_words_are_single_words() -> None:
    words = lexicon.read("words")
    props = [prop for side in ("train", "exam") for family in lexicon.families(side) for prop in family.props]
    assert [word for word in (*words["nouns"], *words["adjectives"], *props) if not re.fullmatch("[a-z]+", word)] == []


def test_every_verb_of_a_clause_is_known_to_the_checks() -> None:
    used = set(re.findall(r"[@#=]([a-z]+)", str(lexicon.read("frames"))))
    assert len(used) > 120
    assert used - set(lexicon.verbs()) == set()


@pytest.mark.parametrize(
    ("base", "forms"),
    [
        ("carry", ("carried", "carries", "carrying")),
        ("stop", ("stopped", "stops", "stopping")),
        ("go", ("went", "goes", "going")),
        ("have", ("had", "has", "having")),
        ("lie", ("lay", "lies", "lying")),
        ("dance", ("danced", "dances", "dancing")),
        ("play", ("played", "plays", "playing")),
    ],
)
def test_verbs_are_conjugated(base: str, forms: tuple[str, str, str]) -> None:
    assert (lexicon.past(base), lexicon.third(base), lexicon.participle(base)) == forms


def test_be_agrees_with_its_subject() -> None:
    said = [lexicon.conjugate("be", subject, "first", "present") for subject in ("hero", "one", "many")]
    assert said == ["am", "is", "are"]
    assert lexicon.conjugate("be", "many", "third", "past") == "were"
    assert lexicon.negated("can", "hero", "first", "present") == "cannot"

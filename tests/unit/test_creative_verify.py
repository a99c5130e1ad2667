"""Every constraint is checked exactly: a text that keeps its plan, and one small change for each way to break it."""

from __future__ import annotations

import pytest

from factory.specialists.creative import corrupt, describe
from factory.specialists.creative.prose import Prose, sentences
from factory.specialists.creative.state import Character, State, Words
from factory.specialists.creative.verify import verify

MIRA = Character(name="Mira", kind="fox", pronoun="she")
PLAN = State(
    family="music / broken string",
    form="story",
    hero=MIRA,
    friend=Character(name="Odo", kind="owl", pronoun="he"),
    place="at the old mill",
    mood="merry",
    wish="mend the old violin",
    obstacle="a broken string",
    turn="a spool of wire",
    person="third",
    tense="past",
    count=3,
    rhyme="",
    syllables=0,
    words=Words(low=30, high=55),
    required=("lamp", "coin"),
    forbidden=("rain",),
    opening="",
)
STORY = (
    "Mira the fox lived at the old mill, and she wanted to mend the old violin by a lamp. A broken string stopped her, "
    "but Odo the owl paid a coin for a spool of wire. She felt happy and danced."
)
POEM = PLAN.model_copy(
    update={
        "form": "poem",
        "friend": None,
        "mood": "",
        "obstacle": "",
        "turn": "",
        "count": 4,
        "rhyme": "couplets",
        "syllables": 13,
        "words": None,
        "required": ("lamp",),
        "forbidden": (),
    }
)
VERSES = (
    "Mira the fox sat at the old mill by night,\nShe had a lamp that gave her light;\n"
    "She hoped to mend the old violin,\nAnd so she sat down with a grin."
)
LETTER = PLAN.model_copy(
    update={
        "form": "letter",
        "friend": Character(name="Odo", pronoun="he"),
        "person": "first",
        "mood": "",
        "obstacle": "",
        "turn": "",
        "words": None,
    }
)
MAIL = (
    "Dear Odo,\nI was at the old mill with a lamp. I hoped to mend the old violin for a coin. It took me all night.\n"
    "Warm wishes, Mira the fox"
)


def reason(plan: State, text: str) -> str:
    return verify(plan, [text])[0].reason


@pytest.mark.parametrize(
    ("plan", "text"), [(PLAN, STORY), (POEM, VERSES), (LETTER, MAIL)], ids=["story", "poem", "letter"]
)
def test_a_text_that_keeps_its_plan_is_right(plan: State, text: str) -> None:
    score = verify(plan, [text])[0]
    assert (score.value, score.reason) == (1, "")
    assert set(score.parts.values()) == {1.0}


@pytest.mark.parametrize(
    ("old", "new", "broken"),
    [
        ("Mira", "Nila", "character"),
        ("owl", "hen", "character"),
        ("old mill", "lake", "place"),
        ("violin", "piano", "wish"),
        ("mend", "buy", "wish"),
        ("broken string", "string that broke", "obstacle"),
        ("a spool", "some", "turn"),
        ("happy", "sad", "mood"),
        ("she wanted", "I wanted", "person"),
        ("lived", "lives", "tense"),
        ("coin", "penny", "required"),
        ("lamp", "lampshade", "required"),
        ("danced", "danced in the rain", "forbidden"),
        ("string stopped", "string. It stopped", "sentences"),
        ("her, but", "her. But", "sentences"),
        (" She felt", "\nShe felt", "form"),
        ("danced", f"danced {'and sang with Odo ' * 5}", "words"),
    ],
)
def test_one_change_breaks_one_constraint(old: str, new: str, broken: str) -> None:
    score = verify(PLAN, [STORY.replace(old, new, 1)])[0]
    assert score.value == 0
    assert score.parts[broken] == 0
    assert 0.7 < score.parts["share"] < 1


@pytest.mark.parametrize(
    ("old", "new", "broken"),
    [
        ("light", "flame", "rhyme"),
        ("light", "night", "rhyme"),
        ("\nAnd so she sat down with a grin.", "", "lines"),
        ("She had a lamp", "In the evening she also had a little lamp", "syllables"),
        ("\n", " ", "form"),
    ],
)
def test_a_poem_is_broken(old: str, new: str, broken: str) -> None:
    assert verify(POEM, [VERSES.replace(old, new)])[0].parts[broken] == 0


@pytest.mark.parametrize(
    ("old", "new", "broken"),
    [
        ("Dear Odo,\n", "", "form"),
        ("Odo,", "Nils,", "form"),
        ("\nWarm wishes, Mira the fox", "", "form"),
        ("It took me all night.", "", "sentences"),
        ("I was", "I am", "tense"),
    ],
)
def test_a_letter_is_broken(old: str, new: str, broken: str) -> None:
    assert verify(LETTER, [MAIL.replace(old, new)])[0].parts[broken] == 0


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Mira the fox ran. Mira the fox ran.", "a sentence said twice"),
        ("Mira the fox at the mill.", "a sentence without a verb"),
        ("Mira the the fox ran.", "a word said twice in a row"),
        ("Fox mill violin lamp ran string.", "no balance of words"),
        ("Mira ran to the.", "an article without a noun"),
        ("She saw a fox and one fox, then that fox, no fox, the fox, my fox, her fox, your fox.", "a word too often"),
        ("Run.", "a sentence of one word"),
        ("", "a sentence of one word"),
        ("Mira the fox ran to the mill.", ""),
    ],
)
def test_a_list_of_words_is_no_prose(text: str, fault: str) -> None:
    assert Prose(text).fault == fault


@pytest.mark.parametrize(
    ("text", "tenses"),
    [
        ("She walked home.", (1, 0)),
        ("She walks home.", (0, 1)),
        ("I often walk home.", (0, 1)),
        ("They want to walk.", (0, 1)),
        ("The lost ring was found.", (1, 0)),
        ("Two walks in the park.", (0, 0)),
        ('"I walk," she said.', (1, 0)),
        ("He could not walk.", (1, 0)),
        ("She put it down.", (0, 0)),
        ("It is painted.", (0, 1)),
    ],
)
def test_the_tense_of_verbs(text: str, tenses: tuple[int, int]) -> None:
    assert Prose(text).tenses == tenses


def test_in_the_first_person_the_hero_is_no_one_else() -> None:
    plan = PLAN.model_copy(update={"person": "first"})
    mine = (
        STORY.replace("Mira the fox lived", "I, Mira the fox, lived")
        .replace("she", "I")
        .replace("her", "me")
        .replace("She", "I")
    )
    assert reason(plan, mine) == ""
    assert reason(plan, STORY) == "person"
    assert reason(plan, mine.replace("I, Mira the fox, lived", "Mira the fox lived")) == "person"


def test_what_is_quoted_is_not_read_for_person() -> None:
    assert reason(PLAN, STORY.replace("She felt", '"I know," she said, and she felt')) == ""


@pytest.mark.parametrize(
    ("text", "count"),
    [("One is here. Two.", 2), ('"Stop!" said Mira.', 1), ('"Is it?" He ran.', 2), ("It cost 2.5 coins.", 1), ("", 0)],
)
def test_sentences_are_counted(text: str, count: int) -> None:
    assert len(sentences(text)) == count


@pytest.mark.parametrize("plan", [PLAN, POEM, LETTER], ids=["story", "poem", "letter"])
def test_corrupted_texts_are_wrong_and_repeat(plan: State) -> None:
    wrong = corrupt(plan)
    assert len(set(wrong)) == len(wrong) == 8
    assert [score.value for score in verify(plan, wrong)] == [0.0] * 8
    assert corrupt(plan) == wrong


def test_a_description_says_how_hard_a_plan_is() -> None:
    about = describe(PLAN)
    assert (about.family, about.balance) == ("music / broken string", "story: ")
    assert (about.tags["difficulty"], about.tags["slice"]) == ("hard", "story")
    easy = POEM.model_copy(update={"person": "", "tense": "", "count": 0, "syllables": 0, "wish": ""})
    assert describe(easy).tags == {
        "difficulty": "easy",
        "slice": "poem",
        "person": "any",
        "tense": "any",
        "limits": "none",
    }


OPEN = PLAN.model_copy(
    update={
        "friend": None,
        "place": "",
        "mood": "",
        "obstacle": "",
        "turn": "",
        "person": "",
        "tense": "",
        "count": 0,
        "words": None,
        "required": (),
        "forbidden": (),
    }
)


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("Mira the fox came. She wants to mend the old violin.", ""),
        ("I, Mira the fox, mended the old violin. I smiled. I slept well.", ""),
        ("Mira the fox wanted to mend the old violin.", "form"),
        ("Mira the fox came. She wants to mend the old violin", "form"),
        ("Mira came. She wants to mend the old violin.", "character"),
        ("Mira the fox came. She wants to buy a violin.", "wish"),
    ],
)
def test_what_a_plan_leaves_open_is_not_checked(text: str, broken: str) -> None:
    score = verify(OPEN, [text])[0]
    assert set(score.parts) == {"form", "prose", "character", "wish", "share"}
    assert score.reason == broken


@pytest.mark.parametrize(
    ("rhyme", "lines", "kept"),
    [
        ("couplets", (0, 1), True),
        ("couplets", (0, 1, 2, 3), True),
        ("couplets", (0, 1, 2), False),
        ("alternating", (0, 2, 1, 3), True),
        ("alternating", (0, 1), False),
        ("alternating", (0, 1, 2, 3), False),
    ],
)
def test_rhyme_without_a_number_of_lines(rhyme: str, lines: tuple[int, ...], kept: bool) -> None:
    plan = POEM.model_copy(update={"count": 0, "rhyme": rhyme})
    verse = VERSES.split("\n")
    assert verify(plan, ["\n".join(verse[line] for line in lines)])[0].parts["rhyme"] == kept

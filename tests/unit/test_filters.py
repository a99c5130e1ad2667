"""Each check drops the planted row, only it, and says why with its number."""

from __future__ import annotations

import contextlib
import json
import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

from factory import filters
from factory.config import (
    Balance,
    BrokenText,
    Contamination,
    ExactDuplicate,
    FilterTable,
    Language,
    Length,
    NearDuplicate,
    PrivateData,
    load,
)
from factory.errors import ConfigMistake, DataMistake
from factory.filtering import PrivateKind
from factory.filters import near_duplicate, private_data
from factory.names import names
from factory.records import Example, Verdict
from factory.rows import read_examples, read_jsonl, write_examples
from factory.specialist import Inapplicable, find
from factory.stages.filter import filter as filter_stage
from factory.stages.filter import held_back, rows_of, within
from factory.store import Source
from factory.surrogates import moved

NUMBERS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
]
NEAR = NearDuplicate(threshold=0.9, permutations=128, budget=1)


def row(name: str, prompt: str, answer: str = "", family: str = "library", **tags: str) -> Example:
    return Example(
        id=name, messages=({"role": "user", "content": prompt},), answer=answer, state=None, family=family, tags=tags
    )


def dropped(name: str, settings: Any, rows: Sequence[Example], exam: Sequence[Example] = ()) -> dict[str, Verdict]:
    return filters.find(name)(rows, settings, exam, print)


def text(words: int, salt: str) -> str:
    """A text of so many different words."""
    return " ".join(f"{salt}{i}" for i in range(words))


def test_every_filter_of_the_configuration_is_found_and_none_more() -> None:
    there = {path.stem for path in Path(filters.__file__).parent.glob("*.py")} - {"__init__"}
    assert there == set(get_type_hints(FilterTable)) - {"split"}
    assert all(callable(filters.find(name)) for name in there)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("broken_text", BrokenText(circles=3, budget=1)),
        ("language", Language(languages=["en"], least=8, sure=0.9, budget=1)),
        ("private_data", PrivateData(kinds=("mail address",), action="drop", seed=0, budget=1)),
        ("length", Length(max_characters=9, budget=1)),
        ("exact_duplicate", ExactDuplicate(budget=1)),
        ("balance", Balance(cap=1, budget=1)),
        ("near_duplicate", NEAR),
        ("contamination", Contamination(marks=True, ngram=3, threshold=0.5, mould=0.1, least=1, sets={}, budget=1)),
    ],
)
def test_no_rows_drop_nothing(name: str, settings: Any) -> None:
    assert dropped(name, settings, []) == {}


def test_length_drops_what_is_one_character_too_long() -> None:
    rows = [row("fits", "12345", "1234"), row("long", "12345", "12345")]
    assert dropped("length", Length(max_characters=9, budget=1), rows) == {"long": Verdict.drop("too long", 10)}


def test_exact_duplicate_drops_the_later_of_two_that_differ_by_case_and_spacing() -> None:
    rows = [
        row("a", "Count  the\nBooks", "SELECT 1"),
        row("b", "count the books", "select  1"),
        row("c", "count the books", "SELECT 2"),
        row("d", "ﬁnd", "x"),
        row("e", "find", "x"),
    ]
    assert dropped("exact_duplicate", ExactDuplicate(budget=1), rows) == dict.fromkeys(
        "be", Verdict.drop("said before")
    )


def test_balance_keeps_the_first_rows_of_a_kind_and_all_without_one() -> None:
    rows = [
        row("a", "1", balance="k"),
        row("b", "2", balance="k"),
        row("c", "3", balance="k"),
        row("d", "4", balance="l"),
        row("e", "5"),
    ]
    assert dropped("balance", Balance(cap=2, budget=1), rows) == {"c": Verdict.drop("its kind is full", 2)}


def test_near_duplicate_finds_a_planted_pair_with_its_similarity() -> None:
    """100 different words give 98 three-grams; a new last word changes one of them: 97 shared of 99."""
    long = text(100, "w")
    rows = [row("a", long), row("other", text(100, "v")), row("b", long.rsplit(" ", 1)[0] + " changed")]
    assert dropped("near_duplicate", NEAR, rows) == {"b": Verdict.drop("nearly said before", round(97 / 99, 4))}


def test_near_duplicate_keeps_rows_that_differ_by_a_number_and_stay_below_the_threshold() -> None:
    """A number in the middle changes three of n - 2 three-grams: (n - 5) / (n + 1), 0.9 from n = 59 words on."""

    def pair(words: int) -> list[Example]:
        parts = text(words, "w").split()
        return [row("a", " ".join(parts)), row("b", " ".join([*parts[: words // 2], "1984", *parts[words // 2 + 1 :]]))]

    assert dropped("near_duplicate", NEAR, pair(30)) == {}
    assert dropped("near_duplicate", NEAR, pair(58)) == {}
    assert dropped("near_duplicate", NEAR, pair(59)) == {"b": Verdict.drop("nearly said before", 0.9)}


def test_near_duplicate_keeps_the_first_of_many_and_does_not_chain() -> None:
    """b nears a and c nears b, but c is too far from a: b goes, and c stays, because what it repeats is gone."""
    parts = text(100, "w").split()
    a, b, c = parts, [*parts[:96], *"abcd"], [*"efgh", *parts[4:96], *"abcd"]
    assert set(
        dropped("near_duplicate", NEAR, [row("a", " ".join(a)), row("b", " ".join(b)), row("c", " ".join(c))])
    ) == {"b"}
    assert set(dropped("near_duplicate", NEAR, [row(name, " ".join(a)) for name in "xyz"])) == {"y", "z"}


def test_near_duplicate_gives_the_same_verdicts_every_time() -> None:
    rows = [row(str(i), text(60, "w").replace(f"w{i} ", "x ")) for i in range(20)]
    assert dropped("near_duplicate", NEAR, rows) == dropped("near_duplicate", NEAR, rows)


def test_near_duplicate_finds_nearly_all_planted_pairs() -> None:
    """At similarity 0.92 and 32 bands of 4, a pair is missed with chance (1 - 0.92**4)**32 < 1e-17."""
    rows = [
        row(f"{i}{side}", text(75, f"w{i}x") + end)
        for i in range(40)
        for side, end in (("a", ""), ("b", " and more words"))
    ]
    found = dropped("near_duplicate", NEAR, rows)
    assert set(found) == {f"{i}b" for i in range(40)}


def test_near_duplicate_hears_no_case_and_no_punctuation_but_every_sign_and_digit() -> None:
    """Between two numbers a sign is all the difference: of 62 three-grams three change, (62 - 3) / (62 + 3) = 0.908."""
    plain = text(60, "w")
    said = f"{plain}, price > 100 {text(60, 'v')}"
    rows = [row("a", said), row("b", said.upper().replace(" ", " ; ", 9)), row("c", said.replace(">", "<"))]
    near = NearDuplicate(threshold=0.98, permutations=128, budget=1)
    assert dropped("near_duplicate", near, rows) == {"b": Verdict.drop("nearly said before", 1.0)}


def test_near_duplicate_finds_just_the_pairs_that_counting_finds() -> None:
    rng = Random(0)
    said = [[rng.choice(string.ascii_lowercase) + str(rng.randint(0, 40)) for _ in range(40)] for _ in range(150)]
    for words in list(said):
        copy = list(words)
        for place in rng.sample(range(40), rng.randint(0, 4)):
            copy[place] = "other"
        said.append(copy)
    grams = [{tuple(words[i : i + 3]) for i in range(38)} for words in said]
    alike = {
        (later, earlier)
        for later in range(len(said))
        for earlier in range(later)
        if len(grams[later] & grams[earlier]) / len(grams[later] | grams[earlier]) >= 0.7
    }
    flat, starts = near_duplicate.shingles([" ".join(words) for words in said])
    found = np.concatenate(list(near_duplicate.similar(flat, starts, 0.7, 128, print)))
    assert len(alike) > 50
    assert {(int(later), int(earlier)) for later, earlier, _ in found} == alike


def test_near_duplicate_ends_on_texts_of_one_mould_and_says_what_it_may_miss(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rng = Random(0)
    parts = [f"the patient has {what} since {when}" for what in ("cough", "rash") for when in ("monday", "may", "noon")]
    rows = [row(str(i), " ".join(rng.choices(parts, k=9))) for i in range(1500)]
    found = dropped("near_duplicate", NearDuplicate(threshold=0.7, permutations=128, budget=1), rows)
    assert 0 < len(found) < 1500
    assert "texts of one mould" in capsys.readouterr().out


def test_near_duplicate_pairs_a_large_group_row_by_row_and_copies_not_at_all() -> None:
    many = near_duplicate.LARGE + 6
    rows = [row(str(i), text(60, "w")) for i in range(many)]
    order, starts, sizes = np.arange(many), np.array([0]), np.array([many])
    pairs = np.concatenate(list(near_duplicate.blocks(order, starts, sizes)))
    assert len(pairs) == many * (many - 1) // 2 == len(np.unique(pairs, axis=0))
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert set(dropped("near_duplicate", NEAR, rows)) == {str(i) for i in range(1, many)}


EXAM = [
    row(
        "exam",
        "How many lighthouse keepers are there in the northern harbour",
        "SELECT count ( * ) FROM keeper",
        "lighthouse",
    )
]
SETTINGS = Contamination(marks=True, ngram=4, threshold=0.5, mould=0.1, least=10, sets={}, budget=1)


def test_contamination_drops_a_family_of_the_exam_whatever_it_says() -> None:
    rows = [row("leak", "something else", family="lighthouse"), row("fine", "something else", family="harbour")]
    assert dropped("contamination", SETTINGS, rows, EXAM) == {"leak": Verdict.drop("family of the exam")}


def test_contamination_drops_a_text_of_the_exam_under_another_family() -> None:
    copy = EXAM[0].prompt.upper()
    rows = [row("copy", copy, EXAM[0].answer), row("half", f"{copy} {text(3, 'w')}"), row("fine", text(17, "w"))]
    found = dropped("contamination", SETTINGS, rows, EXAM)
    assert found == {"copy": Verdict.drop("text of the exam", 1.0), "half": Verdict.drop("text of the exam", 0.7)}


def test_contamination_measures_the_share_in_one_exam_row() -> None:
    """Eight words give five four-grams; two of them stand in the exam: 0.4 is below a half, three would be above."""
    said = "how many lighthouse keepers are"  # two four-grams
    rows = [row("below", f"{said} w1 w2 w3"), row("above", f"{said} there w1 w2")]
    assert dropped("contamination", SETTINGS, rows, EXAM) == {"above": Verdict.drop("text of the exam", 0.6)}


def test_contamination_finds_an_exam_row_inside_a_much_longer_row() -> None:
    rows = [row("longer", f"{text(90, 'w')} {EXAM[0].prompt} {EXAM[0].answer}"), row("fine", text(99, "w"))]
    assert dropped("contamination", SETTINGS, rows, EXAM) == {"longer": Verdict.drop("text of the exam", 1.0)}


def test_contamination_takes_a_stock_phrase_for_no_share_of_a_short_exam_row() -> None:
    rows = [row("other", f"What are the symptoms of measles {text(90, 'w')}")]
    exam = [row("exam", "What are the symptoms of mumps", family="x")]
    assert dropped("contamination", SETTINGS, rows, exam) == {}
    assert dropped("contamination", SETTINGS.model_copy(update={"least": 1}), rows, exam) != {}


def test_contamination_takes_what_every_prompt_of_a_set_says_for_nothing() -> None:
    """One question behind every prompt is the task, not a leak; a copied row is found by the rest of it."""
    task = "which of the seven sections of the note is this part for"
    exam = [
        row(str(number), f"{text(9, f'exam{number}x')} {task if number % 3 else ''}", "plan", "x")
        for number in range(30)
    ]
    rows = [row("fine", f"{text(60, 'own')} {task}", "plan"), row("copy", f"{exam[7].prompt} {text(3, 'w')}", "plan")]
    assert set(dropped("contamination", SETTINGS, rows, exam)) == {"copy"}
    assert set(dropped("contamination", SETTINGS.model_copy(update={"mould": 0.9}), rows, exam)) == {"fine", "copy"}


def test_contamination_does_not_add_up_different_exam_rows() -> None:
    exam = [row("1", text(30, "a"), family="x"), row("2", text(30, "b"), family="y")]
    assert dropped("contamination", SETTINGS, [row("mix", f"{text(6, 'a')} {text(6, 'b')}")], exam) == {}


def test_a_text_of_another_evaluation_set_is_told_from_the_exams(tmp_path: Path) -> None:
    question = "How many people who keep a light live in a tower at the harbour"
    (tmp_path / "dev.jsonl").write_text(json.dumps({"db": "x", "asked": {"question": question}, "n": 3}) + "\n")
    (tmp_path / "plain.csv").write_text("text\nSome other words that nobody trains on at all today\n")
    sets = {"lights": str(tmp_path / "dev.jsonl"), "plain": str(tmp_path / "plain.csv")}
    exam = [row("exam", "Which lamp of the long northern street is out since last night", family="street")]
    rows = [
        row("same", question.upper() + "?"),
        row("exam too", "Which lamp of the long northern street is out since last night?"),
        row("own", "How many boats are in the harbour today"),
    ]
    settings = Contamination(marks=True, ngram=5, threshold=0.4, mould=0.1, least=20, sets=sets, budget=1)
    found = dropped("contamination", settings, rows, [*exam, *rows_of(sets)])
    assert {name: verdict.reason for name, verdict in found.items()} == {
        "same": "text of the evaluation set lights",
        "exam too": "text of the exam",
    }
    (tmp_path / "dev.jsonl").write_text("{not json\n")
    with pytest.raises(DataMistake, match=r"dev\.jsonl, line 1"):
        list(rows_of(sets))


def test_contamination_cannot_see_a_paraphrase_that_has_no_mark() -> None:
    """Its docstring says so; if this ever fails, say something better there."""
    rows = [row("paraphrase", "Count all people who keep a light tower at the harbour up north")]
    assert dropped("contamination", SETTINGS, rows, EXAM) == {}


def test_contamination_drops_what_shares_a_mark_with_an_exam_row_and_names_it() -> None:
    def marked(example: Example) -> dict[str, str]:
        return {"plan": example.prompt[0], "shape": example.prompt[-1]}

    rows = [row("same", f"H {text(9, 'w')} x"), row("like", f"K {text(9, 'w')} r"), row("other", f"K {text(9, 'w')} x")]
    check = filters.find("contamination")
    assert check(rows, SETTINGS, EXAM, print, marked) == {
        "same": Verdict.drop("plan of the exam"),
        "like": Verdict.drop("shape of the exam"),
    }
    assert check(rows, SETTINGS.model_copy(update={"marks": False}), EXAM, print, marked) == {}


def test_contamination_knows_a_query_of_the_exam_or_a_set_however_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "dev.jsonl").write_text(
        json.dumps({"asked": "Who?", "query": "SELECT name FROM boat WHERE a = 1"}) + "\n"
    )
    sets = list(rows_of({"boats": str(tmp_path / "dev.jsonl")}))
    rows = [
        row("exam", text(9, "w"), "select COUNT(*) from Keeper"),
        row("set", text(9, "w"), "SELECT T1.name FROM boat AS T1 WHERE 1 = T1.a"),
        row("asked", "SELECT name FROM boat WHERE a=1", text(9, "w")),
        row("other", text(9, "w"), "SELECT name FROM boat WHERE a = 2"),
    ]
    found = dropped("contamination", SETTINGS, rows, [*EXAM, *sets])
    assert {name: verdict.reason for name, verdict in found.items()} == {
        "exam": "query of the exam",
        "set": "query of the evaluation set boats",
        "asked": "query of the evaluation set boats",
    }


def test_without_an_exam_nothing_is_contaminated() -> None:
    assert dropped("contamination", SETTINGS, [row("a", text(9, "w"))]) == {}


def test_whole_families_are_held_back_to_about_their_share() -> None:
    held = held_back(dict.fromkeys(NUMBERS, 10), 0.2)
    assert held < set(NUMBERS)
    assert 0.1 <= len(held) / len(NUMBERS) <= 0.3


def test_what_is_held_back_does_not_depend_on_the_order_of_rows() -> None:
    assert held_back(dict.fromkeys(NUMBERS, 3), 0.2) == held_back(dict.fromkeys(NUMBERS[::-1], 3), 0.2) != set()


BROKEN = {
    "caf\ufffd au lait": "characters no one writes",
    "a\x00b": "characters no one writes",
    "dÃ©jÃ  vu": "read in the wrong encoding",
    "itâ€™s late": "read in the wrong encoding",
    "well well well well": "goes round in circles",
    "I counted the days. " * 4: "goes round in circles",
    "a b c d e f g h " * 4: "goes round in circles",
}
WHOLE = [
    "café au lait, naïve, Ünal, Łódź, 日本, Ærø, Ã",
    "line one\n\tline two\r\n",
    "no, no, no, not that",
    "the cat and the dog and the cat and the dog and the cow",
    "SELECT a FROM t WHERE a > 1 INTERSECT SELECT a FROM t WHERE a < 9",
]


def test_broken_text_drops_what_no_person_wrote() -> None:
    rows = [row(str(number), text) for number, text in enumerate([*BROKEN, *WHOLE])]
    found = dropped("broken_text", BrokenText(circles=3, budget=1), rows)
    assert [verdict.reason for verdict in found.values()] == list(BROKEN.values())
    assert list(found) == [str(number) for number in range(len(BROKEN))]


FOREIGN = {
    "de": "Der Ofen steht im Hof hinter der Werkstatt und wird erst am Abend geöffnet.",
    "fr": "Le four se trouve dans la cour derrière l'atelier et on ne l'ouvre que le soir.",
    "es": "El horno está en el patio detrás del taller y solo se abre por la noche.",
    "it": "Il forno si trova nel cortile dietro la bottega e si apre soltanto la sera.",
    "nl": "De oven staat op de binnenplaats achter de werkplaats en gaat pas 's avonds open.",
    "pl": "Piec stoi na podwórku za warsztatem i otwiera się go dopiero wieczorem.",
    "ru": "Печь стоит во дворе за мастерской, и открывают её только вечером после работы.",
    "tr": "Fırın atölyenin arkasındaki avluda duruyor ve ancak akşam olunca açılıyor.",
}
ENGLISH = (
    "The kiln stands in the yard behind the workshop and is opened only in the evening.",
    "Tables:\n- dolpir ( airid key , mas text )\nQuestion: Which mas has a dolpir with a lon over 3?\nSELECT mas FROM dolpir",
    "Patient : 30 year old woman\nComplaint : beposor lisvispel ; for 1 week\nPlan : start ruskorma 250 mg as needed",
)


def test_another_language_is_dropped_and_made_up_names_are_none() -> None:
    rows = [*(row(name, text) for name, text in FOREIGN.items()), *(row(text[:9], text) for text in ENGLISH)]
    found = dropped("language", Language(languages=["en"], least=8, sure=0.9, budget=1), rows)
    assert {name: verdict.reason for name, verdict in found.items()} == {
        name: f"in another language: {name}" for name in FOREIGN
    }
    assert all(0.9 <= verdict.number <= 1 for verdict in found.values())
    assert dropped("language", Language(languages=["en", *FOREIGN], least=8, sure=0.9, budget=1), rows) == {}
    noise = [
        row("noise", "yyy aaa www ooo iii xxx zzz kkk ddd jjj hhh"),
        row("code", "{ 0x3f } ;; << 17 >> [ 4 ] ( 2 ) % 9 ^ 8"),
    ]
    assert dropped("language", Language(languages=["en"], least=8, sure=0.9, budget=1), noise) == {}
    assert dropped("language", Language(languages=["en"], least=99, sure=0.9, budget=1), rows) == {}


@pytest.mark.parametrize("name", ["sql", "medical", "creative"])
def test_no_drawn_row_is_taken_for_another_language(name: str) -> None:
    task, found, index = find(name), [], 0
    settings = task.typed(load([f"specialist={name}"]).specialist.settings)
    while len(found) < 300:
        index += 1
        with contextlib.suppress(Inapplicable):
            found.append(task.example(index, 0, settings, "train"))
    assert dropped("language", Language(languages=["en"], least=8, sure=0.9, budget=1), found) == {}


PRIVATE = {
    "write to ann.lee@mail.example.org today": "mail address",
    "card 4111 1111 1111 1111 was charged": "card number",
    "DE89 3704 0044 0532 0130 00 is the account": "account number",
    "number 219-09-9999 on the form": "security number",
    "seen from 8.8.4.4 last night": "internet address",
    "call +44 20 7946 0958 or leave it": "phone number",
    "call (415) 555-0132 ext 12": "phone number",
    "or 0341 8387176": "phone number",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE": "private key",
    "use AKIAIOSFODNN7EXAMPLE there": "access token",
    "api_key = 'abcdef123456'": "password",
}
PUBLIC = [
    "card 4111 1111 1111 1112 fails its check digit",
    "GB00WEST12345698765432 is no account",
    "192.168.0.1, 10.0.0.7 and version 1.2.3.400",
    "on 2006-33-27 or 12.05.1 the price was 5107290.8",
    "blood pressure 120 over 80, 98 and 99 percent, 113 66",
    "numbers 1063 , 153461 166715 , 66 87 55 7",
    "metformin 500 mg twice daily for 10 days, room 4",
    "passwords are secret: never say them",
    "a @ b, @home, user@localhost",
    "000-12-3456 and 666-12-3456 belong to nobody",
]


NAMED = {
    "her name is Imke Oduya and she is late": "person name",
    "Dr. Abara Okonjo will see you": "person name",
    "doctor: hello , ms . ward": "person name",
    "[doctor] hi , martha , how are you": "person name",
    "Gustav spoke to the nurse": "person name",
    "asked Rose Petersen about it": "person name",
    "met at 12 Green Street on foot": "street address",
    "to Hammarvägen 15 by bus": "street address",
    "to P.O. Box 4410 by post": "street address",
    "born on 3/17/1946 at home": "date",
    "seen May 5th, 2020 again": "date",
    "since 12 March she sleeps": "date",
    "MRN: 5484367 is new": "record number",
}
NAMELESS = [
    "Parkinson's disease, Graves disease and Alexander disease are named after doctors",
    "May I ask? Will you rest? Mark the place, and Grace your table with a Rose",
    "Call your doctor. He will see you in April or June",
    "Patient: No. Doctor: Yes. Nurse: Well, thank you",
    "a runny nose and back pain, in San Francisco and on Main Beach",
    "2 of 3 on 99/99/2020, 1/2 cup, room 12",
    "the patient number of visits was 4",
]


def wanted(*kinds: str, action: str = "drop") -> PrivateData:
    return PrivateData(kinds=kinds or tuple(private_data.KINDS), action=action, seed=0, budget=1)


def test_private_data_is_found_by_its_form_and_its_check_digits() -> None:
    usual = load([]).filter["private_data"]
    rows = [row(str(number), text) for number, text in enumerate([*PRIVATE, *PUBLIC, *NAMED, *NAMELESS])]
    found = dropped("private_data", usual, rows)
    assert {name: verdict.reason for name, verdict in found.items()} == {
        str(number): kind for number, kind in enumerate(PRIVATE.values())
    }
    assert list(dropped("private_data", wanted("password"), rows)) == ["10"]


def test_names_streets_and_dates_are_found_where_they_are_asked_for() -> None:
    rows = [row(str(number), text) for number, text in enumerate([*NAMED, *NAMELESS])]
    found = dropped("private_data", wanted(), rows)
    assert {name: verdict.reason for name, verdict in found.items()} == {
        str(number): kind for number, kind in enumerate(NAMED.values())
    }


def test_a_name_said_once_is_known_again_in_the_same_text() -> None:
    text = "[doctor] hi , martha . sit down martha . Sanna Kekkola waits. Kekkola is early. a kekko is no name"
    assert [text[start:end] for start, end in names(text)] == ["martha", "martha", "Sanna Kekkola", "Kekkola"]


def test_names_in_a_text_without_capitals_need_an_introduction() -> None:
    """A docstring says so; if this ever fails, say something better there."""
    assert list(names("i saw pamela and she said it was broken")) == []


def test_the_kinds_are_those_of_the_configuration_and_those_to_ask_for() -> None:
    assert {*load([]).filter["private_data"].kinds, *private_data.ASKED} == set(private_data.KINDS)
    assert set(get_args(PrivateKind)) == set(private_data.KINDS)
    with pytest.raises(ConfigMistake, match="private_data.kinds"):
        load(["filter.private_data.kinds=[nickname]"])


def test_private_data_on_marked_sentences(shared_data: Path) -> None:
    """Recall by type; floors measured elsewhere: numbers 0.80, names 0.69. Only a name is found where nothing is marked."""
    kinds = {
        "EMAIL_ADDRESS": ("mail address", 1.0),
        "CREDIT_CARD": ("card number", 0.95),
        "IBAN_CODE": ("account number", 0.95),
        "US_SSN": ("security number", 1.0),
        "IP_ADDRESS": ("internet address", 1.0),
        "PHONE_NUMBER": ("phone number", 0.9),
        "PERSON": ("person name", 0.7),
        "STREET_ADDRESS": ("street address", 0.7),
    }
    marked, hit, wrong = Counter(), Counter(), Counter()
    people: list[bool] = []
    for line in read_jsonl(shared_data / "medical/phi/presidio_synth_v2.jsonl"):
        found = list(private_data.spans(line["text"], tuple(private_data.KINDS)))
        for span in line["spans"]:
            if span["type"] in kinds:
                marked[span["type"]] += 1
                own = [one for one in found if one.kind == kinds[span["type"]][0]]
                hit[span["type"]] += any(one.start < span["end"] and one.end > span["start"] for one in own)
        for one in found:
            over = {span["type"] for span in line["spans"] if one.start < span["end"] and one.end > span["start"]}
            wrong[one.kind] += not over
            people += ["PERSON" in over] * (one.kind == "person name")
    assert {kind for kind, count in wrong.items() if count} <= {"person name"}
    assert sum(people) >= 0.85 * len(people)
    for name, (_, least) in kinds.items():
        assert hit[name] / marked[name] >= least, name


LETTER = (
    "[doctor] hi , martha . dr. okonjo wrote on May 5th, 2020: ms. ward , born 3/17/1946, of 12 Green Street, has a green nail . "
    "call (415) 555-0132 or write to ann.lee@mail.net"
)
NOTE = "Martha Ward (03/17/1946) saw Dr. Okonjo. MARTHA walks through the ward. Reach her: (415) 555-0132."


def outside(name: str, prompt: str, answer: str, origin: str = "file", family: str = "visits") -> Example:
    state = {"answer": answer, "rejected": None, "family": family}
    return replace(row(name, prompt, answer, family, origin=origin), state=state)


def test_what_is_replaced_is_the_same_in_prompt_answer_and_family() -> None:
    settings = wanted(action="replace")
    rows = [outside("a", LETTER, NOTE), outside("b", LETTER, NOTE), outside("c", LETTER, NOTE, family="others")]
    first, second, other = (private_data.changed(one, settings) for one in rows)
    assert private_data.changed(rows[0], settings) == first
    for text in ("martha", "okonjo", "17/1946", "12 Green", "555-0132", "ann.lee", "martha ward", "May 5th"):
        assert text.lower() not in f"{first.prompt}{first.answer}{first.state}".lower().replace(
            "walks through the ward", ""
        )
    assert "a green nail" in first.prompt and "walks through the ward" in first.answer
    given, family = re.match(r"(\w+) (\w+) \((\d\d/\d\d/\d{4})\) saw Dr\. \w+\. ", first.answer).group(1, 2)
    assert f"hi , {given.lower()} ." in first.prompt and f"ms. {family.lower()} ," in first.prompt
    assert f"{given.upper()} walks" in first.answer and first.state["answer"] == first.answer
    assert re.search(r"\(\d{3}\) 555-01\d\d", first.prompt)[0] in first.answer
    assert (first.id, first.family, first.tags) == ("a", "visits", rows[0].tags)
    assert first.provenance["replaced"]["person name"] == 4  # and okonjo, which no list has, where it has no capital
    without_days = [
        re.sub(r"\b(?:\d+/\d+/\d+|\w+ \d+\w\w, \d{4})", "DAY", one.prompt) for one in (first, second, other)
    ]
    assert without_days[0] == without_days[1] != without_days[2]


MOVED = {
    "3/17/1946": "4/26/1946",
    "03/07/46": "04/16/46",
    "2020-02-29": "2020-04-09",
    "31.12.1999": "9.2.2000",
    "May 5th, 2020": "June 14th, 2020",
    "12 of march": "21 of April",
    "Dec 24": "Feb 2",
}


@pytest.mark.parametrize("text", MOVED)
def test_a_date_moves_and_keeps_its_form(text: str) -> None:
    assert moved(text, 40) == MOVED[text]


def test_only_rows_from_outside_are_replaced_and_no_secret() -> None:
    rows = [
        outside("file", "Dr. Okonjo", "rests"),
        outside("hub", "Dr. Okonjo", "rests", "hub"),
        outside("drawn", "Dr. Okonjo", "rests", "grammar"),
        outside("secret", "Dr. Okonjo", "password: hunter2222"),
        outside("fine", "a walk", "rests"),
    ]
    found = dropped("private_data", wanted(action="replace"), rows)
    fates = {name: verdict.fate for name, verdict in found.items()}
    assert fates == {"file": "kept", "hub": "kept", "drawn": "dropped", "secret": "dropped"}


def test_the_stage_counts_what_it_replaces_and_later_filters_see_it(tmp_path: Path) -> None:
    """Two rows that differ by a name are still two; a replaced row that a later filter drops is counted as dropped only."""
    rows = [
        outside(f"{i}", f"question {i} by Dr. Okonjo {text(9, 'abcdefgh'[i])}", "rests", family=f"f{i}")
        for i in range(8)
    ]
    rows += [
        outside("long", "Dr. Okonjo " * 30, "rests", family="f9"),
        outside("drawn", "by Dr. Okonjo", "x", "grammar", "f10"),
    ]
    write_examples(tmp_path / "examples.parquet", rows)
    settings = load(["filter.private_data.budget=1"]).filter
    asked = {
        "private_data": wanted("person name", action="replace"),
        "length": Length(max_characters=200, budget=1),
        "contamination": settings["contamination"],
        "split": settings["split"],
    }
    (tmp_path / "exam.jsonl").write_text("")
    made, named = SimpleNamespace(file=lambda name: tmp_path / name), load([]).specialist
    said: list[str] = []
    counts = filter_stage(
        made, Source(tmp_path / "exam.jsonl", ""), None, named, asked, out=tmp_path, events=said.append
    )
    kept, gone = (list(read_examples(tmp_path / f"{name}.parquet")) for name in ("kept", "dropped"))
    assert (counts["rows"], counts["kept"], counts["dropped"], counts["replaced"]) == (10, 8, 2, 8)
    assert counts["dropped_by"] == {"private_data: person name": 1, "length: too long": 1}
    assert "private_data: 9 kept with replacements" in said
    assert [one.id for one in kept] == [one.id for one in rows[:8]]
    assert all("Okonjo" not in one.prompt and one.provenance["replaced"] == {"person name": 1} for one in kept)
    assert {one.id: "Okonjo" in one.prompt for one in gone} == {"long": False, "drawn": True}


def test_a_filter_past_its_budget_stops_the_run_and_says_why() -> None:
    verdicts = {str(number): Verdict.drop("nearly said before", 0.95) for number in range(41)}
    within("near_duplicate", 0.41, verdicts, 100)
    with pytest.raises(
        DataMistake, match=r"near_duplicate.budget=0.4: 41 of 100 .* \(41%\), 41 of them: nearly said before"
    ):
        within("near_duplicate", 0.4, verdicts, 100)
    within("near_duplicate", 0.0, {}, 0)

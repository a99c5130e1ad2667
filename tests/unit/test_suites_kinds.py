"""What single kinds of set hold an answer against: Defog's rule, IFEval's constraints, ROUGE, sections, concepts, words."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from factory import config, rouge
from factory.errors import DataMistake, Mistake
from factory.rows import read_jsonl
from factory.suites import Row, Untold, choices, collie, commongen, defog, ifeval, mts_dialog, pubmedqa
from factory.suites import rouge as library
from factory.suites.constraints import CHECKS


def suite(name: str, **changed: Any) -> config.Suite:
    return config.load([f"suite={name}"]).suite.model_copy(update=changed)


# Defog: what Defog's own evaluation accepts.
TWO = [("a", 1), ("b", 2)]


@pytest.mark.parametrize(
    ("gold", "answer", "ordered", "right"),
    [
        (TWO, TWO, False, True),
        (TWO, [(1, "a"), (2, "b")], False, True),  # the columns in another order
        (TWO, [(9, "a", 1.0), (8, "b", 2.0)], False, True),  # more columns; 1.0 is 1
        (TWO, [("a", 2), ("b", 1)], False, False),  # the same values, in other rows
        (TWO, [("a",), ("b",)], False, False),  # a column is missing
        (TWO, [*TWO, ("c", 3)], False, False),  # a row too many
        (TWO, TWO[::-1], False, True),  # the order of rows does not count
        ([(2,), (1,)], [(1,), (2,)], True, False),  # it counts where it is asked for
        ([("b", 2), ("a", 2)], [("a", 2), ("b", 2)], True, True),  # ties may come in any order
        ([(1,), (1,)], [(1,), (1,)], False, True),
        ([(1,), (1,)], [(1,), (2,)], False, False),
        ([(None,)], [(None,)], False, True),
        ([(None,)], [(0,)], False, False),
        ([(0.3333333333,)], [(0.33333334,)], False, True),  # six digits
        ([], [], False, True),
        ([], [(1,)], False, False),
        ([(1, 1), (2, 3)], [(1, 1), (3, 2)], False, True),  # columns of other names and the same values
        ([("1",)], [(1,)], False, False),  # a text is no number
    ],
)
def test_defogs_rule(gold: list, answer: list, ordered: bool, right: bool) -> None:
    assert defog.holds(gold, answer, ordered) is right


def test_defogs_golds_are_split_and_braces_are_choices() -> None:
    assert defog.minimal("SELECT 1; SELECT ';' ;") == ["SELECT 1", "SELECT ';'"]
    text = "SELECT {a.id, a.name}, count(*) FROM a GROUP BY {}"
    assert defog.minimal(text) == [
        "SELECT a.id, count(*) FROM a GROUP BY a.id",
        "SELECT a.name, count(*) FROM a GROUP BY a.name",
        "SELECT a.id, a.name, count(*) FROM a GROUP BY a.id, a.name",
    ]
    assert defog.minimal("") == [] and defog.minimal(" ; ;") == []


def test_defogs_databases_are_built_on_the_day_and_any_gold_counts() -> None:
    script = (
        "CREATE TABLE t (id INTEGER, day TEXT); INSERT INTO t VALUES (1, DATE('now')), (2, DATE('now', '-9 days'));"
    )
    database = defog.built(script)
    golds = ["SELECT nothing FROM t", "SELECT id FROM t WHERE day = DATE('now')", "SELECT day FROM t WHERE id = 1"]
    row = Row("1", "1", "q", golds[1], defog.WRONG, about=("q", database, golds, False))
    answers = [golds[1], golds[2], "SELECT * FROM t WHERE id = 1", defog.WRONG, "DROP TABLE t", "", "nonsense"]
    scores = [(one.value, one.parts["exact"]) for one in defog.judged(row, answers)]
    assert scores == [(1, 1), (1, 1), (1, 0), (0, 0), (0, 0), (0, 0), (0, 0)]
    broken = Row("1", "1", "q", "x", "y", about=("q", database, ["SELECT nothing FROM t"], False))
    assert isinstance(defog.judged(broken, ["SELECT 1"])[0], Untold)


# IFEval: for every kind an answer that keeps it and some that do not.
KEEPS: list[tuple[str, dict[str, Any], str, list[str]]] = [
    ("keywords:existence", {"keywords": ["mom", "Mother"]}, "Mom is a mother.", ["Mom is here."]),
    ("keywords:frequency", {"keyword": "war", "relation": "at least", "frequency": 2}, "War, war.", ["One war."]),
    ("keywords:frequency", {"keyword": "war", "relation": "less than", "frequency": 2}, "One war.", ["War, war."]),
    ("keywords:forbidden_words", {"forbidden_words": ["rock"]}, "It rocks.", ["A Rock.", "rock"]),
    (
        "keywords:letter_frequency",
        {"letter": "#", "let_relation": "at least", "let_frequency": 2},
        "#a and #b",
        ["#a", "a b"],
    ),
    (
        "language:response_language",
        {"language": "de"},
        "Das ist ein Satz, den man ohne Mühe als deutschen erkennt.",
        ["This is a sentence that anyone can tell to be English."],
    ),
    ("length_constraints:number_words", {"relation": "at least", "num_words": 3}, "It's so.", ["So."]),
    ("length_constraints:number_words", {"relation": "less than", "num_words": 3}, "So it.", ["One two three."]),
    (
        "length_constraints:number_sentences",
        {"relation": "at least", "num_sentences": 3},
        'One. "Two!" Three?',
        ["One, 2.5 and three.", "One. Two."],
    ),
    (
        "length_constraints:number_paragraphs",
        {"num_paragraphs": 2},
        "One.\n***\nTwo.\n***",
        ["One.", "One.\n***\n\n***\nTwo.", "One. *** Two. *** Three."],
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "president"},
        'One.\n\n"President Two."',
        ["One.\n\nTwo.", "President.", "One.\n\nPresident.\n\nThree."],
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[name] of [place]", ["[name]"]),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "So.\nP. S. More", ["So.", "ps more", "P.S more"]),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "So.\np.p.s more", ["P.S. more", "PPS more"]),
    (
        "detectable_format:number_bullet_lists",
        {"num_bullets": 2},
        "Two:\n* one\n- two",
        ["* one", "* one\n* two\n* three", "** one\n** two"],
    ),
    ("detectable_format:constrained_response", {}, "Well: My answer is maybe.", ["Maybe.", "my answer is yes."]),
    (
        "detectable_format:number_highlighted_sections",
        {"num_highlights": 2},
        "*one* and **two**",
        ["*one*", "* one\n* two", "** **"],
    ),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "SECTION", "num_sections": 2},
        "SECTION 1\na\nSECTION 2\nb",
        ["SECTION 1\na", "Section 1 Section 2"],
    ),
    ("detectable_format:json_format", {}, '```json\n{"a": [1]}\n```', ["{'a': 1}", "a"]),
    ("detectable_format:title", {}, "<<A title>>\nText", ["<< >>", "<A title>"]),
    ("combination:two_responses", {}, "One.\n******\nTwo.", ["One.", "One.\n******\nOne.", "1******2******3"]),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say it."}, "Say it. It.", ["It. Say it."]),
    ("startend:end_checker", {"end_phrase": "Peace!"}, 'Well. "peace!"', ["Peace! So."]),
    ("startend:quotation", {}, '"All of it."', ['"', '"Some" of it.', "None."]),
    (
        "change_case:english_capital",
        {},
        "THIS IS A SENTENCE THAT ANYONE CAN TELL TO BE ENGLISH.",
        ["This is a sentence that anyone can tell to be English.", "DAS IST EIN SATZ DEN MAN ERKENNT UND VERSTEHT."],
    ),
    (
        "change_case:english_lowercase",
        {},
        "this is a sentence that anyone can tell to be english.",
        ["This is a sentence that anyone can tell to be English."],
    ),
    (
        "change_case:capital_word_frequency",
        {"capital_relation": "at least", "capital_frequency": 2},
        "A GREAT one",
        ["great", "One GREAT one"],
    ),
    ("punctuation:no_comma", {}, "One and two.", ["One, two."]),
]


@pytest.mark.parametrize(
    ("kind", "about", "keeps", "breaks"), KEEPS, ids=lambda one: one if isinstance(one, str) else ""
)
def test_constraints(kind: str, about: dict[str, Any], keeps: str, breaks: list[str]) -> None:
    row = Row("1", "1", "q", None, "", about=[(kind, about)])
    assert ifeval.graded(row, keeps).value == 1.0
    for text in [*breaks, "", "  "]:
        score = ifeval.graded(row, text)
        assert (score.value, score.reason) == (0.0, kind.replace(":", " ")), text


def test_all_kinds_of_the_set_are_checked_and_another_is_not_scored(shared_data: Path) -> None:
    assert {kind for kind, *_ in KEEPS} == set(CHECKS) and len(CHECKS) == 25
    rows = ifeval.rows(shared_data, suite("ifeval"), None, 0)
    assert {kind for row in rows for kind, _ in row.about} == set(CHECKS) and len(rows) == 541
    other = Row("1", "1", "q", None, "", about=[("rhymes:all", {}), ("punctuation:no_comma", {})])
    assert ifeval.graded(other, "so") == Untold("not checked here: rhymes:all")
    both = Row("1", "1", "q", None, "", about=[("punctuation:no_comma", {}), ("detectable_format:title", {})])
    assert ifeval.graded(both, "no title here").value == 0.0
    assert ifeval.survey([both], [["no title here"]]) == {
        "instructions": 0.5, "detectable_format:title": 0.0, "punctuation:no_comma": 1.0}  # fmt: skip


# ROUGE.
def test_our_rouge_is_the_librarys_on_a_thousand_random_pairs() -> None:
    rng, words = Random(0), ["the", "pain", "is", "3/10", "B12", "knee", "left", "no", "of", "since"]

    def text() -> str:
        return "\n".join(" ".join(rng.choices(words, k=rng.randint(0, 12))) for _ in range(rng.randint(0, 5)))

    pairs = [(text(), text()) for _ in range(1000)]
    theirs = [library.rouge(gold, answer, stemmed=False)["rouge Lsum"] for gold, answer in pairs]
    ours = [rouge.rouge_l_sum(gold, answer) for gold, answer in pairs]
    assert ours == pytest.approx(theirs, abs=1e-12)
    assert len({round(one, 3) for one in ours}) > 200


def test_published_floors_of_mts_dialog_are_reproduced(shared_data: Path) -> None:
    """Two rows of four figures, ROUGE of stems, to 0.05. Those of MeQSum are of more rows than the set here has."""
    published = json.loads((shared_data / "published-results/trivial_baselines.json").read_text())
    rows = mts_dialog.rows(shared_data, suite("mts_notes"), None, 0)

    def mean(texts: list[str]) -> dict[str, float]:
        found = [library.rouge(str(row.gold), text, stemmed=True) for row, text in zip(rows, texts, strict=True)]
        return {name: 100 * sum(one[name] for one in found) / len(found) for name in found[0]}

    patient = [[turn.partition(":")[2] for turn in row.turns if turn.lower().startswith("patient")] for row in rows]
    copies = {
        "mts_copy_dialogue_test1": ["\n".join(row.turns) for row in rows],
        "mts_copy_patient_turns_test1": [" ".join(turns) for turns in patient],
    }
    for name, texts in copies.items():
        wanted = {library_name: published[name][key] for library_name, key in library.FIGURES.items()}
        assert mean(texts) == pytest.approx(wanted, abs=0.05)


def test_the_known_cases_are_reproduced_as_they_count(shared_data: Path) -> None:
    """They take tokens by blanks and every n-gram once; given such, the library says the same ROUGE-1 and -2.

    Their ROUGE-L weighs recall by the ratio of precision to recall: another figure, which nobody prints today.
    """
    from rouge_score.rouge_scorer import RougeScorer

    class Blanks:
        def tokenize(self, text: str) -> list[str]:
            return text.split("\t")

    def once(text: str, size: int) -> str:
        tokens = text.split()
        return "\t".join(dict.fromkeys(" ".join(tokens[i : i + size]) for i in range(len(tokens) - size + 1)))

    scorer = RougeScorer(["rouge1"], tokenizer=Blanks())
    cases = json.loads((shared_data / "known-answers/rouge/cases.json").read_text())
    assert len(cases) == 4
    for case in cases:
        for size in (1, 2):
            found = scorer.score(once(case["ref"], size), once(case["hyp"], size))["rouge1"]
            wanted = case["scores"][f"rouge-{size}"]
            assert (found.precision, found.recall, found.fmeasure) == pytest.approx(
                (wanted["p"], wanted["r"], wanted["f"]), abs=1e-6)  # fmt: skip


def test_published_cases_of_rouge_l(shared_data: Path) -> None:
    """Precision and recall as they are; their F weighs recall by (precision / recall)^2, which nobody else does."""
    from rouge_score.rouge_scorer import RougeScorer

    class Blanks:
        def tokenize(self, text: str) -> list[str]:
            return text.split()

    scorer = RougeScorer(["rougeL"], tokenizer=Blanks())
    for case in json.loads((shared_data / "known-answers/rouge/cases.json").read_text()):
        found, wanted = scorer.score(case["ref"], case["hyp"])["rougeL"], case["scores"]["rouge-l"]
        beta = (found.precision / found.recall) ** 2
        weighed = (1 + beta) * found.precision * found.recall / (found.recall + beta * found.precision)
        assert (found.precision, found.recall, weighed) == pytest.approx(
            (wanted["p"], wanted["r"], wanted["f"]), abs=1e-6
        )


def test_aci_benchs_rouge_l_is_lsum_of_whole_words(shared_data: Path) -> None:
    """The answers of the 35 published systems are not there to be scored again; their table says which figure it prints."""
    rows = json.loads((shared_data / "known-answers/rouge/aci_bench_system_scores.json").read_text())
    assert len(rows) == 35
    for row in rows:
        one, two, third = (float(figure) for figure in row["published_R1_R2_RL"])
        told = row["computed"]
        assert (one, two, third) == pytest.approx((told["rouge1"], told["rouge2"], told["rougeLsum"]), abs=0.05)
    assert not suite("aci_bench").stemmed


# The others.
def test_sections_have_names_and_the_floor_is_the_published_one(shared_data: Path) -> None:
    rows = mts_dialog.rows(shared_data, suite("mts_dialog"), None, 0)
    published = json.loads((shared_data / "published-results/trivial_baselines.json").read_text())
    (floor,) = mts_dialog.floors(rows).values()
    assert sum(one.value for (one,) in mts_dialog.grade(rows, [[text] for text in floor])) / 200 == published[
        "mts_header_majority_test1"]  # fmt: skip
    heads = {row["section_header"] for row in read_jsonl(shared_data / "medical/mts-dialog/train.jsonl")}
    assert heads == set(mts_dialog.SECTIONS) and len(set(mts_dialog.SECTIONS.values())) == 20
    assert rows[0].messages()[0]["content"].startswith("Doctor:") and rows[0].messages()[0]["content"].endswith(
        mts_dialog.QUESTION)  # fmt: skip
    with pytest.raises(Mistake, match="is not asked of MTS-Dialog"):
        mts_dialog.rows(shared_data, suite("mts_dialog", asks="nothing"), None, 0)


def test_pubmedqa_counts_the_first_word_and_macro_f1_by_hand(shared_data: Path) -> None:
    assert [pubmedqa.label(text) for text in ("Yes, it does.", "NO", "Perhaps maybe", "", "maybe not")] == [
        "yes", "no", "", "", "maybe"]  # fmt: skip
    rows = [Row(str(n), str(n), "q", gold, "x") for n, gold in enumerate(("yes", "yes", "no", "maybe"))]
    said = [["yes"], ["no"], ["no"], ["I think"]]
    assert pubmedqa.survey(rows, said)["macro F1"] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    found = pubmedqa.rows(shared_data, suite("pubmedqa"), None, 0)
    published = json.loads((shared_data / "published-results/trivial_baselines.json").read_text())["pubmedqa_majority"]
    (floor,) = pubmedqa.floors(found).values()
    assert sum(text == row.gold for text, row in zip(floor, found, strict=True)) / 500 == published


def test_concepts_are_found_in_their_forms_and_a_bare_list_is_no_prose(shared_data: Path) -> None:
    of = ["catch", "dog", "run", "carry", "ride"]
    assert commongen.coverage("The dogs caught it, running; he carries what she rides.", of) == 1.0
    assert commongen.coverage("A catchy doggy runner.", of) == 0.0
    assert commongen.coverage("The dog is here.", of) == 0.2
    assert not commongen.prose(" ".join(of), of) and not commongen.prose(f"The {'dog ' * 9}.", of)
    rows = commongen.rows(shared_data, suite("commongen"), None, 0)
    template, bare = commongen.floors(rows).values()
    assert len(rows) == 200 and all(commongen.graded(*pair).value == 1.0 for pair in zip(rows, template, strict=True))
    assert not any(commongen.graded(*pair).value for pair in zip(rows, bare, strict=True))


def test_every_collie_example_meets_its_constraint_and_others_do_not(shared_data: Path) -> None:
    rows = list(read_jsonl(shared_data / "creative/collie/collie_english.jsonl"))
    assert all(collie.satisfied(row["example"], row) for row in rows) and len(rows) == 205
    assert not any(collie.satisfied(row["example"][:-1] + "q9", row) for row in rows)
    assert not any(collie.satisfied(f"{row['example']} {row['example']}", row) for row in rows)
    exact = [row for row in rows if row["kind"] != "english_c01"]
    assert not any(collie.satisfied(f"{row['example']}s", row) for row in exact)
    assert collie.WORD in collie.dictionary(shared_data)
    with pytest.raises(ValueError, match="no kind"):
        collie.satisfied("word", {"kind": "english_c99", "targets": [1]})


def test_choices_are_read_from_questions_and_pairs(shared_data: Path) -> None:
    for name, many, options in (("arc_easy", 2376, {3, 4, 5}), ("piqa", 1838, {2}), ("blimp", 6700, {2})):
        rows = choices.rows(shared_data, suite(name), None, 0)
        assert len(rows) == many and {len(row.choices) for row in rows} <= options
        assert all(row.gold in row.choices and row.wrong in row.choices and row.gold != row.wrong for row in rows)
    assert len({row.group for row in rows}) == 67
    with pytest.raises(DataMistake, match="line 3: is no question"):
        choices.question(suite("piqa"), 2, {"instruction": "Why?", "answer": "solution1"})

"""What stands beside the data path: the noise of answers, the matrix as a page, the fleet as Markdown."""

from __future__ import annotations

from factory.config import load
from factory.interference import Cell, Kept, Matrix
from factory.noise import Line, compared, ways
from factory.pages import interference_page, markdown
from factory.records import Score
from factory.stages.sitting import Answered
from factory.stats import Interval


def said(*pairs: tuple[str, float]) -> list[Answered]:
    return [Answered(text, 3, True, Score(value)) for text, value in pairs]


def test_noise_counts_texts_and_scores_beside_the_first_way() -> None:
    answers = {
        "usual": said(("a", 1.0), ("b", 0.0), ("c", 0.5), ("d", 0.0)),
        "again": said(("a", 1.0), ("b", 0.0), ("c", 0.5), ("d", 0.0)),
        "alone": said(("a", 1.0), ("x", 0.0), ("y", 0.0), ("d", 0.0)),
    }
    asked = [("usual", 8, 1), ("again", 8, 1), ("alone", 1, 1)]
    found = list(compared(asked, lambda how, batch, threads: answers[how]))
    assert found == [Line("again", 4, 0, 0, 0.0), Line("alone", 4, 2, 1, -0.125)]


def test_every_way_differs_from_the_usual_one_in_one_thing_or_none() -> None:
    asked = load(["noise.batches=[1,128,64]", "noise.threads=[1,2]", "runtime.threads=1"])
    assert ways(asked) == [
        ("batches of 128, 1 threads", 128, 1),
        ("the same again", 128, 1),
        ("batches of 1", 1, 1),
        ("batches of 64", 64, 1),
        ("2 threads", 128, 2),
    ]


MATRIX = Matrix(
    {"sql": "version 3", "medical": "version 1"},
    ["sql", "medical"],
    [
        Cell(adapter, exam, 40, Interval(score, score - 0.05, score + 0.05), Interval(lead, lead - 0.1, lead + 0.1))
        for adapter, exam, score, lead in (
            ("sql", "sql", 0.206, 0.2),
            ("sql", "medical", 0.01, -0.08),
            ("medical", "sql", 0.0, 0.0),
            ("medical", "medical", 0.424, 0.354),
        )
    ],
    [Kept("sql", 0.36, 0.32), Kept("medical", 0.41, 0.32)],
)


def test_the_page_has_every_cell_with_its_colour_and_what_was_lost() -> None:
    page = interference_page.page(MATRIX.plain(), 0.95, 1.5)
    assert page.count("<td style=") == 4 and page == interference_page.page(MATRIX.plain(), 0.95, 1.5)
    assert "<strong>20.6\u00a0%</strong>" in page and "−8.0" in page and "version 3" in page
    assert "+0.04" in page and "1.5 nats more than the base at most" in page
    without = Matrix(MATRIX.adapters, MATRIX.exams, MATRIX.cells, []).plain()
    assert "own text" not in interference_page.page(without, 0.95, None)


def test_a_colour_says_direction_and_size() -> None:
    assert "--one) 45%" in interference_page.colour(0.5) and "--two) 12%" in interference_page.colour(-0.08)
    assert "0%" in interference_page.colour(0.0)


def test_markdown_has_a_line_per_version_and_its_reasons_below() -> None:
    line = markdown.Line("sql", "nano", "3 champion", 0.006, 0.206, (0.2, 0.143, 0.257), 350, 941056, "promote", ())
    refused = markdown.Line("medical", "nano", "-", 0.1, 0.1, (0.0, -0.1, 0.1), 350, 2048, "REJECT", ("says `a|b`\n*",))
    text = markdown.table([line, refused])
    assert (
        text.splitlines()[2]
        == "| sql | nano | 3 champion | 0.6% | 20.6% | +20.0 [+14.3, +25.7] | 350 | 919 KiB | **PROMOTE** |"
    )
    assert text.splitlines()[-1] == r"- medical: says \`a\|b\` \*"
    assert len({row.count("|") - row.count(r"\|") for row in text.splitlines()[:4]}) == 1

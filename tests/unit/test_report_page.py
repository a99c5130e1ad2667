"""The report page: every figure is on it, answers cannot speak HTML, and the same input gives the same bytes."""

from __future__ import annotations

import copy
from html.parser import HTMLParser
from typing import Any

import pytest

from factory.pages.report_page import axis, page, signed

FAR = {"value": 0.375, "low": -0.125, "high": 0.8}


def compared(rows: int, base: float, adapter: float, difference: dict[str, float]) -> dict[str, Any]:
    """Figures over some rows, shaped as the stage evaluate makes them."""
    return {
        "rows": rows,
        "base": {"value": base, "low": base - 0.031, "high": base + 0.042},
        "difference": difference,
        "adapter": {"value": adapter, "low": adapter - 0.023, "high": adapter + 0.017},
        "mcnemar": {"gained": 173, "lost": 19, "p": 3.25e-31},
        "sign_flips": 0.0625,
    }


REPORT = compared(1412, 0.287, 0.613, {"value": 0.326, "low": 0.274, "high": 0.371}) | {
    "families": 57,
    "confidence": 0.95,
    "exam": "e5a1",
    "notice": "Synthetic; not <advice>.",
    "parts": {"fact_recall": {"base": {"value": None, "rows": 0}, "adapter": {"value": 0.9125, "rows": 1311}}},
    "survey": {"self_repetition": {"base": 0.777, "adapter": -0.125, "gold": 0.5}},
    "alive": 7.3125,
    "design": {"correlation": 0.21, "effective_rows": 611.4},
    "cuts": {
        "difficulty": {
            "easy": compared(1404, 0.412, 0.843, {"value": 0.431, "low": 0.402, "high": 0.459}),
            "hard": compared(8, 0.125, 0.5, FAR),
        }
    },
    "stopped": {"base": 1377, "adapter": 1411},
    "tokens": {"base": 98711, "adapter": 45213},
    "wrong_because": {"base": {"wrong rows": 611, "refused": 396}, "adapter": {"wrong rows": 540, "too many steps": 7}},
}
CURVE = [
    {"step": 10, "loss": 2.125, "learning_rate": 2e-4, "grad_norm": 1.75},
    {"step": 20, "loss": 0.8125},
    {"step": 20, "eval_loss": 0.9375},
    {"step": 30, "loss": float("nan")},
]
SAMPLE = {
    "id": "row-7",
    "prompt": "CREATE TABLE a & b;\n\nWho?",
    "gold": "SELECT 1 < 2",
    "base_answer": "<script>alert(1)</script>",
    "base_score": 0.0,
    "base_reason": "refused: no such table",
    "base_tokens": 64,
    "base_stopped": False,
    "adapter_answer": "",
    "adapter_score": 1.0,
    "adapter_reason": "",
    "adapter_tokens": 11,
    "adapter_stopped": True,
}
FIGURES = [
    "sql: adapter against base",
    "Synthetic; not &lt;advice&gt;.",
    "fact recall",
    "<td>–</td><td>0</td><td>0.912</td><td>1\u202f311</td>",
    "self repetition",
    "<td>0.777</td><td>−0.125</td><td>0.5</td>",
    "28.7 %",
    "61.3 %",
    "+32.6",
    "95 % interval +27.4 to +37.1",
    "gained 173",
    "lost 19",
    "3.25e-31",
    "0.0625",
    "correlate by 0.21",
    "as much as 611",
    "1\u202f412",
    "57 families",
    "41.2 %",
    "84.3 %",
    "+43.1",
    "+40.2 to +45.9",
    "−12.5 to +80.0",
    "12.5 %",
    "611",
    "396",
    "540",
    "too many steps",
    "1\u202f377 of 1\u202f412",
    "98\u202f711",
    "45\u202f213",
    "7.3125",
    "2.125 at first",
    "Eval loss 0.9375",
    "not a finite number: 1.",
    "refused: no such table",
    "✗ wrong",
    "✓ right",
    "SELECT 1 &lt; 2",
    "a &amp; b;\n\nWho?",
    "cut off at the limit",
]


class Tags(HTMLParser):
    """Names of elements opened, and the ones still open: the page must close what it opens."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_on_the_page(figure: str) -> None:
    assert figure in page("sql", REPORT, CURVE, [SAMPLE]).replace("\u00a0", " ")


def test_an_answer_cannot_speak_html() -> None:
    text = page("<script>", REPORT, CURVE, [SAMPLE])
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script" not in text


def test_same_input_same_bytes_and_input_untouched() -> None:
    before = copy.deepcopy((REPORT, [SAMPLE]))
    first = page("sql", REPORT, CURVE, [SAMPLE])
    assert first.encode() == page("sql", copy.deepcopy(REPORT), list(CURVE), [dict(SAMPLE)]).encode()
    assert before == (REPORT, [SAMPLE])


def test_self_contained_closed_and_labelled() -> None:
    text = page("sql", REPORT, CURVE, [SAMPLE])
    tags = Tags(text)
    assert not tags.open
    assert not {name for _, attrs in tags.seen for name in attrs} & {"src", "href", "onclick", "onload"}
    assert "url(" not in text
    assert "@import" not in text
    assert all(attrs["aria-label"] for tag, attrs in tags.seen if tag == "svg")
    assert all("scope" in attrs for tag, attrs in tags.seen if tag == "th")


def test_nothing_to_draw_is_said() -> None:
    text = page("sql", REPORT | {"cuts": {}, "alive": 0.0, "wrong_because": {"base": {}, "adapter": {}}}, [], [])
    for said in ("no finite loss", "the adapter is dead", "No answer was wrong", "No samples"):
        assert said in text


def test_interval_without_width_is_marked() -> None:
    cuts = {"slice": {"": compared(1, 0.0, 0.0, {"value": 0.0, "low": 0.0, "high": 0.0})}}
    assert "+0.0 to +0.0 †" in page("sql", REPORT | {"cuts": cuts}, CURVE, [])


@pytest.mark.parametrize(
    "numbers", [[0.0], [5.0], [-3.0], [1, 1], [0.0, 1e-9], [1, 2], [0.4, 2.13], [-12.5, 80.0], [1, 100000]]
)
def test_axis_holds_its_numbers_between_round_ticks(numbers: list[float]) -> None:
    made = axis(numbers, 0, 100)
    assert all(-0.1 <= made.at(number) <= 100.1 for number in numbers)
    assert 2 <= len(made.ticks) <= 10
    assert len({text for _, text in made.ticks}) == len(made.ticks)


def test_signed_has_no_negative_zero() -> None:
    assert [signed(share) for share in (-0.0001, 0.05, -0.05)] == ["+0.0", "+5.0", "−5.0"]

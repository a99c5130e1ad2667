"""A teacher behind real HTTP: every fault is tried again, counted or named; nothing paid for is asked twice."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from factory.config import Calls, Teacher, load
from factory.errors import ConfigMistake, Mistake, Unavailable
from factory.teachers import Failed, fitting
from factory.teachers.endpoint import Endpoint
from factory.teachers.pace import CUT, EASY, Bucket, Pace
from factory.teachers.replies import Replies, canonical
from tests.server import Server, serving

SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}
QUESTION = [{"role": "user", "content": "Say it."}]


def echo(asked: dict) -> str:
    """The last thing said, as JSON of the schema."""
    return json.dumps({"text": asked["messages"][-1]["content"]})


def teacher(url: str, **more: Any) -> Teacher:
    words = ["teacher=endpoint", f"teacher.url={url}", "teacher.model=tiny"]
    return load(words).teacher.model_copy(update=more)


def calls(**more: Any) -> Calls:
    shipped = load(["+runtime.calls.prices.tiny={input: 1.0, output: 2.0}"]).runtime.calls
    return shipped.model_copy(update={"backoff": 0.01, "timeout": 5.0} | more)


def ask(
    server: Server, place: Path, count: int = 1, question: Callable[[int], str] = str, **more: Any
) -> tuple[list[Any], dict[str, Any]]:
    """Answers to so many questions, and the ledger; what is raised is among the answers."""

    async def run() -> tuple[list[Any], dict[str, Any]]:
        replies = Replies(place / "replies.sqlite")
        async with Endpoint(teacher(server.url), calls(**more), replies) as endpoint:
            asked = [endpoint.ask([{"role": "user", "content": question(i)}], SCHEMA, i) for i in range(count)]
            found = await asyncio.gather(*asked, return_exceptions=True)
        replies.close()
        return found, endpoint.costs()

    return asyncio.run(run())


def test_an_answer_is_paid_for_once(tmp_path: Path) -> None:
    with serving(echo) as server:
        first, costs = ask(server, tmp_path, 20)
        again, free = ask(server, tmp_path, 20)
    assert first == again == [{"text": str(i)} for i in range(20)]
    assert costs == {
        "calls": 20,
        "found": 0,
        "mended": 0,
        "tokens in": 200,
        "tokens out": 100,
        "failed tries": {},
        "money": 0.0004,
    }
    assert free["calls"] == 0 and free["found"] == 20 and free["money"] == 0
    assert len(server.asked) == 20


def test_what_is_asked_is_what_the_configuration_says(tmp_path: Path) -> None:
    with serving(echo) as server:
        ask(server, tmp_path)
    (asked,) = server.asked
    assert (
        asked["model"] == "tiny" and asked["seed"] == 0 and asked["temperature"] == 0.7 and asked["max_tokens"] == 200
    )
    assert asked["response_format"]["json_schema"]["schema"] == SCHEMA


def test_a_fifth_of_the_calls_failing_in_mixed_ways_is_overcome(tmp_path: Path) -> None:
    faults = dict.fromkeys(("slow", "429", "500", "cut", "garbage"), 0.04)
    with serving(echo, faults=faults) as server:
        found, costs = ask(server, tmp_path, 300)
    assert found == [{"text": str(i)} for i in range(300)]
    failing = {name: count for name, count in server.answered.items() if name not in ("", "slow")}
    assert len(failing) == 4 and sum(costs["failed tries"].values()) == sum(failing.values()) > 20
    assert costs["calls"] == len(server.asked) == 300 + sum(failing.values())


@pytest.mark.parametrize("fault", ["429", "500", "cut", "garbage"])
def test_where_every_call_fails_the_run_stops_soon_and_says_why(fault: str, tmp_path: Path) -> None:
    start = time.monotonic()
    with serving(echo, faults={fault: 1.0}) as server:
        found, costs = ask(server, tmp_path, 200, backoff=0.05)
    assert time.monotonic() - start < 20
    raised = [one for one in found if isinstance(one, Unavailable)]
    assert "calls in a row failed, the last: " in str(raised[0]) and "run again" in str(raised[0])
    assert len(raised) == 200 and costs["calls"] <= 20 + 16


def test_no_server_at_all(tmp_path: Path) -> None:
    found, _ = ask(Server(echo, url="http://127.0.0.1:9/v1"), tmp_path, 30)
    assert all("no connection" in str(one) for one in found)


def test_a_server_that_hangs(tmp_path: Path) -> None:
    with serving(echo, faults={"slow": 1.0}, slow=5.0) as server:
        found, _ = ask(server, tmp_path, 1, timeout=0.1, tries=2)
    assert found == [Failed("no answer in 0.1 s, 2 times")]


@pytest.mark.parametrize(("status", "said"), [("401", "the key is refused"), ("404", "no such address or model")])
def test_what_every_call_would_be_told_stops_the_run_at_once(status: str, said: str, tmp_path: Path) -> None:
    with serving(echo, faults={status: 1.0}) as server:
        found, costs = ask(server, tmp_path)
    assert isinstance(found[0], Mistake) and said in str(found[0]) and costs["calls"] == 1


def test_a_refused_request_is_not_repeated(tmp_path: Path) -> None:
    with serving(echo, faults={"400": 1.0}) as server:
        found, costs = ask(server, tmp_path)
    assert found == [Failed("status 400")] and costs["calls"] == 1


def test_a_cut_off_answer_is_a_failure_even_where_it_parses(tmp_path: Path) -> None:
    with serving(echo, faults={"truncated": 1.0}) as server:
        found, _ = ask(server, tmp_path)
        assert found == [Failed("the answer was cut off")]
        again, costs = ask(server, tmp_path)
    assert again == found and costs["found"] == 1 and len(server.asked) == 1


def test_an_answer_that_does_not_fit_is_mended_in_one_turn(tmp_path: Path) -> None:
    said = iter(["Sure! Here it is", '{"text": "mended"}', '{"words": 3}', '{"text": 4}'])
    with serving(lambda _: next(said)) as server:
        found, costs = ask(server, tmp_path)
        assert found == [{"text": "mended"}] and costs["mended"] == 1
        turns = server.asked[1]["messages"]
        assert [turn["role"] for turn in turns] == ["user", "assistant", "user"] and "no JSON" in turns[2]["content"]
        found, _ = ask(server, tmp_path, question=lambda _: "another")
    assert found == [Failed("the answer does not fit the schema")]
    assert "'text' is a required property" in server.asked[3]["messages"][2]["content"]


@pytest.mark.parametrize("text", ["", "[1", "[]", "null", '{"text": 3}', '{"text": "a", "more": 1}'])
def test_what_does_not_fit_a_schema(text: str) -> None:
    assert isinstance(fitting(text, SCHEMA), Failed)
    assert fitting('{"text": "a"}', SCHEMA) == {"text": "a"}


def test_never_more_calls_are_out_than_asked_for(tmp_path: Path) -> None:
    with serving(echo, faults={"slow": 1.0}, slow=0.02) as server:
        ask(server, tmp_path, 120, at_once=6)
    assert 4 <= server.most_out <= 6


def test_the_budget_stops_cleanly_and_what_was_paid_for_is_kept(tmp_path: Path) -> None:
    """A call costs 10 + 2 * 5 millionths and could cost some 600: the budget leaves room for a few."""
    with serving(echo) as server:
        found, costs = ask(server, tmp_path, 300, budget=0.002, at_once=2)
        answered = [one for one in found if isinstance(one, dict)]
        stopped = [one for one in found if isinstance(one, Mistake)]
        assert answered and stopped and len(answered) + len(stopped) == 300
        assert costs["money"] <= 0.002 and "raise the budget" in str(stopped[0])
        before = len(server.asked)
        again, _ = ask(server, tmp_path, 300)
        assert len([one for one in again if isinstance(one, dict)]) == 300
        assert len(server.asked) == before + 300 - len(answered)


def test_a_model_without_a_price_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigMistake, match=r"runtime\.calls\.prices\.tiny: the price table has no such model"):
        Endpoint(teacher("http://x/v1"), calls(prices={}), Replies(tmp_path / "replies.sqlite"))


def test_a_key_comes_from_the_environment_and_stays_out_of_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", "very-secret-words")

    async def run(url: str) -> None:
        replies = Replies(tmp_path / "replies.sqlite")
        async with Endpoint(teacher(url, key_env="SOME_KEY"), calls(), replies) as endpoint:
            await endpoint.ask(QUESTION, SCHEMA, 0)
        replies.close()

    with serving(echo) as server:
        asyncio.run(run(server.url))
    assert server.headers == ["Bearer very-secret-words"]
    assert not any(b"very-secret" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    monkeypatch.delenv("SOME_KEY")
    with pytest.raises(Mistake, match="SOME_KEY: no such environment variable"):
        Endpoint(teacher("http://x/v1", key_env="SOME_KEY"), calls(), Replies(tmp_path / "replies.sqlite"))


def test_a_request_is_one_whatever_the_order_of_its_keys(tmp_path: Path) -> None:
    assert canonical({"a": 1, "b": [2]}) == canonical({"b": [2], "a": 1}) != canonical({"a": 1, "b": [3]})
    replies = Replies(tmp_path / "replies.sqlite")
    replies.keep({"a": 1}, "first", 0.1)
    replies.keep({"a": 1}, "second", 0.1)
    assert replies.find({"a": 1}) == "first" and replies.find({"a": 2}) is None
    replies.close()
    with sqlite3.connect(tmp_path / "replies.sqlite") as other:
        assert other.execute("SELECT count(*) FROM replies").fetchone() == (1,)


def test_a_bucket_waits_for_what_it_lacks() -> None:
    now = [0.0]
    bucket = Bucket(60, lambda: now[0])
    assert [bucket.take(30), bucket.take(30), bucket.take(30)] == [0, 0, 30]
    now[0] = 90.0
    assert bucket.take(30) == 0
    assert Bucket(None).take(1e9) == 0


def test_the_pace_falls_once_a_burst_and_rises_slowly() -> None:
    now = [10.0]
    pace = Pace(8, None, None, lambda: now[0])
    assert pace.limit == 4
    for _ in range(3):
        pace.too_fast()
    assert pace.limit == 4 * CUT
    now[0] += 2
    pace.too_fast()
    assert pace.limit == 4 * CUT * CUT
    for _ in range(EASY * 10):
        pace.went_well()
    assert pace.limit == 8
    for _ in range(50):
        now[0] += 2
        pace.too_fast()
    assert pace.limit == 1


def test_the_budget_is_the_runs_and_an_answer_without_usage_is_estimated(tmp_path: Path) -> None:
    replies = Replies(tmp_path / "replies.sqlite")
    endpoint = Endpoint(teacher("http://x/v1"), calls(budget=0.001), replies)
    endpoint.counts["tokens in"] = 900
    with pytest.raises(Mistake, match=r"0\.0009 is spent"):
        endpoint.afford(0.0002)
    endpoint.afford(0.00005)
    body = json.dumps({"choices": [{"message": {"content": "x" * 40}}]})
    endpoint.kept({"messages": QUESTION}, body, 0.1)
    costs = endpoint.costs()
    assert costs["tokens out"] == 10 and costs["tokens in"] > 905 and costs["money"] > 0
    assert costs["answers without usage, tokens estimated"] == 1
    replies.close()

"""The registry's pages: their data is what `--json` prints, what is wrong is one line, and no text becomes HTML."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from factory import config, registry
from factory.browse import app, beside, pages
from factory.browse.reader import Reader
from factory.browse.serve import listening
from factory.cli import main
from factory.errors import Absent, Mistake
from factory.pages.registry_page import graph
from factory.registry import index
from tests.benchmarks.browse import tagged
from tests.browsing import HOSTILE, RIGHT, words
from tests.unit.test_registry_index import ROW

VOID = {"meta", "link", "input", "br"}
MODEL = "factory.sql.tiny"


@pytest.fixture
def reader(settings: config.Config) -> Reader:
    return Reader(settings)


@pytest.fixture
def browser(reader: Reader) -> TestClient:
    return client(reader)


def client(reader: Reader) -> TestClient:
    return TestClient(app.application(reader), "http://127.0.0.1", raise_server_exceptions=False)


class Tree(HTMLParser):
    """Every tag with its attributes, and the text; fails where a tag is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def line(self) -> str:
        return " ".join(self.text.split())


ADDRESSES = {
    "/": ["registry", "--json"],
    "/?filter=gate%3Dpromote": ["registry", "gate=promote", "--json"],
    "/version/1": ["registry", "version", "1", "--json"],
    f"/version/{MODEL}@champion": ["registry", "version", "champion", "--json"],
    "/compare?one=1&two=2": ["registry", "compare", "1", "2", "--json"],
    "/data": ["registry", "data", "--json"],
    "/runs": ["registry", "runs", "--json"],
}


def said(place: Path, address: str) -> list[str]:
    """The overrides; the fleet's table takes `base=tiny` for a word of its filter."""
    own = words(place)
    return own if "filter" not in address and address != "/" else own[1:]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_draws_what_json_prints(
    address: str, place: Path, browser: TestClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*ADDRESSES[address], *said(place, address)]) == 0
    printed = json.loads(capsys.readouterr().out)
    drawn: dict[str, Any] = {}
    page = app.page

    def seen(name: str, **given: Any) -> str:
        drawn.update(json.loads(json.dumps(given)))
        return page(name, **given)

    monkeypatch.setattr(app, "page", seen)
    text = browser.get(address)
    assert text.status_code == 200 and Tree(text.text).line
    assert {name: drawn[name] for name in printed} == printed


def test_the_figures_of_a_version_are_on_its_page(reader: Reader, browser: TestClient) -> None:
    found, page = pages.version(reader, "1"), Tree(browser.get("/version/1").text)
    assert (
        "The base scores 0.0 %, the adapter 33.3 %" in page.line
        and "+28.3 to +38.3, on 12 rows of 6 families" in page.line
    )
    assert "The gate said promote" in page.line and "Loss 2.5 at first, 1.5 at last" in page.line
    assert all(f"{key}{value}" in page.line for key, value in (("train.learning_rate", "0.001"), ("base.name", "tiny")))
    assert [row["id"] for row in found["answers"]] == ["0", "1", "2", "4", "5", "6"]
    assert "factory promote 1 specialist=sql base=tiny" in page.line and "library_name: peft" in page.line
    assert {stage["stage"]: set(stage["from"]) for stage in found["products"]} == {
        "kept": set(),
        "adapter": {"kept"},
        "report": {"kept", "adapter", "exam"},
        "checkup": {"adapter", "report"},
    }
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert {f"/report/{MODEL}%3A1", f"/ask?one={MODEL}%3A1", f"/compare?two={MODEL}%3A1"} <= set(links)


def test_the_drawing_of_a_lineage_has_an_arrow_for_each_use(reader: Reader) -> None:
    found = graph(pages.version(reader, "1"))
    assert list(found["boxes"]) == ["kept", "adapter", "report", "checkup", "version"] and list(found["tops"]) == [
        "exam"
    ]
    uses = sum(len(one["from"]) for one in found["products"].values())
    assert len(found["arrows"]) == uses + 2 and all(re.match(r"M[\d. ]+[LC]", one) for one in found["arrows"])


def test_two_versions_side_by_side(reader: Reader) -> None:
    found = beside.compare(reader, "1", "2")
    assert found["config"] == [{"key": "train.learning_rate", "one": 0.001, "two": 0.002, "bears": True}]
    assert (found["data"]["rows"]["both"], found["data"]["same"]) == (2, False)
    assert [found["data"]["rows"][side]["ids"] for side in ("removed", "added")] == [["one"], ["two"]]
    assert found["data"]["rows"]["added"]["texts"][0]["prompt"] == "what of two"
    scores = found["scores"]
    assert (scores["rows"], scores["families"], scores["better"], scores["worse"]) == (12, 6, 4, 2)
    assert scores["difference"]["value"] == pytest.approx(2 / 12) and scores["difference"]["low"] < 0
    assert [row["id"] for row in found["fixed"]] == [str(row) for row in RIGHT["two"] if row not in RIGHT["one"]]
    assert [row["id"] for row in found["broken"]] == ["0", "1"]
    assert found["broken"][1] | {"family": ""} == {
        "id": "1",
        "family": "",
        "prompt": HOSTILE,
        "gold": HOSTILE,
        "one": {"answer": HOSTILE, "score": 1.0, "reason": ""},
        "two": {"answer": HOSTILE, "score": 0.0, "reason": "wrong rows"},
    }
    back = beside.compare(reader, "2", "1")
    assert back["fixed"] == [{**row, "one": row["two"], "two": row["one"]} for row in found["broken"]]
    assert back["scores"]["difference"]["value"] == -scores["difference"]["value"]


def test_another_exam_is_no_neighbour_and_rows_that_are_gone_are_said_so(reader: Reader, browser: TestClient) -> None:
    found = beside.compare(reader, "2", "3")
    assert found["scores"] is None and "different exams" in found["apart"] and found["fixed"] == found["broken"] == []
    assert found["data"]["rows"] is None and not found["data"]["two"]["here"]
    page = Tree(browser.get("/compare?one=2&two=3").text).line
    assert "different exams" in page and "is not on this machine" in page and "Fixed" not in page
    same = beside.compare(reader, "2", "2")
    assert same["config"] == [] and same["data"]["same"] and same["scores"]["difference"]["value"] == 0


def test_the_same_in_a_terminal(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = words(place)
    for page, said in {
        ("version", "champion"): [f"{MODEL}:3 champion: QLoRA of rank", "factory rollback --why"],
        ("compare", "1", "2"): [
            "train.learning_rate  0.001",
            "2 rows say the same, 1 only",
            "fixed: 4 rows",
            "broken: 2",
        ],
        ("compare", "2", "3"): ["they sat different exams", "which rows differ cannot be said"],
        ("data",): ["kept 3, train 3", "not on this machine", "tiny 3 champion"],
        ("runs",): [f"{MODEL}:2"],
    }.items():
        assert main(["registry", *page, *own]) == 0
        out = capsys.readouterr().out
        assert all(one in out for one in said), out


@pytest.mark.parametrize(
    ("said", "wanted", "complaint"),
    [
        (["version", "9"], 2, f"factory: {MODEL} version 9: no such version - have: 1 to 3"),
        (["version", "chamion"], 2, "did you mean 'champion'?"),
        (["version", "other:1"], 2, "other: no such registered model"),
        (["version"], 2, "0 words - write factory registry version A"),
        (["compare", "1"], 2, "1 words - write factory registry compare A B"),
        (["data", "--jsn"], 2, "--jsn: no such option - did you mean '--json'?"),
        (["ask", " ", "1"], 2, "prompt: is empty"),
        (["ui", "--port"], 2, "registry ui --port: has no value"),
        (["ui", "--port", "99999"], 2, "registry.ui.port"),
        (["ui", "now"], 2, "now: no word of registry ui"),
    ],
)
def test_what_is_wrong_is_one_line(
    said: list[str], wanted: int, complaint: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["registry", *said, *words(place)]) == wanted
    err = capsys.readouterr().err
    assert complaint in err and len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("address", "status", "line"),
    [
        ("/version/9", 404, "no such version - have: 1 to 3"),
        ("/version/" + quote("a/b:'\"\U0001f9a4<b>", safe=""), 404, "a/b: no such registered model"),
        ("/version/" + quote("../../etc/passwd", safe=""), 404, "no version holds this alias"),
        ("/version/", 404, "no version holds this alias"),
        ("/report/7", 404, "no such version"),
        ("/comparison/1", 404, "holds no comparison of it"),
        ("/compare?one=1&two=nobody", 404, "no version holds this alias"),
        ("/?filter=scor%3E1", 400, "no such column - did you mean 'score'?"),
        ("/?filter=%22half", 400, "a quotation in it does not end"),
        ("/nowhere", 404, "/nowhere: there is no such page"),
        ("/static/..%2fstyle.css", 404, "there is no such page"),
    ],
)
def test_what_is_not_there_is_one_line_on_a_page(address: str, status: int, line: str, browser: TestClient) -> None:
    found = browser.get(address)
    page = Tree(found.text)
    assert found.status_code == status and line in page.line and "Traceback" not in page.text
    assert sum(attrs.get("role") == "alert" for _, attrs in page.tags) == 1


def test_half_of_a_filter_is_no_error_while_it_is_typed(browser: TestClient) -> None:
    found = browser.get("/?filter=score%3E", headers={"HX-Request": "true"})
    assert found.status_code == 200 and "is no number" in found.text


def test_no_text_becomes_html_and_no_page_has_a_script_of_its_own(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that MLflow takes and the factory does not give: another program's versions may have them."""
    named = replace(ROW, model=f"m{HOSTILE}", specialist=HOSTILE, base=HOSTILE, aliases=(HOSTILE,), reasons=(HOSTILE,))
    event = {"when": HOSTILE, "who": HOSTILE, "what": HOSTILE, "alias": HOSTILE, "before": "1", "after": "2"}
    event |= {"why": HOSTILE, "outcome": HOSTILE}
    whole = registry.Fleet(HOSTILE, 1.0, (named, replace(named, version=2)), {named.model: [event]})
    monkeypatch.setattr(reader, "fleet", lambda: (whole, HOSTILE))
    browser = client(reader)
    addresses = ["/", f"/?filter={quote(f'model={chr(39)}', safe='')}", "/data", "/runs", "/compare", "/ask"]
    addresses += [
        f"/?filter={quote('model=' + repr(named.model), safe='')}",
        f"/version/{quote(named.model, safe='')}:1",
    ]
    for address in [*addresses, "/?filter=" + quote(HOSTILE, safe=""), "/compare?one=" + quote(HOSTILE, safe="")]:
        found = browser.get(address)
        page = Tree(found.text)
        assert [attrs for tag, attrs in page.tags if tag == "script"] == [{"src": "/static/htmx.min.js", "defer": None}]
        assert not any(name.startswith("on") or name == "style" for _, attrs in page.tags for name in attrs)
        assert "49" not in page.text.replace("{{ 7 * 7 }}", "")
        assert found.headers["content-security-policy"].startswith("default-src 'self'")


def test_hostile_rows_are_shown_as_they_are(browser: TestClient) -> None:
    for address in ("/version/1", "/compare?one=1&two=2"):
        page = Tree(browser.get(address).text)
        assert HOSTILE in page.text and len([tag for tag, _ in page.tags if tag == "script"]) == 1


def test_a_report_is_shown_in_a_sandbox(browser: TestClient) -> None:
    found = browser.get("/report/1")
    assert found.text == "<p>report</p>" and found.headers["content-security-policy"].startswith(
        "sandbox; default-src 'none'"
    )


def test_only_this_machine_is_answered_and_only_its_own_pages_ask(browser: TestClient) -> None:
    assert browser.get("/", headers={"host": "elsewhere.example"}).status_code == 400
    asked = {"data": {"prompt": "x", "one": "1"}, "headers": {"origin": "http://elsewhere.example"}}
    found = browser.post("/ask", **asked)
    assert found.status_code == 403 and "another site's page asked" in Tree(found.text).line
    assert browser.post("/ask", data={"prompt": "x" * (1 << 19), "one": "1"}).status_code == 413
    for address in ("/", "/version/1", "/data"):
        assert browser.post(address).status_code == 405


def test_base_and_adapters_answer_side_by_side(
    browser: TestClient, reader: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    found = browser.post("/ask", data={"prompt": "how <b>many</b>", "one": "1", "two": "2"})
    page = Tree(found.text)
    assert (
        found.status_code == 200 and "how <b>many</b>" in page.text and not [tag for tag, _ in page.tags if tag == "b"]
    )
    assert "tiny, the base alone" in page.line and f"{MODEL} version 2" in page.line
    most = reader.asked.evaluate.max_new_tokens
    assert page.line.count(f"{most} tokens, cut at evaluate.max_new_tokens={most}") == 3
    assert main(["registry", "ask", "how <b>many</b>", "2", "1", "--json", *reader.asked._said]) == 0
    there, back, forth = json.loads(capsys.readouterr().out)["answers"]
    assert there["version"] is None and (back["version"]["version"], forth["version"]["version"]) == (2, 1)
    assert len({one["text"] for one in (there, back, forth)}) == 3, "random adapters that change nothing"
    assert all(one["text"] in page.text for one in (there, back, forth))


@pytest.mark.parametrize(
    ("said", "status", "line"),
    [
        ({"prompt": "", "one": "1"}, 400, "prompt: is empty"),
        ({"prompt": "x"}, 400, "versions: 0 were named"),
        ({"prompt": "x", "one": "9"}, 404, "no such version"),
        ({"prompt": "word " * 600, "one": "1"}, 400, "tokens long - the base takes"),
    ],
)
def test_a_question_that_cannot_be_asked(said: dict[str, str], status: int, line: str, browser: TestClient) -> None:
    found = browser.post("/ask", data=said)
    assert found.status_code == status and line in Tree(found.text).line


def test_a_base_that_is_gone_or_another_is_said(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    held = reader.evidence(reader.row("1"))
    weights = held.config["base"]["weights"] | {"path": "data/base/gone"}
    lost = replace(held, config=held.config | {"base": held.config["base"] | {"weights": weights}})
    monkeypatch.setattr(reader, "evidence", lambda row: lost)
    found = client(reader).post("/ask", data={"prompt": "x", "one": "1"})
    assert found.status_code == 400 and "base.weights.path=data/base/gone: no such folder" in Tree(found.text).line
    other = replace(held, config=held.config | {"train": held.config["train"] | {"method": "lora"}})
    monkeypatch.setattr(reader, "evidence", lambda row: other)
    found = client(reader).post("/ask", data={"prompt": "x", "one": "1"})
    assert found.status_code == 409 and "quantisation: trained on" in Tree(found.text).line


def test_a_registry_that_goes_away_while_a_page_is_open(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(place / "mlflow.db", tmp_path / "mlflow.db")
    reader = Reader(config.load(words(tmp_path)))
    browser = client(reader)
    assert "3 versions of 1 model" in Tree(browser.get("/").text).line
    assert browser.get("/version/1").status_code == 200
    (tmp_path / "mlflow.db").unlink()
    page = Tree(browser.get("/").text).line
    assert "the file is gone - this is what it held at" in page and "3 versions of 1 model" in page
    assert browser.get("/version/1").status_code == 200, "it was read before"
    found = browser.get("/version/2")
    assert found.status_code == 503 and "the file is gone" in Tree(found.text).line
    assert not (tmp_path / "mlflow.db").exists(), "looking makes no registry"
    assert main(["registry", *words(tmp_path)[1:]]) == 0
    said = capsys.readouterr()
    assert "the file is gone" in said.err and "champion" in said.out


def test_evidence_that_was_deleted_is_said(place: Path, tmp_path: Path) -> None:
    """Its folder of files is gone; what the tags say is still shown."""
    shutil.copy(place / "mlflow.db", tmp_path / "mlflow.db")
    shutil.move(place / "mlartifacts", place / "elsewhere")
    try:
        browser = client(Reader(config.load(words(tmp_path))))
        found = browser.get("/version/1")
        line = Tree(found.text).line
        assert found.status_code == 200 and "33.3 %" in line and "The registry holds no curve of it" in line
        assert "nothing of where it comes from" in line and "It has none" in line
        found = browser.get("/compare?one=1&two=2")
        assert (
            found.status_code == 404
            and f"{MODEL} version 1: the registry holds no config of it" in Tree(found.text).line
        )
    finally:
        shutil.move(place / "elsewhere", place / "mlartifacts")


def test_a_version_without_a_run_is_shown_by_its_tags(place: Path, tmp_path: Path) -> None:
    """Another program may register one."""
    shutil.copy(place / "mlflow.db", tmp_path / "mlflow.db")
    settings = config.load(words(tmp_path))
    with registry.client(settings.registry) as ours:
        ours.create_registered_model("other's")
        ours.create_model_version("other's", source="/nowhere", tags=tagged(ROW))
        ours.create_model_version("other's", source="/nowhere", tags=tagged(ROW), run_id="0" * 32)
    browser = client(Reader(settings))
    for name in ("other's:1", "other's:2"):
        found = browser.get(f"/version/{name}")
        assert found.status_code == 200 and "The registry holds no curve of it" in Tree(found.text).line
        assert browser.post("/ask", data={"prompt": "x", "one": name}).status_code == 404


def test_a_port_that_is_taken_is_said(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        assert main(["registry", "ui", "--port", str(port), *words(place)]) == 3
    assert f"127.0.0.1:{port}: another program listens there - choose another: --port" in capsys.readouterr().err
    with pytest.raises(Mistake, match="cannot be listened on"):
        listening(config.load(["registry.ui.host=192.0.2.1"]).registry.ui)
    assert main(["registry", "ui", "--host", "no.such.host.invalid", *words(place)]) == 2


def test_versions_have_one_name_everywhere() -> None:
    rows = (ROW, replace(ROW, version=2, aliases=("champion",)), replace(ROW, model="other", aliases=("champion",)))
    whole = index.Fleet("x", 0.0, rows, {})
    for word, wanted in {"1": rows[0], "champion": rows[1], "other:1": rows[2], "other@champion": rows[2]}.items():
        assert index.named(whole, word, ROW.model) is wanted
    for word in ("", "3", "other", "other:2", "nobody:1", "@", ":", "a:b:c"):
        with pytest.raises(Absent):
            index.named(whole, word, ROW.model)
    with pytest.raises(Absent, match="run `factory run` first"):
        index.named(index.Fleet("x", 0.0, (), {}), "1", "any")


def test_commands_are_those_that_would_be_taken() -> None:
    assert list(pages.commands(replace(ROW, aliases=("champion",)), "champion")) == [
        "give its place back to the version before"
    ]
    assert pages.commands(replace(ROW, retired="2026"), "champion") == {}
    refused = pages.commands(replace(ROW, gate="reject", model="own.name"), "champion")
    assert refused["make it champion"] == 'factory promote 1 --why "..." registry.model=own.name'


def test_links_to_mlflow_are_there_where_its_pages_are_configured(place: Path) -> None:
    reader = Reader(config.load([*words(place), "registry.ui.mlflow=http://localhost:5000/"]))
    row = reader.row("1")
    assert pages.links(reader, row) == {
        "run": f"http://localhost:5000/#/runs/{row.run}",
        "version": f"http://localhost:5000/#/models/{MODEL}/versions/1",
    }
    assert f'href="http://localhost:5000/#/runs/{row.run}"' in client(reader).get("/runs").text
    with pytest.raises(Mistake, match="registry.ui.mlflow"):
        config.load(["registry.ui.mlflow='javascript:alert(1)'"])


def test_the_program_serves_until_it_is_told_to_end(place: Path) -> None:
    command = [sys.executable, "-m", "factory", "registry", "ui", "--port", "0", *words(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            with urllib.request.urlopen(process.stdout.readline().split()[0]) as answer:
                assert "3 versions of 1 model" in answer.read().decode()
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.communicate() == ("ended\n", "") and process.returncode == 0

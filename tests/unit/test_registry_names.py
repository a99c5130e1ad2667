"""Names that some registry does not take are refused by what is wrong with them, before anything is made."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from factory import registry
from factory.config import load
from factory.errors import ConfigMistake, Mistake

MODEL = [
    ("a/b", "has a character that no registry takes everywhere: '/' (SOLIDUS)"),
    ("a:b", "':' (COLON)"),
    ("a'b", '"\'" (APOSTROPHE)'),
    ('a"b', "'\"' (QUOTATION MARK)"),
    ("a b", "' ' (SPACE)"),
    ("a\U0001f600", "(GRINNING FACE)"),
    ("a\x07b", "'\\x07' (no name)"),
    ("..", "has a .. in it"),
    ("a..b", "has a .. in it"),
    (".a", "begins with a dot"),
    ("x" * 300, "has 300 characters, at most 200 are taken"),
    ("", "should have at least 1 character"),
]


def refused(key: str, name: str) -> str:
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    with pytest.raises(ConfigMistake) as error:
        load([f"{key}='{quoted}'"])
    assert "\n" not in str(error.value) and str(error.value).startswith(key)
    return str(error.value)


@pytest.mark.parametrize(("name", "said"), MODEL, ids=[repr(name[:8]) for name, _ in MODEL])
def test_a_models_name(name: str, said: str) -> None:
    assert said in refused("registry.model", name)


def test_an_experiment_may_have_slashes_and_spaces() -> None:
    assert load(["registry.experiment='our work/sql'"]).registry.experiment == "our work/sql"
    assert "(COLON)" in refused("registry.experiment", "a:b")


@pytest.mark.parametrize("name", ["latest", "Latest", "v3", "V12"])
def test_an_alias_that_mlflow_keeps(name: str) -> None:
    assert "is MLflow's own" in refused("registry.alias", name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("candidate", "is held by versions that the gate did not pass"),
        ("challenger", "is held by versions that the gate did not pass"),
        ("7", "would be read as the number of a version"),
    ],
)
def test_an_alias_that_means_something_else(name: str, said: str) -> None:
    assert said in refused("registry.alias", name)


def test_an_alias_with_a_dot() -> None:
    assert "'.' (FULL STOP)" in refused("registry.alias", "best.one")


@pytest.mark.parametrize(
    "address", ["postgresql://me:secret@host/db", "http://me:secret@host", "postgresql://h/d?password=secret"]
)
def test_a_password_is_refused_and_not_said(address: str) -> None:
    line = refused("registry.tracking_uri", address)
    assert "secret" not in line and "PGPASSWORD" in line


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql+pg8000://me@127.0.0.1/db", "needs pg8000, which is not installed - pip install pg8000"),
        ("postgresql+nothing://me@127.0.0.1/db", "MLflow knows no such kind of address - write sqlite:///path"),
        ("oracle://me@127.0.0.1/db", "MLflow knows no such kind of address - write sqlite:///path"),
    ],
)
def test_an_address_that_leads_nowhere_is_one_line(address: str, said: str) -> None:
    settings = load([f"registry.tracking_uri='{address}'"]).registry
    with pytest.raises(Mistake) as error, registry.client(settings):
        pass
    assert said in str(error.value) and "\n" not in str(error.value)


class Nothing(BaseHTTPRequestHandler):
    """A web server that has nothing."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


def test_a_server_of_something_else_is_one_line() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Nothing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        settings = load([f"registry.tracking_uri='{address}'"]).registry
        with pytest.raises(Mistake) as error, registry.client(settings):
            pass
        server.shutdown()
    assert str(error.value).startswith(f"registry.tracking_uri={address}: answers, but not as an MLflow server")


@pytest.mark.parametrize("address", ["postgresql://me@host:5432/db", "http://host:5000", "sqlite:////a/b@c:d/e.db"])
def test_an_address_without_one_is_fine(address: str) -> None:
    assert load([f"registry.tracking_uri='{address}'"]).registry.tracking_uri == address

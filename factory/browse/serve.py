"""Serves the pages until it is stopped."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from threading import Thread
from typing import TYPE_CHECKING

from factory.browse.reader import Reader
from factory.config import Ui
from factory.errors import Mistake, Unavailable

if TYPE_CHECKING:
    from uvicorn import Server


def serve(reader: Reader, ready: Callable[[str], None]) -> None:
    """Serves the pages; `ready` is told their address. Returns at Ctrl-C; Unavailable where the port is taken."""
    reader.fleet()  # what is wrong with the registry is said here, not on a page
    with listening(reader.asked.registry.ui) as own:
        host, port = own.getsockname()[:2]
        Thread(target=reader.look_ahead, daemon=True).start()
        ready(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
        server(reader).run(sockets=[own])


def server(reader: Reader) -> Server:
    """What serves the pages on a socket, and says nothing but what goes wrong."""
    import uvicorn

    from factory.browse.app import application

    said = {"log_level": "warning", "access_log": False, "server_header": False}
    return uvicorn.Server(uvicorn.Config(application(reader), lifespan="off", **said))


def listening(ui: Ui) -> socket.socket:
    """A socket on the address of the configuration; Mistake or Unavailable where it cannot be had."""
    where = f"registry.ui {ui.host}:{ui.port}"
    try:
        family, *_, at = socket.getaddrinfo(ui.host, ui.port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(at[:2], family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Unavailable(where, "another program listens there", "choose another: --port 8401") from None
        hint = "see registry.ui.host and registry.ui.port"
        raise Mistake(where, f"cannot be listened on: {error.strerror or error}", hint) from None

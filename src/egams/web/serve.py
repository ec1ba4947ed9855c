"""`serve`: an address of this machine, and the workbench behind it until it is stopped."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn

from egams.artifact import remove
from egams.errors import ArtifactError, ConfigError
from egams.library.library import Library
from egams.lock import alone_in
from egams.web.active import ActiveBundle
from egams.web.app import application
from egams.web.guard import Limits
from egams.web.security import Rules, is_loopback, rules_for
from egams.web.workbench import Workbench

PORT, FURTHER = 8765, 50
MOST_OPEN = 400
"""Connections at once; further ones are answered 503."""
CTRL_C_SECONDS = 1


def serve(
    library: Path,
    limits: Limits,
    *,
    files: Sequence[Path] = (),
    host: str = "127.0.0.1",
    port: int | None = None,
    bundle: Path | None = None,
    with_token: bool = False,
    browser: bool = True,
    say: Callable[[str], None] = print,
) -> None:
    """Serve a library until the process is interrupted.

    Parameters
    ----------
    library
        Its file; made where there is none.
    limits
        What a request may take.
    files
        Files of runs that are added to the library at the start.
    host, port
        Where to listen; None takes the first free port from 8765 on.
    bundle
        Folder of what predicts; None for the one that the library names, or the shipped one.
    with_token
        Whether a token is needed on this machine, too.
    browser
        Whether to open the page.
    say
        Is told the address, and where the library is.

    Raises
    ------
    ConfigError
        If the address cannot be listened on.
    ArtifactError
        If the library is none, or damaged.
    """
    with Library.open(library) as opened, scratch_beside(opened.path) as scratch:
        listening = listen(host, port)
        bound = listening.getsockname()[1]
        rules = rules_for(host, socket.gethostname(), with_token=with_token)
        address = address_of(host, bound, rules)
        workbench = Workbench(opened, ActiveBundle(opened, bundle), scratch, limits)
        for file in files:
            opened.submit("read", file.name, {"reading": {}}, file)
        say(f"the workbench: {address}")
        say(f"its library: {opened.path}")
        say("Ctrl-C ends it; what is under way goes on at the next start")
        if browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        with suppress(KeyboardInterrupt):  # raised again when everything has ended
            server_of(workbench, rules).run(sockets=[listening])


def server_of(workbench: Workbench, rules: Rules) -> uvicorn.Server:
    """Return what answers on sockets.

    Parameters
    ----------
    workbench
        What it is about.
    rules
        Who may speak to it.
    """
    config = uvicorn.Config(
        application(workbench, rules),
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        limit_concurrency=MOST_OPEN,
        timeout_graceful_shutdown=CTRL_C_SECONDS,
    )
    logging.getLogger("uvicorn.error").addFilter(_is_of_a_fault)
    return uvicorn.Server(config)


def _is_of_a_fault(line: logging.LogRecord) -> bool:
    """Whether a line tells of a fault; of requests that Ctrl-C ends, those who asked are told."""
    return not line.getMessage().startswith(("Cancel ", "ASGI callable returned without"))


def listen(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens.

    Parameters
    ----------
    host, port
        Where; None takes the first free port from 8765 on.

    Raises
    ------
    ConfigError
        If that cannot be done.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    last: OSError | None = None
    for candidate in range(PORT, PORT + FURTHER) if port is None else (port,):
        listening = socket.socket(family, socket.SOCK_STREAM)
        if os.name == "posix":  # elsewhere it would let two servers share the port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, candidate))
            listening.listen(128)
        except OSError as error:
            listening.close()
            last = error
            continue
        return listening
    hint = "" if port is None else " Choose another --port, or leave it out."
    raise ConfigError(f"cannot listen on {host}, port {port or PORT} ({last}).{hint}")


def address_of(host: str, port: int, rules: Rules) -> str:
    """Return the address of the page, with the token where one is needed.

    Parameters
    ----------
    host, port
        Where the server listens.
    rules
        Who may speak to it.
    """
    everywhere = host in ("0.0.0.0", "::")
    name = socket.gethostname() if everywhere else f"[{host}]" if ":" in host else host
    name = host if is_loopback(host) and ":" not in host else name
    token = "" if rules.token is None else f"?token={rules.token}"
    return f"http://{name}:{port}/{token}"


@contextmanager
def scratch_beside(library: Path) -> Iterator[Path]:
    """Give a folder beside the library, and remove what processes left that were killed.

    Files on their way lie there, and all temporary files of this process: the disk of the library
    is the one that has space for them.

    Parameters
    ----------
    library
        Its file.
    """
    parent = library.with_name(f"{library.name}.uploads")
    parent.mkdir(exist_ok=True)
    for left in parent.iterdir():
        try:
            with alone_in(left):
                remove(left)
        except (ArtifactError, OSError):
            continue  # of a process that lives
    folder = Path(tempfile.mkdtemp(dir=parent))
    before = tempfile.tempdir
    try:
        with alone_in(folder):
            tempfile.tempdir = str(folder)
            yield folder
    finally:
        tempfile.tempdir = before
        remove(folder)

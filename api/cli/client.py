"""The command line's way to a running dialwheel: where it is, with which key, and its answers.

Python's own `http.client`: a command is over in less time than the import of an asynchronous client takes.
"""

from __future__ import annotations

import http.client
import json
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import SplitResult, urlencode, urlsplit

from api.cli.answers import decoded, raise_problem
from api.cli.runfile import read_key, read_run
from api.cli.session import Session
from scheduler.errors import ServerUnavailable, UsageError
from scheduler.settings import redacted

TIMEOUT_S = 30.0
UPLOAD_TIMEOUT_S = 300.0  # between two live lines
BLOCK = 64 * 1024


class ApiClient:
    """Requests to one dialwheel. Every error becomes one of ours, with the problem's own words."""

    def __init__(self, url: str, key: str | None) -> None:
        self._parts = _address(url)
        self._base = self._parts.path.rstrip("/")
        self._key = key
        self.url = url.rstrip("/")

    def get(self, path: str, **query: Any) -> Any:
        return self._json("GET", _with(path, query))

    def post(self, path: str, body: Any) -> Any:
        return self._json("POST", path, json.dumps(body).encode())

    def readiness(self) -> tuple[bool, Any]:
        """Whether all parts are ready, and what each says; asked without a key."""
        response, connection = self._exchange("GET", "/readyz?verbose=true")
        with connection:
            return response.status == 200, decoded(response.read())

    def download(self, path: str, into: Path, *, accept: str) -> int:
        """Write the answer to `into` and say how many bytes it had."""
        response, connection = self._exchange("GET", path, headers={"Accept": accept})
        with connection:
            raise_problem(response)
            partial = into.with_name(into.name + ".part")
            with open(partial, "wb") as file:
                while block := response.read(BLOCK):
                    file.write(block)
                size = file.tell()
            partial.replace(into)
            return size

    def upload(
        self, path: str, query: dict[str, Any], blocks: Iterable[bytes], content_type: str
    ) -> Iterator[Any]:
        """Send `blocks` and answer the server's live lines while the sending goes on.

        A thread sends: a server that reports many bad rows must find a reader before the file is over.
        """
        connection = self._connect()
        with connection:
            connection.socket.settimeout(UPLOAD_TIMEOUT_S)
            headers = {
                "Content-Type": content_type,
                "Accept": "application/x-ndjson",
                "Transfer-Encoding": "chunked",
            }
            self._send_head(connection, "POST", _with(path, query), headers)
            sender = threading.Thread(target=_send_chunks, args=(connection, blocks), daemon=True)
            sender.start()
            try:
                response = http.client.HTTPResponse(connection.socket, method="POST")
                connection.response = response
                response.begin()
                raise_problem(response)
                yield from (json.loads(line) for line in _lines(response))
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise ServerUnavailable(
                    "the connection to dialwheel broke",
                    f"{type(error).__name__}; what it had committed is kept",
                    "run the same command again: nothing is added twice",
                ) from error

    def _json(self, method: str, path: str, body: bytes | None = None) -> Any:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        response, connection = self._exchange(method, path, body, headers)
        with connection:
            raise_problem(response)
            return decoded(response.read())

    def _exchange(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, _Connection]:
        connection = self._connect()
        try:
            given = dict(headers or {})
            if body is not None:
                given["Content-Length"] = str(len(body))
            self._send_head(connection, method, path, given)
            if body is not None:
                connection.send(body)
            connection.response = connection.http.getresponse()
            return connection.response, connection
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._unreachable(error) from error

    def _connect(self) -> _Connection:
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._parts.hostname or "", self._parts.port, timeout=TIMEOUT_S)
        try:
            connection.connect()
        except OSError as error:
            raise self._unreachable(error) from error
        connection.auto_open = 0  # a sender that goes on after the end must not connect anew
        return _Connection(connection)

    def _send_head(self, connection: _Connection, method: str, path: str, headers: dict[str, str]) -> None:
        connection.http.putrequest(method, self._base + path)
        for name, value in {"Accept": "application/json", **headers}.items():
            connection.http.putheader(name, value)
        if self._key:
            connection.http.putheader("Authorization", f"Bearer {self._key}")
        connection.http.endheaders()

    def _unreachable(self, error: BaseException) -> ServerUnavailable:
        reason = getattr(error, "strerror", None) or type(error).__name__
        return ServerUnavailable(f"no dialwheel answers at {self.url}", reason, "start it with: dialwheel up")


class _Connection:
    """One connection that is closed at the end of a `with`."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self.http = connection
        self.response: http.client.HTTPResponse | None = None

    @property
    def socket(self) -> Any:
        return self.http.sock

    def send(self, data: bytes) -> None:
        self.http.send(data)

    def close(self) -> None:
        """An answer that was not read to its end holds the socket open for itself."""
        if self.response is not None:
            self.response.close()
        self.http.close()

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def find_dialwheel(session: Session) -> ApiClient:
    """The dialwheel that --url, DIALWHEEL_API_URL or the data directory's run file names.

    The key in the data directory is sent only to the dialwheel that saved it there.
    Raises ServerUnavailable when none is named.
    """
    key = os.environ.get("DIALWHEEL_API_KEY")
    url = session.options.url or os.environ.get("DIALWHEEL_API_URL")
    data = session.settings.data_path
    run = read_run(data)
    if run is not None and (url is None or url.rstrip("/") == run.url.rstrip("/")):
        return ApiClient(run.url, key or read_key(data))
    if url is not None:
        return ApiClient(url, key)
    raise ServerUnavailable("no dialwheel is running", f"none uses {data}", "start it with: dialwheel up")


def blocks_of(file: IO[bytes], stop: threading.Event) -> Iterator[bytes]:
    """The file in blocks. After `stop` it ends with the line it is in."""
    while block := file.read(BLOCK):
        if stop.is_set():
            line, newline, _ = block.partition(b"\n")
            yield line + newline
            return
        yield block


def _lines(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Lines as they arrive. Read by blocks: `readline` takes an answer that was cut short for a whole one."""
    rest = b""
    while block := response.read1(BLOCK):
        *lines, rest = (rest + block).split(b"\n")
        yield from filter(None, lines)
    if rest:
        yield rest


def _send_chunks(connection: _Connection, blocks: Iterable[bytes]) -> None:
    try:
        for block in blocks:
            if block:
                connection.send(b"%x\r\n%b\r\n" % (len(block), block))
        connection.send(b"0\r\n\r\n")
    except (OSError, http.client.NotConnected):
        return  # the reader of the answer learns what happened


def _with(path: str, query: dict[str, Any]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def _address(url: str) -> SplitResult:
    """Raises UsageError where `url` is no http address."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(
            "that is not an address of dialwheel",
            f"{redacted(url)} should look like http://127.0.0.1:8080",
            "check --url and DIALWHEEL_API_URL",
        )
    return parts

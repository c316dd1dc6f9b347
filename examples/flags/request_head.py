"""The head of an HTTP/1 request: bytes in, a checked request or a refusal out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus

_REQUEST_LINE = re.compile(
    r"(?P<method>[!#$%&'*+.^_`|~0-9A-Za-z-]+) (?P<target>[!-~]+) HTTP/(?P<major>\d)\.(?P<minor>\d)"
)
_FIELD = re.compile(
    r"(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(?P<value>[\t -~\x80-\xff]*?)[ \t]*"
)


class Refused(Exception):
    """A request that gets an error for an answer, after which its connection is closed."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What the server wants to know of a request."""

    method: str
    path: str
    keep_alive: bool


def parse_head(head: bytes) -> RequestHead:
    """Check the lines of a head, the empty one left off; raise ``Refused`` if they are wrong."""
    first, *lines = head.decode("latin-1").split("\r\n")
    request = _REQUEST_LINE.fullmatch(first)
    if request is None:
        raise Refused(HTTPStatus.BAD_REQUEST, "not an HTTP request line")
    if request["major"] != "1":
        raise Refused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "only HTTP/1.0 and HTTP/1.1")
    fields = _fields(lines)
    if request["minor"] != "0" and len(fields.get("host", ())) != 1:
        raise Refused(HTTPStatus.BAD_REQUEST, "one Host field is required")
    if "transfer-encoding" in fields or set(fields.get("content-length", ())) - {"0"}:
        raise Refused(HTTPStatus.BAD_REQUEST, "requests here have no body")
    if request["method"] not in ("GET", "HEAD"):
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD")
    wishes = {
        wish.strip().lower() for line in fields.get("connection", ()) for wish in line.split(",")
    }
    by_default = request["minor"] != "0"
    keep_alive = "close" not in wishes and (by_default or "keep-alive" in wishes)
    return RequestHead(request["method"], request["target"].partition("?")[0], keep_alive)


def _fields(lines: list[str]) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise Refused(HTTPStatus.BAD_REQUEST, "not a header field")
        fields.setdefault(field["name"].lower(), []).append(field["value"])
    return fields

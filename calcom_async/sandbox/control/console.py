"""The console: a page for people at `/_sandbox`. It uses the control API, and holds no data itself."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from calcom_async.sandbox.http.messages import HttpResponse

_FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "/console.css": ("console.css", "text/css; charset=utf-8"),
    "/console.js": ("console.js", "text/javascript; charset=utf-8"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


@cache
def console_file(path: str) -> HttpResponse | None:
    """Return a file of the console by its path below `/_sandbox`; None if there is no such file."""
    if path not in _FILES:
        return None
    name, content_type = _FILES[path]
    body = (Path(__file__).parent / "page" / name).read_bytes()
    return HttpResponse(200, body, dict(_HEADERS), content_type)

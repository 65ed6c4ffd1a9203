"""Output of the command line. Everything that a command prints passes through this file.

Texts of the server, of webhook deliveries and of files are untrusted: a control character in them could move the
cursor, rename the window or forge a line. `SafeConsole` and `echo` remove control characters, and `print_json` escapes
them. Commands print only with the functions and consoles of this file.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable
from typing import Any

import msgspec
from rich.console import Console, ConsoleOptions, RenderableType
from rich.highlighter import JSONHighlighter
from rich.segment import Segment
from rich.text import Text

_INVISIBLE = (
    "\x00-\x09\x0b-\x1f\x7f-\x9f"  # C0 without the line feed, DEL and C1
    "\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # direction, separators, zero width
    "\U000e0000-\U000e007f\ud800-\udfff"  # tags, lone surrogates
)
UNSAFE: re.Pattern[str] = re.compile(f"[{_INVISIBLE}]")
"""Characters that no output contains. Zero-width joiners are kept: emoji and several scripts need them."""
TSV_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_BREAKS = re.compile(r"[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+")


def one_line(text: object) -> str:
    """Return text as one line, without control characters."""
    return UNSAFE.sub("", _BREAKS.sub(" ", str(text)))


class SafeConsole(Console):
    """A console that removes control characters from every text, except those that rich itself adds."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render to segments without control characters."""
        for segment in super().render(renderable, options):
            if segment.control or not UNSAFE.search(segment.text):
                yield segment
            else:
                yield Segment(UNSAFE.sub("", segment.text), segment.style)

    def on_broken_pipe(self) -> None:
        """Raise, so that the command ends as it does for other output. rich would exit with code 1."""
        raise BrokenPipeError


stderr: Console = SafeConsole(stderr=True, highlight=False, emoji=False, soft_wrap=True)
"""The console for status messages and progress. --quiet sets its `quiet`."""
_problems: Console = SafeConsole(stderr=True, highlight=False, emoji=False, soft_wrap=True)


def stdout() -> Console:
    """Return a console for standard output, as wide as the terminal is now."""
    return SafeConsole(highlight=False, emoji=False)


def print_status(label: str, *lines: object) -> None:
    """Print a message on stderr, except with --quiet. Brackets are markup in `label`, and plain text in `lines`."""
    _print_message(stderr, label, lines)


def print_problem(label: str, *lines: object) -> None:
    """Print an error or a warning on stderr; see `print_status`."""
    # On the same console as the progress bar, if there is one: rich then keeps them apart.
    _print_message(_problems if stderr.quiet else stderr, label, lines)


def _print_message(console: Console, label: str, lines: Iterable[object]) -> None:
    text = "\n".join(map(one_line, lines))
    console.print(label, end=" " if text else "")
    console.print(text, markup=False)


def _write_line(text: str) -> None:
    """Write a line to stdout in its encoding. `typer.echo` would write UTF-8 where the encoding is ASCII."""
    if sys.stdout:  # None where the process has no standard output
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def echo(text: object) -> None:
    """Print one line on stdout."""
    _write_line(one_line(text))


def print_tsv(values: Iterable[str]) -> None:
    """Print one line of tab-separated values on stdout. Tabs, line breaks and backslashes in a value are escaped."""
    _write_line("\t".join(one_line(value.translate(TSV_ESCAPES)) for value in values))


def print_json(value: object, *, compact: bool = False) -> None:
    """Print a value as JSON on stdout, in color on a terminal."""
    print_json_text(json_text(value, compact=compact))


def json_text(value: object, *, compact: bool = False) -> str:
    """Return a value as JSON. Control characters are escaped."""
    encoded = msgspec.json.encode(value)
    text = UNSAFE.sub(_escaped, (encoded if compact else msgspec.json.format(encoded, indent=2)).decode())
    if "utf" not in str(getattr(sys.stdout, "encoding", "")).lower():
        text = re.sub(r"[^\x00-\x7f]", _escaped, text)
    return text


def print_json_text(text: str) -> None:
    """Print a text of `json_text`, or a part of such a text, on stdout, in color on a terminal."""
    console = stdout()
    if console.is_terminal:
        console.print(JSONHighlighter()(Text(text)), soft_wrap=True)
    else:
        _write_line(text)


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def tolerate_encodings() -> None:
    """Make the output print an escape for a character that its encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")


def stdout_pipe() -> int | None:
    """Return the file descriptor of standard output if it is a pipe."""
    try:
        number = sys.stdout.fileno()
        return number if stat.S_ISFIFO(os.fstat(number).st_mode) else None
    except (OSError, AttributeError):  # no file descriptor, or no output at all
        return None


def discard_output() -> None:
    """Send what is still buffered to the null device, so that the interpreter can exit without an error."""
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a file descriptor is needed
        for stream in filter(None, (sys.stdout, sys.stderr)):
            try:
                stream.flush()
            except OSError:
                os.dup2(nowhere.fileno(), stream.fileno())

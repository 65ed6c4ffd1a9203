"""Files that bear their name only when whole, and hold whole rows at any time."""

from __future__ import annotations

import csv
import json
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw

from calcom_async.errors import DecodeError, ExportError, InvalidRequestError
from calcom_async.export import CsvSink, JsonlSink, open_sink
from calcom_async.export.rows import BOOKING_COLUMNS

TITLE = 'Łukasz said "hi",\nand\r \u2028 left; 日本'


def booking(number: int, **changes: Any) -> Raw:
    wire = {
        "id": number, "uid": f"u{number}", "title": TITLE, "hosts": [], "status": "accepted", "duration": 30,
        "start": "2026-05-06T12:00:00Z", "end": "2026-05-06T12:30:00Z", "createdAt": "2026-05-01T08:00:00Z",
        "attendees": [], "unheardOf": {"kept": True}, **changes,
    }  # fmt: skip
    return Raw(json.dumps(wire, ensure_ascii=False).encode())


def table(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def fill(sink: JsonlSink | CsvSink, *batches: Sequence[Raw]) -> None:
    with sink:
        for batch in batches:
            sink.write(batch)


def trouble() -> Iterator[Raw]:
    """A batch that fails when it is looked at."""
    raise RuntimeError("trouble")
    yield


def break_off(sink: JsonlSink | CsvSink, *batches: Sequence[Raw]) -> None:
    with pytest.raises(RuntimeError, match="trouble"):
        fill(sink, *batches, trouble())  # type: ignore[arg-type]


# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "format", "kind"),
    [
        ("a.jsonl", None, JsonlSink),
        ("a.ndjson", None, JsonlSink),
        ("a.CSV", None, CsvSink),
        ("a.txt", "csv", CsvSink),
        ("a.csv", "jsonl", JsonlSink),
        ("/dev/null", None, JsonlSink),
        ("/dev/null", "csv", CsvSink),
    ],
)
def test_the_format(name: str, format: str | None, kind: type) -> None:
    """The format is what was said, else what the name's end says, else JSON lines for a device."""
    assert type(open_sink(name, format)) is kind


@pytest.mark.parametrize(("name", "format"), [("a.txt", None), ("a", None), ("a.csv", "xml")])
def test_an_unknown_format_is_refused(name: str, format: str | None) -> None:
    """An unknown format is refused when the sink is made, with the names that would do."""
    with pytest.raises(InvalidRequestError, match=r"\.jsonl or \.csv"):
        open_sink(name, format)


def test_the_name_comes_last(tmp_path: Path) -> None:
    """Until the block ends there is only NAME.part; then only NAME."""
    with open_sink(tmp_path / "a.jsonl") as sink:
        sink.write([booking(1)])
        assert [file.name for file in tmp_path.iterdir()] == ["a.jsonl.part"]
    assert [file.name for file in tmp_path.iterdir()] == ["a.jsonl"]


def test_an_earlier_file_is_replaced_at_the_end_only(tmp_path: Path) -> None:
    """A whole file of before stays until the new one is whole."""
    path = tmp_path / "a.jsonl"
    path.write_text("before")
    with open_sink(path) as sink:
        sink.write([booking(1)])
        assert path.read_text() == "before"
    assert json.loads(path.read_text("utf-8"))["uid"] == "u1"


def test_a_link_leads_to_the_new_file(tmp_path: Path) -> None:
    """A symbolic link stays one; the file that it leads to is replaced."""
    (tmp_path / "real.jsonl").write_text("before")
    (tmp_path / "a.jsonl").symlink_to("real.jsonl")
    with open_sink(tmp_path / "a.jsonl") as sink:
        sink.write([booking(1)])
    assert (tmp_path / "a.jsonl").is_symlink()
    assert "u1" in (tmp_path / "real.jsonl").read_text("utf-8")


@pytest.mark.parametrize(("name", "content"), [("a.jsonl", []), ("a.csv", [list(BOOKING_COLUMNS)])])
def test_no_rows_are_a_file_too(name: str, content: list[Any], tmp_path: Path) -> None:
    """An export without rows leaves an empty file, or a table of its header."""
    with open_sink(tmp_path / name):
        pass
    assert table(tmp_path / name) == content


def test_a_failure_keeps_the_partial_file(tmp_path: Path) -> None:
    """After a failure the rows so far are in NAME.part."""
    break_off(JsonlSink(tmp_path / "a.jsonl"), [booking(1), booking(2)])
    lines = (tmp_path / "a.jsonl.part").read_text("utf-8").split("\n")[:-1]
    assert [json.loads(line)["uid"] for line in lines] == ["u1", "u2"]
    assert not (tmp_path / "a.jsonl").exists()


def test_a_failure_before_any_row_leaves_nothing(tmp_path: Path) -> None:
    """A run that fails before its first row leaves no file."""
    break_off(CsvSink(tmp_path / "a.csv"))
    assert list(tmp_path.iterdir()) == []


def test_a_failure_before_any_row_spares_an_earlier_partial_file(tmp_path: Path) -> None:
    """A partial file of before is worth more than a run that gets no rows."""
    break_off(JsonlSink(tmp_path / "a.jsonl"), [booking(1)])
    before = (tmp_path / "a.jsonl.part").read_bytes()
    break_off(JsonlSink(tmp_path / "a.jsonl"))
    assert (tmp_path / "a.jsonl.part").read_bytes() == before


def test_the_first_rows_replace_an_earlier_partial_file(tmp_path: Path) -> None:
    """A new run does not mix its rows with those of a partial file of before."""
    break_off(JsonlSink(tmp_path / "a.jsonl"), [booking(1), booking(2)])
    with JsonlSink(tmp_path / "a.jsonl") as sink:
        sink.write([booking(3)])
    assert [json.loads(line)["uid"] for line in (tmp_path / "a.jsonl").read_text("utf-8").split("\n")[:-1]] == ["u3"]


# --- rows ---------------------------------------------------------------------------------------------------------


def test_jsonl_keeps_what_the_server_sent(tmp_path: Path) -> None:
    """A row is the server's own bytes, unknown fields and all."""
    with JsonlSink(tmp_path / "a.jsonl") as sink:
        sink.write([booking(1)])
    assert (tmp_path / "a.jsonl").read_bytes() == bytes(booking(1)) + b"\n"


def test_jsonl_puts_a_pretty_row_on_one_line(tmp_path: Path) -> None:
    """A row that comes with line ends between its fields is one line all the same."""
    with JsonlSink(tmp_path / "a.jsonl") as sink:
        sink.write([Raw(b'{\n "uid": "u1",\n "title": "a\\nb"\n}')])
    assert (tmp_path / "a.jsonl").read_bytes() == b'{"uid":"u1","title":"a\\nb"}\n'


def test_csv_survives_a_reader(tmp_path: Path) -> None:
    """Quotes, commas, line ends and any script come back from csv.reader, every row with all columns."""
    with CsvSink(tmp_path / "a.csv") as sink:
        sink.write([booking(1), booking(2)])
        sink.write([booking(3)])
    header, *rows = table(tmp_path / "a.csv")
    assert header == list(BOOKING_COLUMNS)
    assert [row[header.index("title")] for row in rows] == [TITLE] * 3
    assert [row[header.index("uid")] for row in rows] == ["u1", "u2", "u3"]
    assert sink.rows == 3


def test_csv_columns_do_not_depend_on_the_data(tmp_path: Path) -> None:
    """New fields of the API make no new column."""
    with CsvSink(tmp_path / "a.csv") as sink:
        sink.write([booking(1, somethingNew=1)])
    assert table(tmp_path / "a.csv")[0] == list(BOOKING_COLUMNS)


def test_a_row_that_is_no_booking_stops_the_batch(tmp_path: Path) -> None:
    """A row that cannot be read is an error, and the batches before it stay whole."""
    with pytest.raises(DecodeError):
        fill(CsvSink(tmp_path / "a.csv"), [booking(1)], [booking(2), booking(3, start="soon")])
    assert [row[1] for row in table(tmp_path / "a.csv.part")] == ["uid", "u1"]


# --- disks, devices, pipes ----------------------------------------------------------------------------------------


def test_a_full_device_is_an_export_error() -> None:
    """A device without room says so, and what to do."""
    sink = open_sink("/dev/full")
    with pytest.raises(ExportError, match=r"cannot write /dev/full: No space left .* free some space"):
        fill(sink, [booking(1)])
    assert sink.rows == 0


def test_a_disk_that_fills_up_leaves_no_half_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that does not fit is taken back to the end of the one before."""
    sink = JsonlSink(tmp_path / "a.jsonl")
    room = len(bytes(booking(1))) + 100
    monkeypatch.setattr(Path, "open", lambda path, *args, **more: Filling(open(path, *args, **more), room))  # noqa: PTH123, SIM115
    with pytest.raises(ExportError, match="No space left"):
        fill(sink, [booking(1)], [booking(2)])
    monkeypatch.undo()
    assert (tmp_path / "a.jsonl.part").read_bytes() == bytes(booking(1)) + b"\n"
    assert sink.rows == 1


class Filling:
    """A file on a disk with so much room."""

    def __init__(self, file: Any, room: int) -> None:
        self.file, self.room = file, room

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> Any:
        return self.file.__enter__()

    def __exit__(self, *error: object) -> None:
        self.file.__exit__(*error)

    def write(self, data: memoryview) -> int:
        if not self.room:
            raise OSError(28, "No space left on device")
        written = self.file.write(data[: self.room])
        self.room -= written
        return int(written)


@pytest.mark.parametrize(("place", "why"), [("nowhere/a.csv", "No such file"), ("file/a.csv", "Not a directory")])
def test_a_place_that_cannot_be_written(place: str, why: str, tmp_path: Path) -> None:
    """A path that cannot be opened is an `ExportError` before the first row."""
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match=why), open_sink(tmp_path / place):
        pytest.fail("it opened")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A folder that is named like a file is refused with the system's own word."""
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(ExportError, match="Is a directory"), open_sink(tmp_path / "a.csv"):
        pytest.fail("it opened")


def test_a_pipe_is_written_directly(tmp_path: Path) -> None:
    """A named pipe gets the rows as they come, and is still there at the end."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with open_sink(pipe) as sink:
        sink.write([booking(1)])
    reader.join(10)
    assert read == [bytes(booking(1)) + b"\n"]
    assert [file.name for file in tmp_path.iterdir()] == ["pipe"]


def test_a_sink_that_is_not_open_says_so(tmp_path: Path) -> None:
    """Writing outside the `with` block is told."""
    with pytest.raises(ExportError, match="with"):
        JsonlSink(tmp_path / "a.jsonl").write([booking(1)])

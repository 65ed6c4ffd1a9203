"""Files that get their name when they are complete, and can be resumed after every batch."""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from msgspec import Raw
from sink_files import (
    LINES,
    NAMES,
    TITLE,
    booking,
    bookings,
    decompress,
    interrupt_sink,
    read_rows,
    read_table,
    read_uids,
    resume_sink,
    write_file,
)

from calcom_async.errors import ConfigError, DecodeError, ExportError, InvalidRequestError
from calcom_async.export.formats import Csv, JsonLines
from calcom_async.export.integrity import ValidPrefix
from calcom_async.export.parquet import Parquet
from calcom_async.export.rows import BOOKING_COLUMNS
from calcom_async.export.sinks import open_sink
from calcom_async.models.schedules import Schedule
from calcom_async.models.webhooks import Webhook

# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "format", "kind"),
    [
        ("a.jsonl", None, JsonLines),
        ("a.ndjson", None, JsonLines),
        ("a.CSV", None, Csv),
        ("a.parquet", None, Parquet),
        ("a.txt", "csv", Csv),
        ("a.csv", "jsonl", JsonLines),
        ("a.csv.GZ", None, Csv),
        ("a.ndjson.zst", None, JsonLines),
        ("a.gz", "csv", Csv),
        ("a", "parquet", Parquet),
        ("/dev/null", None, JsonLines),
        ("/dev/null", "csv", Csv),
        ("-", None, JsonLines),
        ("-", "csv", Csv),
    ],
)
def test_the_format(name: str, format: str | None, kind: type) -> None:
    """`format` selects the format, or else the extension; the default for a device is JSON Lines."""
    assert type(open_sink(name, format=format)._format) is kind


@pytest.mark.parametrize(("name", "format"), [("a.txt", None), ("a", None), ("a.csv", "xml"), ("a.gz", None)])
def test_an_unknown_format_is_rejected(name: str, format: str | None) -> None:
    """The error comes when the sink is opened, and lists the extensions."""
    with pytest.raises(InvalidRequestError, match=r"\.jsonl or \.csv.* \.parquet"):
        open_sink(name, format=format)


@pytest.mark.parametrize(("name", "format"), [("a.parquet.gz", None), ("-", "parquet"), ("/dev/null", "parquet")])
def test_parquet_needs_a_regular_file(name: str, format: str | None) -> None:
    """Parquet is neither compressed again nor written to a pipe."""
    with pytest.raises(InvalidRequestError, match="cannot be Parquet"):
        open_sink(name, format=format)


@pytest.mark.parametrize(
    ("name", "library", "extra"), [("a.csv.zst", "zstandard", "zstd"), ("a.parquet", "pyarrow", "arrow")]
)
def test_a_missing_library_is_named_with_its_extra(
    name: str, library: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the library of a format is not installed, the error says what to install, before any request."""
    monkeypatch.setitem(sys.modules, library, None)
    for module in [name for name in sys.modules if name == "calcom_async.export.parquet"]:
        monkeypatch.delitem(sys.modules, module)
        monkeypatch.delattr("calcom_async.export.parquet")
    with pytest.raises(ConfigError, match=rf"needs {library}.*pip install 'calcom-async\[{extra}\]'"):
        open_sink(name)


def test_an_unknown_key_is_rejected() -> None:
    """The key must be a field of the model."""
    with pytest.raises(InvalidRequestError, match="Schedule has no field uid"):
        open_sink("a.csv", Schedule)


def test_a_file_gets_its_name_last(tmp_path: Path) -> None:
    """There is no file at first, then NAME.part, and at the end only NAME."""
    with open_sink(tmp_path / "a.jsonl") as sink:
        assert list(tmp_path.iterdir()) == []
        sink.begin()
        sink.write(bookings(1))
        assert [file.name for file in tmp_path.iterdir()] == ["a.jsonl.part"]
        sink.finish()
        assert [file.name for file in tmp_path.iterdir()] == ["a.jsonl"]
    assert [file.name for file in tmp_path.iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize("name", NAMES)
def test_an_earlier_file_is_replaced_at_the_end_only(name: str, tmp_path: Path) -> None:
    """A complete earlier file stays until the new one is complete."""
    path = tmp_path / name
    path.write_text("before")
    with open_sink(path) as sink:
        sink.begin()
        sink.write(bookings(1))
        assert path.read_text() == "before"
        sink.finish()
    assert read_uids(path) == ["u1"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("upsert", [False, True])
def test_a_symbolic_link_is_kept(tmp_path: Path, *, upsert: bool) -> None:
    """The file that it points to is replaced."""
    write_file(open_sink(tmp_path / "real.jsonl"), bookings(1))
    (tmp_path / "a.jsonl").symlink_to("real.jsonl")
    write_file(open_sink(tmp_path / "a.jsonl"), bookings(2), upsert=upsert)
    assert (tmp_path / "a.jsonl").is_symlink()
    assert read_uids(tmp_path / "real.jsonl") == (["u1", "u2"] if upsert else ["u2"])


@pytest.mark.parametrize("upsert", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_no_rows_make_a_file_too(name: str, tmp_path: Path, *, upsert: bool) -> None:
    """An export without rows leaves a readable file without rows. A CSV file has its header."""
    write_file(open_sink(tmp_path / name), [], upsert=upsert)
    assert read_rows(tmp_path / name) == []
    if ".csv" in name:
        assert read_table(tmp_path / name) == [list(BOOKING_COLUMNS)]


def test_a_failure_keeps_the_partial_file(tmp_path: Path) -> None:
    """After a failure, NAME.part contains the rows so far."""
    interrupt_sink(open_sink(tmp_path / "a.jsonl"), bookings(1, 2))
    (tmp_path / "a.jsonl.part").rename(tmp_path / "kept.jsonl")
    assert read_uids(tmp_path / "kept.jsonl") == ["u1", "u2"]
    assert not (tmp_path / "a.jsonl").exists()


def test_a_failure_before_any_row_leaves_no_file(tmp_path: Path) -> None:
    """A run that fails before its first row leaves no file."""
    interrupt_sink(open_sink(tmp_path / "a.csv"), [])
    assert list(tmp_path.iterdir()) == []


def test_a_failure_before_any_row_keeps_an_earlier_partial_file(tmp_path: Path) -> None:
    """A run that gets no rows does not replace the rows of an earlier one."""
    interrupt_sink(open_sink(tmp_path / "a.jsonl"), bookings(1))
    before = (tmp_path / "a.jsonl.part").read_bytes()
    interrupt_sink(open_sink(tmp_path / "a.jsonl"), [])
    assert (tmp_path / "a.jsonl.part").read_bytes() == before


def test_the_first_rows_replace_an_earlier_partial_file(tmp_path: Path) -> None:
    """A new run does not mix its rows with those of an earlier partial file."""
    interrupt_sink(open_sink(tmp_path / "a.jsonl"), bookings(1, 2))
    write_file(open_sink(tmp_path / "a.jsonl"), bookings(3))
    assert read_uids(tmp_path / "a.jsonl") == ["u3"]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_file_with_secrets_is_readable_by_its_owner_only(name: str, tmp_path: Path) -> None:
    """Webhooks have secrets, so others cannot read their file, whatever the umask is."""
    wire = {
        "id": "w",
        "subscriberUrl": "https://x.test",
        "active": True,
        "triggers": ["BOOKING_CREATED"],
        "secret": "s",
    }
    with open_sink(tmp_path / name, Webhook, key="id") as sink:
        sink.begin()
        sink.write([Raw(json.dumps(wire).encode())])
        assert stat.S_IMODE(sink.partial.stat().st_mode) == 0o600
        sink.finish(upsert=True)
    assert stat.S_IMODE(sink.whole.stat().st_mode) == 0o600


# --- rows ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_format_contains_all_rows(name: str, tmp_path: Path) -> None:
    """Other libraries read all rows in their order, whatever the format and compression."""
    sink = open_sink(tmp_path / name)
    write_file(sink, bookings(1, 2), bookings(3))
    expected = "'" + TITLE if ".csv" in name else TITLE
    assert [(row["uid"], row["title"]) for row in read_rows(sink.path)] == [(f"u{n}", expected) for n in (1, 2, 3)]
    assert sink.rows == 3


def test_json_lines_are_the_bytes_of_the_server(tmp_path: Path) -> None:
    """Unknown fields are kept."""
    write_file(open_sink(tmp_path / "a.jsonl"), bookings(1))
    assert (tmp_path / "a.jsonl").read_bytes() == bytes(booking(1)) + b"\n"


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_json_with_line_ends_becomes_one_line(end: str, tmp_path: Path) -> None:
    """A row with line ends between its fields is one line in the file."""
    write_file(open_sink(tmp_path / "a.jsonl"), [Raw(f'{{{end} "uid": "u1",{end} "title": "a\\nb"{end}}}'.encode())])
    assert (tmp_path / "a.jsonl").read_bytes() == b'{"uid":"u1","title":"a\\nb"}\n'


def test_csv_columns_do_not_depend_on_the_data(tmp_path: Path) -> None:
    """New fields of the API add no column."""
    write_file(open_sink(tmp_path / "a.csv"), bookings(1, somethingNew=1))
    assert read_table(tmp_path / "a.csv")[0] == list(BOOKING_COLUMNS)


def test_a_row_that_is_no_booking_rejects_the_batch(tmp_path: Path) -> None:
    """A row that cannot be read is an error, and the batches before it stay complete."""
    with pytest.raises(DecodeError):
        write_file(open_sink(tmp_path / "a.csv"), bookings(1), [booking(2), Raw(b"5")])
    assert [row[1] for row in read_table(tmp_path / "a.csv.part")] == ["uid", "u1"]


def test_compressed_files_are_the_same_every_time(tmp_path: Path) -> None:
    """A compressed file contains no time, so equal batches are equal bytes."""
    for name in ("a.csv.gz", "b.csv.gz"):
        write_file(open_sink(tmp_path / name), bookings(1), bookings(2))
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()


# --- resume ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_file_can_be_resumed_after_every_batch(name: str, tmp_path: Path) -> None:
    """What comes after the prefix is cut off, new rows are appended, and the bytes are those of one run."""
    write_file(open_sink(tmp_path / f"expected-{name}"), bookings(1), bookings(2, 3), bookings(4))
    prefixes = interrupt_sink(open_sink(tmp_path / name), bookings(1), bookings(2, 3), bookings(9))
    sink = open_sink(tmp_path / name)
    resume_sink(sink, prefixes[1], bookings(4))
    assert (tmp_path / name).read_bytes() == (tmp_path / f"expected-{name}").read_bytes()
    assert sink.rows == 4


def test_rows_of_the_prefix_are_counted(tmp_path: Path) -> None:
    """A resumed sink has the rows before the prefix ends."""
    (prefix,) = interrupt_sink(open_sink(tmp_path / "a.csv"), bookings(1, 2))
    with open_sink(tmp_path / "a.csv") as sink:
        sink.begin(prefix)
        assert sink.rows == prefix.rows == 2
        assert sink.write([]) == prefix


@pytest.mark.slow
@pytest.mark.parametrize("name", LINES)
@settings(max_examples=40)
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=6), data=st.data())
def test_any_cut_gives_the_same_file(name: str, sizes: list[int], data: st.DataObject) -> None:
    """Killed after any byte and resumed at the last prefix before it, with other batches, the bytes are the same."""
    numbers = iter(range(100))
    batches = [[booking(next(numbers)) for _ in range(size)] for size in sizes]
    all_rows = [row for batch in batches for row in batch]
    with TemporaryDirectory() as folder:
        write_file(open_sink(Path(folder, f"expected-{name}")), *batches)
        sink = open_sink(Path(folder, name))
        prefixes = [ValidPrefix(), *interrupt_sink(sink, *batches)]
        cut = data.draw(st.integers(0, prefixes[-1].size))
        os.truncate(sink.partial, cut)
        prefix = max((prefix for prefix in prefixes if prefix.size <= cut), key=lambda prefix: prefix.size)
        resume_sink(open_sink(Path(folder, name)), prefix, *[[row] for row in all_rows[prefix.rows :]])
        assert Path(folder, name).read_bytes() == Path(folder, f"expected-{name}").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_prefix_starts_a_new_file(name: str, tmp_path: Path) -> None:
    """The prefix before the first row is a new beginning, whatever file is there."""
    (tmp_path / f"{name}.part").write_text("something")
    resume_sink(open_sink(tmp_path / name), ValidPrefix(), bookings(1))
    assert read_uids(tmp_path / name) == ["u1"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "is gone"),
        (lambda path: os.truncate(path, 20), "has only 20 bytes of"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"u1", b"u7")), "was changed"),
    ],
)
@pytest.mark.parametrize("name", [*LINES, "a.parquet"])
def test_a_partial_file_without_its_prefix_is_rejected(
    name: str, damage: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    """A file that does not begin with the prefix is neither continued nor changed."""
    sink = open_sink(tmp_path / name)
    (prefix,) = interrupt_sink(sink, bookings(1))
    damage(sink.partial)
    before = sink.partial.exists() and sink.partial.read_bytes()
    with pytest.raises(ExportError, match=rf"cannot resume .*{name}\.part {message}.*restart=True"):
        resume_sink(open_sink(tmp_path / name), prefix, bookings(2))
    assert (sink.partial.exists() and sink.partial.read_bytes()) == before


def test_a_device_cannot_be_resumed() -> None:
    """What was written to a device is not there any more."""
    with pytest.raises(ExportError, match=r"/dev/null is not a regular file.*Start a new export"):
        resume_sink(open_sink("/dev/null"), ValidPrefix(10, 1, 1))


# --- disks, devices, pipes ----------------------------------------------------------------------------------------


def test_a_full_device_is_an_export_error() -> None:
    """The error says that there is no space, and what to do."""
    sink = open_sink("/dev/full")
    with pytest.raises(ExportError, match=r"cannot write /dev/full: No space left .* Free some space"):
        write_file(sink, bookings(1))
    assert sink.rows == 0


def test_a_full_disk_leaves_no_partial_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that does not fit is cut off, and the prefix before it stays valid."""
    room = len(bytes(booking(1))) + 100
    with open_sink(tmp_path / "a.jsonl") as sink:
        monkeypatch.setattr(Path, "open", lambda path, *args, **more: FileOnSmallDisk(open(path, *args, **more), room))  # noqa: PTH123, SIM115
        sink.begin()
        prefix = sink.write(bookings(1))
        with pytest.raises(ExportError, match="No space left"):
            sink.write(bookings(2))
    monkeypatch.undo()
    assert (tmp_path / "a.jsonl.part").read_bytes() == bytes(booking(1)) + b"\n"
    assert sink.rows == 1
    resume_sink(open_sink(tmp_path / "a.jsonl"), prefix, bookings(2))
    assert read_uids(tmp_path / "a.jsonl") == ["u1", "u2"]


class FileOnSmallDisk:
    """A file on a disk with a limited number of free bytes."""

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


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere/a.csv", "No such file"),
        ("file/a.csv", "Not a directory"),
        (f"{'a' * 300}.csv", "File name too long"),
        (f"{'a' * 250}.csv", "File name too long"),
    ],
)
def test_a_path_that_cannot_be_opened(name: str, reason: str, tmp_path: Path) -> None:
    """It is an `ExportError` before the first row."""
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match=reason), open_sink(tmp_path / name) as sink:
        sink.begin()


def test_a_directory_is_rejected(tmp_path: Path) -> None:
    """A directory with the name of a file is an error with the text of the system."""
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(ExportError, match="Is a directory"), open_sink(tmp_path / "a.csv") as sink:
        sink.begin()


@pytest.mark.parametrize("name", ["pipe", "pipe.jsonl.gz"])
def test_a_pipe_is_written_directly(name: str, tmp_path: Path) -> None:
    """A named pipe gets the rows as they come, and still exists at the end."""
    pipe = tmp_path / name
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_file(open_sink(pipe), bookings(1), bookings(2), upsert=True)
    reader.join(10)
    (tmp_path / "copy").write_bytes(read[0])
    assert decompress(tmp_path / "copy", pipe.suffix) == bytes(booking(1)) + b"\n" + bytes(booking(2)) + b"\n"
    assert {file.name for file in tmp_path.iterdir()} == {name, "copy"}


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_standard_output_is_written_directly(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """`-` is standard output. If that is a file, it gets the rows and is not replaced."""
    os.write(1, b"before\n")
    write_file(open_sink(name), bookings(1))
    os.write(1, b"after\n")
    assert capfd.readouterr().out == f"before\n{bytes(booking(1)).decode()}\nafter\n"
    assert not open_sink(name).is_regular_file


def test_a_closed_standard_output_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Descriptor 1 may be something else by then, such as the connection to the server."""
    monkeypatch.setattr(sys, "__stdout__", None)
    with open_sink("-") as sink, pytest.raises(ExportError, match="the standard output is closed"):
        sink.begin()


def test_a_sink_must_be_opened_before_writing(tmp_path: Path) -> None:
    """Writing before `begin` is an error."""
    with pytest.raises(ExportError, match=r"begin\(\)"), open_sink(tmp_path / "a.jsonl") as sink:
        sink.write(bookings(1))

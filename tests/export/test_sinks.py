"""Files that bear their name only when whole, hold whole rows at any time, and can be taken up at every mark."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import stat
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings, strategies as st
from msgspec import Raw

from calcom_async.errors import ConfigError, DecodeError, ExportError, InvalidRequestError
from calcom_async.export.formats import Csv, JsonLines
from calcom_async.export.integrity import ValidPrefix
from calcom_async.export.parquet import Parquet
from calcom_async.export.rows import BOOKING_COLUMNS
from calcom_async.export.sinks import FileSink, open_sink
from calcom_async.models.schedules import Schedule
from calcom_async.models.webhooks import Webhook

TITLE = '=Łukasz said "hi",\nand\r \u2028 left; 日本'
NAMES = ("a.jsonl", "a.csv", "a.jsonl.gz", "a.csv.gz", "a.jsonl.zst", "a.csv.zst", "a.parquet")
LINES = NAMES[:2]


def booking(number: int, **changes: Any) -> Raw:
    wire = {
        "id": number, "uid": f"u{number}", "title": TITLE, "hosts": [], "status": "accepted", "duration": 30,
        "start": "2026-05-06T12:00:00Z", "end": "2026-05-06T12:30:00Z", "createdAt": "2026-05-01T08:00:00Z",
        "attendees": [], "unheardOf": {"kept": True}, **changes,
    }  # fmt: skip
    return Raw(json.dumps(wire, ensure_ascii=False).encode())


def bookings(*numbers: int, **changes: Any) -> list[Raw]:
    return [booking(number, **changes) for number in numbers]


def unpacked(path: Path, suffix: str | None = None) -> bytes:
    match suffix or path.suffix:
        case ".gz":
            return gzip.decompress(path.read_bytes())
        case ".zst":
            reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes()), read_across_frames=True)
            return reader.read()
    return path.read_bytes()


def table(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(unpacked(path).decode(), newline="")))


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a whole file of any format, by another reader than ours."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if ".csv" in path.name:
        header, *lines = table(path)
        return [dict(zip(header, line, strict=True)) for line in lines]
    return [json.loads(line) for line in unpacked(path).decode().split("\n")[:-1]]


def uids(path: Path) -> list[str]:
    return [row["uid"] for row in rows(path)]


def fill(sink: FileSink, *batches: Sequence[Raw], upsert: bool = False) -> list[ValidPrefix]:
    with sink:
        sink.begin()
        marks = [sink.write(batch) for batch in batches]
        sink.finish(upsert=upsert)
    return marks


def break_off(sink: FileSink, *batches: Sequence[Raw]) -> list[ValidPrefix]:
    """The marks of the batches, after which the `with` block was left without an end."""
    with sink:
        sink.begin()
        return [sink.write(batch) for batch in batches]


def go_on(sink: FileSink, mark: ValidPrefix, *batches: Sequence[Raw], upsert: bool = False) -> None:
    with sink:
        sink.begin(mark)
        for batch in batches:
            sink.write(batch)
        sink.finish(upsert=upsert)


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
    """The format is what was said, else what the name's end says, else JSON lines for a device."""
    assert type(open_sink(name, format=format)._format) is kind


@pytest.mark.parametrize(("name", "format"), [("a.txt", None), ("a", None), ("a.csv", "xml"), ("a.gz", None)])
def test_an_unknown_format_is_refused(name: str, format: str | None) -> None:
    """An unknown format is refused when the sink is made, with the names that would do."""
    with pytest.raises(InvalidRequestError, match=r"\.jsonl or \.csv.* \.parquet"):
        open_sink(name, format=format)


@pytest.mark.parametrize(("name", "format"), [("a.parquet.gz", None), ("-", "parquet"), ("/dev/null", "parquet")])
def test_parquet_wants_a_file_of_its_own(name: str, format: str | None) -> None:
    """Parquet is neither compressed once more nor sent through a pipe."""
    with pytest.raises(InvalidRequestError, match="cannot be Parquet"):
        open_sink(name, format=format)


@pytest.mark.parametrize(
    ("name", "library", "extra"), [("a.csv.zst", "zstandard", "zstd"), ("a.parquet", "pyarrow", "parquet")]
)
def test_a_missing_extra_is_named(name: str, library: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library of a format is not installed, the error says what to install, before anything is fetched."""
    monkeypatch.setitem(sys.modules, library, None)
    for module in [name for name in sys.modules if name == "calcom_async.export.parquet"]:
        monkeypatch.delitem(sys.modules, module)
        monkeypatch.delattr("calcom_async.export.parquet")
    with pytest.raises(ConfigError, match=rf"needs {library}.*pip install 'calcom-async\[{extra}\]'"):
        open_sink(name)


def test_a_key_that_the_model_lacks_is_refused() -> None:
    """Rows that cannot be told apart are a mistake in the call."""
    with pytest.raises(InvalidRequestError, match="Schedule has no field uid"):
        open_sink("a.csv", Schedule)


def test_the_name_comes_last(tmp_path: Path) -> None:
    """Nothing at first, then NAME.part until it is finished; then only NAME."""
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
    """A whole file of before stays until the new one is whole."""
    path = tmp_path / name
    path.write_text("before")
    with open_sink(path) as sink:
        sink.begin()
        sink.write(bookings(1))
        assert path.read_text() == "before"
        sink.finish()
    assert uids(path) == ["u1"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("upsert", [False, True])
def test_a_link_leads_to_the_new_file(tmp_path: Path, *, upsert: bool) -> None:
    """A symbolic link stays one; the file that it leads to is replaced."""
    fill(open_sink(tmp_path / "real.jsonl"), bookings(1))
    (tmp_path / "a.jsonl").symlink_to("real.jsonl")
    fill(open_sink(tmp_path / "a.jsonl"), bookings(2), upsert=upsert)
    assert (tmp_path / "a.jsonl").is_symlink()
    assert uids(tmp_path / "real.jsonl") == (["u1", "u2"] if upsert else ["u2"])


@pytest.mark.parametrize("upsert", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_no_rows_are_a_file_too(name: str, tmp_path: Path, *, upsert: bool) -> None:
    """An export without rows leaves a readable file without rows; a table has its header."""
    fill(open_sink(tmp_path / name), [], upsert=upsert)
    assert rows(tmp_path / name) == []
    if ".csv" in name:
        assert table(tmp_path / name) == [list(BOOKING_COLUMNS)]


def test_a_failure_keeps_the_partial_file(tmp_path: Path) -> None:
    """After a failure the rows so far are in NAME.part."""
    break_off(open_sink(tmp_path / "a.jsonl"), bookings(1, 2))
    (tmp_path / "a.jsonl.part").rename(tmp_path / "kept.jsonl")
    assert uids(tmp_path / "kept.jsonl") == ["u1", "u2"]
    assert not (tmp_path / "a.jsonl").exists()


def test_a_failure_before_any_row_leaves_nothing(tmp_path: Path) -> None:
    """A run that fails before its first row leaves no file."""
    break_off(open_sink(tmp_path / "a.csv"), [])
    assert list(tmp_path.iterdir()) == []


def test_a_failure_before_any_row_spares_an_earlier_partial_file(tmp_path: Path) -> None:
    """A partial file of before is worth more than a run that gets no rows."""
    break_off(open_sink(tmp_path / "a.jsonl"), bookings(1))
    before = (tmp_path / "a.jsonl.part").read_bytes()
    break_off(open_sink(tmp_path / "a.jsonl"), [])
    assert (tmp_path / "a.jsonl.part").read_bytes() == before


def test_the_first_rows_replace_an_earlier_partial_file(tmp_path: Path) -> None:
    """A new run does not mix its rows with those of a partial file of before."""
    break_off(open_sink(tmp_path / "a.jsonl"), bookings(1, 2))
    fill(open_sink(tmp_path / "a.jsonl"), bookings(3))
    assert uids(tmp_path / "a.jsonl") == ["u3"]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_secrets_are_for_the_owner_only(name: str, tmp_path: Path) -> None:
    """A file of webhooks holds their secrets, so others cannot read it, whatever the umask says."""
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
def test_every_format_holds_all_rows(name: str, tmp_path: Path) -> None:
    """Whatever the format and the compression, the rows come back in their order from other readers."""
    sink = open_sink(tmp_path / name)
    fill(sink, bookings(1, 2), bookings(3))
    expected = "'" + TITLE if ".csv" in name else TITLE
    assert [(row["uid"], row["title"]) for row in rows(sink.path)] == [(f"u{n}", expected) for n in (1, 2, 3)]
    assert sink.rows == 3


def test_jsonl_keeps_what_the_server_sent(tmp_path: Path) -> None:
    """A row is the server's own bytes, unknown fields and all."""
    fill(open_sink(tmp_path / "a.jsonl"), bookings(1))
    assert (tmp_path / "a.jsonl").read_bytes() == bytes(booking(1)) + b"\n"


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_jsonl_puts_a_pretty_row_on_one_line(end: str, tmp_path: Path) -> None:
    """A row that comes with line ends between its fields is one line all the same."""
    fill(open_sink(tmp_path / "a.jsonl"), [Raw(f'{{{end} "uid": "u1",{end} "title": "a\\nb"{end}}}'.encode())])
    assert (tmp_path / "a.jsonl").read_bytes() == b'{"uid":"u1","title":"a\\nb"}\n'


def test_csv_columns_do_not_depend_on_the_data(tmp_path: Path) -> None:
    """New fields of the API make no new column."""
    fill(open_sink(tmp_path / "a.csv"), bookings(1, somethingNew=1))
    assert table(tmp_path / "a.csv")[0] == list(BOOKING_COLUMNS)


def test_a_row_that_is_no_booking_stops_the_batch(tmp_path: Path) -> None:
    """A row that cannot be read is an error, and the batches before it stay whole."""
    with pytest.raises(DecodeError):
        fill(open_sink(tmp_path / "a.csv"), bookings(1), [booking(2), Raw(b"5")])
    assert [row[1] for row in table(tmp_path / "a.csv.part")] == ["uid", "u1"]


def test_compressed_files_are_the_same_every_time(tmp_path: Path) -> None:
    """No clock is in a compressed file: the same batches are the same bytes."""
    for name in ("a.csv.gz", "b.csv.gz"):
        fill(open_sink(tmp_path / name), bookings(1), bookings(2))
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()


# --- marks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_mark_is_where_the_file_can_be_taken_up(name: str, tmp_path: Path) -> None:
    """What lies beyond the mark is cut, what comes then is appended, and the file is that of an undisturbed run."""
    fill(open_sink(tmp_path / f"whole-{name}"), bookings(1), bookings(2, 3), bookings(4))
    marks = break_off(open_sink(tmp_path / name), bookings(1), bookings(2, 3), bookings(9))
    sink = open_sink(tmp_path / name)
    go_on(sink, marks[1], bookings(4))
    assert (tmp_path / name).read_bytes() == (tmp_path / f"whole-{name}").read_bytes()
    assert sink.rows == 4


def test_rows_count_on_from_the_mark(tmp_path: Path) -> None:
    """A sink that goes on has the rows before the mark already."""
    (mark,) = break_off(open_sink(tmp_path / "a.csv"), bookings(1, 2))
    with open_sink(tmp_path / "a.csv") as sink:
        sink.begin(mark)
        assert sink.rows == mark.rows == 2
        assert sink.write([]) == mark


@pytest.mark.slow
@pytest.mark.parametrize("name", LINES)
@settings(max_examples=40)
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=6), data=st.data())
def test_any_cut_gives_the_same_file(name: str, sizes: list[int], data: st.DataObject) -> None:
    """Killed after any byte and resumed at the last mark before it, with other batches, the bytes are the same."""
    numbers = iter(range(100))
    batches = [[booking(next(numbers)) for _ in range(size)] for size in sizes]
    every = [row for batch in batches for row in batch]
    with TemporaryDirectory() as folder:
        fill(open_sink(Path(folder, f"whole-{name}")), *batches)
        sink = open_sink(Path(folder, name))
        marks = [ValidPrefix(), *break_off(sink, *batches)]
        cut = data.draw(st.integers(0, marks[-1].size))
        os.truncate(sink.partial, cut)
        mark = max((mark for mark in marks if mark.size <= cut), key=lambda mark: mark.size)
        go_on(open_sink(Path(folder, name)), mark, *[[row] for row in every[mark.rows :]])
        assert Path(folder, name).read_bytes() == Path(folder, f"whole-{name}").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_written_is_nothing_to_take_up(name: str, tmp_path: Path) -> None:
    """The mark before the first row is a new beginning, whatever file is there."""
    (tmp_path / f"{name}.part").write_text("something")
    go_on(open_sink(tmp_path / name), ValidPrefix(), bookings(1))
    assert uids(tmp_path / name) == ["u1"]


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda path: path.unlink(), "is gone"),
        (lambda path: os.truncate(path, 20), "has only 20 bytes of"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"u1", b"u7")), "was changed"),
    ],
)
@pytest.mark.parametrize("name", [*LINES, "a.parquet"])
def test_a_partial_file_that_is_another_is_refused(
    name: str, harm: Callable[[Path], object], told: str, tmp_path: Path
) -> None:
    """What the mark does not vouch for is not gone on with, and not touched either."""
    sink = open_sink(tmp_path / name)
    (mark,) = break_off(sink, bookings(1))
    harm(sink.partial)
    before = sink.partial.exists() and sink.partial.read_bytes()
    with pytest.raises(ExportError, match=rf"cannot resume .*{name}\.part {told}.*restart=True"):
        go_on(open_sink(tmp_path / name), mark, bookings(2))
    assert (sink.partial.exists() and sink.partial.read_bytes()) == before


def test_a_pipe_cannot_be_taken_up() -> None:
    """What went into a device is not there any more."""
    with pytest.raises(ExportError, match=r"/dev/null is not a regular file.*Start a new export"):
        go_on(open_sink("/dev/null"), ValidPrefix(10, 1, 1))


# --- upsert -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_upsert_puts_new_rows_behind_those_that_stay(name: str, tmp_path: Path) -> None:
    """Rows that did not come again stay in their order; of one that came twice the last counts, in its place."""
    fill(open_sink(tmp_path / name), bookings(1, 2, 3, 4))
    sink = open_sink(tmp_path / name)
    fill(sink, [*bookings(3, description="first"), *bookings(5)], bookings(1, 3, description="last"), upsert=True)
    assert uids(tmp_path / name) == ["u2", "u4", "u5", "u1", "u3"]
    assert [row.get("description") or "" for row in rows(tmp_path / name)] == ["", "", "", "last", "last"]
    assert sink.rows == 5
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_upsert_into_nothing_drops_repeated_rows(name: str, tmp_path: Path) -> None:
    """Without a file of before, each key is there once."""
    sink = open_sink(tmp_path / name)
    fill(sink, bookings(1, 2), bookings(1), upsert=True)
    assert uids(tmp_path / name) == ["u2", "u1"]
    assert sink.rows == 2


@pytest.mark.parametrize("name", LINES)
def test_upsert_leaves_the_bytes_of_other_rows_alone(name: str, tmp_path: Path) -> None:
    """A row that stays is not written anew: its bytes are the old ones."""
    fill(open_sink(tmp_path / name), bookings(1, 2))
    fill(open_sink(tmp_path / name), bookings(2), bookings(3), upsert=True)
    fill(open_sink(tmp_path / f"expected-{name}"), bookings(1, 2, 3))
    assert (tmp_path / name).read_bytes() == (tmp_path / f"expected-{name}").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_upsert_twice_is_upsert_once(name: str, tmp_path: Path) -> None:
    """Killed between the new file's name and the end of the partial one, the same step again changes nothing."""
    fill(open_sink(tmp_path / name), bookings(1, 2, 3))
    marks = break_off(open_sink(tmp_path / name), bookings(2, 4), bookings(5))
    left = (tmp_path / f"{name}.part").read_bytes()
    go_on(open_sink(tmp_path / name), marks[-1], upsert=True)
    once = (tmp_path / name).read_bytes()
    (tmp_path / f"{name}.part").write_bytes(left)
    go_on(open_sink(tmp_path / name), marks[-1], upsert=True)
    assert uids(tmp_path / name) == ["u1", "u3", "u2", "u4", "u5"]
    assert (tmp_path / name).read_bytes() == once


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_upsert_broken_off_can_be_done_again(
    name: str, step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure before or after files are joined leaves the whole file, the partial file and its mark as they were."""
    fill(open_sink(tmp_path / name), bookings(1, 2))
    before = (tmp_path / name).read_bytes()
    (mark,) = break_off(open_sink(tmp_path / name), bookings(2, 3))
    steps = iter(range(1, step))
    monkeypatch.setattr(os, "fsync", lambda _: next(steps, None) or no_space())
    with pytest.raises(ExportError, match=r"No space left.* Free some space"):
        go_on(open_sink(tmp_path / name), mark, upsert=True)
    monkeypatch.undo()
    assert (tmp_path / name).read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} == {name, f"{name}.part"}
    go_on(open_sink(tmp_path / name), mark, upsert=True)
    assert uids(tmp_path / name) == ["u1", "u2", "u3"]


def no_space() -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    "content", [b"something else\n", b"id,title\r\n1,x\r\n", b'"open', b"\x00\xff" * 40, b'{"a":1}\n']
)
@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_another_kind_is_not_joined_with(name: str, content: bytes, tmp_path: Path) -> None:
    """A whole file that no export of this form wrote is refused and kept, and so are the new rows."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ExportError, match=rf"{name} was not written by an export of this format: .*Move it away"):
        fill(open_sink(tmp_path / name), bookings(1), upsert=True)
    assert (tmp_path / name).read_bytes() == content
    assert {file.name for file in tmp_path.iterdir()} == {name, f"{name}.part"}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in LINES])
def test_a_whole_file_that_was_cut_is_not_joined_with(name: str, tmp_path: Path) -> None:
    """Rows that a damaged file has lost do not go unnoticed."""
    fill(open_sink(tmp_path / name), bookings(1, 2), bookings(3))
    os.truncate(tmp_path / name, (tmp_path / name).stat().st_size - 5)
    with pytest.raises(ExportError, match="was not written by an export of this format"):
        fill(open_sink(tmp_path / name), bookings(1), upsert=True)


@pytest.mark.parametrize("name", LINES)
def test_a_last_line_without_its_end_is_a_row(name: str, tmp_path: Path) -> None:
    """A file whose last line end an editor took away is joined with line by line all the same."""
    fill(open_sink(tmp_path / name), bookings(1))
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes().rstrip(b"\r\n"))
    fill(open_sink(tmp_path / name), bookings(2), upsert=True)
    assert uids(tmp_path / name) == ["u1", "u2"]


@pytest.mark.parametrize("row", [b"{}", b'{"uid":null}', b'{"uid":["u1"]}'])
def test_a_row_without_a_key_is_not_lost(row: bytes, tmp_path: Path) -> None:
    """What cannot be told apart is not joined, rather than dropped as a repetition."""
    with pytest.raises(ExportError, match="line 2 has no usable uid"):
        fill(open_sink(tmp_path / "a.jsonl"), [*bookings(1), Raw(row)], upsert=True)


@settings(max_examples=30)
@given(
    old=st.lists(st.integers(0, 6), unique=True, max_size=6),
    new=st.lists(st.lists(st.integers(0, 6), max_size=4), max_size=3),
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    name=st.sampled_from(NAMES),
)
def test_upsert_keeps_the_last_of_everything(old: list[int], new: list[list[int]], text: str, name: str) -> None:
    """For any rows of before and now, each key is there once, with its latest row, old ones before new ones."""
    came = [number for batch in new for number in batch]
    last = list(dict.fromkeys(reversed(came)))[::-1]
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        fill(open_sink(path), bookings(*old, title="x" + text))
        fill(open_sink(path), *[bookings(*batch, title="y" + text) for batch in new], upsert=True)
        found = [(row["uid"], row["title"]) for row in rows(path)]
    assert found == [(f"u{n}", "x" + text) for n in old if n not in last] + [(f"u{n}", "y" + text) for n in last]


# --- disks, devices, pipes ----------------------------------------------------------------------------------------


def test_a_full_device_is_an_export_error() -> None:
    """A device without room says so, and what to do."""
    sink = open_sink("/dev/full")
    with pytest.raises(ExportError, match=r"cannot write /dev/full: No space left .* Free some space"):
        fill(sink, bookings(1))
    assert sink.rows == 0


def test_a_disk_that_fills_up_leaves_no_half_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that does not fit is taken back to the end of the one before, and the last mark holds."""
    room = len(bytes(booking(1))) + 100
    with open_sink(tmp_path / "a.jsonl") as sink:
        monkeypatch.setattr(Path, "open", lambda path, *args, **more: Filling(open(path, *args, **more), room))  # noqa: PTH123, SIM115
        sink.begin()
        mark = sink.write(bookings(1))
        with pytest.raises(ExportError, match="No space left"):
            sink.write(bookings(2))
    monkeypatch.undo()
    assert (tmp_path / "a.jsonl.part").read_bytes() == bytes(booking(1)) + b"\n"
    assert sink.rows == 1
    go_on(open_sink(tmp_path / "a.jsonl"), mark, bookings(2))
    assert uids(tmp_path / "a.jsonl") == ["u1", "u2"]


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


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("nowhere/a.csv", "No such file"),
        ("file/a.csv", "Not a directory"),
        (f"{'a' * 300}.csv", "File name too long"),
        (f"{'a' * 250}.csv", "File name too long"),
    ],
)
def test_a_place_that_cannot_be_written(place: str, why: str, tmp_path: Path) -> None:
    """A path that cannot be opened is an `ExportError` before the first row."""
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match=why), open_sink(tmp_path / place) as sink:
        sink.begin()


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A folder that is named like a file is refused with the system's own word."""
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(ExportError, match="Is a directory"), open_sink(tmp_path / "a.csv") as sink:
        sink.begin()


@pytest.mark.parametrize("name", ["pipe", "pipe.jsonl.gz"])
def test_a_pipe_is_written_directly(name: str, tmp_path: Path) -> None:
    """A named pipe gets the rows as they come, and is still there at the end."""
    pipe = tmp_path / name
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    fill(open_sink(pipe), bookings(1), bookings(2), upsert=True)
    reader.join(10)
    (tmp_path / "copy").write_bytes(read[0])
    assert unpacked(tmp_path / "copy", pipe.suffix) == bytes(booking(1)) + b"\n" + bytes(booking(2)) + b"\n"
    assert {file.name for file in tmp_path.iterdir()} == {name, "copy"}


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_the_standard_output_is_written_directly(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """`-` is the standard output, wherever it leads: here a file, which gets the rows and is not replaced."""
    os.write(1, b"before\n")
    fill(open_sink(name), bookings(1))
    os.write(1, b"after\n")
    assert capfd.readouterr().out == f"before\n{bytes(booking(1)).decode()}\nafter\n"
    assert not open_sink(name).is_regular_file


def test_a_closed_standard_output_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process without one may have opened something else as descriptor 1, such as the connection to the server."""
    monkeypatch.setattr(sys, "__stdout__", None)
    with open_sink("-") as sink, pytest.raises(ExportError, match="the standard output is closed"):
        sink.begin()


def test_a_sink_that_is_not_open_says_so(tmp_path: Path) -> None:
    """Writing before `begin` is told."""
    with pytest.raises(ExportError, match=r"begin\(\)"), open_sink(tmp_path / "a.jsonl") as sink:
        sink.write(bookings(1))

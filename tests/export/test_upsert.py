"""Merging new rows into the file of an earlier export, by key."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings, strategies as st
from msgspec import Raw
from sink_files import (
    LINES,
    NAMES,
    bookings,
    interrupt_sink,
    read_rows,
    read_uids,
    resume_sink,
    write_file,
)

from calcom_async.errors import ExportError
from calcom_async.export.sinks import open_sink


@pytest.mark.parametrize("name", NAMES)
def test_new_rows_follow_the_unchanged_ones(name: str, tmp_path: Path) -> None:
    """Unchanged rows keep their order. If a key comes twice, its last row counts, in its position."""
    write_file(open_sink(tmp_path / name), bookings(1, 2, 3, 4))
    sink = open_sink(tmp_path / name)
    write_file(sink, [*bookings(3, description="first"), *bookings(5)], bookings(1, 3, description="last"), upsert=True)
    assert read_uids(tmp_path / name) == ["u2", "u4", "u5", "u1", "u3"]
    assert [row.get("description") or "" for row in read_rows(tmp_path / name)] == ["", "", "", "last", "last"]
    assert sink.rows == 5
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_without_an_earlier_file_each_key_is_written_once(name: str, tmp_path: Path) -> None:
    """Repeated rows are dropped."""
    sink = open_sink(tmp_path / name)
    write_file(sink, bookings(1, 2), bookings(1), upsert=True)
    assert read_uids(tmp_path / name) == ["u2", "u1"]
    assert sink.rows == 2


@pytest.mark.parametrize("name", LINES)
def test_the_bytes_of_unchanged_rows_are_kept(name: str, tmp_path: Path) -> None:
    """An unchanged row is not encoded again."""
    write_file(open_sink(tmp_path / name), bookings(1, 2))
    write_file(open_sink(tmp_path / name), bookings(2), bookings(3), upsert=True)
    write_file(open_sink(tmp_path / f"expected-{name}"), bookings(1, 2, 3))
    assert (tmp_path / name).read_bytes() == (tmp_path / f"expected-{name}").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_merging_twice_changes_nothing(name: str, tmp_path: Path) -> None:
    """The step can be repeated after a kill between the rename and the deletion of the partial file."""
    write_file(open_sink(tmp_path / name), bookings(1, 2, 3))
    prefixes = interrupt_sink(open_sink(tmp_path / name), bookings(2, 4), bookings(5))
    partial = (tmp_path / f"{name}.part").read_bytes()
    resume_sink(open_sink(tmp_path / name), prefixes[-1], upsert=True)
    once = (tmp_path / name).read_bytes()
    (tmp_path / f"{name}.part").write_bytes(partial)
    resume_sink(open_sink(tmp_path / name), prefixes[-1], upsert=True)
    assert read_uids(tmp_path / name) == ["u1", "u3", "u2", "u4", "u5"]
    assert (tmp_path / name).read_bytes() == once


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_an_interrupted_merge_can_be_repeated(
    name: str, step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure before or after the merge leaves the complete file, the partial file and its prefix unchanged."""
    write_file(open_sink(tmp_path / name), bookings(1, 2))
    before = (tmp_path / name).read_bytes()
    (prefix,) = interrupt_sink(open_sink(tmp_path / name), bookings(2, 3))
    steps = iter(range(1, step))
    monkeypatch.setattr(os, "fsync", lambda _: next(steps, None) or no_space())
    with pytest.raises(ExportError, match=r"No space left.* Free some space"):
        resume_sink(open_sink(tmp_path / name), prefix, upsert=True)
    monkeypatch.undo()
    assert (tmp_path / name).read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} == {name, f"{name}.part"}
    resume_sink(open_sink(tmp_path / name), prefix, upsert=True)
    assert read_uids(tmp_path / name) == ["u1", "u2", "u3"]


def no_space() -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    "content", [b"something else\n", b"id,title\r\n1,x\r\n", b'"open', b"\x00\xff" * 40, b'{"a":1}\n']
)
@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_another_format_is_not_merged(name: str, content: bytes, tmp_path: Path) -> None:
    """A file that no export of this format wrote is an error. It is kept, and so are the new rows."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ExportError, match=rf"{name} was not written by an export of this format: .*Move it away"):
        write_file(open_sink(tmp_path / name), bookings(1), upsert=True)
    assert (tmp_path / name).read_bytes() == content
    assert {file.name for file in tmp_path.iterdir()} == {name, f"{name}.part"}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in LINES])
def test_a_truncated_file_is_not_merged(name: str, tmp_path: Path) -> None:
    """Rows that a damaged file has lost are noticed."""
    write_file(open_sink(tmp_path / name), bookings(1, 2), bookings(3))
    os.truncate(tmp_path / name, (tmp_path / name).stat().st_size - 5)
    with pytest.raises(ExportError, match="was not written by an export of this format"):
        write_file(open_sink(tmp_path / name), bookings(1), upsert=True)


@pytest.mark.parametrize("name", LINES)
def test_a_last_line_without_its_line_end_is_a_row(name: str, tmp_path: Path) -> None:
    """A file whose last line end an editor removed is merged line by line."""
    write_file(open_sink(tmp_path / name), bookings(1))
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes().rstrip(b"\r\n"))
    write_file(open_sink(tmp_path / name), bookings(2), upsert=True)
    assert read_uids(tmp_path / name) == ["u1", "u2"]


@pytest.mark.parametrize("row", [b"{}", b'{"uid":null}', b'{"uid":["u1"]}'])
def test_a_row_without_a_key_is_an_error(row: bytes, tmp_path: Path) -> None:
    """It is not dropped as a duplicate."""
    with pytest.raises(ExportError, match="line 2 has no usable uid"):
        write_file(open_sink(tmp_path / "a.jsonl"), [*bookings(1), Raw(row)], upsert=True)


@settings(max_examples=30)
@given(
    old=st.lists(st.integers(0, 6), unique=True, max_size=6),
    new=st.lists(st.lists(st.integers(0, 6), max_size=4), max_size=3),
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    name=st.sampled_from(NAMES),
)
def test_the_last_row_of_each_key_is_kept(old: list[int], new: list[list[int]], text: str, name: str) -> None:
    """For any old and new rows, each key is there once with its latest row, unchanged rows first."""
    numbers = [number for batch in new for number in batch]
    last = list(dict.fromkeys(reversed(numbers)))[::-1]
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        write_file(open_sink(path), bookings(*old, title="x" + text))
        write_file(open_sink(path), *[bookings(*batch, title="y" + text) for batch in new], upsert=True)
        merged = [(row["uid"], row["title"]) for row in read_rows(path)]
    assert merged == [(f"u{n}", "x" + text) for n in old if n not in last] + [(f"u{n}", "y" + text) for n in last]

"""Write files of bookings with a sink, and read them with other libraries."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import zstandard
from msgspec import Raw

from calcom_async.export.integrity import ValidPrefix
from calcom_async.export.sinks import FileSink

TITLE = '=Łukasz said "hi",\nand\r \u2028 left; 日本'
NAMES = ("a.jsonl", "a.csv", "a.jsonl.gz", "a.csv.gz", "a.jsonl.zst", "a.csv.zst", "a.parquet")
LINES = NAMES[:2]
"""The formats whose bytes do not depend on the batches."""


def booking(number: int, **changes: Any) -> Raw:
    wire = {
        "id": number, "uid": f"u{number}", "title": TITLE, "hosts": [], "status": "accepted", "duration": 30,
        "start": "2026-05-06T12:00:00Z", "end": "2026-05-06T12:30:00Z", "createdAt": "2026-05-01T08:00:00Z",
        "attendees": [], "unheardOf": {"kept": True}, **changes,
    }  # fmt: skip
    return Raw(json.dumps(wire, ensure_ascii=False).encode())


def bookings(*numbers: int, **changes: Any) -> list[Raw]:
    return [booking(number, **changes) for number in numbers]


def decompress(path: Path, suffix: str | None = None) -> bytes:
    match suffix or path.suffix:
        case ".gz":
            return gzip.decompress(path.read_bytes())
        case ".zst":
            reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes()), read_across_frames=True)
            return reader.read()
    return path.read_bytes()


def read_table(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(decompress(path).decode(), newline="")))


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a complete file of any format, read with another library."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if ".csv" in path.name:
        header, *lines = read_table(path)
        return [dict(zip(header, line, strict=True)) for line in lines]
    return [json.loads(line) for line in decompress(path).decode().split("\n")[:-1]]


def read_uids(path: Path) -> list[str]:
    return [row["uid"] for row in read_rows(path)]


def write_file(sink: FileSink, *batches: Sequence[Raw], upsert: bool = False) -> list[ValidPrefix]:
    """Write a complete file; return the prefix after each batch."""
    with sink:
        sink.begin()
        prefixes = [sink.write(batch) for batch in batches]
        sink.finish(upsert=upsert)
    return prefixes


def interrupt_sink(sink: FileSink, *batches: Sequence[Raw]) -> list[ValidPrefix]:
    """Write batches and leave the `with` block before the end; return the prefix after each batch."""
    with sink:
        sink.begin()
        return [sink.write(batch) for batch in batches]


def resume_sink(sink: FileSink, prefix: ValidPrefix, *batches: Sequence[Raw], upsert: bool = False) -> None:
    with sink:
        sink.begin(prefix)
        for batch in batches:
            sink.write(batch)
        sink.finish(upsert=upsert)

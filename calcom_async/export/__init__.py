"""Bulk export: a list of the API into a file, exact whatever changes meanwhile, and resumable wherever it breaks off.

    report = await export(cal, ExportJob("bookings"), "bookings.jsonl", resume=True)

How the data goes: `sources.py` opens an `ExportJob` on a client, `bookings.py` plans the walk of its list, `walk.py`
walks it, `job.py` writes every batch into a sink (`sinks.py`, rows by `rows.py`) and after each one a checkpoint.
"""

from calcom_async.export.job import ExportProgress, ExportReport, export
from calcom_async.export.lock import ExportLockWarning
from calcom_async.export.plan import Watermarks
from calcom_async.export.sinks import FileSink, open_sink
from calcom_async.export.sources import EXPORTABLE, ExportJob

__all__ = [
    "EXPORTABLE",
    "ExportJob",
    "ExportLockWarning",
    "ExportProgress",
    "ExportReport",
    "FileSink",
    "Watermarks",
    "export",
    "open_sink",
]

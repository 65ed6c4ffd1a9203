"""Bulk export: a list of the API into a file, row by row, with memory that does not grow with the file.

pages = cal.bookings.list(prefetch=4)
report = await export(pages.raw(), open_sink("bookings.jsonl"))
"""

from calcom_async.export.job import Progress, Report, export
from calcom_async.export.sinks import CsvSink, JsonlSink, Sink, open_sink

__all__ = ["CsvSink", "JsonlSink", "Progress", "Report", "Sink", "export", "open_sink"]

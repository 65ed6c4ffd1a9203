"""Bulk export: write a list to a file. Every row that exists for the whole run is written exactly once.

```python
from calcom_async.export import EXPORTABLE, ExportJob, export

report = await export(cal, ExportJob("bookings"), "bookings.jsonl", resume=True)
print(report.rows, report.requests, report.missing_rows)
print(*EXPORTABLE)  # what can be exported
```

Files
-----

The extension selects the format: `.jsonl`, `.csv` or `.parquet`, the first two also with `.gz` or `.zst`. Parquet and
zstd need `pip install 'calcom-async[arrow,zstd]'`. The file is named `.part` until it is complete, and a
`.checkpoint` file next to it records the progress. If the process is killed, `resume=True` continues and produces the
same bytes, compressed or not. Without it, the rows of an interrupted run are an `ExportError`, unless `restart=True`
discards them. Only one export at a time can write a file: a second one raises `ExportLockedError`. An
`ExportLockWarning` says that the file system has no locks. If another program writes to the partial file, the export
fails. If it did so before `resume=True`, or copied the file, a `ModifiedFileWarning` says so. `open_sink` and
`FileSink` are for files that are opened in another way, `on_progress` receives an `ExportProgress`, and the result is
an `ExportReport`.

In CSV, a text that a spreadsheet would execute as a formula gets an apostrophe in front; phone numbers do not.
`escape=False` turns that off, and `bom=True` writes a byte order mark for Excel.

Changes only
------------

`incremental=True` updates a file with what was created, changed or cancelled since the last run. `Watermarks` in the
checkpoint record how far it has read. The API does not list deletions, so each run compares the file with the
server's total and warns if they differ; `verify=True` reads everything again. From cron:

```sh
calcom-async export bookings -o bookings.csv --incremental --resume
```

With `-o - --checkpoint state.json` only the changes go to stdout. `--report report.json` writes the figures of the
run as JSON, or its error.

Many accounts
-------------

Each account has a rate limit, a file and a checkpoint of its own. An account that fails does not stop the others.
`accounts.csv` has the columns `name` and `api_key`, and may have a column `organization`.

```sh
calcom-async export bookings -o '{account}.jsonl' --accounts accounts.csv
```

```python
from calcom_async.export import ExportJob
from calcom_async.export.accounts import export_accounts, read_accounts

for result in await export_accounts(cal, read_accounts("accounts.csv"), ExportJob("bookings"), "{account}.jsonl"):
    print(result.account, result.error or result.report.rows)
```

Warehouses
----------

[dlt](https://dlthub.com) loads into DuckDB, PostgreSQL, BigQuery and others (`pip install 'calcom-async[dlt]'
'dlt[duckdb]'`). Bookings are merged by uid; event types, schedules, webhooks, teams and memberships are replaced. A
failed load changes nothing; the next one picks up the missed changes.

```python
import dlt
from calcom_async.export.dlt_source import dlt_source

pipeline = dlt.pipeline("calcom", destination="duckdb", dataset_name="cal")
pipeline.run(dlt_source())  # everything; later runs load the bookings that changed
with pipeline.sql_client() as warehouse:
    print(warehouse.execute_sql("SELECT status, count(*) FROM bookings GROUP BY status"))
```

Any executor
------------

`partition` divides a list of bookings into `Shard` objects: ranges of time, without credentials. `run_shard(shard,
path)` writes one of them to a file and returns a `Part` with its statistics. Any executor can call it, such as Ray,
Spark, Celery or `concurrent.futures`, in a process with CAL_API_KEY in its environment. If the process dies, run the
shard again. Shards that run concurrently share the rate limit through Redis (`redis="$REDIS_URL"`).
`Manifest.of(shards, parts)` adds up the parts, and counts the rows that are missing.

A Dask cluster
--------------

All machines need `pip install 'calcom-async[arrow,dask,redis]'`, and the workers CAL_API_KEY and REDIS_URL in their
environment. Concatenated in order, the parts contain the same rows as a local export; the directory has a
`_manifest.json` only if all parts are complete. If a worker dies, Dask runs its shards again. `calcom-async export
--dask` does the same.

```python
import asyncio
from dask.distributed import Client
from calcom_async import Calcom
from calcom_async.export import ExportJob, partition
from calcom_async.export.distributed import export_on_dask


async def shards():
    async with Calcom() as cal:
        return await partition(cal, ExportJob("bookings"), shards=64)


with Client("tcp://scheduler:8786") as dask:
    manifest = export_on_dask(dask, asyncio.run(shards()), "/shared/bookings", format="parquet", redis="$REDIS_URL")
print(manifest.rows, manifest.missing_rows, manifest.watermark)
```

How it works: `sources` opens an `ExportJob` on a client, `bookings` plans its segments, the keyset reader of
`calcom_async.keyset` reads them, and `job` writes each batch to a sink (`sinks`, rows by `rows`) and then a
checkpoint.
"""

from calcom_async.export.integrity import ModifiedFileWarning
from calcom_async.export.job import ExportProgress, ExportReport, export
from calcom_async.export.lock import ExportLockWarning
from calcom_async.export.plan import Watermarks
from calcom_async.export.shards import Manifest, Part, Shard, partition, run_shard
from calcom_async.export.sinks import FileSink, open_sink
from calcom_async.export.sources import EXPORTABLE, ExportJob

__all__ = [
    "EXPORTABLE",
    "ExportJob",
    "ExportLockWarning",
    "ExportProgress",
    "ExportReport",
    "FileSink",
    "Manifest",
    "ModifiedFileWarning",
    "Part",
    "Shard",
    "Watermarks",
    "export",
    "open_sink",
    "partition",
    "run_shard",
]

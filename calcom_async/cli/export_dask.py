"""`export --dask`: a part for each shard, written by the workers of a cluster."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from calcom_async.cli.connect import CONNECT_TIMEOUT, connect, connection_of
from calcom_async.cli.export_run import ExportRun
from calcom_async.cli.terminal import stderr
from calcom_async.errors import ConfigError, ConnectionFailedError, IncompleteListError, InvalidRequestError
from calcom_async.extras import require_extra

if TYPE_CHECKING:
    from calcom_async.export.shards import Shard

SHARDS_PER_WORKER = 4
"""More than one, so that a fast worker takes over from a slow one."""
# Shards are written from the start by any worker, so there is no interrupted run and no checkpoint.
ONE_PROCESS_OPTIONS = ("resume", "restart", "incremental", "verify", "checkpoint", "no_escape", "bom")


def export_on_cluster(export_run: ExportRun, address: str) -> None:
    """Export to a directory. The workers take the API key from their own environment."""
    if not export_run.target.sandbox:
        connection_of(export_run.target, keys_of="the Dask workers")  # an error if the URL comes from .env
    with require_extra("--dask", "dask"):
        from dask.distributed import Client

        from calcom_async.export.distributed import export_on_dask
    options, output = export_run.options, export_run.output
    given = {**options, "no_escape": not options["escape"]}
    if unsupported := [name for name in ONE_PROCESS_OPTIONS if given[name]]:
        raise InvalidRequestError(f"--{unsupported[0].replace('_', '-')} cannot be combined with --dask")
    try:
        client: Any = Client(address, timeout=CONNECT_TIMEOUT)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ConnectionFailedError(f"cannot connect to Dask at {address}: {error}", sent=False) from error
    with client:
        workers = len(client.scheduler_info()["workers"])
        if not workers:
            raise ConfigError(f"Dask at {address} has no workers; start some with CAL_API_KEY in their environment")
        shards = asyncio.run(_shards(export_run, SHARDS_PER_WORKER * workers))
        stderr.print(f"{len(shards)} shards on {workers} workers", markup=False)
        file_format = options["format"] or "jsonl"
        manifest = export_on_dask(client, shards, output, format=file_format, redis=export_run.redis)
    stderr.print(f"{manifest.rows:,} {export_run.job.resource} in {len(manifest.parts)} parts: {output}", markup=False)
    if manifest.missing_rows and options["strict"]:
        raise IncompleteListError(
            f"{manifest.missing_rows} rows were not returned", expected=manifest.rows, seen=manifest.rows
        )
    export_run.report.add_manifest(manifest, output)


async def _shards(export_run: ExportRun, count: int) -> list[Shard]:
    """Divide the list of each account into `count` shards."""
    from calcom_async.export.shards import partition

    job, accounts = export_run.job, export_run.accounts
    async with connect(export_run.target, credentials=accounts[0].credentials if accounts else None) as cal:
        if not accounts:
            return await partition(cal, job, shards=count)
        shards: list[Shard] = []
        for account in accounts:
            view = cal.with_credentials(account.credentials)
            shards += await partition(view, account.for_account(job), shards=count, account=account.name)
        return shards

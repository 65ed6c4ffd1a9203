"""A database that dlt loads, with queries for what it contains."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import dlt

from calcom_async.export.dlt_source import dlt_source


class Warehouse:
    """A database, and the machine that loads it with dlt. Another machine knows only what the database has."""

    def __init__(self, folder: Path, destination: Any) -> None:
        self.folder = folder
        self.destination = destination
        self.machine = folder / "machine"
        self.dataset = f"calcom_{random.randrange(10**9)}"

    def pipeline(self) -> Any:
        return dlt.pipeline("calcom", str(self.machine), destination=self.destination, dataset_name=self.dataset)

    def load(self, *resources: str, **settings: Any) -> None:
        source = dlt_source(**settings)
        self.loaded = self.pipeline()
        self.loaded.run(source.with_resources(*resources) if resources else source)

    def move_to_another_machine(self) -> Warehouse:
        self.machine = self.folder / "another machine"
        return self

    def query(self, sql: str) -> list[Any]:
        with self.loaded.sql_client() as client:
            return list(client.execute_sql(sql))

    def bookings(self) -> dict[str, str]:
        """Return the status of every booking, of which there are no duplicates."""
        rows = self.query("SELECT uid, status FROM bookings")
        assert len(rows) == len(dict(rows))
        return dict(rows)

    def attendees(self) -> int:
        return int(self.query("SELECT count(*) FROM bookings__attendees")[0][0])

    def types(self, table: str) -> dict[str, str]:
        """Return the columns of a table and their types, without those of dlt."""
        where = f"table_schema = '{self.dataset}' AND table_name = '{table}'"
        rows = self.query(f"SELECT column_name, data_type FROM information_schema.columns WHERE {where}")
        return {name: kind.lower() for name, kind in rows if not name.startswith("_dlt")}

    def tables(self) -> set[str]:
        rows = self.query(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{self.dataset}'")
        return {name for (name,) in rows if not name.startswith("_dlt")}

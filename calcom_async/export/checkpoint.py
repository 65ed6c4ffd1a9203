"""The checkpoint of an export: a small file beside it that says what is written for sure, and where to go on."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from calcom_async.errors import ExportError
from calcom_async.export.plan import Horizons, Place, Plan
from calcom_async.export.sinks import Mark

VERSION = 1


class Run(msgspec.Struct, frozen=True):
    """A run that is under way, or broke off: its plan, how far it came, and how much of the partial file counts.

    `is_walked` says that all rows are in the partial file, which is about to be made whole.
    """

    plan: Plan
    place: Place | None = None
    mark: Mark | None = None
    is_walked: bool = False


class State(msgspec.Struct, frozen=True):
    """What the file holds: whose it is, the run that is not finished, and how far the last finished one has seen."""

    job: str
    run: Run | None = None
    horizons: Horizons | None = None
    version: int = VERSION


class Checkpoint:
    """One checkpoint file; every change of it is atomic, so that a kill leaves the old state or the new one."""

    def __init__(self, path: str | os.PathLike[str], job: str) -> None:
        self.path: Path = Path(path)
        self.state: State = State(job)

    def load(self) -> None:
        """Take in what an earlier run has left, if there is anything; `ExportError` when it is of another job."""
        try:
            found = msgspec.json.decode(self.path.read_bytes(), type=State)
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            raise ExportError(
                f"cannot read the checkpoint {self.path}: {error}. Delete it to start anew, or choose another output"
            ) from error
        if (found.version, found.job) != (VERSION, self.state.job):
            raise ExportError(
                f"the checkpoint {self.path} is of another job: {found.job}. This one is: {self.state.job}. "
                "Choose another output, or delete the checkpoint to start anew"
            )
        self.state = found

    def save(self, run: Run) -> None:
        """Keep how far a run has come."""
        self._write(State(self.state.job, run, self.state.horizons))

    def finish(self, horizons: Horizons | None) -> None:
        """The run is done: keep what the next one needs to go on from there, or nothing."""
        if horizons:
            self._write(State(self.state.job, horizons=horizons))
        else:
            self.path.unlink(missing_ok=True)

    def _write(self, state: State) -> None:
        self.state = state
        fresh = self.path.with_name(self.path.name + ".new")
        try:
            fresh.write_bytes(msgspec.json.encode(state))
            fresh.replace(self.path)
        except OSError as error:
            raise ExportError(
                f"cannot write the checkpoint {self.path}: {error.strerror}; free some space, or choose another place"
            ) from error

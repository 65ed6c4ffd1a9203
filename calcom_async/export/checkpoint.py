"""Checkpoint of an export: a small file next to the output with the valid rows and the position to resume from."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import msgspec

from calcom_async.errors import ExportError
from calcom_async.export.integrity import ValidPrefix
from calcom_async.export.plan import ExportPlan, Position, Watermarks

VERSION = 2


class RunState(msgspec.Struct, frozen=True):
    """A running or interrupted run: its plan, its position, and the valid part of the partial file.

    `is_read` says that all rows are in the partial file, which is about to be renamed.
    """

    plan: ExportPlan
    position: Position | None = None
    prefix: ValidPrefix | None = None
    is_read: bool = False


class CheckpointData(msgspec.Struct, frozen=True):
    """Content of the file: the job, the unfinished run, and the watermarks of the last finished one."""

    job: str
    run: RunState | None = None
    watermarks: Watermarks | None = None
    version: int = VERSION


class Checkpoint:
    """A checkpoint file. Every change is atomic, so a kill leaves the old content or the new one.

    The first line is the content as JSON, the second one its SHA-256. An edited file would lead to missing rows, so it
    is rejected.
    """

    def __init__(self, path: Path, job: str) -> None:
        self.path: Path = path
        self.state: CheckpointData = CheckpointData(job)

    def load(self, *, same_job: bool, restart: bool = False) -> None:
        """Read the checkpoint of an earlier run, if any; raises `ExportError` if it is damaged.

        The checkpoint of another job raises `ExportError` too with `same_job`, or if its run is not finished, which
        `restart` discards. Otherwise it is ignored.
        """
        try:
            state, _, digest = self.path.read_bytes().rstrip(b"\n").rpartition(b"\n")
            # The checksum comes first: an edited position would lead to missing rows without an error.
            if digest != _digest(state):
                raise ExportError(
                    f"{self.path} is not a checkpoint, or it was changed. Move it away, or choose another checkpoint"
                )
            loaded = msgspec.json.decode(state, type=CheckpointData)
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            raise ExportError(
                f"cannot read the checkpoint {self.path}: {error}. Move it away, or choose another checkpoint"
            ) from error
        if (loaded.version, loaded.job) == (VERSION, self.state.job):
            self.state = loaded
        # A finished run of another job leaves only watermarks, which this job does not need.
        elif same_job or (loaded.run and not restart):
            raise ExportError(
                f"the checkpoint {self.path} is of another job: {loaded.job}. This one is: {self.state.job}. "
                "Choose another output, or delete the checkpoint"
            )

    def save(self, run: RunState) -> None:
        """Save the state of a run."""
        self._write(CheckpointData(self.state.job, run, self.state.watermarks))

    def finish(self, watermarks: Watermarks | None) -> None:
        """Save the watermarks for the next incremental run; without any, delete the file."""
        if watermarks:
            self._write(CheckpointData(self.state.job, watermarks=watermarks))
            return
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error

    def _write(self, state: CheckpointData) -> None:
        self.state = state
        data = msgspec.json.encode(state)
        # Only a rename is atomic. A kill while the file itself is written would leave half of it.
        new = self.path.with_name(self.path.name + ".new")
        try:
            new.write_bytes(b"%b\n%b\n" % (data, _digest(data)))
            new.replace(self.path)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> ExportError:
        return ExportError(
            f"cannot write the checkpoint {self.path}: {error.strerror}; free some space, or choose another place"
        )


def _digest(state: bytes) -> bytes:
    return sha256(state).hexdigest().encode()

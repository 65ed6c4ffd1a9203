"""Fixtures for the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with answers recorded from a real server, beside the project; tests that need it are skipped without."""
    folder = Path(os.environ.get("CALCOM_ASYNC_SHARED", ROOT.parent / "shared"))
    if not (folder / "reference" / "real").is_dir():
        pytest.skip("no recorded answers of a real server beside the project")
    return folder

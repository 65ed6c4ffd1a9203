"""The control API from another language: a Node.js script drives a whole scenario with plain `fetch`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from timeouts import TIMEOUT

from calcom_async.sandbox import Sandbox

NODE = shutil.which("node")
SCRIPT = Path(__file__).with_name("control_scenario.mjs")


@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
def test_a_scenario_in_javascript():
    """A script without Python declares data, scripts faults, moves the clock, reads what was recorded, and resets."""
    with Sandbox(allow_remote=True, control_token="token-of-the-test") as sandbox:
        origin = sandbox.url.removesuffix("/v2")
        command = [NODE, SCRIPT, origin, "token-of-the-test"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert (result.stdout, result.returncode) == ("done\n", 0), result.stderr

"""The control API from another language: a Node.js script drives a whole scenario with plain `fetch`."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from timeouts import TIMEOUT

import calcom_async.sandbox.control
from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.control.api import OPERATIONS

NODE = shutil.which("node")
SCRIPT = Path(__file__).with_name("control_scenario.mjs")


def run_node(*arguments):
    """Run a script with Node.js and return its output."""
    result = subprocess.run([NODE, *arguments], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
def test_a_scenario_in_javascript():
    """A script without Python declares data, scripts faults, moves the clock, reads what was recorded, and resets."""
    with Sandbox(allow_remote=True, control_token="token-of-the-test") as sandbox:
        origin = sandbox.url.removesuffix("/v2")
        assert run_node(SCRIPT, origin, "token-of-the-test") == "done\n"


@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
def test_the_example_of_the_guide():
    """The JavaScript of the guide runs as written."""
    [example] = re.findall(r"^```js\n(.*?)^```", calcom_async.sandbox.control.__doc__, re.MULTILINE | re.DOTALL)
    with Sandbox() as sandbox:
        script = example.replace("http://127.0.0.1:8765", sandbox.url.removesuffix("/v2"))
        assert run_node("--input-type=module", "--eval", script) == "503\n"


def test_the_guide_names_every_operation():
    """The guide of the control API names the path of each operation."""
    guide = calcom_async.sandbox.control.__doc__
    paths = {operation.path for operation in OPERATIONS} - {"/faults/{number}", "/snapshots/{number}"}
    assert [path for path in paths if f"{path}`" not in guide and f"_sandbox{path}`" not in guide] == []

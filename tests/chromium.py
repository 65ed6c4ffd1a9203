"""A headless Chromium, driven over its DevTools protocol: https://chromedevtools.github.io/devtools-protocol/."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0"]
SECONDS = 60.0  # a loaded machine


class Page:
    """One page of a browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.problems: list[str] = []
        """Uncaught exceptions, and errors in the console of the browser."""

    async def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol and return its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = json.loads(await asyncio.wait_for(self._socket.receive_str(), SECONDS))
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            if message.get("method") == "Runtime.exceptionThrown":
                self.problems.append(message["params"]["exceptionDetails"]["exception"].get("description", "error"))
            if message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
                self.problems.append(message["params"]["entry"]["text"])

    async def open(self, url: str, *, width: int = 1280, height: int = 1000, dark: bool = False) -> None:
        """Open a URL in a window of this size."""
        for domain in ("Runtime", "Log", "Page"):
            await self.call(f"{domain}.enable")
        await self.resize(width, height)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.call("Emulation.setEmulatedMedia", features=features)
        await self.call("Page.navigate", url=url)

    async def resize(self, width: int, height: int = 1000) -> None:
        """Change the size of the window."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def run(self, script: str) -> Any:
        """Return the value of a JavaScript expression, awaited if it is a promise."""
        result = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def wait_for(self, condition: str) -> Any:
        """Wait until a JavaScript expression is true, and return its value."""
        script = f"""new Promise((resolve, reject) => {{
            const ends = Date.now() + {SECONDS * 1000};
            const check = () => {{
                let value;
                try {{ value = {condition}; }} catch {{ value = undefined; }}
                if (value) resolve(value);
                else if (Date.now() > ends) reject(new Error("never true: " + {json.dumps(condition)}));
                else setTimeout(check, 20);
            }};
            check();
        }})"""
        return await self.run(script)

    async def click(self, selector: str) -> None:
        """Click an element once it is there."""
        await self.wait_for(f"document.querySelector({json.dumps(selector)})")
        await self.run(f"document.querySelector({json.dumps(selector)}).click()")

    async def screenshot(self) -> bytes:
        """Return a picture of the whole page, as PNG."""
        result = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(result["data"])


class Browser:
    """A running browser; close it at the end."""

    def __init__(self, profile: Path) -> None:
        assert PROGRAM
        self._process = subprocess.Popen(
            [PROGRAM, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr
        listening = next(line for line in self._process.stderr if line.startswith("DevTools listening on"))
        self._origin = "http://" + listening.split("/")[2]
        # The pipe must not fill up.
        self._drain = threading.Thread(target=self._process.stderr.read, daemon=True)
        self._drain.start()

    @asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        """Open a new page, and close it at the end."""
        async with aiohttp.ClientSession() as session:
            async with session.put(f"{self._origin}/json/new?about:blank") as response:
                target = await response.json()
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Page(socket)
            async with session.get(f"{self._origin}/json/close/{target['id']}"):
                pass

    def close(self) -> None:
        """Kill the browser."""
        self._process.kill()
        self._process.wait()
        self._drain.join()
        assert self._process.stderr
        self._process.stderr.close()

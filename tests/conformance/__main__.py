"""Does a server answer as a real Cal.com server did? Sends public API calls and compares with recorded responses.

    cd tests
    python -m conformance https://cal.example.com/v2 --key cal_... --other-key cal_... --record FOLDER
    python -m conformance http://127.0.0.1:8765/v2 --key cal_sandbox --other-key cal_sandbox_bo --recorded FOLDER

The script creates a schedule, event types, webhooks and bookings of its own, and removes the first three again. It
needs an account without other bookings in the week that is nine weeks ahead. `--record` writes the responses of a
server to a folder, one JSON file per request, without keys; `--recorded` compares with such a folder.

The exit code is 0 if every difference is one of those in `differences.py`, with a reason.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from conformance.run import compare, load, record, run


def main() -> int:
    """Run the script."""
    summary, _, guide = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        "python -m conformance",
        description=summary,
        epilog=guide,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("url", help="base URL, with /v2")
    parser.add_argument("--key", required=True, help="API key of a user")
    parser.add_argument(
        "--other-key", default="", help="API key of another user; without it some requests are left out"
    )
    parser.add_argument("--recorded", type=Path, metavar="FOLDER", help="compare with the responses in this folder")
    parser.add_argument("--record", type=Path, metavar="FOLDER", help="write the responses to this folder")
    options = parser.parse_args()
    responses = run(options.url, key=options.key, other_key=options.other_key)
    if options.record:
        record(responses, options.record)
    if not options.recorded:
        return 0
    report = compare(load(options.recorded), responses)
    sys.stdout.write(f"{report}\n")
    return 0 if report.is_explained else 1


if __name__ == "__main__":
    sys.exit(main())

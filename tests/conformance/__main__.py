r"""Does a server answer as a real Cal.com server did? Sends public API calls and compares with recorded responses.

    cd tests
    python -m conformance https://cal.example.com/v2 --key cal_... --other-key cal_... --record FOLDER
    python -m conformance http://127.0.0.1:8765/v2 --key cal_sandbox --other-key cal_sandbox_bo --recorded FOLDER
    python -m conformance https://cal.example.com/v2 --suite organization --key cal_... --member-key cal_... \
        --outsider-key cal_... --organization-slug example --client-id ... --client-secret ... --recorded FOLDER

The suite `user` creates a schedule, event types, webhooks and bookings of its own, and removes the first three again.
It needs an account without other bookings in the week that is nine weeks ahead.

The suite `organization` is for an organization that serves for tests only: it creates users, teams and much more, and
when it disconnects Google Meet, Cal.com deletes the links in the event types of the owner. The organization needs a
platform plan and a routing form, and its owner a connected Google Calendar.

Requests that need an option that is not given are left out, and count as differences. The script waits whenever a rate
limit is used up, which takes some minutes with the usual limits.

`--record` writes the responses of a server to a folder, one JSON file per request, without keys and other secrets;
`--recorded` compares with such a folder. The exit code is 0 if there is a reason for every difference.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from conformance.run import compare, load, record, run
from conformance.suites import SUITES

OPTIONS = {
    "key": "API key of a user; for an organization, of its owner",
    "other_key": "API key of another user",
    "member_key": "API key of a member of the organization, not an admin",
    "outsider_key": "API key of a user in another organization, which is not a platform",
    "expired_token": "access token of a managed user that has expired",
    "organization_slug": "slug of the organization",
    "client_id": "id of a platform client of the organization",
    "client_secret": "secret of this client",
    "code": "verification code that the server always sends",
    "answer": "answer to the first question of the routing form that leads to an event type of a team",
}


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
    parser.add_argument("--suite", choices=SUITES, default="user", help="which requests to send")
    for name, text in OPTIONS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", required=name == "key", default="", help=text)
    parser.add_argument("--recorded", type=Path, metavar="FOLDER", help="compare with the responses in this folder")
    parser.add_argument("--record", type=Path, metavar="FOLDER", help="write the responses to this folder")
    options = parser.parse_args()
    suite = SUITES[options.suite]
    responses = run(options.url, suite, {name: getattr(options, name) for name in OPTIONS})
    if options.record:
        record(responses, options.record)
    if not options.recorded:
        return 0
    report = compare(suite, load(options.recorded), responses)
    sys.stdout.write(f"{report}\n")
    return 0 if report.is_explained else 1


if __name__ == "__main__":
    sys.exit(main())

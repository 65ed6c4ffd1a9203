"""Verified email addresses and phone numbers of a user, a plain team and a team of the organization."""

from __future__ import annotations

from conformance.organizations.teams import PLAIN, TEAM
from conformance.plan import PlannedRequest, get, post, prepare

PHONE = "+31201234567"


def contacts(name: str, owner: str) -> tuple[PlannedRequest, ...]:
    """Return the requests for the verified contacts of a user or a team. Each name begins with `name`."""
    emails, phones = f"{owner}/verified-resources/emails", f"{owner}/verified-resources/phones"
    email = f"{name}contact-{{tag}}@visitors.test"
    code, verify = "/verification-code/request", "/verification-code/verify"
    return (
        post(f"{name}verified_email_request", emails + code, {"email": email}),
        post(f"{name}verified_email_request_400", emails + code, {"email": "nobody"}),
        post(f"{name}verified_email_verify_400_wrong_code", emails + verify, {"email": email, "code": "000000"}),
        post(
            f"{name}verified_email_verify",
            emails + verify,
            {"email": email, "code": "{code}"},
            **{f"{name}email": "data.id"},
        ),
        get(f"{name}verified_emails_get", f"{emails}/{{{name}email}}"),
        get(f"{name}verified_emails_get_401", f"{emails}/1", key=None),
        get(f"{name}verified_emails_list", emails),
        post(f"{name}verified_phone_request", phones + code, {"phone": PHONE}),
        post(f"{name}verified_phone_request_400", phones + code, {"phone": "nobody"}),
        post(f"{name}verified_phone_verify_400_wrong_code", phones + verify, {"phone": PHONE, "code": "0000"}),
        *prepare(
            post("verify a phone", phones + verify, {"phone": PHONE, "code": "{code}"}, **{f"{name}phone": "data.id"})
        ),
        get(f"{name}verified_phones_get", f"{phones}/{{{name}phone}}"),
        get(f"{name}verified_phones_get_401", f"{phones}/1", key=None),
        get(f"{name}verified_phones_list", phones),
        get(f"{name}verified_phones_list_401", phones, key=None),
    )


STEPS = (
    *contacts("", ""),
    get("verified_emails_list_404_version_2024_08_13", "/verified-resources/emails", "2024-08-13"),
    *contacts("teams_", PLAIN),
    get("teams_verified_emails_list_403_outsider", PLAIN + "/verified-resources/emails", key="outsider_key"),
    *contacts("org_team_", TEAM),
    get("org_team_verified_emails_list_403_outsider", TEAM + "/verified-resources/emails", key="outsider_key"),
)

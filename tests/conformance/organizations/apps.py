"""Conferencing apps, Stripe, and credentials for a whole workspace."""

from __future__ import annotations

from conformance.organizations.members import ORG
from conformance.organizations.teams import TEAM
from conformance.plan import PlannedRequest, delete, get, patch, post

PAGES = "?returnTo=https://visitors.test/ok&onErrorReturnTo=https://visitors.test/error"
NO_STATE = "?state=%7B%7D&code=x"


def conferencing(name: str, owner: str) -> tuple[PlannedRequest, ...]:
    """Return the requests for the conferencing apps of a user or a team."""
    apps = f"{owner}/conferencing"
    return (
        get(f"{name}_list", apps),
        get(f"{name}_list_401", apps, key=None),
        post(f"{name}_connect_400_oauth_app", f"{apps}/zoom/connect"),
        post(f"{name}_default_set_400", f"{apps}/nope/default"),
        post(f"{name}_default_set_daily", f"{apps}/daily-video/default"),
        get(f"{name}_default_get", f"{apps}/default"),
        get(f"{name}_default_401", f"{apps}/default", key=None),
        delete(f"{name}_disconnect_400_again", f"{apps}/google-meet/disconnect"),
        get(f"{name}_oauth_auth_url_400", f"{apps}/nope/oauth/auth-url"),
        get(f"{name}_oauth_auth_url_msteams", f"{apps}/msteams/oauth/auth-url{PAGES}"),
    )


DELEGATION = ORG + "/delegation-credentials"
WORKSPACE = {
    "workspacePlatformSlug": "google",
    "domain": "{tag}.visitors.test",
    "serviceAccountKey": {"private_key": "no key", "client_email": "robot@visitors.test", "client_id": "77"},
}

STEPS = (
    *conferencing("conferencing", ""),
    get(
        "conferencing_oauth_callback_301_denied",
        "/conferencing/zoom/oauth/callback?state=%7B%22accessToken%22:%22{key}%22,%22returnTo%22:"
        "%22https://visitors.test/ok%22,%22onErrorReturnTo%22:%22https://visitors.test/error%22,%22fromApp%22:false%7D"
        "&error=access_denied",
        key=None,
    ),
    get("conferencing_oauth_callback_400_no_state", "/conferencing/zoom/oauth/callback?code=x", key=None),
    *conferencing("org_team_conferencing", TEAM),
    get(
        "org_team_conferencing_oauth_callback_301_bad_state",
        TEAM + "/conferencing/zoom/oauth/callback" + NO_STATE,
    ),
    # --- Google Meet, for which the owner has connected a Google Calendar
    post("conferencing_connect_google_meet", "/conferencing/google-meet/connect"),
    delete("conferencing_disconnect", "/conferencing/google-meet/disconnect"),
    post("exp_disconnect_2_connect", TEAM + "/conferencing/google-meet/connect"),
    delete("exp_disconnect_3_disconnect", TEAM + "/conferencing/google-meet/disconnect"),
    # --- Stripe
    get("stripe_connect", "/stripe/connect" + PAGES),
    get("stripe_connect_401", "/stripe/connect", key=None),
    get("stripe_save_301_bad_state", "/stripe/save" + NO_STATE),
    get("stripe_save_400_no_state", "/stripe/save?code=x", key=None),
    get("org_team_stripe_connect", TEAM + "/stripe/connect" + PAGES),
    get("org_team_stripe_connect_403_member", TEAM + "/stripe/connect", key="member_key"),
    get("org_team_stripe_check_403_member", TEAM + "/stripe/check", key="member_key"),
    get("org_team_stripe_save_301_bad_state", TEAM + "/stripe/save" + NO_STATE),
    get("org_team_stripe_save_401", TEAM + "/stripe/save" + NO_STATE, key=None),
    # --- a whole workspace
    post("delegation_create_201_feature_off", DELEGATION, WORKSPACE, delegation="data.id"),
    post("delegation_create_400_again", DELEGATION, WORKSPACE),
    patch("delegation_update", DELEGATION + "/{delegation}", {"enabled": False}),
    patch("delegation_update_403_member", DELEGATION + "/nope", {"enabled": False}, key="member_key"),
)

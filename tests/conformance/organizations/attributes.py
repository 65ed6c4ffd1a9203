"""Attributes, their options and assignments, and the memberships that show them."""

from __future__ import annotations

from conformance.organizations.members import MEMBERSHIP, ORG
from conformance.plan import delete, get, patch, post, prepare

ATTRIBUTES = ORG + "/attributes"
ONE = ATTRIBUTES + "/{attribute}"
OPTION = ONE + "/options/{option}"
OF_HELPER = ATTRIBUTES + "/options/{helper}"

STEPS = (
    post(
        "org_attributes_create_disabled",
        ATTRIBUTES,
        {
            "name": "Region",
            "slug": "region-{tag}",
            "type": "SINGLE_SELECT",
            "options": [{"value": "North", "slug": "north"}],
            "enabled": False,
        },
        attribute="data.id",
    ),
    post("org_attributes_create_400", ATTRIBUTES, {"name": "Region"}),
    get("org_attributes_get", ONE),
    get("org_attributes_get_401", ONE, key=None),
    get("org_attributes_list", ATTRIBUTES),
    get("org_attributes_list_400_take0", ATTRIBUTES + "?take=0"),
    patch("org_attributes_update", ONE, {"name": "Regions", "enabled": True}),
    patch("org_attributes_update_403_member", ONE, {"name": "Area"}, key="member_key"),
    # --- options
    post("org_attribute_options_create", ONE + "/options", {"value": "South", "slug": "south"}, option="data.id"),
    post("org_attribute_options_create_400", ONE + "/options", {"slug": 1}),
    get("org_attribute_options_list", ONE + "/options"),
    get("org_attribute_options_list_401", ONE + "/options", key=None),
    patch("org_attribute_options_update", OPTION, {"value": "Southern", "slug": "southern"}),
    patch("org_attribute_options_update_404", ONE + "/options/nope", {"value": "East"}),
    # --- assignments
    post(
        "org_attributes_assign_for_delete", OF_HELPER, {"attributeId": "{attribute}", "attributeOptionId": "{option}"}
    ),
    *prepare(
        *(
            post(
                f"attribute {kind}",
                ATTRIBUTES,
                {"name": kind.capitalize(), "slug": f"{kind}-{{tag}}", "type": type_, "options": options},
                **{kind: "data.id"},
            )
            for kind, type_, options in (
                ("motto", "TEXT", []),
                ("floor", "NUMBER", []),
                ("skills", "MULTI_SELECT", [{"value": "Dutch", "slug": "dutch"}]),
            )
        ),
        get("options of skills", ATTRIBUTES + "/{skills}/options", skill="data.0.id"),
        post("assign motto", OF_HELPER, {"attributeId": "{motto}", "value": "Onwards"}),
        post("assign skills", OF_HELPER, {"attributeId": "{skills}", "attributeOptionId": "{skill}"}),
        post("assign floor", OF_HELPER, {"attributeId": "{floor}", "value": "3"}),
    ),
    post("org_attributes_assign_403_member", OF_HELPER, {"attributeId": "{motto}", "value": "No"}, key="member_key"),
    get("org_memberships_get", MEMBERSHIP),
    get("org_memberships_list", ORG + "/memberships"),
    get("org_attributes_user_options", OF_HELPER),
    get("org_attributes_user_options_401", OF_HELPER, key=None),
    get("org_attribute_options_assigned", ONE + "/options/assigned"),
    get("org_attribute_options_assigned_401", ONE + "/options/assigned", key=None),
    get("org_attribute_options_assigned_by_slug", ATTRIBUTES + "/slugs/region-{tag}/options/assigned"),
    get("org_attribute_options_assigned_by_slug_401", ATTRIBUTES + "/slugs/region-{tag}/options/assigned", key=None),
    delete("org_attributes_unassign", OF_HELPER + "/{option}"),
    delete("org_attributes_unassign_404", OF_HELPER + "/nope"),
    delete("org_attribute_options_delete", OPTION),
    delete("org_attribute_options_delete_404", ONE + "/options/nope"),
    delete("org_attributes_delete_403_member", ONE, key="member_key"),
    delete("org_attributes_delete", ONE),
    *prepare(*(delete(f"remove {kind}", ATTRIBUTES + f"/{{{kind}}}") for kind in ("motto", "floor", "skills"))),
)

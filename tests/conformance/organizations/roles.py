"""Roles of an organization or a team, and their permissions."""

from __future__ import annotations

from conformance.plan import PlannedRequest, delete, get, patch, post


def roles(name: str, owner: str) -> tuple[PlannedRequest, ...]:
    """Return the requests for the roles of an organization or a team."""
    all_roles, role = f"{owner}/roles", f"{owner}/roles/{{{name}_role}}"
    granted = role + "/permissions"
    body = {
        "name": "Clerk {tag}",
        "description": "sees bookings",
        "color": "#224466",
        "permissions": ["booking.read", "eventType.read"],
    }
    return (
        post(f"{name}_roles_create", all_roles, body, **{f"{name}_role": "data.id"}),
        post(f"{name}_roles_create_400_no_name", all_roles, {"permissions": ["booking.read"]}),
        get(f"{name}_roles_list", all_roles),
        get(f"{name}_roles_list_403_outsider", all_roles, key="outsider_key"),
        get(f"{name}_roles_get", role),
        get(f"{name}_roles_get_404", f"{all_roles}/nope"),
        patch(
            f"{name}_roles_update",
            role,
            {"name": "Senior clerk {tag}", "permissions": ["booking.read", "eventType.read", "booking.update"]},
        ),
        patch(f"{name}_roles_update_404", f"{all_roles}/nope", {"name": "Clerk"}),
        post(f"{name}_roles_permissions_add", granted, {"permissions": ["team.read"]}),
        post(f"{name}_roles_permissions_add_400", granted, {"permissions": ["fly.high"]}),
        get(f"{name}_roles_permissions_list", granted),
        get(f"{name}_roles_permissions_list_404", f"{all_roles}/nope/permissions"),
        delete(f"{name}_roles_permissions_remove_one", f"{granted}/team.read"),
        delete(f"{name}_roles_permissions_remove_one_400", f"{granted}/fly.high"),
        delete(f"{name}_roles_permissions_remove_many", f"{granted}?permissions=eventType.read"),
        delete(f"{name}_roles_permissions_remove_many_404", f"{all_roles}/nope/permissions?permissions=booking.read"),
        PlannedRequest(
            f"{name}_roles_permissions_set", "PUT", granted, body={"permissions": ["booking.read", "team.read"]}
        ),
        PlannedRequest(
            f"{name}_roles_permissions_set_403_member",
            "PUT",
            f"{all_roles}/nope/permissions",
            body={"permissions": ["booking.read"]},
            key="member_key",
        ),
        delete(f"{name}_roles_delete_403_member", role, key="member_key"),
        delete(f"{name}_roles_delete", role),
    )

"""Organizations and teams: members, attributes, roles, out-of-office entries and managed organizations.

Sources: measured on the self-hosted build of 2025-12, the only one with organizations. Delegation credentials with a
valid key follow the specification of March 2026. Their list and rotation, weights and history of attributes,
conferencing of users and insights follow that of September 2026; the texts of their errors are made up.
"""

from calcom_async.sandbox.organizations import (
    attribute_handlers,
    attribute_history_handlers,
    conferencing_handlers,
    delegation_handlers,
    insights_handlers,
    managed_handlers,
    membership_handlers,
    out_of_office_handlers,
    role_handlers,
    team_handlers,
    user_handlers,
)

ROUTES = (
    *attribute_handlers.ROUTES,
    *attribute_history_handlers.ROUTES,
    *conferencing_handlers.ROUTES,
    *delegation_handlers.ROUTES,
    *insights_handlers.ROUTES,
    *managed_handlers.ROUTES,
    *membership_handlers.ROUTES,
    *out_of_office_handlers.ROUTES,
    *role_handlers.ROUTES,
    *team_handlers.ROUTES,
    *user_handlers.ROUTES,
)

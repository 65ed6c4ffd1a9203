"""The table of all operations, which `catalog` reads.

An unindented line is a base path. An indented line is an operation: HTTP method, rest of the path (`.` for none) and
notes. The versions are in `calcom_async.versions`.

  list            returns rows
  changes         a GET that changes state
  computes        a POST that changes no state
  idempotent      safe to repeat, although POST and DELETE usually are not
  not-idempotent  unsafe to repeat, although PUT and PATCH usually are safe
  shape           the sandbox returns the right shape with made-up content
  ?               query parameters: names separated by commas, or a key of `names.QUERIES`
  =               body fields: a key of `names.BODIES`
"""

from __future__ import annotations

TABLE = """\
# the user
/v2/me
  GET    .
  PATCH  .                                        =UpdateUser
/v2/me/ooo
  GET    .                                        list ?take,skip,sortStart,sortEnd
  POST   .                                        =OutOfOffice
  PATCH  /{oooId}                                 =OutOfOffice
  DELETE /{oooId}
/v2/me/booking-limits
  GET    .
  PATCH  .                                        =UpdateBookingLimits
  DELETE .                                        idempotent
/v2/me/team-booking-limits
  GET    .
  PATCH  /{teamId}                                =UpdateBookingLimits
  DELETE /{teamId}
/v2/event-types
  GET    .                                        list ?EventTypes
  POST   .                                        =EventType
  GET    /{eventTypeId}
  PATCH  /{eventTypeId}                           =UpdateEventType
  DELETE /{eventTypeId}
/v2/event-types/{eventTypeId}
  GET    /history                                 list shape ?limit,cursor
  GET    /scheduling-config
  GET    /crm-sync-errors                         list shape ?appSlug,includeDismissed,limit,cursor
/v2/event-types/{eventTypeId}/booking-fields
  GET    .                                        list
  PUT    .                                        =BookingFields
  POST   .                                        =BookingFields
  PATCH  .                                        =ChangeBookingFields
  DELETE /{slug}
/v2/event-types/{eventTypeId}/private-links
  GET    .                                        list
  POST   .                                        =PrivateLink
  PATCH  /{linkId}                                =PrivateLink
  DELETE /{linkId}
/v2/event-types/{eventTypeId}/webhooks
  GET    .                                        list ?Paged
  POST   .                                        =Webhook
  DELETE .
  GET    /{webhookId}
  PATCH  /{webhookId}                             =Webhook
  DELETE /{webhookId}
/v2/schedules
  GET    .                                        list
  POST   .                                        =Schedule
  GET    /default
  GET    /{scheduleId}
  PATCH  /{scheduleId}                            =Schedule
  DELETE /{scheduleId}
/v2/slots
  GET    .                                        ?Slots
  POST   /reservations                            =ReserveSlot
  GET    /reservations/{uid}
  PATCH  /reservations/{uid}                      not-idempotent =ReserveSlot
  DELETE /reservations/{uid}                      idempotent
/v2/bookings
  GET    .                                        list ?BookingFilters
  POST   .                                        =CreateBooking
  GET    /by-seat/{seatUid}
  GET    /{bookingUid}
  GET    /{bookingUid}/recordings                 list
  GET    /{bookingUid}/transcripts                list
  POST   /{bookingUid}/reschedule                 =RescheduleBooking
  POST   /{bookingUid}/request-reschedule         =RequestReschedule
  GET    /{bookingUid}/routing-trace
  GET    /verification/email/check                ?email,userSessionEmail
  POST   /verification/email/send-code            =SendVerificationCode
  POST   /verification/email/verify-code          computes =VerifyCode
  POST   /{bookingUid}/cancel                     =CancelBooking
  POST   /{bookingUid}/mark-absent                idempotent =MarkAbsentBooking
  POST   /{bookingUid}/reassign
  POST   /{bookingUid}/reassign/{userId}          =Reason
  POST   /{bookingUid}/confirm
  POST   /{bookingUid}/decline                    =Reason
  GET    /{bookingUid}/calendar-links             list
  GET    /{bookingUid}/references                 list ?type
  GET    /{bookingUid}/conferencing-sessions      list
  PATCH  /{bookingUid}/location                   =UpdateBookingLocation
  GET    /{bookingUid}/attendees                  list
  POST   /{bookingUid}/attendees                  =AddAttendee
  GET    /{bookingUid}/attendees/{attendeeId}
  POST   /{bookingUid}/guests                     =AddGuests
/v2/webhooks
  GET    .                                        list ?Paged
  POST   .                                        =Webhook
  GET    /{webhookId}
  PATCH  /{webhookId}                             =Webhook
  DELETE /{webhookId}

# calendars and apps
/v2/calendars
  GET    .
  GET    /{calendar}/event/{eventUid}             shape
  PATCH  /{calendar}/events/{eventUid}            shape =UpdateUnifiedCalendarEvent
  POST   /ics-feed/save                           =CreateIcsFeed
  GET    /ics-feed/check
  GET    /busy-times                              list ?BusyTimes
  GET    /{calendar}/connect                      ?isDryRun,redir
  GET    /{calendar}/save                         changes ?state,code
  POST   /{calendar}/credentials                  =CreateCalendarCredentials
  GET    /{calendar}/check
  POST   /{calendar}/disconnect                   =Disconnect
/v2/selected-calendars
  POST   .                                        =SelectedCalendars
  DELETE .                                        ?integration,externalId,credentialId,delegationCredentialId
/v2/destination-calendars
  PUT    .                                        =DestinationCalendars
/v2/conferencing
  GET    .                                        list
  POST   /{app}/connect
  GET    /{app}/oauth/auth-url                    ?returnTo,onErrorReturnTo
  GET    /{app}/oauth/callback                    changes ?state,code
  POST   /{app}/default                           idempotent
  GET    /default
  DELETE /{app}/disconnect
/v2/stripe
  GET    /connect
  GET    /save                                    changes ?state,code
  GET    /check
/v2/verified-resources
  POST   /emails/verification-code/request        =Email
  POST   /phones/verification-code/request        =Phone
  POST   /emails/verification-code/verify         =EmailCode
  POST   /phones/verification-code/verify         =PhoneCode
  GET    /emails                                  list ?Paged
  GET    /phones                                  list ?Paged
  GET    /emails/{id}
  GET    /phones/{id}
/v2/routing-forms
  POST   /{routingFormId}/calculate-slots         computes ?CalculateSlots
/v2/insights/bookings
  POST   /kpi-stats                               computes shape =BookingInsights
  POST   /event-trends                            computes shape =BookingInsights
  POST   /average-duration                        computes shape =BookingInsights
  POST   /members                                 computes shape =BookingInsights
/v2/insights/routings
  POST   /forms-by-status                         computes shape =RoutingInsights
  POST   /form-responses                          computes shape =RoutingFormResponses
  POST   /form-field-options                      computes shape =RoutingFields
  POST   /form-response-headers                   computes shape =RoutingFields
  POST   /failed-bookings-by-field                computes shape =RoutingInsights
  POST   /routed-to-per-period                    computes shape =RoutedToPerPeriod
/v2/credits
  GET    /available                               shape
  POST   /charge                                  shape idempotent =ChargeCredits
/v2/notifications/subscriptions
  POST   /app-push                                shape =RegisterAppPush
  DELETE /app-push                                shape =RemoveAppPush
  POST   /slack/link-intents                      shape
  DELETE /slack                                   shape =RemoveSlack
  POST   /telegram/link-intents                   shape
  DELETE /telegram                                shape =RemoveTelegram
/v2/events
  GET    .                                        shape list ?slug
  GET    /{uuid}                                  shape
/v2/allowlists
  GET    .                                        shape
  GET    /{service}                               shape
/v2/workflows
  GET    .                                        list ?Paged
  POST   .                                        =CreateEventTypeWorkflow
  GET    /{workflowId}
  PATCH  /{workflowId}                            =UpdateEventTypeWorkflow
  DELETE /{workflowId}

# teams
/v2/teams
  GET    .                                        list
  POST   .                                        =CreateTeam
  GET    /{teamId}
  PATCH  /{teamId}                                =UpdateTeam
  DELETE /{teamId}
  GET    /{teamId}/bookings                       list ?TeamBookingFilters
  POST   /{teamId}/invite
  POST   /{teamId}/routing-forms/{routingFormId}/responses ?FormSlots
  GET    /{teamId}/schedules                      list ?Paged
/v2/teams/{teamId}/users/{userId}/ooo
  GET    .                                        list ?take,skip,sortStart,sortEnd
  POST   .                                        =OutOfOffice
  PATCH  /{oooId}                                 =OutOfOffice
  DELETE /{oooId}
/v2/teams/{teamId}/memberships
  GET    .                                        list ?take,skip,emails
  POST   .                                        =CreateMembership
  GET    /{membershipId}
  PATCH  /{membershipId}                          =UpdateMembership
  DELETE /{membershipId}
/v2/teams/{teamId}/event-types
  GET    .                                        list ?eventSlug,hostsLimit,sortCreatedAt
  POST   .                                        =TeamEventType
  GET    /{eventTypeId}
  PATCH  /{eventTypeId}                           =UpdateTeamEventType
  DELETE /{eventTypeId}
  POST   /{eventTypeId}/create-phone-call         shape =CreatePhoneCall
/v2/teams/{teamId}/event-types/{eventTypeId}/booking-fields
  GET    .                                        list
  PUT    .                                        =BookingFields
  POST   .                                        =BookingFields
  PATCH  .                                        =ChangeBookingFields
  DELETE /{slug}
/v2/teams/{teamId}/event-types/{eventTypeId}/webhooks
  GET    .                                        list ?Paged
  POST   .                                        =Webhook
  DELETE .
  GET    /{webhookId}
  PATCH  /{webhookId}                             =Webhook
  DELETE /{webhookId}
/v2/teams/{teamId}/verified-resources
  POST   /emails/verification-code/request        =Email
  POST   /phones/verification-code/request        =Phone
  POST   /emails/verification-code/verify         =EmailCode
  POST   /phones/verification-code/verify         =PhoneCode
  GET    /emails                                  list ?Paged
  GET    /phones                                  list ?Paged
  GET    /emails/{id}
  GET    /phones/{id}

# organizations
/v2/organizations/{orgId}/attributes
  GET    .                                        list ?Paged
  POST   .                                        =CreateAttribute
  GET    /{attributeId}
  PATCH  /{attributeId}                           =UpdateAttribute
  DELETE /{attributeId}
  GET    /{attributeId}/options                   list
  POST   /{attributeId}/options                   =AttributeOption
  PATCH  /{attributeId}/options/{optionId}        =AttributeOption
  DELETE /{attributeId}/options/{optionId}
  GET    /{attributeId}/options/assigned          list ?Assigned
  GET    /slugs/{attributeSlug}/options/assigned  list ?Assigned
  GET    /options/{userId}                        list
  POST   /options/{userId}                        =AssignAttribute
  PATCH  /options/{userId}/{attributeOptionId}    =OptionWeight
  DELETE /options/{userId}/{attributeOptionId}
  GET    /assignments/{userId}/history            list ?limit,cursor
  GET    /sync-history                            list shape ?limit,cursor
  GET    /sync-history/user/{userId}              list shape ?limit,cursor
/v2/organizations/{orgId}/bookings
  GET    .                                        list ?OrganizationBookingFilters
  POST   /block                                   =BlockBooking
  POST   /report                                  =ReportBooking
/v2/organizations/{orgId}/delegation-credentials
  GET    .                                        list ?take,skip,domain
  POST   .                                        =CreateDelegationCredential
  GET    /{credentialId}
  PATCH  /{credentialId}                          =UpdateDelegationCredential
  DELETE /{credentialId}
  POST   /{credentialId}/reset-rotation           idempotent
/v2/organizations/{orgId}/memberships
  GET    .                                        list ?Paged
  POST   .                                        =CreateOrganizationMembership
  GET    /{membershipId}
  PATCH  /{membershipId}                          =UpdateMembership
  DELETE /{membershipId}
/v2/organizations/{orgId}/ooo
  GET    .                                        list ?take,skip,sortStart,sortEnd,email
/v2/organizations/{orgId}/organizations
  GET    .                                        list ?take,skip,slug,metadataKey,metadataValue
  POST   .                                        =CreateManagedOrganization
  GET    /{managedOrganizationId}
  PATCH  /{managedOrganizationId}                 =UpdateManagedOrganization
  DELETE /{managedOrganizationId}
/v2/organizations/{orgId}/roles
  GET    .                                        list ?Paged
  POST   .                                        =Role
  GET    /{roleId}
  PATCH  /{roleId}                                =Role
  DELETE /{roleId}
  GET    /{roleId}/permissions                    list
  POST   /{roleId}/permissions                    =RolePermissions
  PUT    /{roleId}/permissions                    =RolePermissions
  DELETE /{roleId}/permissions                    ?permissions
  DELETE /{roleId}/permissions/{permission}
/v2/organizations/{orgId}/routing-forms
  GET    .                                        list ?OrganizationFormFilters
  GET    /{routingFormId}/responses               list ?FormFilters
  POST   /{routingFormId}/responses               ?FormSlots
  PATCH  /{routingFormId}/responses/{responseId}  =UpdateRoutingFormResponse
/v2/organizations/{orgId}/schedules
  GET    .                                        list ?Paged
/v2/organizations/{orgId}/users
  GET    .                                        list ?Users
  POST   .                                        =CreateUser
  PATCH  /{userId}                                =UpdateOrganizationUser
  DELETE /{userId}
  GET    /{userId}/bookings                       list ?BookingFilters
  GET    /{userId}/conferencing                   list
  POST   /{userId}/conferencing/default           idempotent =DefaultConferencingApp
/v2/organizations/{orgId}/users/{userId}/ooo
  GET    .                                        list ?take,skip,sortStart,sortEnd
  POST   .                                        =OutOfOffice
  PATCH  /{oooId}                                 =OutOfOffice
  DELETE /{oooId}
/v2/organizations/{orgId}/users/{userId}/schedules
  GET    .                                        list
  POST   .                                        =Schedule
  GET    /{scheduleId}
  PATCH  /{scheduleId}                            =Schedule
  DELETE /{scheduleId}
/v2/organizations/{orgId}/webhooks
  GET    .                                        list ?Paged
  POST   .                                        =Webhook
  GET    /{webhookId}
  PATCH  /{webhookId}                             =Webhook
  DELETE /{webhookId}

# organizations' teams
/v2/organizations/{orgId}/teams
  GET    .                                        list ?Paged
  POST   .                                        =CreateOrganizationTeam
  GET    /me                                      list ?Paged
  GET    /{teamId}
  PATCH  /{teamId}                                =UpdateTeam
  DELETE /{teamId}
  GET    /{teamId}/bookings                       list ?TeamBookingFilters
  GET    /{teamId}/bookings/{bookingUid}/references list ?type
  GET    /event-types                             list ?take,skip,sortCreatedAt
  POST   /{teamId}/invite
  GET    /{teamId}/schedules                      list ?take,skip,eventTypeId
  GET    /{teamId}/users/{userId}/schedules       list ?eventTypeId
/v2/organizations/{orgId}/teams/{teamId}/event-types
  GET    .                                        list ?eventSlug,hostsLimit,sortCreatedAt
  POST   .                                        =TeamEventType
  GET    /{eventTypeId}
  PATCH  /{eventTypeId}                           =UpdateTeamEventType
  DELETE /{eventTypeId}
  POST   /{eventTypeId}/create-phone-call         shape =CreatePhoneCall
/v2/organizations/{orgId}/teams/{teamId}/event-types/{eventTypeId}/booking-fields
  GET    .                                        list
  PUT    .                                        =BookingFields
  POST   .                                        =BookingFields
  PATCH  .                                        =ChangeBookingFields
  DELETE /{slug}
/v2/organizations/{orgId}/teams/{teamId}/event-types/{eventTypeId}/private-links
  GET    .                                        list
  POST   .                                        =PrivateLink
  PATCH  /{linkId}
  DELETE /{linkId}
/v2/organizations/{orgId}/teams/{teamId}/memberships
  GET    .                                        list ?Paged
  POST   .                                        =CreateMembership
  GET    /{membershipId}
  PATCH  /{membershipId}                          =UpdateMembership
  DELETE /{membershipId}
/v2/organizations/{orgId}/teams/{teamId}/roles
  GET    .                                        list ?Paged
  POST   .                                        =Role
  GET    /{roleId}
  PATCH  /{roleId}                                =Role
  DELETE /{roleId}
  GET    /{roleId}/permissions                    list
  POST   /{roleId}/permissions                    =RolePermissions
  PUT    /{roleId}/permissions                    =RolePermissions
  DELETE /{roleId}/permissions                    ?permissions
  DELETE /{roleId}/permissions/{permission}
/v2/organizations/{orgId}/teams/{teamId}/routing-forms
  GET    .                                        list ?FormFilters
  GET    /{routingFormId}/responses               list ?FormFilters
  POST   /{routingFormId}/responses               ?FormSlots
  PATCH  /{routingFormId}/responses/{responseId}  =UpdateRoutingFormResponse
/v2/organizations/{orgId}/teams/{teamId}/workflows
  GET    .                                        list ?Paged
  POST   .                                        =CreateEventTypeWorkflow
  GET    /routing-form                            list ?Paged
  POST   /routing-form                            =CreateFormWorkflow
  GET    /{workflowId}
  PATCH  /{workflowId}                            =UpdateEventTypeWorkflow
  DELETE /{workflowId}
  GET    /{workflowId}/routing-form
  PATCH  /{workflowId}/routing-form               =UpdateFormWorkflow
  DELETE /{workflowId}/routing-form
/v2/organizations/{orgId}/teams/{teamId}/conferencing
  GET    .                                        list
  POST   /{app}/connect
  GET    /{app}/oauth/auth-url                    ?returnTo,onErrorReturnTo
  POST   /{app}/default                           idempotent
  GET    /default
  DELETE /{app}/disconnect
  GET    /{app}/oauth/callback                    changes ?state,code
/v2/organizations/{orgId}/teams/{teamId}/stripe
  GET    /connect                                 ?returnTo,onErrorReturnTo
  GET    /check
  GET    /save                                    changes ?state,code
/v2/organizations/{orgId}/teams/{teamId}/verified-resources
  POST   /emails/verification-code/request        =Email
  POST   /phones/verification-code/request        =Phone
  POST   /emails/verification-code/verify         =EmailCode
  POST   /phones/verification-code/verify         =PhoneCode
  GET    /emails                                  list ?Paged
  GET    /phones                                  list ?Paged
  GET    /emails/{id}
  GET    /phones/{id}

# platforms and credentials
/v2/oauth-clients
  GET    .                                        list
  POST   .                                        =CreateOAuthClient
  GET    /{clientId}
  PATCH  /{clientId}                              =UpdateOAuthClient
  DELETE /{clientId}
/v2/oauth-clients/{clientId}/users
  GET    .                                        list ?limit,offset,emails
  POST   .                                        =CreateManagedUser
  GET    /{userId}
  PATCH  /{userId}                                =UpdateUser
  DELETE /{userId}
  POST   /{userId}/force-refresh
/v2/oauth-clients/{clientId}/webhooks
  GET    .                                        list ?Paged
  POST   .                                        =Webhook
  DELETE .
  GET    /{webhookId}
  PATCH  /{webhookId}                             =Webhook
  DELETE /{webhookId}
/v2/oauth
  POST   /{clientId}/refresh                      =RefreshToken
/v2/auth/oauth2
  GET    /clients/{clientId}
  POST   /token                                   =OAuth2Token
/v2/api-keys
  POST   /refresh                                 =RefreshApiKey
"""

"""Query parameters and body fields of the operations, named as in the official OpenAPI document.

Braces after a field hold the fields of a nested object, or of the objects in a list. If a field accepts several kinds
of object, the braces hold the fields of all of them.
"""

from __future__ import annotations

QUERIES = {
    "Assigned": "assignedOptionIds skip take teamIds",
    "BookingFilters": (
        "afterCreatedAt afterStart afterUpdatedAt attendeeEmail attendeeName beforeCreatedAt beforeEnd "
        "beforeUpdatedAt bookingUid eventTypeId eventTypeIds skip sortCreated sortEnd sortStart sortUpdatedAt "
        "status take teamId teamsIds"
    ),
    "BusyTimes": "calendarsToLoad credentialId dateFrom dateTo externalId loggedInUsersTz timeZone",
    "CalculateSlots": "bookingUidToReschedule duration end format rescheduleWithSameHost start timeZone",
    "EventTypes": "eventSlug orgId orgSlug sortCreatedAt username usernames",
    "FormFilters": (
        "afterCreatedAt afterUpdatedAt beforeCreatedAt beforeUpdatedAt routedToBookingUid skip sortCreatedAt "
        "sortUpdatedAt take"
    ),
    "FormSlots": "bookingUidToReschedule duration end format queueResponse rescheduleWithSameHost start timeZone",
    "OrganizationBookingFilters": (
        "afterCreatedAt afterStart afterUpdatedAt attendeeEmail attendeeName beforeCreatedAt beforeEnd "
        "beforeUpdatedAt bookingUid eventTypeId eventTypeIds skip sortCreated sortEnd sortStart sortUpdatedAt "
        "status take teamId teamsIds userIds"
    ),
    "OrganizationFormFilters": (
        "afterCreatedAt afterUpdatedAt beforeCreatedAt beforeUpdatedAt routedToBookingUid skip sortCreatedAt "
        "sortUpdatedAt take teamIds"
    ),
    "Paged": "skip take",
    "Slots": (
        "bookingUidToReschedule duration end eventTypeId eventTypeSlug format organizationSlug start teamSlug "
        "timeZone username usernames"
    ),
    "TeamBookingFilters": (
        "afterCreatedAt afterStart afterUpdatedAt attendeeEmail attendeeName beforeCreatedAt beforeEnd "
        "beforeUpdatedAt bookingUid eventTypeId eventTypeIds skip sortCreated sortEnd sortStart sortUpdatedAt "
        "status take"
    ),
    "Users": "assignedOptionIds attributeQueryOperator emails skip take teamIds",
}

_CHANGED_BOOKING_FIELD = (
    "variant type slug label placeholder disableOnPrefill required hidden options firstNameLabel firstNamePlaceholder "
    "lastNameLabel lastNamePlaceholder lastNameRequired excludeEmails requireEmails minLength maxLength"
)
_BOOKING_FIELD = f"field {_CHANGED_BOOKING_FIELD}"

_EVENT_TYPE = (
    f"lengthInMinutes lengthInMinutesOptions title slug description bookingFields{{{_BOOKING_FIELD}}} disableGuests "
    "slotInterval minimumBookingNotice "
    "beforeEventBuffer afterEventBuffer scheduleId bookingLimitsCount{day week month year disabled} "
    "bookerActiveBookingsLimit{maximumActiveBookings offerReschedule disabled} onlyShowFirstAvailableSlot "
    "bookingLimitsDuration{day week month year disabled} bookingWindow{type value rolling disabled} offsetStart "
    "bookerLayouts{defaultLayout enabledLayouts} confirmationPolicy{type noticeThreshold{unit count} "
    "blockUnconfirmedBookingsInBooker disabled} recurrence{interval occurrences frequency disabled} "
    "requiresBookerEmailVerification hideCalendarNotes lockTimeZoneToggleOnBookingPage color{lightThemeHex "
    "darkThemeHex} seats{seatsPerTimeSlot showAttendeeInfo showAvailabilityCount disabled} customName "
    "destinationCalendar{integration externalId} useDestinationCalendarEmail hideCalendarEventDetails "
    "successRedirectUrl hideOrganizerEmail calVideoSettings{disableRecordingForOrganizer "
    "disableRecordingForGuests redirectUrlOnExit enableAutomaticRecordingForOrganizer "
    "enableAutomaticTranscription disableTranscriptionForGuests disableTranscriptionForOrganizer "
    "sendTranscriptionEmails hideTranscriptionForGuests hideTranscriptionForOrganizer "
    "disableAttendeeRecordingDownloadEmail transcriptionLanguage} hidden bookingRequiresAuthentication "
    "disableCancelling{disabled} disableRescheduling{disabled minutesBefore} interfaceLanguage "
    "allowReschedulingPastBookings allowReschedulingCancelledBookings showOptimizedSlots "
    "locations{type address public link integration phone} "
    "emailSettings{disableEmailsToAttendees disableEmailsToHosts} skipAttendeeEmailDeliverabilityCheck "
    "privateNoteEnabled privateNoteMode privateNoteTemplate"
)

_TEAM_EVENT_TYPE = (
    f"{_EVENT_TYPE} schedulingType hosts{{userId mandatory priority}} assignAllTeamMembers "
    "rescheduleWithSameRoundRobinHost allowRRHostChoiceOnReschedule"
)
_TEAM = (
    "name slug logoUrl calVideoLogo appLogo appIconLogo bio hideBranding isPrivate hideBookATeamMember metadata theme "
    "brandColor darkBrandColor bannerUrl timeFormat timeZone weekStart"
)
_FILTERS = "selectedTeamId columnFilters{id value{type data}}"

BODIES = {
    "AddAttendee": "name timeZone phoneNumber language email",
    "AddGuests": "guests{email name timeZone phoneNumber language}",
    "AssignAttribute": "value attributeOptionId attributeId weight",
    "AttributeOption": "value slug",
    "BlockBooking": "bookingUid blockType",
    "BookingFields": f"bookingFields{{{_BOOKING_FIELD}}}",
    "BookingInsights": f"scope timeZone {_FILTERS}",
    "CancelBooking": "cancellationReason cancelSubsequentBookings seatUid",
    "ChargeCredits": "credits creditFor externalRef",
    "ChangeBookingFields": f"bookingFields{{{_CHANGED_BOOKING_FIELD}}}",
    "CreateAttribute": "name slug type options{value slug} enabled",
    "CreateBooking": (
        "start attendee{name timeZone phoneNumber language email} bookingFieldsResponses eventTypeId "
        "eventTypeSlug username teamSlug organizationSlug guests meetingUrl location{type address location phone "
        "integration} metadata lengthInMinutes routing{queuedResponseId responseId teamMemberIds teamMemberEmail "
        "skipContactOwner crmAppSlug crmOwnerRecordType crmRecordOwnerFallbackTeamMemberIds "
        "crmRecordOwnerFallbackMode} emailVerificationCode instant recurrenceCount allowConflicts "
        "allowBookingOutOfBounds skipBookingLimits"
    ),
    "CreateCalendarCredentials": "username password",
    "CreateDelegationCredential": (
        "workspacePlatformSlug domain serviceAccountKey{private_key client_email client_id tenant_id} "
        "optOutAutoSecretRotation"
    ),
    "CreateEventTypeWorkflow": (
        "name activation{isActiveOnAllEventTypes activeOnEventTypeIds} trigger{offset{value unit} type} "
        "steps{action stepNumber recipient template sender autoTranslateEnabled sourceLocale skipNoShowAttendees "
        "verifiedEmailId includeCalendarEvent message{subject "
        "html text} phoneRequired verifiedPhoneId}"
    ),
    "CreateFormWorkflow": (
        "name activation{isActiveOnAllRoutingForms activeOnRoutingFormIds} trigger{type offset{value unit}} "
        "steps{action stepNumber recipient template sender autoTranslateEnabled sourceLocale skipNoShowAttendees "
        "verifiedEmailId includeCalendarEvent message{subject "
        "html text} phoneRequired verifiedPhoneId}"
    ),
    "CreateIcsFeed": "urls readOnly",
    "CreateManagedOrganization": "apiKeyDaysValid apiKeyNeverExpires name slug metadata",
    "CreateManagedUser": "email name timeFormat weekStart timeZone locale avatarUrl bio metadata",
    "CreateMembership": "userId accepted role disableImpersonation",
    "CreateOrganizationMembership": "userId email accepted role disableImpersonation",
    "CreateOAuthClient": (
        "logo name redirectUris permissions bookingRedirectUri bookingCancelRedirectUri "
        "bookingRescheduleRedirectUri areEmailsEnabled areDefaultEventTypesEnabled areCalendarEventsEnabled"
    ),
    "CreatePhoneCall": (
        "yourPhoneNumber numberToCall calApiKey enabled templateType schedulerName guestName guestEmail "
        "guestCompany beginMessage generalPrompt"
    ),
    "CreateTeam": f"{_TEAM} autoAcceptCreator",
    "CreateOrganizationTeam": f"{_TEAM} autoAcceptCreator addCreatorAsOwner",
    "CreateUser": (
        "email username name weekday brandColor bio metadata darkBrandColor hideBranding timeZone theme appTheme "
        "timeFormat defaultScheduleId locale avatarUrl organizationRole autoAccept skipNotificationEmail"
    ),
    "DefaultConferencingApp": "appSlug",
    "DestinationCalendars": "integration externalId delegationCredentialId",
    "Disconnect": "id",
    "Email": "email",
    "EmailCode": "email code",
    "MarkAbsentBooking": "host attendees{email absent}",
    "OAuth2Token": "client_id grant_type code redirect_uri client_secret code_verifier refresh_token",
    "OptionWeight": "weight",
    "OutOfOffice": "start end notes toUserId reason",
    "Phone": "phone",
    "PhoneCode": "phone code",
    "PrivateLink": "expiresAt maxUsageCount",
    "Reason": "reason",
    "RefreshApiKey": "apiKeyDaysValid apiKeyNeverExpires",
    "RefreshToken": "refreshToken",
    "RegisterAppPush": "token platform deviceId",
    "RemoveAppPush": "token",
    "RemoveSlack": "identifier teamId",
    "RemoveTelegram": "identifier",
    "ReportBooking": "bookingUid reason description reportType",
    "RequestReschedule": "rescheduleReason",
    "RescheduleBooking": (
        "start rescheduledBy reschedulingReason emailVerificationCode seatUid allowConflicts allowBookingOutOfBounds "
        "skipBookingLimits rescheduleWithSameHost"
    ),
    "ReserveSlot": "eventTypeId slotStart slotDuration reservationDuration",
    "Role": "color description permissions name",
    "RolePermissions": "permissions",
    "RoutedToPerPeriod": f"scope startDate endDate period limit searchQuery {_FILTERS}",
    "RoutingFields": "scope selectedTeamId routingFormId",
    "RoutingFormResponses": f"scope startDate endDate sorting offset limit {_FILTERS}",
    "RoutingInsights": f"scope startDate endDate {_FILTERS}",
    "Schedule": "name timeZone availability{days startTime endTime} isDefault overrides{date startTime endTime}",
    "SendVerificationCode": "email username language isVerifyingEmail",
    "SelectedCalendars": "integration externalId credentialId delegationCredentialId",
    "UpdateAttribute": "name slug type enabled",
    "UpdateBookingLocation": "location{type address location phone link}",
    "UpdateDelegationCredential": (
        "enabled serviceAccountKey{private_key client_email client_id tenant_id} optOutAutoSecretRotation"
    ),
    "UpdateEventTypeWorkflow": (
        "name activation{isActiveOnAllEventTypes activeOnEventTypeIds} trigger{offset{value unit} type} "
        "steps{action stepNumber recipient template sender autoTranslateEnabled sourceLocale skipNoShowAttendees "
        "verifiedEmailId includeCalendarEvent message{subject "
        "html text} id phoneRequired verifiedPhoneId}"
    ),
    "UpdateFormWorkflow": (
        "name trigger{type offset{value unit}} "
        "steps{action stepNumber recipient template sender autoTranslateEnabled sourceLocale skipNoShowAttendees "
        "verifiedEmailId "
        "includeCalendarEvent message{subject html text} id phoneRequired verifiedPhoneId} "
        "activation{isActiveOnAllRoutingForms activeOnRoutingFormIds}"
    ),
    "UpdateBookingLimits": "perDay perWeek perMonth perYear",
    "UpdateManagedOrganization": "name metadata",
    "UpdateMembership": "accepted role disableImpersonation",
    "UpdateOAuthClient": (
        "logo name redirectUris bookingRedirectUri bookingCancelRedirectUri bookingRescheduleRedirectUri "
        "areEmailsEnabled areDefaultEventTypesEnabled areCalendarEventsEnabled"
    ),
    "UpdateOrganizationUser": (
        "email username name weekday brandColor bio metadata darkBrandColor hideBranding timeZone theme appTheme "
        "timeFormat defaultScheduleId locale avatarUrl"
    ),
    "UpdateRoutingFormResponse": "response",
    "UpdateTeam": f"{_TEAM} bookingLimits includeManagedEventsInLimits",
    "UpdateUnifiedCalendarEvent": (
        "start{time timeZone} end{time timeZone} title description attendees{email name responseStatus self "
        "optional host} status"
    ),
    "UpdateUser": "email name timeFormat defaultScheduleId weekStart timeZone locale avatarUrl bio metadata",
    "Webhook": "payloadTemplate active subscriberUrl triggers secret version time timeUnit",
    "EventType": _EVENT_TYPE,
    "UpdateEventType": f"{_EVENT_TYPE} bookingProposalCount",
    "TeamEventType": _TEAM_EVENT_TYPE,
    "UpdateTeamEventType": f"{_TEAM_EVENT_TYPE} bookingProposalCount",
    "VerifyCode": "email code",
}

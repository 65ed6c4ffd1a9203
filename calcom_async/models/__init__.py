"""Responses and request bodies of the API as msgspec structs; an area is imported with the first of its names."""

from typing import TYPE_CHECKING

from calcom_async._lazy import lazy, parse_homes

if TYPE_CHECKING:
    from calcom_async.models._base import (
        DISABLED as DISABLED,
        DisableableSetting as DisableableSetting,
        Model as Model,
    )
    from calcom_async.models.allowlists import (
        Allowlist as Allowlist,
        AllowlistMetadata as AllowlistMetadata,
        Allowlists as Allowlists,
        AllowlistService as AllowlistService,
    )
    from calcom_async.models.attribute_history import (
        AttributeAuditLog as AttributeAuditLog,
        AttributeChange as AttributeChange,
        AttributeSyncRun as AttributeSyncRun,
        AuditedAttribute as AuditedAttribute,
        AuditedOption as AuditedOption,
        SyncFieldMapping as SyncFieldMapping,
        SyncRuleEvaluation as SyncRuleEvaluation,
        SyncTeamChange as SyncTeamChange,
    )
    from calcom_async.models.attributes import (
        AssignedOption as AssignedOption,
        AssignOption as AssignOption,
        Attribute as Attribute,
        AttributeOption as AttributeOption,
        AttributeType as AttributeType,
        CreateAttribute as CreateAttribute,
        CreateAttributeOption as CreateAttributeOption,
        OptionAssignment as OptionAssignment,
        UpdateAttribute as UpdateAttribute,
        UpdateAttributeOption as UpdateAttributeOption,
        UpdateOptionWeight as UpdateOptionWeight,
    )
    from calcom_async.models.booking_fields import (
        BookingField as BookingField,
        BookingFieldName as BookingFieldName,
        BookingFields as BookingFields,
    )
    from calcom_async.models.booking_limits import (
        TeamBookingLimit as TeamBookingLimit,
        TeamBookingLimits as TeamBookingLimits,
        UpdateUserBookingLimits as UpdateUserBookingLimits,
        UserBookingLimits as UserBookingLimits,
    )
    from calcom_async.models.booking_reports import (
        BlockBooking as BlockBooking,
        BlockType as BlockType,
        BookingBlock as BookingBlock,
        BookingReport as BookingReport,
        ReportBooking as ReportBooking,
        ReportReason as ReportReason,
    )
    from calcom_async.models.bookings import (
        AbsentAttendee as AbsentAttendee,
        AddGuests as AddGuests,
        Attendee as Attendee,
        Booking as Booking,
        BookingAttendee as BookingAttendee,
        BookingEventType as BookingEventType,
        BookingHost as BookingHost,
        BookingLocation as BookingLocation,
        BookingReference as BookingReference,
        BookingStatus as BookingStatus,
        CalendarLink as CalendarLink,
        CancelBooking as CancelBooking,
        ConferencingParticipant as ConferencingParticipant,
        ConferencingSession as ConferencingSession,
        CreateBooking as CreateBooking,
        Guest as Guest,
        MarkAbsent as MarkAbsent,
        ReassignedHost as ReassignedHost,
        Reassignment as Reassignment,
        Recording as Recording,
        RescheduleBooking as RescheduleBooking,
        Routing as Routing,
        RoutingTrace as RoutingTrace,
        RoutingTraceForm as RoutingTraceForm,
        RoutingTraceGroup as RoutingTraceGroup,
        RoutingTraceResponse as RoutingTraceResponse,
        RoutingTraceStep as RoutingTraceStep,
        RoutingTraceSubmission as RoutingTraceSubmission,
        UpdateBookingLocation as UpdateBookingLocation,
    )
    from calcom_async.models.calendar_events import (
        CalendarEvent as CalendarEvent,
        CalendarEventAttendee as CalendarEventAttendee,
        CalendarEventHost as CalendarEventHost,
        CalendarEventLocation as CalendarEventLocation,
        CalendarEventStatus as CalendarEventStatus,
        CalendarEventTime as CalendarEventTime,
        CalendarResponseStatus as CalendarResponseStatus,
        CalendarSource as CalendarSource,
        UpdateCalendarEvent as UpdateCalendarEvent,
        UpdateCalendarEventAttendee as UpdateCalendarEventAttendee,
    )
    from calcom_async.models.calendars import (
        BusyTime as BusyTime,
        Calendar as Calendar,
        CalendarAuthUrl as CalendarAuthUrl,
        CalendarCredential as CalendarCredential,
        CalendarError as CalendarError,
        CalendarIntegration as CalendarIntegration,
        ConnectAppleCalendar as ConnectAppleCalendar,
        ConnectedCalendar as ConnectedCalendar,
        ConnectedCalendars as ConnectedCalendars,
        DestinationCalendar as DestinationCalendar,
        SaveIcsFeeds as SaveIcsFeeds,
        SelectCalendar as SelectCalendar,
        SelectedCalendar as SelectedCalendar,
        SetDestinationCalendar as SetDestinationCalendar,
    )
    from calcom_async.models.conferencing import (
        ConferencingApp as ConferencingApp,
        ConferencingAuthUrl as ConferencingAuthUrl,
        DefaultConferencingApp as DefaultConferencingApp,
        StripeAuthUrl as StripeAuthUrl,
        UserConferencingApp as UserConferencingApp,
    )
    from calcom_async.models.credits import (
        AvailableCredits as AvailableCredits,
        ChargedCredits as ChargedCredits,
        CreditBalance as CreditBalance,
        CreditUse as CreditUse,
    )
    from calcom_async.models.delegation_credentials import (
        CreateDelegationCredential as CreateDelegationCredential,
        DelegationCredential as DelegationCredential,
        DelegationSecret as DelegationSecret,
        SecretRotationError as SecretRotationError,
        ServiceAccountKey as ServiceAccountKey,
        UpdateDelegationCredential as UpdateDelegationCredential,
        WorkspacePlatform as WorkspacePlatform,
        WorkspacePlatformSlug as WorkspacePlatformSlug,
    )
    from calcom_async.models.email_verification import (
        SendVerificationCode as SendVerificationCode,
        SentCode as SentCode,
        VerifiedCode as VerifiedCode,
        VerifyCode as VerifyCode,
    )
    from calcom_async.models.event_type_history import (
        AuditActor as AuditActor,
        AuditDisplayField as AuditDisplayField,
        AuditFieldValue as AuditFieldValue,
        CrmSyncError as CrmSyncError,
        EventTypeAuditLog as EventTypeAuditLog,
    )
    from calcom_async.models.event_type_settings import (
        BookerActiveBookingsLimit as BookerActiveBookingsLimit,
        BookerLayouts as BookerLayouts,
        BookingLimits as BookingLimits,
        BookingWindow as BookingWindow,
        CalVideoSettings as CalVideoSettings,
        Color as Color,
        ConfirmationPolicy as ConfirmationPolicy,
        DisableCancelling as DisableCancelling,
        DisableRescheduling as DisableRescheduling,
        EmailSettings as EmailSettings,
        EventTypeDestinationCalendar as EventTypeDestinationCalendar,
        Frequency as Frequency,
        Host as Host,
        HostPriority as HostPriority,
        Layout as Layout,
        Location as Location,
        LocationType as LocationType,
        NoticeThreshold as NoticeThreshold,
        Recurrence as Recurrence,
        Seats as Seats,
    )
    from calcom_async.models.event_types import (
        CreateEventType as CreateEventType,
        CreateTeamEventType as CreateTeamEventType,
        DeletedEventType as DeletedEventType,
        EventType as EventType,
        EventTypeTeam as EventTypeTeam,
        EventTypeUser as EventTypeUser,
        PrivateNoteMode as PrivateNoteMode,
        SchedulingType as SchedulingType,
        UpdateEventType as UpdateEventType,
        UpdateTeamEventType as UpdateTeamEventType,
        scheduling_type as scheduling_type,
    )
    from calcom_async.models.insights import (
        BookingAverageDuration as BookingAverageDuration,
        BookingEventTrend as BookingEventTrend,
        BookingInsightsQuery as BookingInsightsQuery,
        BookingKpiStats as BookingKpiStats,
        BookingMemberStat as BookingMemberStat,
        BookingMemberStats as BookingMemberStats,
        ColumnFilter as ColumnFilter,
        ColumnFilterValue as ColumnFilterValue,
        FailedBookingCount as FailedBookingCount,
        InsightsAttendee as InsightsAttendee,
        InsightsFormResponse as InsightsFormResponse,
        InsightsFormResponses as InsightsFormResponses,
        InsightsMetric as InsightsMetric,
        InsightsPeriod as InsightsPeriod,
        InsightsRange as InsightsRange,
        InsightsResponseField as InsightsResponseField,
        InsightsScope as InsightsScope,
        InsightsSort as InsightsSort,
        InsightsUser as InsightsUser,
        RoutedPeriod as RoutedPeriod,
        RoutedPeriods as RoutedPeriods,
        RoutedToPerPeriod as RoutedToPerPeriod,
        RoutedUser as RoutedUser,
        RoutedUsers as RoutedUsers,
        RoutingField as RoutingField,
        RoutingFieldOption as RoutingFieldOption,
        RoutingFormsByStatus as RoutingFormsByStatus,
        RoutingInsightsQuery as RoutingInsightsQuery,
    )
    from calcom_async.models.me import (
        Me as Me,
        MeOrganization as MeOrganization,
        UpdateMe as UpdateMe,
    )
    from calcom_async.models.memberships import (
        CreateMembership as CreateMembership,
        CreateMembershipByEmail as CreateMembershipByEmail,
        Membership as Membership,
        MembershipAttribute as MembershipAttribute,
        MembershipAttributeOption as MembershipAttributeOption,
        MembershipRole as MembershipRole,
        MembershipUser as MembershipUser,
        OrganizationMembership as OrganizationMembership,
        UpdateMembership as UpdateMembership,
    )
    from calcom_async.models.notifications import (
        AppPushSubscription as AppPushSubscription,
        ChatLinkIntent as ChatLinkIntent,
    )
    from calcom_async.models.oauth import (
        ApiKeyRefreshed as ApiKeyRefreshed,
        ManagedUserTokens as ManagedUserTokens,
        OAuth2Tokens as OAuth2Tokens,
    )
    from calcom_async.models.oauth_clients import (
        OAUTH_PERMISSIONS as OAUTH_PERMISSIONS,
        CreateManagedUser as CreateManagedUser,
        CreateOAuthClient as CreateOAuthClient,
        ManagedUser as ManagedUser,
        ManagedUserCreated as ManagedUserCreated,
        OAuth2Client as OAuth2Client,
        OAuthClient as OAuthClient,
        OAuthClientCredentials as OAuthClientCredentials,
        OAuthPermission as OAuthPermission,
        UpdateManagedUser as UpdateManagedUser,
        UpdateOAuthClient as UpdateOAuthClient,
    )
    from calcom_async.models.organization_users import (
        CreateOrganizationUser as CreateOrganizationUser,
        OrganizationProfile as OrganizationProfile,
        OrganizationUser as OrganizationUser,
        UpdateOrganizationUser as UpdateOrganizationUser,
    )
    from calcom_async.models.organizations import (
        CreateManagedOrganization as CreateManagedOrganization,
        ManagedOrganization as ManagedOrganization,
        UpdateManagedOrganization as UpdateManagedOrganization,
    )
    from calcom_async.models.out_of_office import (
        CreateOutOfOffice as CreateOutOfOffice,
        OutOfOfficeEntry as OutOfOfficeEntry,
        OutOfOfficeReason as OutOfOfficeReason,
        UpdateOutOfOffice as UpdateOutOfOffice,
    )
    from calcom_async.models.pagination import Pagination as Pagination
    from calcom_async.models.phone_calls import (
        CreatePhoneCall as CreatePhoneCall,
        PhoneCall as PhoneCall,
    )
    from calcom_async.models.private_links import (
        DeletedPrivateLink as DeletedPrivateLink,
        PrivateLink as PrivateLink,
    )
    from calcom_async.models.reservations import (
        Reservation as Reservation,
        ReserveSlot as ReserveSlot,
    )
    from calcom_async.models.roles import (
        CreateRole as CreateRole,
        Permission as Permission,
        Role as Role,
        UpdateRole as UpdateRole,
    )
    from calcom_async.models.routing_forms import (
        RoutedResponse as RoutedResponse,
        RoutedSlots as RoutedSlots,
        RoutingForm as RoutingForm,
        RoutingFormResponse as RoutingFormResponse,
    )
    from calcom_async.models.rsvp_events import (
        RsvpEvent as RsvpEvent,
        RsvpEventLocation as RsvpEventLocation,
    )
    from calcom_async.models.schedules import (
        Availability as Availability,
        CreateSchedule as CreateSchedule,
        Override as Override,
        Schedule as Schedule,
        UpdateSchedule as UpdateSchedule,
    )
    from calcom_async.models.scheduling_config import (
        SchedulingConfig as SchedulingConfig,
        SchedulingHost as SchedulingHost,
        SchedulingHostGroup as SchedulingHostGroup,
    )
    from calcom_async.models.slots import (
        Slot as Slot,
        SlotDays as SlotDays,
    )
    from calcom_async.models.teams import (
        CreateTeam as CreateTeam,
        Team as Team,
        TeamAwaitingPayment as TeamAwaitingPayment,
        TeamInvite as TeamInvite,
        UpdateTeam as UpdateTeam,
    )
    from calcom_async.models.times import Weekday as Weekday
    from calcom_async.models.verified_resources import (
        VerifiedEmail as VerifiedEmail,
        VerifiedPhone as VerifiedPhone,
    )
    from calcom_async.models.webhook_events import WebhookEvent as WebhookEvent
    from calcom_async.models.webhook_payloads import (
        BookingPayload as BookingPayload,
        DelegationErrorPayload as DelegationErrorPayload,
        DelegationRotationPayload as DelegationRotationPayload,
        DownloadLinks as DownloadLinks,
        InstantMeetingAcceptedPayload as InstantMeetingAcceptedPayload,
        InstantMeetingPayload as InstantMeetingPayload,
        MeetingPayload as MeetingPayload,
        NoShowAttendee as NoShowAttendee,
        NoShowPayload as NoShowPayload,
        OutOfOfficePayload as OutOfOfficePayload,
        RecordingPayload as RecordingPayload,
        ReportedBooking as ReportedBooking,
        ReportedEventType as ReportedEventType,
        RoutingFormPayload as RoutingFormPayload,
        TranscriptionLink as TranscriptionLink,
        VideoCall as VideoCall,
        VideoNoShowPayload as VideoNoShowPayload,
        WebhookCredential as WebhookCredential,
        WebhookDelegationCredential as WebhookDelegationCredential,
        WebhookError as WebhookError,
        WebhookFieldResponse as WebhookFieldResponse,
        WebhookLanguage as WebhookLanguage,
        WebhookOutOfOfficeEntry as WebhookOutOfOfficeEntry,
        WebhookOutOfOfficeReason as WebhookOutOfOfficeReason,
        WebhookPerson as WebhookPerson,
        WebhookTeam as WebhookTeam,
        WebhookUser as WebhookUser,
        WrongAssignmentPayload as WrongAssignmentPayload,
        WrongAssignmentReport as WrongAssignmentReport,
    )
    from calcom_async.models.webhooks import (
        WEBHOOK_TRIGGERS as WEBHOOK_TRIGGERS,
        CreateWebhook as CreateWebhook,
        UpdateWebhook as UpdateWebhook,
        Webhook as Webhook,
        WebhookTimeUnit as WebhookTimeUnit,
        WebhookTrigger as WebhookTrigger,
    )
    from calcom_async.models.workflows import (
        CreateWorkflow as CreateWorkflow,
        SetWorkflowStep as SetWorkflowStep,
        UpdateWorkflow as UpdateWorkflow,
        Workflow as Workflow,
        WorkflowActivation as WorkflowActivation,
        WorkflowMessage as WorkflowMessage,
        WorkflowOffset as WorkflowOffset,
        WorkflowPath as WorkflowPath,
        WorkflowStep as WorkflowStep,
        WorkflowTrigger as WorkflowTrigger,
    )

_HOMES = parse_homes("""
    _base: DISABLED Model DisableableSetting
    allowlists: Allowlist AllowlistMetadata AllowlistService Allowlists
    attribute_history: AttributeAuditLog AttributeChange AttributeSyncRun AuditedAttribute AuditedOption
        SyncFieldMapping SyncRuleEvaluation SyncTeamChange
    attributes: AssignOption AssignedOption Attribute AttributeOption AttributeType CreateAttribute
        CreateAttributeOption OptionAssignment UpdateAttribute UpdateAttributeOption UpdateOptionWeight
    booking_fields: BookingField BookingFieldName BookingFields
    booking_limits: TeamBookingLimit TeamBookingLimits UpdateUserBookingLimits UserBookingLimits
    booking_reports: BlockBooking BlockType BookingBlock BookingReport ReportBooking ReportReason
    bookings: AbsentAttendee AddGuests Attendee Booking BookingAttendee BookingEventType BookingHost BookingLocation
        BookingReference BookingStatus CalendarLink CancelBooking ConferencingParticipant ConferencingSession
        CreateBooking Guest MarkAbsent ReassignedHost Reassignment Recording RescheduleBooking Routing
        UpdateBookingLocation RoutingTrace RoutingTraceForm RoutingTraceGroup RoutingTraceResponse RoutingTraceStep
        RoutingTraceSubmission
    calendar_events: CalendarEvent CalendarEventAttendee CalendarEventHost CalendarEventLocation CalendarEventStatus
        CalendarEventTime CalendarResponseStatus CalendarSource UpdateCalendarEvent UpdateCalendarEventAttendee
    calendars: BusyTime Calendar CalendarAuthUrl CalendarCredential CalendarError CalendarIntegration
        ConnectAppleCalendar ConnectedCalendar ConnectedCalendars DestinationCalendar SaveIcsFeeds SelectCalendar
        SelectedCalendar SetDestinationCalendar
    conferencing: ConferencingApp ConferencingAuthUrl DefaultConferencingApp StripeAuthUrl UserConferencingApp
    credits: AvailableCredits ChargedCredits CreditBalance CreditUse
    delegation_credentials: CreateDelegationCredential DelegationCredential DelegationSecret SecretRotationError
        ServiceAccountKey UpdateDelegationCredential WorkspacePlatform WorkspacePlatformSlug
    event_type_history: AuditActor AuditDisplayField AuditFieldValue CrmSyncError EventTypeAuditLog
    event_type_settings: BookerActiveBookingsLimit BookerLayouts BookingLimits BookingWindow CalVideoSettings Color
        ConfirmationPolicy DisableCancelling DisableRescheduling EmailSettings EventTypeDestinationCalendar
        Frequency Host HostPriority Layout Location LocationType NoticeThreshold Recurrence Seats
    event_types: CreateEventType CreateTeamEventType DeletedEventType EventType EventTypeTeam EventTypeUser
        PrivateNoteMode SchedulingType UpdateEventType UpdateTeamEventType scheduling_type
    insights: BookingAverageDuration BookingEventTrend BookingInsightsQuery BookingKpiStats BookingMemberStat
        BookingMemberStats ColumnFilter ColumnFilterValue FailedBookingCount InsightsAttendee InsightsFormResponse
        InsightsFormResponses InsightsMetric InsightsPeriod InsightsRange InsightsResponseField InsightsScope
        InsightsSort InsightsUser RoutedPeriod RoutedPeriods RoutedToPerPeriod RoutedUser RoutedUsers RoutingField
        RoutingFieldOption RoutingFormsByStatus RoutingInsightsQuery
    me: Me MeOrganization UpdateMe
    memberships: CreateMembership CreateMembershipByEmail Membership MembershipAttribute MembershipAttributeOption
        MembershipRole MembershipUser OrganizationMembership UpdateMembership
    notifications: AppPushSubscription ChatLinkIntent
    oauth: ApiKeyRefreshed ManagedUserTokens OAuth2Tokens
    oauth_clients: OAUTH_PERMISSIONS CreateManagedUser CreateOAuthClient ManagedUser ManagedUserCreated OAuth2Client
        OAuthClient OAuthClientCredentials OAuthPermission UpdateManagedUser UpdateOAuthClient
    organization_users: CreateOrganizationUser OrganizationProfile OrganizationUser UpdateOrganizationUser
    organizations: CreateManagedOrganization ManagedOrganization UpdateManagedOrganization
    out_of_office: CreateOutOfOffice OutOfOfficeEntry OutOfOfficeReason UpdateOutOfOffice
    pagination: Pagination
    phone_calls: CreatePhoneCall PhoneCall
    private_links: DeletedPrivateLink PrivateLink
    reservations: Reservation ReserveSlot
    roles: CreateRole Permission Role UpdateRole
    routing_forms: RoutedResponse RoutedSlots RoutingForm RoutingFormResponse
    rsvp_events: RsvpEvent RsvpEventLocation
    schedules: Availability CreateSchedule Override Schedule UpdateSchedule
    scheduling_config: SchedulingConfig SchedulingHost SchedulingHostGroup
    slots: Slot SlotDays
    teams: CreateTeam Team TeamAwaitingPayment TeamInvite UpdateTeam
    times: Weekday
    verified_resources: VerifiedEmail VerifiedPhone
    webhook_events: WebhookEvent
    webhook_payloads: WebhookOutOfOfficeEntry WebhookOutOfOfficeReason BookingPayload DownloadLinks WebhookLanguage
        WebhookPerson WebhookFieldResponse WebhookTeam RoutingFormPayload InstantMeetingPayload MeetingPayload
        NoShowAttendee NoShowPayload OutOfOfficePayload RecordingPayload TranscriptionLink VideoCall VideoNoShowPayload
        DelegationErrorPayload DelegationRotationPayload ReportedBooking InstantMeetingAcceptedPayload ReportedEventType
        WebhookCredential WebhookDelegationCredential WebhookError WebhookUser WrongAssignmentPayload
        WrongAssignmentReport
    webhooks: WEBHOOK_TRIGGERS CreateWebhook UpdateWebhook Webhook WebhookTimeUnit WebhookTrigger
    email_verification: SendVerificationCode SentCode VerifiedCode VerifyCode
    workflows: CreateWorkflow WorkflowPath SetWorkflowStep UpdateWorkflow Workflow WorkflowActivation
        WorkflowMessage WorkflowOffset WorkflowStep WorkflowTrigger
""")

if not TYPE_CHECKING:  # type checkers see the imports above; with `__getattr__` they would accept every name
    __all__, __getattr__, __dir__ = lazy(__name__, _HOMES)

/* envelope - what travels on the topics, as plain structs; bytes in, bytes out.
 *
 * Spec:    proto/ (one message per file; meanings and units are written there).
 * Owner:   decoded structs and their Str live in `arena`; encode only borrows its input.
 * Threads: pure; one arena per thread.
 * Errors:  ERR_INPUT "envelope-bytes" (unreadable), "envelope-version" (newer than ours),
 *          "envelope-text" (a text with NUL in it), "envelope-field" (required one missing),
 *          "memory-limit".
 * Unknown: fields that a newer writer added stay in `unknown` and are written back by encode: copy
 *          the struct, change what you mean to, encode. */
#pragma once
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"

enum {
    ENVELOPE_VERSION = 1,
    ENVELOPE_SHA256_BYTES = 32,
    ENVELOPE_KEY_BYTES = 16,
    ENVELOPE_NOBODY_WAITS = -1, /* response_partition */
};

/* Fields this version does not know, opaque. Zero: none. */
typedef struct UnknownFields {
    const void *fields;
    uint32_t count;
} UnknownFields;

typedef enum Lane {
    LANE_UNSPECIFIED, /* read as interactive */
    LANE_INTERACTIVE,
    LANE_BULK,
} Lane;

typedef enum RouteKind {
    ROUTE_UNSPECIFIED,
    ROUTE_BUNDLE,
    ROUTE_BUNDLE_VALIDATE,
    ROUTE_TRIAL, /* nothing is kept of it */
} RouteKind;

typedef struct NameValue {
    Str name;
    Str value;
} NameValue;

typedef struct RequestHeaders {
    Str correlation_id;
    Str severity_level;
    Str datalake_url;
    Str ig_version;
    Str elaboration;
    Str provenance;
    Str master_interaction_id;
    Str group_interaction_id;
    Str override_request_uri;
    bool health_check;
    Str data_ledger_tracking;
    Str data_ledger_diagnostics;
    Str user_agent;
    Str client_address;
    Str request_uri;
    const NameValue *other;
    uint32_t other_count;
    UnknownFields unknown;
} RequestHeaders;

typedef struct Envelope {
    uint32_t version; /* 0 on encode: ENVELOPE_VERSION */
    Str interaction_id;
    Str tenant;
    Str caller;
    RouteKind route;
    Str source_type;
    Str content_type;
    int64_t received_at_us;
    Str payload;
    Str payload_sha256;
    uint64_t payload_bytes;
    int32_t response_partition;
    Str ingest_instance;
    int64_t deadline_at_us;
    Lane lane;
    RequestHeaders headers;
    Str traceparent;
    Str replay_id;
    Str parent_id;
    uint32_t child_index;
    uint32_t attempt;
    Str ordering_key;
    Str replay_to; /* validate, store, submit; empty: not a replay */
    Str trial_profile;
    UnknownFields unknown;
} Envelope;

typedef enum DispositionAction {
    ACTION_UNSPECIFIED,
    ACTION_ACCEPT,
    ACTION_REJECT,
    ACTION_DISCARD,
} DispositionAction;

typedef struct OutcomeIssue {
    Str severity;
    Str code;
    Str message_id;
    Str location;
    Str expression;
    Str text;
    uint32_t line;
    uint32_t column;
} OutcomeIssue;

typedef struct Outcome {
    bool valid;
    Str operation_outcome;
    Str precheck_code;
    Str precheck_message;
    Str ig_name;
    Str ig_version;
    Str profile_url;
    Str engine_name;
    Str engine_version;
    int64_t started_at_us;
    int64_t finished_at_us;
    uint32_t errors;
    uint32_t warnings;
    uint32_t information;
    uint32_t issues_left_out;
    const OutcomeIssue *issues;
    uint32_t issue_count;
    int64_t engine_started_at_us;
    UnknownFields unknown;
} Outcome;

typedef struct Disposition {
    DispositionAction action;
    Str actions_json;
    UnknownFields unknown;
} Disposition;

/* What one rule did: see proto/validated.proto. */
typedef struct RuleChange {
    Str rule;
    Str what;
    uint32_t issue; /* from 1; 0: none of the engine's */
    Str before;
    Str after;
} RuleChange;

typedef struct Validated {
    uint32_t version;
    Envelope envelope; /* payload left out */
    Str bundle;
    bool bundle_is_payload;
    Outcome outcome; /* what the sender is told */
    Disposition disposition;
    int64_t published_at_us;
    bool redelivered;
    Str rules_version;
    bool has_engine_outcome; /* rules changed diagnostics; else outcome is the engine's */
    Outcome engine_outcome;
    const RuleChange *rule_changes;
    uint32_t rule_change_count;
    UnknownFields unknown;
} Validated;

typedef enum ResponseKind {
    RESPONSE_UNSPECIFIED,
    RESPONSE_VERDICT,
    RESPONSE_STORED,
    RESPONSE_DELIVERY,
    RESPONSE_FAILED,
    RESPONSE_ROUTED,
    RESPONSE_BURIED,
} ResponseKind;

typedef enum FailureKind {
    FAILURE_NONE,
    FAILURE_POISON,
    FAILURE_INPUT,
    FAILURE_MEMORY,
    FAILURE_TIMEOUT,
    FAILURE_INTERNAL,
} FailureKind;

typedef struct Failure {
    FailureKind kind;
    Str code;
    Str text;
    UnknownFields unknown;
} Failure;

typedef struct Delivery {
    Str destination;
    Str url;
    Str idempotency_key;
    uint32_t attempt;
    uint32_t budget_used;
    int64_t started_at_us;
    int64_t finished_at_us;
    uint32_t http_status;
    bool success;
    bool final;
    Str error_class;
    Str error_text;
    Str response_body;
    bool response_truncated;
    Str request_sha256;
    uint64_t request_bytes;
    Str response_content_type;
    Str rules_version;
    Str transforms_json;
    const NameValue *response_headers;
    uint32_t response_header_count;
    UnknownFields unknown;
} Delivery;

/* Parts that a kind does not have: `has_...` false, the struct zero. */
typedef struct Response {
    uint32_t version;
    ResponseKind kind;
    Str service;
    Str interaction_id;
    Str tenant;
    RouteKind route;
    Str payload_sha256;
    Str ingest_instance;
    int64_t at_us;
    int64_t received_at_us;
    Str traceparent;
    Str replay_id;
    Str parent_id;
    Str source_type;
    Str rules_version;
    Str replay_to;
    uint32_t attempt;
    bool has_outcome;
    Outcome outcome;
    bool has_disposition;
    Disposition disposition;
    bool has_delivery;
    Delivery delivery;
    bool has_failure;
    Failure failure;
    UnknownFields unknown;
} Response;

typedef struct Submission {
    uint32_t version;
    Envelope envelope; /* payload left out */
    Str destination;
    Str url;
    Str content_type;
    Str body;
    Str processing_agent;
    Str idempotency_key;
    int64_t published_at_us;
    bool redelivered;
    Str rules_version;
    Str transforms_json; /* what was done to the bundle: see proto/submission.proto */
    Str data_id;
    UnknownFields unknown;
} Submission;

/* What a validator has open: see proto/loaded.proto. */
typedef struct LoadedImage {
    Str digest;
    Str name;
    Str version;
    Str reference;
    uint64_t bytes;
    int64_t loaded_at_us;
    uint32_t profiles;
    bool described;
    const NameValue *packages;
    uint32_t package_count;
    const Str *profile_urls;
    uint32_t profile_url_count;
    UnknownFields unknown;
} LoadedImage;

typedef struct Loaded {
    Str instance;
    Str host;
    Str software;
    int64_t started_at_us;
    uint32_t every_s;
    bool ended;
    const LoadedImage *images;
    uint32_t image_count;
    UnknownFields unknown;
} Loaded;

typedef struct Event {
    uint32_t version;
    Str event_id;
    Str interaction_id;
    Str tenant;
    Str service;
    Str kind;
    int64_t at_us;
    uint32_t http_status;
    Str traceparent;
    Str payload_sha256;
    Str content_type;
    Str body;
    const NameValue *details;
    uint32_t detail_count;
    bool has_loaded;
    Loaded loaded;
    UnknownFields unknown;
} Event;

typedef enum AuditKind {
    AUDIT_UNSPECIFIED = 0,
    AUDIT_REQUEST = 1,
    AUDIT_ADMINISTRATION = 2,
    AUDIT_GAP = 3,
} AuditKind;

/* outcome: as in FHIR's AuditEvent. */
enum { AUDIT_SUCCESS = 0, AUDIT_REFUSED = 4, AUDIT_FAILED = 8 };

typedef struct AuditRecord {
    uint32_t version;
    Str id;
    int64_t at_us;
    AuditKind kind;
    Str service;
    Str instance;
    Str action;
    Str operation;
    Str resource;
    Str tenant;
    Str caller;
    Str means;
    Str address;
    Str peer;
    uint32_t status;
    uint32_t outcome;
    Str code;
    Str subject;
    uint64_t count;
    const NameValue *details;
    uint32_t detail_count;
    UnknownFields unknown;
} AuditRecord;

bool envelope_encode(const Envelope *in, Arena *arena, Str *ret_bytes, Err *err) MUST_USE;
/* The same message without copying its payload: everything else is written into the `room` bytes in
 * front of it. False: it takes more room than that, or what envelope_encode would refuse. */
bool envelope_encode_before(const Envelope *in, size_t room, Arena *arena, Str *ret_bytes,
                            Err *err) MUST_USE;
bool envelope_decode(Str bytes, Arena *arena, Envelope *ret, Err *err) MUST_USE;
bool validated_encode(const Validated *in, Arena *arena, Str *ret_bytes, Err *err) MUST_USE;
bool validated_decode(Str bytes, Arena *arena, Validated *ret, Err *err) MUST_USE;
bool response_encode(const Response *in, Arena *arena, Str *ret_bytes, Err *err) MUST_USE;
bool response_decode(Str bytes, Arena *arena, Response *ret, Err *err) MUST_USE;
/* The same, save that a large outcome.operation_outcome stays where it is, in `bytes`. */
bool response_decode_in_place(Str bytes, Arena *arena, Response *ret, Err *err) MUST_USE;
bool submission_encode(const Submission *in, Arena *arena, Str *ret_bytes, Err *err) MUST_USE;
bool submission_decode(Str bytes, Arena *arena, Submission *ret, Err *err) MUST_USE;
bool event_encode(const Event *in, Arena *arena, Str *ret_bytes, Err *err) MUST_USE;
bool event_decode(Str bytes, Arena *arena, Event *ret, Err *err) MUST_USE;
bool audit_record_encode(const AuditRecord *in, Arena *arena, Str *ret_bytes, Err *err) MUST_USE;
bool audit_record_decode(Str bytes, Arena *arena, AuditRecord *ret, Err *err) MUST_USE;

/* Fills payload_bytes and payload_sha256 from payload (the hash lives in `arena`). */
bool envelope_seal(Envelope *envelope, Arena *arena, Err *err) MUST_USE;

void envelope_sha256(Str bytes, unsigned char ret_hash[ENVELOPE_SHA256_BYTES]);

/* A Response about this envelope: who asked, which partition's replica, trace; the rest zero. */
Response envelope_response(const Envelope *envelope, ResponseKind kind, Str service, int64_t at_us);

/* Whether the payload is a FHIR resource in JSON. What has the media type of one is, also where its
 * source_type says what somebody made it of before sending it. */
bool envelope_is_fhir(const Envelope *envelope);

const char *route_name(RouteKind route);           /* "bundle", "validate", "trial" */
const char *lane_name(Lane lane);                  /* "interactive", "bulk" */
const char *action_name(DispositionAction action); /* "accept", "reject", "discard" */
const char *failure_kind_name(FailureKind kind);   /* "poison", ... */
const char *response_kind_name(ResponseKind kind); /* "verdict", ... */
const char *audit_kind_name(AuditKind kind);       /* "request", ... */

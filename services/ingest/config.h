/* config - every setting of fhirbus-ingest, read once. `fhirbus-ingest --help-config` prints them.
 *
 * Owner:   main; const for everybody else. */
#pragma once
#include "common/bus/bus.h"
#include "common/config/config.h"
#include "common/db/db.h"
#include "common/destinations/topic.h"
#include "common/vault/vault.h"
#include "services/ingest/sessions/session_options.h"

/* AUDIT_UNAVAILABLE */
enum { AUDIT_REFUSE, AUDIT_SERVE };

typedef struct IngestConfig {
    BusConfig bus;
    DbConfig db;
    VaultConfig vault;
    const char *instance_id;
    int log_level;
    /* senders' side */
    const char *https_bind;
    uint64_t https_port;
    bool plain_http;
    const char *tls_cert_file, *tls_key_file, *tls_ticket_key_file, *tls_priorities;
    uint64_t http_threads, connections_max, connections_per_address;
    uint64_t body_max_bytes, buffered_max_bytes, fields_max, field_bytes_max;
    uint64_t tenant_requests_max, tenant_bytes_max; /* 0: no limit */
    uint64_t idle_ms, header_ms, body_ms, body_rate_min, body_grace_ms, send_ms;
    const char *proxy_from; /* networks; NULL: no PROXY protocol */
    uint64_t proxy_ms;
    const char *hosts, *internal_names, *certificates_dir;
    uint64_t limits_lease_ms, limits_timeout_ms, limits_away_per_s;
    uint64_t address_per_s, address_burst, anonymous_per_s, anonymous_burst;
    uint64_t shed_requests, shed_queue, shed_delay_ms;
    bool allow_anonymous;
    const char *client_ca_file, *client_crl_file, *credential_key;
    const char *signing_keys, *token_issuer, *token_audience;
    uint64_t signing_publish_s;
    const char *datalake_urls, *secrets;
    DestinationTopics topics;
    const char *destinations, *lake_callback_key; /* those of the settings, which may call back */
    int lake_callback;                            /* DestinationCallback - 1 */
    const char *public_base_url;
    const char *help_text;
    const char *techbd_version;
    /* operators' side */
    const char *ops_bind;
    uint64_t ops_port;
    /* behaviour */
    uint64_t reply_deadline_ms, wait_max_ms, publish_timeout_ms, in_flight_mib, bulk_linger_ms;
    uint64_t retry_after_s, drain_ms;
    const char *ordering_key_secret;
    bool claims;
    uint64_t claim_timeout_ms, claim_threads, repeat_patience_ms;
    uint64_t read_timeout_ms, read_connect_timeout_ms, read_threads;
    bool events;
    SessionConfig sessions;
    bool audit;
    uint64_t audit_buffer_mib;
    int audit_unavailable;
} IngestConfig;

extern const ConfigOption ingest_options[];

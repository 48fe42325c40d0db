/* db_options - the settings DB_* of every program that talks to PostgreSQL.
 *
 *   static const ConfigOption options[] = { DB_OPTIONS(IngestConfig, db, "fhirbus_ingest"), {0} };
 *
 * Needs common/config/config.h at the place of use. */
#pragma once
#include "common/db/db.h"

/* NOLINTBEGIN(bugprone-macro-parentheses): the path to a member cannot stand in parentheses. */
#define DB_OPTIONS(Struct, field, default_user)                                                    \
    CONFIG_OPTION(Struct, "DB_HOST", CONFIG_TEXT, field.host, "127.0.0.1",                         \
                  "name, address or socket folder of PostgreSQL; several, by comma: the "          \
                  "writable one is used"),                                                         \
        CONFIG_OPTION(Struct, "DB_PORT", CONFIG_TEXT, field.port, "5432",                          \
                      "its port; one for all hosts, or as many as hosts"),                         \
        CONFIG_OPTION(Struct, "DB_NAME", CONFIG_TEXT, field.database, "fhirbus", "the database"),  \
        CONFIG_OPTION(Struct, "DB_USER", CONFIG_TEXT, field.user, default_user,                    \
                      "the role to log in as"),                                                    \
        CONFIG_OPTION(Struct, "DB_PASSWORD", CONFIG_SECRET, field.password, NULL,                  \
                      "its password, if it has one"),                                              \
        CONFIG_OPTION(Struct, "DB_TLS", CONFIG_CHOICE, field.tls, "verify-full",                   \
                      "disable only on loopback or a socket; verify-full checks the host name",    \
                      .choices = DB_TLS_CHOICES),                                                  \
        CONFIG_OPTION(Struct, "DB_TLS_CA_FILE", CONFIG_TEXT, field.ca_file, NULL,                  \
                      "PEM; who signed the server's certificate"),                                 \
        CONFIG_OPTION(Struct, "DB_TLS_CERTIFICATE_FILE", CONFIG_TEXT, field.certificate_file,      \
                      NULL, "PEM; our certificate, for mutual TLS"),                               \
        CONFIG_OPTION(Struct, "DB_TLS_KEY_FILE", CONFIG_TEXT, field.key_file, NULL,                \
                      "PEM; its key"),                                                             \
        CONFIG_OPTION(Struct, "DB_CONNECT_TIMEOUT_MS", CONFIG_UINT, field.connect_timeout_ms,      \
                      "5000", "from the first packet to ready", .min = 10, .max = 600000),         \
        CONFIG_OPTION(Struct, "DB_TIMEOUT_MS", CONFIG_UINT, field.timeout_ms, "15000",             \
                      "longest statement, and longest transaction", .min = 10, .max = 3600000)
/* NOLINTEND(bugprone-macro-parentheses) */

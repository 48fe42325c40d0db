/* bus_options - the settings KAFKA_* of every program that talks to the brokers.
 *
 *   typedef struct WorkerConfig { BusConfig bus; ... } WorkerConfig;
 *   static const ConfigOption options[] = { BUS_OPTIONS(WorkerConfig, bus), ..., {0} };
 *
 * Needs common/config/config.h at the place of use. client_id and log are the program's to set. */
#pragma once
#include "common/bus/bus.h"

/* NOLINTBEGIN(bugprone-macro-parentheses): the path to a member cannot stand in parentheses. */
#define BUS_OPTIONS(Struct, field)                                                                 \
    CONFIG_OPTION(Struct, "KAFKA_BROKERS", CONFIG_TEXT, field.brokers, CONFIG_REQUIRED,            \
                  "host:port,..."),                                                                \
        CONFIG_OPTION(Struct, "KAFKA_TOPIC_PREFIX", CONFIG_TEXT, field.topic_prefix, NULL,         \
                      "put before every topic and group name, e.g. \"fhirbus.\""),                 \
        CONFIG_OPTION(Struct, "KAFKA_SECURITY_PROTOCOL", CONFIG_TEXT, field.security_protocol,     \
                      "plaintext", "plaintext, ssl, sasl_plaintext or sasl_ssl"),                  \
        CONFIG_OPTION(Struct, "KAFKA_SSL_CA_FILE", CONFIG_TEXT, field.ssl_ca_file, NULL,           \
                      "PEM; who signed the brokers' certificates"),                                \
        CONFIG_OPTION(Struct, "KAFKA_SSL_CERTIFICATE_FILE", CONFIG_TEXT,                           \
                      field.ssl_certificate_file, NULL, "PEM; our certificate, for mutual TLS"),   \
        CONFIG_OPTION(Struct, "KAFKA_SSL_KEY_FILE", CONFIG_TEXT, field.ssl_key_file, NULL,         \
                      "PEM; its key"),                                                             \
        CONFIG_OPTION(Struct, "KAFKA_SSL_KEY_PASSWORD", CONFIG_SECRET, field.ssl_key_password,     \
                      NULL, "of that key"),                                                        \
        CONFIG_OPTION(Struct, "KAFKA_SASL_MECHANISM", CONFIG_TEXT, field.sasl_mechanism, NULL,     \
                      "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"),                                    \
        CONFIG_OPTION(Struct, "KAFKA_SASL_USERNAME", CONFIG_TEXT, field.sasl_username, NULL, ""),  \
        CONFIG_OPTION(Struct, "KAFKA_SASL_PASSWORD", CONFIG_SECRET, field.sasl_password, NULL,     \
                      ""),                                                                         \
        CONFIG_OPTION(Struct, "KAFKA_EXTRA", CONFIG_TEXT, field.extra, NULL,                       \
                      "further librdkafka settings: name=value;name=value"),                       \
        CONFIG_OPTION(Struct, "KAFKA_MESSAGE_MAX_BYTES", CONFIG_UINT, field.message_max_bytes,     \
                      "33554432", "largest record; the topics must allow it (fhirbus-topics)",     \
                      .min = 65536, .max = 1000000000)
/* NOLINTEND(bugprone-macro-parentheses) */

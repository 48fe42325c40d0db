/* session_options - the settings of the diagnostics pages' sessions, as a part of ingest's table.
 *
 * Needs common/config/config.h at the place of use. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct SessionConfig {
    const char *key; /* NULL: nobody can sign in */
    uint64_t idle_s, life_s;
    bool local;
    const char *oidc_issuer, *oidc_client_id, *oidc_client_secret, *oidc_scopes, *oidc_claim;
    const char *oidc_ca_file;
} SessionConfig;

/* NOLINTBEGIN(bugprone-macro-parentheses): the path to a member cannot stand in parentheses. */
#define SESSION_OPTIONS(Struct, field)                                                             \
    CONFIG_OPTION(Struct, "SESSION_KEY", CONFIG_SECRET, field.key, NULL,                           \
                  "32 bytes or more, the same in all replicas: sessions of the diagnostics pages " \
                  "are sealed with it; without it nobody can sign in"),                            \
        CONFIG_OPTION(Struct, "SESSION_IDLE_S", CONFIG_UINT, field.idle_s, "1800",                 \
                      "a session ends when nothing was asked for so long", .min = 2,               \
                      .max = 86400),                                                               \
        CONFIG_OPTION(Struct, "SESSION_LIFE_S", CONFIG_UINT, field.life_s, "28800",                \
                      "and in any case after this", .min = 2, .max = 604800),                      \
        CONFIG_OPTION(Struct, "SIGN_IN_LOCAL", CONFIG_BOOL, field.local, "1",                      \
                      "passwords of the objects accounts/NAME open sessions"),                     \
        CONFIG_OPTION(Struct, "OIDC_ISSUER", CONFIG_TEXT, field.oidc_issuer, NULL,                 \
                      "OpenID Connect: the provider, as its tokens' iss says it; https (plain "    \
                      "http to loopback only)"),                                                   \
        CONFIG_OPTION(Struct, "OIDC_CLIENT_ID", CONFIG_TEXT, field.oidc_client_id, NULL,           \
                      "what it knows this service as; needed with OIDC_ISSUER"),                   \
        CONFIG_OPTION(Struct, "OIDC_CLIENT_SECRET", CONFIG_SECRET, field.oidc_client_secret, NULL, \
                      "its secret there, if it has one"),                                          \
        CONFIG_OPTION(Struct, "OIDC_SCOPES", CONFIG_TEXT, field.oidc_scopes,                       \
                      "openid profile email", "what is asked of the provider, by blanks"),         \
        CONFIG_OPTION(Struct, "OIDC_CLAIM", CONFIG_TEXT, field.oidc_claim, "sub",                  \
                      "the claim that the member oidc of accounts/NAME is compared with; email "   \
                      "counts only when the provider has verified it"),                            \
        CONFIG_OPTION(Struct, "OIDC_CA_FILE", CONFIG_TEXT, field.oidc_ca_file, NULL,               \
                      "PEM: by whom the provider's server is believed; default: the system's")
/* NOLINTEND(bugprone-macro-parentheses) */

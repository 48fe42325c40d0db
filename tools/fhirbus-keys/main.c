/* fhirbus-keys: callers, their credentials and permissions, issuers, plans, tenants, host names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bus/bus_options.h"
#include "common/config/config.h"
#include "tools/fhirbus-keys/keys.h"

#define OPT(...) CONFIG_OPTION(ToolConfig, __VA_ARGS__)
static const ConfigOption options[] = {
    BUS_OPTIONS(ToolConfig, bus),
    OPT("CREDENTIAL_KEY", CONFIG_SECRET, credential_key, NULL,
        "that of ingest: API keys and client secrets are kept as HMACs under it"),
    OPT("PUBLISHED_BY", CONFIG_TEXT, by, NULL, "who publishes; default: the user's name"),
    OPT("COMMENT", CONFIG_TEXT, comment, NULL, "why; kept with the object"),
    OPT("STACK_FOLDER", CONFIG_TEXT, stack, ".run", "of `make up`; for dev alone"),
    {0},
};

static const struct {
    const char *name;
    size_t words_min, words_max; /* behind the verb */
    bool (*run)(Tool *tool, Err *err);
    bool offline; /* needs no brokers */
    const char *usage;
} verbs[] = {
    {"check",              2, 2,  objects_check,           true,  "KIND FILE: can it be published?"                      },
    {"publish",            3, 3,  objects_publish,         false, "KIND NAME FILE: an object as it is written"           },
    {"list",               0, 1,  objects_list,            false, "[KIND]: what is in force"                             },
    {"show",               2, 2,  objects_show,            false, "KIND NAME: the object, as it was written"             },
    {"remove",             2, 2,  objects_remove,          false, "KIND NAME"                                            },
    {"create",             1, 1,  verb_create,             false,
     "CALLER --tenants A,B [--plan P] [--about T]: may nothing yet"                                                      },
    {"disable",            1, 1,  verb_enable,             false, "CALLER: refused from now on, with whatever credential"},
    {"enable",             1, 1,  verb_enable,             false, "CALLER"                                               },
    {"permit",             3, 30, verb_permit,             false,
     "CALLER PERMISSION VALUE...: connectAs, sendAs, read, replay, administer: tenants, '*'; "
     "sendCategories: fhir:Bundle"                                                                                       },
    {"forbid",             3, 30, verb_permit,             false, "CALLER PERMISSION VALUE...: takes them away"          },
    {"plan",               2, 2,  verb_plan,               false, "CALLER PLAN"                                          },
    {"keys",               1, 1,  verb_keys,               false,
     "CALLER: its API keys and client secrets, without what is secret of them"                                           },
    {"key-create",         1, 1,  verb_key_create,         false,
     "CALLER [--days N] [--about T]: an API key, shown this once"                                                        },
    {"key-rotate",         2, 2,  verb_key_end,            false,
     "CALLER ID [--overlap HOURS] [--days N]: a new one; the old one ends after that"                                    },
    {"key-revoke",         2, 2,  verb_key_end,            false, "CALLER ID: at once"                                   },
    {"secret-create",      2, 2,  verb_secret_create,      false,
     "CALLER CLIENT [--days N] [--scopes S]: a client secret, shown this once"                                           },
    {"secret-rotate",      3, 3,  verb_secret_end,         false,
     "CALLER CLIENT ID [--overlap HOURS] [--days N]"                                                                     },
    {"secret-revoke",      3, 3,  verb_secret_end,         false, "CALLER CLIENT ID"                                     },
    {"client-jwks",        3, 3,  verb_client_jwks,        false,
     "CALLER CLIENT FILE|URL [--scopes S]: private_key_jwt"                                                              },
    {"client-certificate", 2, 2,  verb_client_certificate, false,
     "CALLER CLIENT [--bound]: tokens by mutual TLS; --bound: of any kind, bound to it"                                  },
    {"certificate-add",    1, 1,  verb_certificate_add,    false,
     "CALLER [--file PEM] [--subject S] [--san S] [--issuer S] [--days N]"                                               },
    {"certificate-revoke", 2, 2,  verb_certificate_revoke, false, "CALLER FINGERPRINT|SUBJECT|SAN"                       },
    {"account-create",     1, 1,  verb_account_create,     false,
     "NAME --tenants A,B --rights read,reveal,replay,administer [--oidc SUBJECTS] [--no-password]: "
     "somebody for the diagnostics pages; the password: on the standard input"                                           },
    {"account-change",     1, 1,  verb_account_change,     false,
     "NAME [--tenants A,B] [--rights R] [--oidc SUBJECTS] [--no-password]"                                               },
    {"account-password",   1, 1,  verb_account_password,   false,
     "NAME: a new one, on the standard input; its sessions are over"                                                     },
    {"account-disable",    1, 1,  verb_account_enable,     false, "NAME: its sessions are over"                          },
    {"account-enable",     1, 1,  verb_account_enable,     false, "NAME"                                                 },
    {"signing-key",        1, 2,  verb_signing_key,        true,
     "FOLDER [ed25519|p256|rsa]: a new key of the own issuer"                                                            },
    {"dev",                0, 0,  verb_dev,                true,
     "one caller of each kind with its credentials, on a stack of `make up` only"                                        },
};
enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

static const char *usage_text(void)
{
    static char text[8192];
    size_t len = (size_t)snprintf(
        text, sizeof text,
        "  KIND is callers, issuers, plans, tenants, hosts or accounts; --json for scripts.\n");
    for (size_t i = 0; i < VERB_COUNT && len < sizeof text; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "  %-18s %s\n", verbs[i].name,
                                verbs[i].usage);
    return text;
}

static bool read_number(const char *text, uint64_t *ret_value)
{
    return text && str_to_u64(str_from(text), ret_value) && *ret_value <= 36500;
}

/* False: not understood. */
static bool read_command(int argc, char **argv, Command *command)
{
    const struct {
        const char *name;
        const char **to;
    } texts[] = {
        {"--about",   &command->about  },
        {"--file",    &command->file   },
        {"--subject", &command->subject},
        {"--san",     &command->san    },
        {"--issuer",  &command->issuer },
        {"--tenants", &command->tenants},
        {"--plan",    &command->plan   },
        {"--scopes",  &command->scopes },
        {"--rights",  &command->rights },
        {"--oidc",    &command->oidc   },
    };
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        size_t t = 0;
        while (t < sizeof texts / sizeof texts[0] && strcmp(word, texts[t].name) != 0)
            t++;
        if (t < sizeof texts / sizeof texts[0]) {
            if (!value)
                return false;
            *texts[t].to = argv[++i];
        } else if (strcmp(word, "--json") == 0) {
            command->json = true;
        } else if (strcmp(word, "--bound") == 0) {
            command->bound = true;
        } else if (strcmp(word, "--no-password") == 0) {
            command->no_password = true;
        } else if (strcmp(word, "--days") == 0 || strcmp(word, "--overlap") == 0) {
            if (!read_number(value, word[2] == 'd' ? &command->days : &command->overlap_h))
                return false;
            i++;
        } else if (strncmp(word, "--", 2) == 0 ||
                   command->count == sizeof command->words / sizeof command->words[0]) {
            return false;
        } else {
            command->words[command->count++] = word;
        }
    }
    return command->count > 0;
}

static int run(Tool *tool, size_t verb)
{
    Err err = {0};
    bool fine = (verbs[verb].offline || tool_open(tool, &err)) && verbs[verb].run(tool, &err);
    catalog_close(tool->catalog);
    if (!fine)
        fprintf(stderr, "fhirbus-keys: %s: %s\n", err.code, err.text);
    return fine ? 0 : 1;
}

/* NAME=VALUE lines of operator.env, for what is not said otherwise. */
static void know_the_operator(const char *folder)
{
    char text[4096];
    snprintf(text, sizeof text, "%s/operator.env", folder);
    FILE *file = fopen(text, "re");
    while (file && fgets(text, sizeof text, file)) {
        char *equals = strchr(text, '=');
        text[strcspn(text, "\n")] = '\0';
        if (!equals)
            continue;
        *equals = '\0';
        if (strcmp(text, "CREDENTIAL_KEY_FILE") != 0 || !getenv("CREDENTIAL_KEY"))
            setenv(text, equals + 1, 0);
    }
    if (file)
        fclose(file);
}

/* Where `make up` ran everything is known. */
static void know_the_stack(int argc, char **argv)
{
    const char *folder = getenv("STACK_FOLDER"), *port = getenv("FHIRBUS_KAFKA_PORT");
    char text[4096];
    bool dev = false;
    for (int i = 1; i < argc; i++)
        dev = dev || strcmp(argv[i], "dev") == 0;
    if (!dev)
        return;
    know_the_operator(folder ? folder : ".run");
    snprintf(text, sizeof text, "127.0.0.1:%s", port ? port : "19092");
    setenv("KAFKA_BROKERS", text, 0);
    snprintf(text, sizeof text, "%s/secrets/credential-key", folder ? folder : ".run");
    if (!getenv("CREDENTIAL_KEY"))
        setenv("CREDENTIAL_KEY_FILE", text, 0);
}

int main(int argc, char **argv)
{
    ConfigProgram program = {
        .name = "fhirbus-keys",
        .summary = "Who may call, as whom, with which credentials: publishes, lists, revokes.",
        .usage = usage_text(),
        .options = options,
    };
    ARENA_AUTO arena = arena_new(64 << 20);
    Tool tool = {.arena = arena};
    int next = 0;
    know_the_stack(argc, argv);
    ConfigStart start = config_start(&program, argc, argv, arena, &tool.config, &next);
    if (start != CONFIG_RUN)
        return start == CONFIG_DONE ? 0 : 2;
    tool.config.bus.client_id = "fhirbus-keys";
    if (read_command(argc - next, argv + next, &tool.command))
        for (size_t i = 0; i < VERB_COUNT; i++)
            if (strcmp(verbs[i].name, tool.command.words[0]) == 0 &&
                tool.command.count - 1 >= verbs[i].words_min &&
                tool.command.count - 1 <= verbs[i].words_max)
                return run(&tool, i);
    fprintf(stderr, "fhirbus-keys VERB ...\n%s", program.usage);
    return 2;
}

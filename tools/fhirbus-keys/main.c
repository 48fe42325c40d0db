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

typedef struct Verb {
    const char *name;
    size_t words_min, words_max; /* behind the verb */
    bool (*run)(Tool *tool, Err *err);
    bool offline; /* needs no brokers */
    const char *usage;
} Verb;

/* clang-format off */
static const Verb verbs[] = {
    {"list",               0, 1,  objects_list,            false, "[KIND]: what is in force"},
    {"show",               2, 2,  objects_show,            false, "KIND NAME: the object, as it was written; --json: with version, when, by whom"},
    {"set",                2, 2,  verb_set,                false, "KIND NAME --OPTION VALUE...: makes it, or changes these members of it; which there are: set KIND --help"},
    {"check",              2, 2,  objects_check,           true,  "KIND FILE: can it be published?"},
    {"publish",            3, 4,  objects_publish,         false, "KIND NAME FILE [VERSION]: an object as it is written; with VERSION only over that one (0: there is none)"},
    {"remove",             2, 3,  objects_remove,          false, "KIND NAME [VERSION]"},
    {"create",             1, 1,  verb_create,             false, "CALLER --tenants A,B [--plan P] [--about T]: may nothing yet"},
    {"disable",            1, 1,  verb_enable,             false, "CALLER: refused from now on, with whatever credential"},
    {"enable",             1, 1,  verb_enable,             false, "CALLER"},
    {"permissions",        1, 1,  verb_permissions,        false, "CALLER: what it may, for whom"},
    {"permit",             3, 30, verb_permit,             false, "CALLER PERMISSION VALUE...: connectAs, sendAs, read, replay, administer: tenants, '*'; sendCategories: fhir:Bundle, fhir:Bundle/Patient,Coverage"},
    {"forbid",             3, 30, verb_permit,             false, "CALLER PERMISSION VALUE...: takes them away"},
    {"plan",               2, 2,  verb_plan,               false, "CALLER PLAN"},
    {"keys",               1, 1,  verb_keys,               false, "CALLER: its API keys and client secrets, without what is secret of them"},
    {"key-create",         1, 1,  verb_key_create,         false, "CALLER [--days N] [--about T]: an API key, shown this once"},
    {"key-rotate",         2, 2,  verb_key_end,            false, "CALLER ID [--overlap HOURS] [--days N]: a new one; the old one ends after that"},
    {"key-revoke",         2, 2,  verb_key_end,            false, "CALLER ID: at once"},
    {"secret-create",      2, 2,  verb_secret_create,      false, "CALLER CLIENT [--days N] [--scopes S]: a client secret, shown this once"},
    {"secret-rotate",      3, 3,  verb_secret_end,         false, "CALLER CLIENT ID [--overlap HOURS] [--days N]"},
    {"secret-revoke",      3, 3,  verb_secret_end,         false, "CALLER CLIENT ID"},
    {"client-jwks",        3, 3,  verb_client_jwks,        false, "CALLER CLIENT FILE|URL [--scopes S]: private_key_jwt"},
    {"client-certificate", 2, 2,  verb_client_certificate, false, "CALLER CLIENT [--bound]: tokens by mutual TLS; --bound: of any kind, bound to it"},
    {"certificates",       1, 1,  verb_certificates,       false, "CALLER: by which it is known"},
    {"certificate-add",    1, 1,  verb_certificate_add,    false, "CALLER [--file PEM] [--subject S] [--san S] [--issuer S] [--days N]"},
    {"certificate-revoke", 2, 2,  verb_certificate_revoke, false, "CALLER FINGERPRINT|SUBJECT|SAN"},
    {"account-create",     1, 1,  verb_account_create,     false, "NAME --tenants A,B --rights read,reveal,replay,administer [--oidc SUBJECTS] [--no-password]: somebody for the diagnostics pages; the password: on the standard input"},
    {"account-change",     1, 1,  verb_account_change,     false, "NAME [--tenants A,B] [--rights R] [--oidc SUBJECTS] [--no-password]"},
    {"account-password",   1, 1,  verb_account_password,   false, "NAME: a new one, on the standard input; its sessions are over"},
    {"account-disable",    1, 1,  verb_account_enable,     false, "NAME: its sessions are over"},
    {"account-enable",     1, 1,  verb_account_enable,     false, "NAME"},
    {"signing-key",        1, 2,  verb_signing_key,        true,  "FOLDER [ed25519|p256|rsa]: a new key of the own issuer"},
    {"dev",                0, 0,  verb_dev,                true,  "one caller of each kind with its credentials, on a stack of `make up` only"},
};
/* clang-format on */
enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

static const char *usage_text(void)
{
    static char text[16384];
    size_t len = (size_t)snprintf(text, sizeof text,
                                  "  KIND is callers, issuers, plans, tenants, hosts or accounts.\n"
                                  "  Every verb takes --json, for scripts, and --help.\n");
    for (size_t i = 0; i < VERB_COUNT && len < sizeof text; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "  %-18s %s\n", verbs[i].name,
                                verbs[i].usage);
    return text;
}

static bool read_number(const char *text, uint64_t *ret_value)
{
    return text && str_to_u64(str_from(text), ret_value) && *ret_value <= 36500;
}

static const Verb *verb_named(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

/* NULL: it is no option that takes a text. */
static const char **text_option(Command *command, const char *word)
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
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++)
        if (strcmp(word, texts[t].name) == 0)
            return texts[t].to;
    return NULL;
}

/* One option with its value; false: it is none. `set` has options of its own. */
static bool take_option(Command *command, const char *word, const char *value, Err *err)
{
    const char **text = text_option(command, word);
    uint64_t *number = strcmp(word, "--days") == 0      ? &command->days
                       : strcmp(word, "--overlap") == 0 ? &command->overlap_h
                                                        : NULL;
    bool is_set = command->count && strcmp(command->words[0], "set") == 0;
    if (!text && !number && !is_set)
        return ERR(err, ERR_INPUT, "option", "there is no option %s", word);
    if (!value)
        return ERR(err, ERR_INPUT, "option", "%s needs a value", word);
    if (is_set && command->pair_count == sizeof command->pairs / sizeof command->pairs[0])
        return ERR(err, ERR_INPUT, "option", "too many options at once");
    if (is_set) {
        command->pairs[command->pair_count].name = word;
        command->pairs[command->pair_count++].value = value;
    } else if (text) {
        *text = value;
    } else if (!read_number(value, number)) {
        return ERR(err, ERR_INPUT, "option", "%s %s: a whole number up to 36500 is expected", word,
                   value);
    }
    return true;
}

static bool read_command(int argc, char **argv, Command *command, Err *err)
{
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--json") == 0) {
            command->json = true;
        } else if (strcmp(word, "--bound") == 0) {
            command->bound = true;
        } else if (strcmp(word, "--no-password") == 0) {
            command->no_password = true;
        } else if (strncmp(word, "--", 2) == 0) {
            TRY(take_option(command, word, i + 1 < argc ? argv[i + 1] : NULL, err));
            i++;
        } else if (command->count == sizeof command->words / sizeof command->words[0]) {
            return ERR(err, ERR_INPUT, "words", "too many words");
        } else {
            command->words[command->count++] = word;
        }
    }
    return command->count > 0 || ERR(err, ERR_INPUT, "verb", "which verb? --help lists them");
}

static bool is_offline(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const Verb *verb = verb_named(argv[i]);
        if (verb)
            return verb->offline;
    }
    return true; /* to be told so */
}

/* VERB --help. */
static bool explain(int argc, char **argv)
{
    const Verb *verb = argc > 2 ? verb_named(argv[1]) : NULL;
    if (!verb || strcmp(argv[argc - 1], "--help") != 0)
        return false;
    printf("fhirbus-keys %s %s\n", verb->name, verb->usage);
    if (verb->run == verb_set) {
        BUF_AUTO text;
        buf_init(&text, 65536);
        AuthKind kind;
        bool one = argc > 3 && auth_kind_named(str_from(argv[2]), &kind);
        set_usage(one ? &kind : NULL, &text);
        fputs(text.data, stdout);
    }
    return true;
}

static int run(Tool *tool, const Verb *verb)
{
    Err err = {0};
    bool fine = (verb->offline || tool_open(tool, &err)) && verb->run(tool, &err);
    catalog_close(tool->catalog);
    if (!fine)
        tell_error(tool, &err);
    return fine ? 0 : 1;
}

static int start(Tool *tool, int argc, char **argv)
{
    Err err = {0};
    if (!read_command(argc, argv, &tool->command, &err)) {
        tell_error(tool, &err);
        return 2;
    }
    const Verb *verb = verb_named(tool->command.words[0]);
    size_t words = tool->command.count - 1;
    if (verb && words >= verb->words_min && words <= verb->words_max)
        return run(tool, verb);
    if (verb)
        (void)ERR(&err, ERR_INPUT, "words", "%s %s", verb->name, verb->usage);
    else
        (void)ERR(&err, ERR_INPUT, "verb", "there is no verb %s; --help lists them",
                  tool->command.words[0]);
    tell_error(tool, &err);
    return 2;
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
    if (explain(argc, argv))
        return 0;
    if (is_offline(argc, argv))
        setenv("KAFKA_BROKERS", "none:0", 0);
    ConfigStart how = config_start(&program, argc, argv, arena, &tool.config, &next);
    if (how != CONFIG_RUN)
        return how == CONFIG_DONE ? 0 : 2;
    tool.config.bus.client_id = "fhirbus-keys";
    return start(&tool, argc - next, argv + next);
}

/* dev - one caller of each kind, with its credentials: on a stack of `make up` only.
 *
 * What makes it such a stack: brokers on loopback, and a folder with the development CA's key. What
 * was made is kept there (dev/callers.json, for its owner alone) and shown again as long as it is
 * in force. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/json/write.h"
#include "tools/fhirbus-keys/keys.h"

enum { PATH_ROOM = 4096, JSON_MAX = 1 << 20 };

typedef enum DevKind {
    DEV_API_KEY,
    DEV_SECRET,
    DEV_JWT,
    DEV_CERTIFICATE,
    DEV_BOUND, /* tokens by and bound to a certificate */
} DevKind;

static const struct {
    const char *name;
    DevKind kind;
    const char *tenants, *permissions; /* by blanks: permission=value */
    bool gateway;
    const char *about;
} callers[] = {
    {"dev-key",      DEV_API_KEY,     "dev-qe",  "connectAs=* sendAs=* sendCategories=* read=*", false,
     "a sender with an API key"                                                                                                            },
    {"dev-secret",   DEV_SECRET,      "dev-qe",  "connectAs=* sendAs=* sendCategories=* read=*", false,
     "a sender with a client secret"                                                                                                       },
    {"dev-jwt",      DEV_JWT,         "dev-qe",  "connectAs=* sendAs=* sendCategories=* read=*", false,
     "a sender with a key pair (SMART Backend Services)"                                                                                   },
    {"dev-mtls",     DEV_CERTIFICATE, "dev-qe",  "connectAs=* sendAs=* sendCategories=* read=*", false,
     "a sender with a certificate"                                                                                                         },
    {"dev-bound",    DEV_BOUND,       "dev-qe",  "connectAs=* sendAs=* sendCategories=* read=*", false,
     "a sender whose tokens are bound to its certificate"                                                                                  },
    {"dev-reader",   DEV_API_KEY,     "dev-qe",  "read=*",                                       false, "a reader of one tenant"           },
    {"dev-operator", DEV_API_KEY,     "*",       "read=* replay=* administer=*",                 false,
     "an operator for all tenants"                                                                                                         },
    {"dev-admin",    DEV_API_KEY,     "dev-qe",
     "connectAs=* sendAs=* sendCategories=* read=* replay=* administer=*",                       false,
     "an administrator of one tenant"                                                                                                      },
    {"dev-gateway",  DEV_CERTIFICATE, "*",       "connectAs=* sendAs=* sendCategories=* read=*", true,
     "a gateway that names tenants"                                                                                                        },
    {"dev-hospital", DEV_SECRET,      "dev-nhs",
     "connectAs=dev-nhs#emergency-care/r0d sendAs=dev-nhs#emergency-care/r0d "
     "sendCategories=hl7v2:ADT^* sendCategories=fhir:Bundle read=*",                             false, "an organisation that sends HL7 v2"},
};
enum { CALLER_COUNT = sizeof callers / sizeof callers[0] };

/* --- where ------------------------------------------------------------------------------------ */

static bool on_loopback(const char *brokers)
{
    Str rest = str_from(brokers), one;
    while (str_split(&rest, ',', &one)) {
        one = str_trim(one);
        if (!str_starts(one, STR("127.0.0.1:")) && !str_starts(one, STR("localhost:")) &&
            !str_starts(one, STR("[::1]:")))
            return false;
    }
    return brokers != NULL;
}

static Str absolute(const Tool *tool, const char *rest)
{
    char root[PATH_ROOM];
    if (!realpath(tool->config.stack, root))
        return STR_NONE;
    return arena_format(tool->arena, "%s/%s", root, rest);
}

static bool check_stack(const Tool *tool, Str *ret_folder, Err *err)
{
    Str key = absolute(tool, "tls/ca.key"), folder = absolute(tool, "dev");
    if (!on_loopback(tool->config.bus.brokers))
        return ERR(err, ERR_INPUT, "not-a-development-stack", "its brokers are not on loopback");
    if (!key.ptr || access(key.ptr, R_OK) != 0)
        return ERR(err, ERR_INPUT, "not-a-development-stack",
                   "%s holds no development CA: run it where `make up` was, or give STACK_FOLDER",
                   tool->config.stack);
    if (mkdir(folder.ptr, 0700) != 0 && errno != EEXIST)
        return ERR(err, ERR_FATAL, "file", "%s: %s", folder.ptr, strerrordesc_np(errno));
    *ret_folder = folder;
    return true;
}

/* --- one caller ------------------------------------------------------------------------------- */

typedef struct Dev {
    Tool *tool;
    Str folder;
    Buf *json;
} Dev;

static void add_member(Buf *json, const char *name, Str value)
{
    buf_add_format(json, ",\"%s\":", name);
    json_write_string(json, value);
}

static void permit(Edit *edit, const char *permissions)
{
    Caller *caller = edit->caller;
    Str rest = str_from(permissions), one;
    while (str_split(&rest, ' ', &one)) {
        size_t equals = str_find_char(one, '=');
        Str name = str_cut(one, 0, equals), value = str_skip(one, equals + 1);
        if (str_is(name, "sendCategories"))
            caller_add_text(caller, &caller->send_categories, value);
        for (Permission p = 0; p < PERMISSION_COUNT; p++)
            if (str_is(name, permission_name(p)))
                caller_add_text(caller, &caller->may[p], value);
    }
}

static Str in_folder(const Dev *dev, const char *name, const char *suffix)
{
    return arena_format(dev->tool->arena, "%.*s/%s%s", STR_ARG(dev->folder), name, suffix);
}

static bool give_secret(const Dev *dev, Edit *edit, DevKind kind, const char *name, Err *err)
{
    Credential credential;
    bool is_key = kind == DEV_API_KEY;
    OAuthClient *client = is_key ? NULL : caller_client(edit->caller, str_from(name), true);
    StoredSecret *kept =
        is_key ? caller_add_key(edit->caller) : caller_add_secret(edit->caller, client);
    TRY(verbs_fill(edit, is_key ? CREDENTIAL_API_KEY : CREDENTIAL_CLIENT_SECRET,
                   is_key ? STR_NONE : client->id, kept, &credential, err));
    if (client)
        add_member(dev->json, "clientId", client->id);
    add_member(dev->json, is_key ? "apiKey" : "clientSecret", str_from(credential.text));
    explicit_bzero(&credential, sizeof credential);
    return true;
}

static bool give_keys(const Dev *dev, Edit *edit, const char *name, Err *err)
{
    OAuthClient *client = caller_client(edit->caller, str_from(name), true);
    Str path = in_folder(dev, name, ".key"), jwks;
    unlink(path.ptr);
    TRY(mint_key(path.ptr, "p256", dev->tool->arena, &jwks, err));
    client->jwks = arena_copy(edit->caller->arena, jwks);
    add_member(dev->json, "clientId", client->id);
    add_member(dev->json, "keyFile", path);
    buf_add(dev->json, STR(",\"jwks\":"));
    buf_add(dev->json, jwks);
    return true;
}

static bool give_certificate(const Dev *dev, Edit *edit, DevKind kind, const char *name, Err *err)
{
    CertificateFacts facts;
    CertificateMatcher *matcher = caller_add_certificate(edit->caller);
    Str tls = absolute(dev->tool, "tls");
    TRY(mint_certificate(tls.ptr, dev->folder.ptr, name, dev->tool->arena, &facts, err));
    matcher->subject = arena_copy(edit->caller->arena, facts.subject);
    matcher->issuer = arena_copy(edit->caller->arena, facts.issuer);
    if (kind == DEV_BOUND) {
        /* Its certificate by itself is an identity too; its client gets tokens by it. */
        OAuthClient *client = caller_client(edit->caller, str_from(name), true);
        client->certificate = client->certificate_bound = true;
        add_member(dev->json, "clientId", client->id);
    }
    add_member(dev->json, "certFile", in_folder(dev, name, ".pem"));
    add_member(dev->json, "keyFile", in_folder(dev, name, ".key"));
    return true;
}

static bool give(const Dev *dev, Edit *edit, size_t i, Err *err)
{
    switch (callers[i].kind) {
    case DEV_API_KEY:
    case DEV_SECRET:
        return give_secret(dev, edit, callers[i].kind, callers[i].name, err);
    case DEV_JWT:
        return give_keys(dev, edit, callers[i].name, err);
    case DEV_CERTIFICATE:
    case DEV_BOUND:
        return give_certificate(dev, edit, callers[i].kind, callers[i].name, err);
    }
    return false;
}

static bool forget(Tool *tool, const char *name, Err *err)
{
    Str id = ARENA_JOIN(tool->arena, STR("callers/"), str_from(name));
    const CatalogView *view = catalog_acquire(tool->catalog);
    bool there = catalog_find(view, id) != NULL;
    catalog_release(tool->catalog, view);
    return !there || tool_publish(tool, AUTH_CALLERS, str_from(name), STR_NONE, false, 0, err);
}

static bool make_one(const Dev *dev, size_t i, Err *err)
{
    static const char *const kind_names[] = {"api-key", "client-secret", "private-key-jwt",
                                             "certificate", "certificate-bound-token"};
    Edit edit;
    TRY(forget(dev->tool, callers[i].name, err));
    TRY(edit_begin(dev->tool, callers[i].name, true, &edit, err));
    edit.caller->about = str_from(callers[i].about);
    edit.caller->gateway = callers[i].gateway;
    caller_add_text(edit.caller, &edit.caller->tenants, str_from(callers[i].tenants));
    permit(&edit, callers[i].permissions);
    buf_add(dev->json, i ? STR(",\n{\"name\":") : STR("\n{\"name\":"));
    json_write_string(dev->json, str_from(callers[i].name));
    add_member(dev->json, "about", str_from(callers[i].about));
    add_member(dev->json, "kind", str_from(kind_names[callers[i].kind]));
    add_member(dev->json, "tenant", str_from(callers[i].tenants));
    add_member(dev->json, "rights", str_from(callers[i].permissions));
    bool fine = give(dev, &edit, i, err) && edit_end(&edit, err);
    edit_drop(&edit);
    buf_add(dev->json, STR("}"));
    return fine;
}

/* --- all of them ------------------------------------------------------------------------------ */

static bool all_there(const Tool *tool)
{
    const CatalogView *view = catalog_acquire(tool->catalog);
    bool there = true;
    for (size_t i = 0; i < CALLER_COUNT; i++)
        there = there && catalog_find(view, ARENA_JOIN(tool->arena, STR("callers/"),
                                                       str_from(callers[i].name)));
    catalog_release(tool->catalog, view);
    return there;
}

static bool make_all(const Dev *dev, Err *err)
{
    const char *port = getenv("FHIRBUS_HTTPS_PORT");
    TRY(tool_publish(dev->tool, AUTH_TENANTS, STR("dev-nhs"),
                     STR("{\"organisations\":[{\"sourceDomain\":\"emergency-care\","
                         "\"organisationCode\":\"r0d\"}]}"),
                     false, 0, err));
    buf_add(dev->json, STR("{\"url\":"));
    json_write_string(dev->json,
                      arena_format(dev->tool->arena, "https://localhost:%s", port ? port : "8443"));
    add_member(dev->json, "caFile", absolute(dev->tool, "tls/ca.pem"));
    buf_add(dev->json, STR(",\"callers\":["));
    for (size_t i = 0; i < CALLER_COUNT; i++)
        TRY(make_one(dev, i, err));
    buf_add(dev->json, STR("\n]}\n"));
    return true;
}

static bool keep(const char *path, Str json, Err *err)
{
    FILE *file = NULL;
    unlink(path);
    mode_t before = umask(0077);
    file = fopen(path, "wxe");
    umask(before);
    bool fine = file && fwrite(json.ptr, 1, json.len, file) == json.len;
    if (file)
        fine = fclose(file) == 0 && fine;
    return fine || ERR(err, ERR_FATAL, "file", "%s: %s", path, strerrordesc_np(errno));
}

static void print_human(Str json)
{
    Str line;
    while (str_split(&json, '\n', &line))
        if (str_starts(line, STR("{\"name\":")))
            printf("%.*s\n", STR_ARG(line));
}

bool verb_dev(Tool *tool, Err *err)
{
    Dev dev = {.tool = tool};
    Str kept;
    BUF_AUTO json;
    Err none;
    buf_init(&json, JSON_MAX);
    dev.json = &json;
    TRY(check_stack(tool, &dev.folder, err));
    TRY(tool_open(tool, err));
    Str path = in_folder(&dev, "callers", ".json");
    bool again = access(path.ptr, R_OK) == 0 && all_there(tool) &&
                 tool_read_file(path.ptr, tool->arena, &kept, &none);
    if (!again) {
        TRY(make_all(&dev, err));
        TRY(keep(path.ptr, buf_str(&json), err));
        kept = buf_str(&json);
    }
    if (tool->command.json)
        printf("%.*s", STR_ARG(kept));
    else
        print_human(kept);
    return true;
}

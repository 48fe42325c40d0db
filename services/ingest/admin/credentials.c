/* API keys, client secrets and certificates of callers/{name}: POST makes one, DELETE ends it. */
#include <stdio.h>

#include "common/base/clock.h"
#include "common/json/write.h"
#include "services/ingest/admin/admin.h"

#define DAY_US (86400LL * 1000000)
#define HOUR_US (3600LL * 1000000)
enum { DAYS_DEFAULT = 365 };

/* What is asked for. */
typedef struct Wish {
    Str about, replaces, client, pem, subject, san, issuer;
    uint8_t fingerprint[32];
    uint64_t days, overlap_h; /* days 0: a certificate's matcher does not end */
    AuthTexts scopes;
} Wish;

#define AT(member) .offset = offsetof(Wish, member)
static const Field key_fields[] = {
    {"about",    FIELD_TEXT, AT(about)},
    {"days", FIELD_UINT, AT(days), .initial = DAYS_DEFAULT, .min = 1, .max = 36500},
    {"replaces",     FIELD_TEXT, AT(replaces)},
    {"overlapHours",  FIELD_UINT, AT(overlap_h), .max = 8760},
    {0 },
};
static const Field secret_fields[] = {
    {"client",    FIELD_TEXT, AT(client)},
    {"about", FIELD_TEXT, AT(about)},
    {"days",     FIELD_UINT, AT(days), .initial = DAYS_DEFAULT, .min = 1, .max = 36500},
    {"replaces",  FIELD_TEXT, AT(replaces)},
    {"overlapHours",      FIELD_UINT, AT(overlap_h), .max = 8760},
    {"scopes",   FIELD_TEXTS, AT(scopes)},
    {0  },
};
static const Field certificate_fields[] = {
    {"pem",            FIELD_LINES, AT(pem)},
    {"fingerprint",         FIELD_BYTES32, AT(fingerprint)},
    {"subject",    FIELD_TEXT, AT(subject)},
    {"san", FIELD_TEXT, AT(san)},
    {"issuer",        FIELD_TEXT, AT(issuer)},
    {"days",     FIELD_UINT, AT(days), .max = 36500},
    {0           },
};
#undef AT

/* The caller as it is, to be changed. */
static bool begin(AdminChange *change, const void *before, Caller **ret_caller, Err *err)
{
    void *copy = NULL;
    BUF_AUTO json;
    buf_init(&json, OBJECT_BYTES_MAX);
    auth_write(AUTH_CALLERS, before, &json);
    TRY(auth_read_published(AUTH_CALLERS, change->name, buf_str(&json), &copy, err));
    *ret_caller = copy;
    return true;
}

static bool unknown(AdminChange *change)
{
    return admin_fail(change, 404, "admin-unknown", "The caller has none of that id");
}

/* --- made ------------------------------------------------------------------------------------- */

static void tell_secret(AdminChange *change, Buf *to)
{
    buf_add(to, STR("{\"caller\":"));
    json_write_string(to, change->name);
    buf_add_format(to, ",\"id\":\"%s\",\"%s\":\"%s\"}", change->credential_id,
                   change->is_secret ? "clientSecret" : "apiKey", change->credential.text);
}

/* What a new one replaces ends after the overlap. */
static bool replace(AdminChange *change, StoredSecret *old, const Wish *wish)
{
    if (!wish->replaces.len)
        return true;
    if (!old)
        return unknown(change);
    old->revoked_us = clock_wall_us() + (int64_t)wish->overlap_h * HOUR_US;
    return true;
}

static bool mint(AdminChange *change, Caller *caller, Str owner, const Wish *wish, StoredSecret *to,
                 Err *err)
{
    const IngestConfig *config = change->base.exchange->ingest->config;
    const Minting minting = {.kind =
                                 change->is_secret ? CREDENTIAL_CLIENT_SECRET : CREDENTIAL_API_KEY,
                             .owner = owner,
                             .key = str_from(config->credential_key),
                             .about = wish->about,
                             .expires_us = clock_wall_us() + (int64_t)wish->days * DAY_US};
    if (!caller_mint(caller, &minting, to, &change->credential, err))
        return admin_fail(change, 409, "credential-key", "This service keeps no such credentials");
    snprintf(change->credential_id, sizeof change->credential_id, "%.*s", STR_ARG(to->id));
    return true;
}

static bool key_create(AdminChange *change, const void *before, void **ret_after, Err *err)
{
    Caller *caller = NULL;
    Wish wish = {0};
    TRY(begin(change, before, &caller, err));
    *ret_after = caller;
    TRY(fields_read(key_fields, change->body, caller->arena, &wish, err));
    TRY(replace(change, caller_key(caller, wish.replaces), &wish));
    return mint(change, caller, STR_NONE, &wish, caller_add_key(caller), err);
}

static bool secret_create(AdminChange *change, const void *before, void **ret_after, Err *err)
{
    Caller *caller = NULL;
    OAuthClient *of = NULL;
    Wish wish = {0};
    change->is_secret = true;
    TRY(begin(change, before, &caller, err));
    *ret_after = caller;
    TRY(fields_read(secret_fields, change->body, caller->arena, &wish, err));
    if (!wish.client.len)
        return ERR(err, ERR_INPUT, "admin-client", "client, whose secret it is to be, is required");
    StoredSecret *old = caller_secret(caller, wish.replaces, &of);
    TRY(replace(change, old && str_eq(of->id, wish.client) ? old : NULL, &wish));
    OAuthClient *client = caller_client(caller, wish.client, true);
    for (size_t i = 0; i < wish.scopes.count; i++)
        caller_add_text(caller, &client->scopes, wish.scopes.list[i]);
    return mint(change, caller, client->id, &wish, caller_add_secret(caller, client), err);
}

static bool certificate_add(AdminChange *change, const void *before, void **ret_after, Err *err)
{
    Caller *caller = NULL;
    Wish wish = {0};
    TRY(begin(change, before, &caller, err));
    *ret_after = caller;
    TRY(fields_read(certificate_fields, change->body, caller->arena, &wish, err));
    CertificateMatcher *matcher = caller_add_certificate(caller);
    memcpy(matcher->fingerprint, wish.fingerprint, sizeof matcher->fingerprint);
    if (wish.pem.len)
        TRY(caller_match_pem(caller, wish.pem, matcher, err));
    matcher->subject = wish.subject;
    matcher->san = wish.san;
    matcher->issuer = wish.issuer;
    matcher->expires_us = wish.days ? clock_wall_us() + (int64_t)wish.days * DAY_US : 0;
    return true;
}

/* --- ended ------------------------------------------------------------------------------------ */

static bool revoke(AdminChange *change, StoredSecret *secret)
{
    if (!secret)
        return unknown(change);
    secret->revoked_us = clock_wall_us();
    return true;
}

static bool key_end(AdminChange *change, const void *before, void **ret_after, Err *err)
{
    Caller *caller = NULL;
    TRY(begin(change, before, &caller, err));
    *ret_after = caller;
    return revoke(change, caller_key(caller, change->item));
}

static bool secret_end(AdminChange *change, const void *before, void **ret_after, Err *err)
{
    Caller *caller = NULL;
    OAuthClient *of = NULL;
    TRY(begin(change, before, &caller, err));
    *ret_after = caller;
    return revoke(change, caller_secret(caller, change->item, &of));
}

static bool certificate_end(AdminChange *change, const void *before, void **ret_after, Err *err)
{
    Caller *caller = NULL;
    size_t ended = 0;
    TRY(begin(change, before, &caller, err));
    *ret_after = caller;
    for (size_t i = 0; i < caller->certificate_count; i++)
        if (caller_certificate_is(&caller->certificates[i], change->item)) {
            caller->certificates[i].revoked_us = clock_wall_us();
            ended++;
        }
    return ended > 0 || unknown(change);
}

const AdminVerb admin_key_create = {
    .of_caller = true, .edit = key_create, .tell = tell_secret, .status = 201};
const AdminVerb admin_secret_create = {
    .of_caller = true, .edit = secret_create, .tell = tell_secret, .status = 201};
const AdminVerb admin_certificate_add = {.of_caller = true, .edit = certificate_add, .status = 200};
const AdminVerb admin_key_end = {.of_caller = true, .edit = key_end, .status = 200};
const AdminVerb admin_secret_end = {.of_caller = true, .edit = secret_end, .status = 200};
const AdminVerb admin_certificate_end = {.of_caller = true, .edit = certificate_end, .status = 200};

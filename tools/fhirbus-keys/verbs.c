/* Credentials and permissions of one caller. */
#include <stdio.h>
#include <string.h>

#include "common/auth/jwk.h"
#include "common/base/clock.h"
#include "common/json/write.h"
#include "tools/fhirbus-keys/keys.h"

#define DAY_US (86400LL * 1000000)
#define HOUR_US (3600LL * 1000000)
enum { DAYS_DEFAULT = 365, JSON_MAX = 1 << 20 };

static bool finish(Edit *edit, bool fine, Err *err)
{
    fine = fine && edit_end(edit, err);
    edit_drop(edit);
    return fine;
}

static void add_list(Edit *edit, AuthTexts *texts, const char *list, char separator)
{
    Str rest = str_from(list), one;
    while (str_split(&rest, separator, &one))
        if (str_trim(one).len)
            caller_add_text(edit->caller, texts, str_trim(one));
}

static int64_t expiry_us(const Tool *tool)
{
    uint64_t days = tool->command.days ? tool->command.days : DAYS_DEFAULT;
    return clock_wall_us() + (int64_t)days * DAY_US;
}

static Str given(Edit *edit, const char *text)
{
    return text ? arena_copy(edit->caller->arena, str_from(text)) : STR_NONE;
}

static bool said(const char *what, const Tool *tool)
{
    tell_change(tool, what, "callers", tool->command.words[1]);
    return true;
}

/* --- callers ---------------------------------------------------------------------------------- */

bool verb_create(Tool *tool, Err *err)
{
    Edit edit;
    TRY(edit_begin(tool, tool->command.words[1], true, &edit, err));
    edit.caller->about = given(&edit, tool->command.about);
    edit.caller->plan = given(&edit, tool->command.plan);
    add_list(&edit, &edit.caller->tenants, tool->command.tenants, ',');
    TRY(finish(&edit, true, err));
    return said("created", tool);
}

bool verb_enable(Tool *tool, Err *err)
{
    Edit edit;
    bool disable = strcmp(tool->command.words[0], "disable") == 0;
    TRY(edit_begin(tool, tool->command.words[1], false, &edit, err));
    edit.caller->disabled = disable;
    TRY(finish(&edit, true, err));
    return said(disable ? "disabled" : "enabled", tool);
}

bool verb_plan(Tool *tool, Err *err)
{
    Edit edit;
    TRY(edit_begin(tool, tool->command.words[1], false, &edit, err));
    edit.caller->plan = given(&edit, tool->command.words[2]);
    TRY(finish(&edit, true, err));
    return said("planned", tool);
}

bool verb_permit(Tool *tool, Err *err)
{
    Edit edit;
    bool permit = strcmp(tool->command.words[0], "permit") == 0;
    TRY(edit_begin(tool, tool->command.words[1], false, &edit, err));
    AuthTexts *texts = caller_permission(edit.caller, str_from(tool->command.words[2]));
    if (!texts) {
        edit_drop(&edit);
        return ERR(err, ERR_INPUT, "permission",
                   "connectAs, sendAs, sendCategories, read, replay or administer");
    }
    edit.grants = permit;
    for (size_t i = 3; i < tool->command.count; i++) {
        Str text = str_from(tool->command.words[i]);
        if (permit)
            caller_add_text(edit.caller, texts, text);
        else
            caller_take_text(texts, text);
    }
    TRY(finish(&edit, true, err));
    return said(permit ? "permits" : "forbids", tool);
}

/* --- API keys and client secrets -------------------------------------------------------------- */

bool verbs_fill(Edit *edit, CredentialKind kind, Str owner, StoredSecret *to,
                Credential *ret_credential, Err *err)
{
    const Tool *tool = edit->tool;
    const Minting minting = {.kind = kind,
                             .owner = owner,
                             .key = str_from(tool->config.credential_key),
                             .about = str_from(tool->command.about),
                             .expires_us = expiry_us(tool)};
    return caller_mint(edit->caller, &minting, to, ret_credential, err);
}

static void show(const Tool *tool, const char *what, const StoredSecret *kept,
                 const Credential *credential)
{
    const Command *c = &tool->command;
    if (c->json)
        printf("{\"caller\":\"%s\",\"id\":\"%.*s\",\"%s\":\"%s\"}\n", c->words[1],
               STR_ARG(kept->id), what, credential->text);
    else
        printf("%s\n  of callers/%s, id %.*s. It is shown this once.\n", credential->text,
               c->words[1], STR_ARG(kept->id));
}

/* `kept` is a copy: the caller's arena is gone by the time it is shown. */
static bool finish_secret(Edit *edit, bool fine, const char *what, const StoredSecret *secret,
                          Credential *credential, Err *err)
{
    StoredSecret kept = *secret;
    kept.id = arena_copy(edit->tool->arena, secret->id);
    fine = finish(edit, fine, err);
    if (fine)
        show(edit->tool, what, &kept, credential);
    explicit_bzero(credential, sizeof *credential);
    return fine;
}

bool verb_key_create(Tool *tool, Err *err)
{
    Edit edit;
    Credential credential;
    TRY(edit_begin(tool, tool->command.words[1], false, &edit, err));
    StoredSecret *key = caller_add_key(edit.caller);
    bool fine = verbs_fill(&edit, CREDENTIAL_API_KEY, STR_NONE, key, &credential, err);
    return finish_secret(&edit, fine, "apiKey", key, &credential, err);
}

/* Revoked now, or, when another one takes its place, after the overlap. */
static bool end_secret(const Tool *tool, StoredSecret *old, bool rotate, Err *err)
{
    if (!old)
        return ERR(err, ERR_INPUT, "unknown", "there is none of that id");
    old->revoked_us = clock_wall_us() + (rotate ? (int64_t)tool->command.overlap_h * HOUR_US : 0);
    return true;
}

bool verb_key_end(Tool *tool, Err *err)
{
    Edit edit;
    Credential credential;
    const char *id = tool->command.words[2];
    bool rotate = strcmp(tool->command.words[0], "key-rotate") == 0;
    TRY(edit_begin(tool, tool->command.words[1], false, &edit, err));
    bool fine = end_secret(tool, caller_key(edit.caller, str_from(id)), rotate, err);
    if (!rotate)
        return finish(&edit, fine, err) && said("revoked", tool);
    StoredSecret *key = caller_add_key(edit.caller);
    fine = fine && verbs_fill(&edit, CREDENTIAL_API_KEY, STR_NONE, key, &credential, err);
    return finish_secret(&edit, fine, "apiKey", key, &credential, err);
}

bool verb_secret_create(Tool *tool, Err *err)
{
    Edit edit;
    Credential credential;
    TRY(edit_begin(tool, tool->command.words[1], false, &edit, err));
    OAuthClient *client = caller_client(edit.caller, str_from(tool->command.words[2]), true);
    add_list(&edit, &client->scopes, tool->command.scopes, ' ');
    StoredSecret *secret = caller_add_secret(edit.caller, client);
    bool fine = verbs_fill(&edit, CREDENTIAL_CLIENT_SECRET, client->id, secret, &credential, err);
    return finish_secret(&edit, fine, "clientSecret", secret, &credential, err);
}

bool verb_secret_end(Tool *tool, Err *err)
{
    Edit edit;
    Credential credential;
    bool rotate = strcmp(tool->command.words[0], "secret-rotate") == 0;
    TRY(edit_begin(tool, tool->command.words[1], false, &edit, err));
    OAuthClient *client = NULL;
    StoredSecret *old = caller_secret(edit.caller, str_from(tool->command.words[3]), &client);
    if (old && !str_is(client->id, tool->command.words[2]))
        old = NULL;
    bool fine = end_secret(tool, old, rotate, err);
    if (!rotate || !fine)
        return finish(&edit, fine, err) && said("revoked", tool);
    StoredSecret *secret = caller_add_secret(edit.caller, client);
    fine = verbs_fill(&edit, CREDENTIAL_CLIENT_SECRET, client->id, secret, &credential, err);
    return finish_secret(&edit, fine, "clientSecret", secret, &credential, err);
}

/* --- clients ---------------------------------------------------------------------------------- */

static bool set_keys(Edit *edit, OAuthClient *client, const char *file_or_url, Err *err)
{
    Str json;
    Jwks *jwks = NULL;
    client->jwks = client->jwks_uri = STR_NONE;
    if (strncmp(file_or_url, "https://", 8) == 0 || strncmp(file_or_url, "http://", 7) == 0) {
        client->jwks_uri = given(edit, file_or_url);
        return true;
    }
    TRY(tool_read_file(file_or_url, edit->tool->arena, &json, err));
    TRY(jwks_read(json, &jwks, err));
    size_t count = jwks_count(jwks);
    jwks_free(jwks);
    client->jwks = arena_copy(edit->caller->arena, str_trim(json));
    return count > 0 || ERR(err, ERR_INPUT, "jwks-json", "it holds no key that could be used");
}

bool verb_client_jwks(Tool *tool, Err *err)
{
    Edit edit;
    TRY(edit_begin(tool, tool->command.words[1], false, &edit, err));
    OAuthClient *client = caller_client(edit.caller, str_from(tool->command.words[2]), true);
    add_list(&edit, &client->scopes, tool->command.scopes, ' ');
    return finish(&edit, set_keys(&edit, client, tool->command.words[3], err), err) &&
           said("changed", tool);
}

bool verb_client_certificate(Tool *tool, Err *err)
{
    Edit edit;
    TRY(edit_begin(tool, tool->command.words[1], false, &edit, err));
    OAuthClient *client = caller_client(edit.caller, str_from(tool->command.words[2]), true);
    client->certificate = client->certificate || !tool->command.bound;
    client->certificate_bound = true;
    return finish(&edit, true, err) && said("changed", tool);
}

/* --- certificates ----------------------------------------------------------------------------- */

static bool fingerprint_of(Edit *edit, const char *path, CertificateMatcher *to, Err *err)
{
    Str pem;
    TRY(tool_read_file(path, edit->tool->arena, &pem, err));
    return caller_match_pem(edit->caller, pem, to, err);
}

bool verb_certificate_add(Tool *tool, Err *err)
{
    Edit edit;
    const Command *c = &tool->command;
    TRY(edit_begin(tool, c->words[1], false, &edit, err));
    CertificateMatcher *matcher = caller_add_certificate(edit.caller);
    bool fine = !c->file || fingerprint_of(&edit, c->file, matcher, err);
    matcher->subject = given(&edit, c->subject);
    matcher->san = given(&edit, c->san);
    matcher->issuer = given(&edit, c->issuer);
    matcher->expires_us = c->days ? expiry_us(tool) : 0;
    return finish(&edit, fine, err) && said("changed", tool);
}

bool verb_certificate_revoke(Tool *tool, Err *err)
{
    Edit edit;
    size_t count = 0;
    TRY(edit_begin(tool, tool->command.words[1], false, &edit, err));
    for (size_t i = 0; i < edit.caller->certificate_count; i++)
        if (caller_certificate_is(&edit.caller->certificates[i],
                                  str_from(tool->command.words[2]))) {
            edit.caller->certificates[i].revoked_us = clock_wall_us();
            count++;
        }
    bool fine = count > 0 || ERR(err, ERR_INPUT, "unknown", "the caller has no such certificate");
    return finish(&edit, fine, err) && said("revoked", tool);
}

/* A caller read, changed, and published over the version that was read. */
#include <stdio.h>

#include "common/base/check.h"
#include "tools/fhirbus-keys/keys.h"

bool edit_begin(Tool *tool, const char *name, bool make, Edit *ret_edit, Err *err)
{
    Str id = ARENA_JOIN(tool->arena, STR("callers/"), str_from(name));
    const CatalogView *view = catalog_acquire(tool->catalog);
    const CatalogEntry *entry = catalog_find(view, id);
    Str data = entry ? arena_copy(tool->arena, entry->object->data) : STR("{}");
    uint64_t version = entry ? entry->object->version : 0;
    catalog_release(tool->catalog, view);
    void *made = NULL;
    if (!version && !make)
        return ERR(err, ERR_INPUT, "unknown", "there is no caller %s", name);
    if (version && make)
        return ERR(err, ERR_INPUT, "exists", "there is a caller %s already", name);
    TRY(auth_read(AUTH_CALLERS, str_from(name), data, &made, err));
    *ret_edit = (Edit){tool, made, version};
    return true;
}

void edit_drop(Edit *edit)
{
    auth_free(edit->caller);
    edit->caller = NULL;
}

/* Whose it is already; the book tells. */
static const char *clash(const CallerBook *book, const Caller *mine)
{
    const Caller *other = NULL;
    for (size_t i = 0; i < mine->client_count; i++)
        if (book_client(book, mine->clients[i].id, &other) && !str_eq(other->name, mine->name))
            return "a client of that id";
    for (size_t i = 0; i < mine->api_key_count; i++)
        if (book_api_key(book, mine->api_keys[i].id, &other) && !str_eq(other->name, mine->name))
            return "an API key of that id";
    return NULL;
}

bool edit_end(Edit *edit, Err *err)
{
    void *checked = NULL;
    uint64_t version = 0;
    BUF_AUTO json;
    buf_init(&json, OBJECT_BYTES_MAX);
    auth_write(AUTH_CALLERS, edit->caller, &json);
    if (json.overflowed)
        return ERR(err, ERR_INPUT, "object-bytes", "more than %d bytes", OBJECT_BYTES_MAX);
    TRY(auth_read(AUTH_CALLERS, edit->caller->name, buf_str(&json), &checked, err));
    Callers *callers = callers_new(edit->tool->catalog, NULL);
    const CallerBook *book = callers_acquire(callers);
    const char *taken = clash(book, checked);
    callers_release(book);
    callers_free(callers);
    auth_free(checked);
    if (taken)
        return ERR(err, ERR_INPUT, "taken", "another caller has %s", taken);
    return tool_publish(edit->tool, AUTH_CALLERS, edit->caller->name, buf_str(&json), true,
                        edit->version, &version, err);
}

/* --- one more --------------------------------------------------------------------------------- */

static void *one_more(Edit *edit, void *list, size_t count, size_t bytes)
{
    char *grown = arena_zero(edit->caller->arena, (count + 1) * bytes);
    CHECK(grown);
    if (count)
        memcpy(grown, list, count * bytes);
    return grown;
}

StoredSecret *edit_add_key(Edit *edit)
{
    Caller *c = edit->caller;
    c->api_keys = one_more(edit, c->api_keys, c->api_key_count, sizeof *c->api_keys);
    return &c->api_keys[c->api_key_count++];
}

StoredSecret *edit_add_secret(Edit *edit, OAuthClient *client)
{
    client->secrets =
        one_more(edit, client->secrets, client->secret_count, sizeof *client->secrets);
    return &client->secrets[client->secret_count++];
}

CertificateMatcher *edit_add_certificate(Edit *edit)
{
    Caller *c = edit->caller;
    c->certificates =
        one_more(edit, c->certificates, c->certificate_count, sizeof *c->certificates);
    return &c->certificates[c->certificate_count++];
}

OAuthClient *edit_client(Edit *edit, const char *id, bool make)
{
    enum { TOKEN_LIFE_S = 300 };
    Caller *c = edit->caller;
    for (size_t i = 0; i < c->client_count; i++)
        if (str_is(c->clients[i].id, id))
            return &c->clients[i];
    if (!make)
        return NULL;
    c->clients = one_more(edit, c->clients, c->client_count, sizeof *c->clients);
    OAuthClient *client = &c->clients[c->client_count++];
    client->id = arena_copy(c->arena, str_from(id));
    client->token_life_s = TOKEN_LIFE_S;
    return client;
}

void edit_add_text(Edit *edit, AuthTexts *texts, Str text)
{
    for (size_t i = 0; i < texts->count; i++)
        if (str_eq(texts->list[i], text))
            return;
    texts->list = one_more(edit, texts->list, texts->count, sizeof *texts->list);
    texts->list[texts->count++] = arena_copy(edit->caller->arena, text);
}

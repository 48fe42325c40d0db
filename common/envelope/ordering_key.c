#include "common/envelope/ordering_key.h"

#include <gnutls/crypto.h>

#include "common/base/check.h"

/* What the part of the document that is being read means to us. */
typedef enum Role {
    ROLE_NONE,        /* skipped without looking inside */
    ROLE_BUNDLE,      /* { */
    ROLE_IDENTIFIER,  /* { "identifier": { */
    ROLE_ENTRIES,     /* { "entry": [ */
    ROLE_ENTRY,       /* { "entry": [ { */
    ROLE_RESOURCE,    /* { "entry": [ { "resource": { */
    ROLE_IDENTIFIERS, /* { "entry": [ { "resource": { "identifier": [ */
    ROLE_FIRST,       /* ... its element 0 */
    ROLE_TYPE,        /* ... "resourceType": a text */
    ROLE_SYSTEM,      /* ... "system": a text */
    ROLE_VALUE,       /* ... "value": a text */
} Role;

/* Reading stops as soon as `at` is NULL: unreadable, or the Bundle's own identifier was found. */
typedef struct Scan {
    const char *at, *end;
    Str type, system, value; /* of the resource or identifier in hand */
    DocumentIdentity found;
} Scan;

static const struct Child {
    Role parent;
    const char *key;
    Role role;
} children[] = {
    {ROLE_BUNDLE,     "identifier",   ROLE_IDENTIFIER },
    {ROLE_BUNDLE,     "entry",        ROLE_ENTRIES    },
    {ROLE_ENTRY,      "resource",     ROLE_RESOURCE   },
    {ROLE_RESOURCE,   "resourceType", ROLE_TYPE       },
    {ROLE_RESOURCE,   "identifier",   ROLE_IDENTIFIERS},
    {ROLE_IDENTIFIER, "system",       ROLE_SYSTEM     },
    {ROLE_IDENTIFIER, "value",        ROLE_VALUE      },
    {ROLE_FIRST,      "system",       ROLE_SYSTEM     },
    {ROLE_FIRST,      "value",        ROLE_VALUE      },
};

static Role member_role(Role parent, Str key)
{
    for (size_t i = 0; i < sizeof children / sizeof children[0]; i++)
        if (children[i].parent == parent && str_is(key, children[i].key))
            return children[i].role;
    return ROLE_NONE;
}

static void stop(Scan *scan)
{
    scan->at = NULL;
}

/* The next character that is not white space, not consumed; NUL at the end. */
static char peek(Scan *scan)
{
    while (scan->at && scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t'))
        scan->at++;
    return scan->at && scan->at < scan->end ? *scan->at : '\0';
}

/* At an opening quote: the raw text between the quotes. */
static Str read_text(Scan *scan)
{
    const char *from = ++scan->at;
    for (const char *p = from; p < scan->end; p++) {
        if (*p == '\\') {
            p++;
        } else if (*p == '"') {
            scan->at = p + 1;
            return (Str){from, (size_t)(p - from)};
        }
    }
    stop(scan);
    return STR_NONE;
}

/* Numbers, true, false, null: whatever stands before the next delimiter. */
static void skip_word(Scan *scan)
{
    const char *p = scan->at;
    while (p < scan->end && !memchr(",]} \t\r\n\"{[:", *p, 12))
        p++;
    if (p == scan->at)
        stop(scan);
    else
        scan->at = p;
}

/* A value nobody asks for: brackets are counted, not matched, so that depth costs nothing. */
static void skip_value(Scan *scan)
{
    size_t depth = 0;
    do {
        char c = peek(scan);
        if (c == '"') {
            (void)read_text(scan);
        } else if (c == '{' || c == '[') {
            depth++;
            scan->at++;
        } else if (c == '}' || c == ']') {
            if (depth == 0)
                return stop(scan);
            depth--;
            scan->at++;
        } else if ((c == ',' || c == ':') && depth > 0) {
            scan->at++;
        } else if (c == '\0') {
            return stop(scan);
        } else {
            skip_word(scan);
        }
    } while (scan->at && depth > 0);
}

static void keep_identity(Scan *scan, OrderingSource source)
{
    if (scan->value.len && scan->found.source == ORDERING_BY_INTERACTION)
        scan->found = (DocumentIdentity){source, scan->system, scan->value};
}

static void enter(Scan *scan, Role role)
{
    if (role == ROLE_RESOURCE || role == ROLE_IDENTIFIER)
        scan->type = scan->system = scan->value = STR_NONE;
}

static void leave(Scan *scan, Role role)
{
    if (role == ROLE_RESOURCE && str_is(scan->type, "Patient"))
        keep_identity(scan, ORDERING_BY_PATIENT);
    if (role == ROLE_IDENTIFIER && scan->value.len) {
        scan->found = (DocumentIdentity){0};
        keep_identity(scan, ORDERING_BY_BUNDLE);
        stop(scan); /* nothing later can change the answer */
    }
}

static void scan_value(Scan *scan, Role role);

static void scan_object(Scan *scan, Role role)
{
    scan->at++;
    enter(scan, role);
    while (peek(scan) == '"') {
        Str key = read_text(scan);
        if (peek(scan) != ':')
            return stop(scan);
        scan->at++;
        scan_value(scan, member_role(role, key));
        if (peek(scan) != ',')
            break;
        scan->at++;
    }
    if (peek(scan) != '}')
        return stop(scan);
    scan->at++;
    leave(scan, role);
}

static void scan_array(Scan *scan, Role role)
{
    scan->at++;
    for (size_t index = 0; scan->at && peek(scan) != ']'; index++) {
        Role element = role == ROLE_ENTRIES                 ? ROLE_ENTRY
                       : role == ROLE_IDENTIFIERS && !index ? ROLE_FIRST
                                                            : ROLE_NONE;
        scan_value(scan, element);
        if (peek(scan) != ',')
            break;
        scan->at++;
    }
    if (peek(scan) != ']')
        return stop(scan);
    scan->at++;
}

static void scan_text(Scan *scan, Role role)
{
    Str text = read_text(scan);
    if (role == ROLE_TYPE)
        scan->type = text;
    else if (role == ROLE_SYSTEM)
        scan->system = text;
    else if (role == ROLE_VALUE)
        scan->value = text;
}

/* Recursion follows roles, and their chain is seven long. */
static void scan_value(Scan *scan, Role role)
{
    char c = peek(scan);
    bool list = role == ROLE_ENTRIES || role == ROLE_IDENTIFIERS;
    bool text = role == ROLE_TYPE || role == ROLE_SYSTEM || role == ROLE_VALUE;
    if (c == '{' && role != ROLE_NONE && !list && !text)
        scan_object(scan, role);
    else if (c == '[' && list)
        scan_array(scan, role);
    else if (c == '"' && text)
        scan_text(scan, role);
    else
        skip_value(scan);
}

DocumentIdentity ordering_identity(Str document)
{
    size_t bytes = document.len < ORDERING_SCAN_BYTES ? document.len : ORDERING_SCAN_BYTES;
    if (!document.ptr)
        return (DocumentIdentity){0};
    Scan scan = {.at = document.ptr, .end = document.ptr + bytes};
    if (peek(&scan) != '{')
        return (DocumentIdentity){0};
    scan_object(&scan, ROLE_BUNDLE);
    /* Unreadable further down: only what cannot be overruled counts. */
    if (!scan.at && scan.found.source != ORDERING_BY_BUNDLE)
        return (DocumentIdentity){0};
    return scan.found;
}

/* Lengths go in too, so that no two different lists of texts give the same bytes. */
static void add(gnutls_hmac_hd_t hmac, Str text)
{
    uint64_t len = text.len;
    gnutls_hmac(hmac, &len, sizeof len);
    if (text.len)
        gnutls_hmac(hmac, text.ptr, text.len);
}

OrderingKey ordering_key(Str secret, Str tenant, Str interaction_id, Str document,
                         OrderingSource *ret_source)
{
    static const char *const kinds[] = {"interaction", "bundle", "patient"};
    DocumentIdentity identity = ordering_identity(document);
    unsigned char digest[32];
    gnutls_hmac_hd_t hmac;
    int failed =
        gnutls_hmac_init(&hmac, GNUTLS_MAC_SHA256, secret.ptr ? secret.ptr : "", secret.len);
    CHECK(failed == 0);
    add(hmac, str_from(kinds[identity.source]));
    add(hmac, tenant);
    if (identity.source == ORDERING_BY_INTERACTION) {
        add(hmac, interaction_id);
    } else {
        add(hmac, identity.system);
        add(hmac, identity.value);
    }
    gnutls_hmac_deinit(hmac, digest);
    OrderingKey key;
    memcpy(key.bytes, digest, sizeof key.bytes);
    if (ret_source)
        *ret_source = identity.source;
    return key;
}

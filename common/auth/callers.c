#include "common/auth/callers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/check.h"

enum { BOOK_ARENA_BYTES = 512 << 20, KEY_BYTES_MAX = 2 * FIELDS_TEXT_MAX + 40 };

/* What is looked up; its letter keeps the keys of one kind from those of another. */
typedef enum Thing {
    THING_CALLER = 'n',
    THING_CLIENT = 'c',
    THING_API_KEY = 'k',
    THING_ISSUER = 'i',
    THING_PLAN = 'p',
    THING_HOST = 'h',
    THING_ORGANISATION = 'o',
    THING_TENANT = 't',
    THING_FINGERPRINT = 'f', /* these three lead to a Matcher chain */
    THING_SUBJECT = 's',
    THING_SAN = 'a',
    THING_ACCOUNT = 'u',
    THING_SUBJECT_OF_ACCOUNT = 'v',
} Thing;

typedef struct Entry {
    Str key; /* with its letter; ptr NULL: free */
    const void *object;
    const Caller *caller;
    bool ambiguous;
} Entry;

/* Matchers that share what they are looked up by. */
typedef struct Matcher {
    const CertificateMatcher *certificate;
    const Caller *caller;
    const struct Matcher *next;
} Matcher;

struct CallerBook {
    atomic_uint refs;
    Catalog *catalog;
    const CatalogView *view;
    Arena *arena;
    Entry *entries;
    size_t slots; /* a power of two */
    size_t callers, ambiguous;
    CatalogRun issuers, objects, hosts, tenants; /* objects: the callers */
};

struct Callers {
    Catalog *catalog;
    const Log *log;
    pthread_mutex_t lock;
    CallerBook *book;
    bool compiling;
};

/* --- the table -------------------------------------------------------------------------------- */

static Entry *slot_of(const CallerBook *book, Str key)
{
    size_t i = (size_t)str_hash(key) & (book->slots - 1);
    while (book->entries[i].key.ptr && !str_eq(book->entries[i].key, key))
        i = (i + 1) & (book->slots - 1);
    return &book->entries[i];
}

/* The letter, then the parts, a NUL between them: no text of an object holds one. */
static Str key_in(char buffer[KEY_BYTES_MAX], Thing thing, Str a, Str b)
{
    size_t len = 0;
    if (a.len + b.len + 2 > KEY_BYTES_MAX)
        return STR_NONE;
    buffer[len++] = (char)thing;
    if (a.len)
        memcpy(buffer + len, a.ptr, a.len);
    len += a.len;
    if (b.ptr) {
        buffer[len++] = '\0';
        if (b.len)
            memcpy(buffer + len, b.ptr, b.len);
        len += b.len;
    }
    return (Str){buffer, len};
}

static const Entry *find(const CallerBook *book, Thing thing, Str a, Str b)
{
    char buffer[KEY_BYTES_MAX];
    Str key = key_in(buffer, thing, a, b);
    if (!key.ptr || !a.len)
        return NULL;
    const Entry *entry = slot_of(book, key);
    return entry->key.ptr && !entry->ambiguous ? entry : NULL;
}

static const void *object_of(const Entry *entry)
{
    return entry ? entry->object : NULL;
}

/* --- compiling -------------------------------------------------------------------------------- */

typedef struct Compiling {
    CallerBook *book;
    const Log *log;
    Str object; /* whose turn it is, for the log */
} Compiling;

static Entry *claim(const Compiling *c, Thing thing, Str a, Str b)
{
    char buffer[KEY_BYTES_MAX];
    Str key = key_in(buffer, thing, a, b);
    CHECK(key.ptr); /* fields.c limits texts */
    Entry *entry = slot_of(c->book, key);
    if (!entry->key.ptr) {
        entry->key = arena_copy(c->book->arena, key);
        CHECK(entry->key.ptr);
    }
    return entry;
}

static void put(const Compiling *c, Thing thing, Str a, Str b, const void *object,
                const Caller *caller)
{
    Entry *entry = claim(c, thing, a, b);
    if (entry->object) {
        c->book->ambiguous += !entry->ambiguous;
        entry->ambiguous = true;
        log_error(c->log, "callers.ambiguous", LOG_STR("object", c->object),
                  LOG_STR("thing", str_cut(entry->key, 0, 1)));
        return;
    }
    entry->object = object;
    entry->caller = caller;
}

static Str bytes32(const uint8_t bytes[32])
{
    union {
        const uint8_t *bytes;
        const char *chars;
    } view = {.bytes = bytes};
    return (Str){view.chars, 32};
}

static bool has_fingerprint(const CertificateMatcher *certificate)
{
    static const uint8_t zeros[32];
    return memcmp(certificate->fingerprint, zeros, sizeof zeros) != 0;
}

/* Looked up by the most telling of what it says; the rest is compared then. */
static void put_certificate(const Compiling *c, const CertificateMatcher *certificate,
                            const Caller *caller)
{
    Entry *entry = has_fingerprint(certificate)
                       ? claim(c, THING_FINGERPRINT, bytes32(certificate->fingerprint), STR_NONE)
                   : certificate->san.len ? claim(c, THING_SAN, certificate->san, STR_NONE)
                                          : claim(c, THING_SUBJECT, certificate->subject, STR_NONE);
    Matcher *matcher = ARENA_NEW(c->book->arena, Matcher);
    CHECK(matcher);
    *matcher = (Matcher){certificate, caller, entry->object};
    entry->object = matcher;
}

static void put_caller(const Compiling *c, const Caller *caller)
{
    put(c, THING_CALLER, caller->name, STR_NONE, caller, caller);
    for (size_t i = 0; i < caller->client_count; i++)
        put(c, THING_CLIENT, caller->clients[i].id, STR_NONE, &caller->clients[i], caller);
    for (size_t i = 0; i < caller->api_key_count; i++)
        put(c, THING_API_KEY, caller->api_keys[i].id, STR_NONE, &caller->api_keys[i], caller);
    for (size_t i = 0; i < caller->certificate_count; i++)
        put_certificate(c, &caller->certificates[i], caller);
    c->book->callers++;
}

static void put_tenant(const Compiling *c, const Tenant *tenant)
{
    put(c, THING_TENANT, tenant->tenant, STR_NONE, tenant, NULL);
    for (size_t i = 0; i < tenant->organisation_count; i++)
        put(c, THING_ORGANISATION, tenant->organisations[i].source_domain,
            tenant->organisations[i].organisation_code, tenant, NULL);
}

static void put_account(const Compiling *c, const Account *account)
{
    put(c, THING_ACCOUNT, account->name, STR_NONE, account, NULL);
    for (size_t i = 0; i < account->oidc.count; i++)
        put(c, THING_SUBJECT_OF_ACCOUNT, account->oidc.list[i], STR_NONE, account, NULL);
}

static void put_object(const Compiling *c, AuthKind kind, const void *made)
{
    if (kind == AUTH_CALLERS)
        put_caller(c, made);
    else if (kind == AUTH_TENANTS)
        put_tenant(c, made);
    else if (kind == AUTH_ACCOUNTS)
        put_account(c, made);
    else if (kind == AUTH_PLANS)
        put(c, THING_PLAN, ((const UsagePlan *)made)->name, STR_NONE, made, NULL);
    else if (kind == AUTH_HOSTS)
        put(c, THING_HOST, ((const HostName *)made)->name, STR_NONE, made, NULL);
    else if (!((const TokenIssuer *)made)->disabled)
        put(c, THING_ISSUER, ((const TokenIssuer *)made)->iss, STR_NONE, made, NULL);
}

static size_t keys_of(AuthKind kind, const void *made)
{
    const Caller *caller = made;
    if (kind == AUTH_CALLERS)
        return 1 + caller->client_count + caller->api_key_count + caller->certificate_count;
    if (kind == AUTH_ACCOUNTS)
        return 1 + ((const Account *)made)->oidc.count;
    return kind == AUTH_TENANTS ? 1 + ((const Tenant *)made)->organisation_count : 1;
}

/* At most half of the slots are taken. */
static void make_slots(CallerBook *book)
{
    size_t keys = 0;
    for (AuthKind kind = 0; kind < AUTH_KIND_COUNT; kind++) {
        CatalogRun run = catalog_kind(book->view, auth_kinds[kind].name);
        for (size_t i = 0; i < run.count; i++)
            keys += keys_of(kind, run.entries[i].made);
    }
    for (book->slots = 16; book->slots < 2 * keys + 2;)
        book->slots *= 2;
    book->entries = ARENA_ARRAY(book->arena, Entry, book->slots);
    CHECK(book->entries);
}

static CallerBook *compile(Catalog *catalog, const Log *log)
{
    CallerBook *book = calloc(1, sizeof *book);
    CHECK(book);
    atomic_init(&book->refs, 1);
    book->catalog = catalog;
    book->view = catalog_acquire(catalog);
    book->arena = arena_new(BOOK_ARENA_BYTES);
    make_slots(book);
    book->issuers = catalog_kind(book->view, auth_kinds[AUTH_ISSUERS].name);
    book->objects = catalog_kind(book->view, auth_kinds[AUTH_CALLERS].name);
    book->hosts = catalog_kind(book->view, auth_kinds[AUTH_HOSTS].name);
    book->tenants = catalog_kind(book->view, auth_kinds[AUTH_TENANTS].name);
    Compiling compiling = {.book = book, .log = log};
    for (AuthKind kind = 0; kind < AUTH_KIND_COUNT; kind++) {
        CatalogRun run = catalog_kind(book->view, auth_kinds[kind].name);
        for (size_t i = 0; i < run.count; i++) {
            compiling.object = run.entries[i].object->id;
            put_object(&compiling, kind, run.entries[i].made);
        }
    }
    return book;
}

/* --- holding ---------------------------------------------------------------------------------- */

Callers *callers_new(Catalog *catalog, const Log *log)
{
    Callers *callers = calloc(1, sizeof *callers);
    CHECK(callers);
    CHECK(pthread_mutex_init(&callers->lock, NULL) == 0);
    callers->catalog = catalog;
    callers->log = log;
    callers->book = compile(catalog, log);
    return callers;
}

void callers_release(const CallerBook *held)
{
    union {
        const CallerBook *held;
        CallerBook *book;
    } cast = {.held = held};
    CallerBook *book = cast.book;
    if (!book || atomic_fetch_sub(&book->refs, 1) > 1)
        return;
    catalog_release(book->catalog, book->view);
    arena_free(book->arena);
    free(book);
}

void callers_free(Callers *callers)
{
    if (!callers)
        return;
    callers_release(callers->book);
    pthread_mutex_destroy(&callers->lock);
    free(callers);
}

bool callers_ready(Callers *callers)
{
    return catalog_ready(callers->catalog, 0);
}

/* Whoever sees a change compiles, outside of the lock; the others go on with the last book. */
static void renew(Callers *callers)
{
    CallerBook *book = compile(callers->catalog, callers->log), *old;
    pthread_mutex_lock(&callers->lock);
    old = callers->book;
    callers->book = book;
    callers->compiling = false;
    pthread_mutex_unlock(&callers->lock);
    log_info(callers->log, "callers.changed", LOG_U64("callers", book->callers),
             LOG_U64("ambiguous", book->ambiguous));
    callers_release(old);
}

const CallerBook *callers_acquire(Callers *callers)
{
    pthread_mutex_lock(&callers->lock);
    bool stale = !callers->compiling &&
                 book_generation(callers->book) != catalog_generation(callers->catalog);
    callers->compiling = callers->compiling || stale;
    CallerBook *book = stale ? NULL : callers->book;
    if (book)
        atomic_fetch_add(&book->refs, 1);
    pthread_mutex_unlock(&callers->lock);
    if (book)
        return book;
    renew(callers);
    return callers_acquire(callers);
}

/* --- looking up ------------------------------------------------------------------------------- */

uint64_t book_generation(const CallerBook *book)
{
    return book->view->generation;
}

size_t book_callers(const CallerBook *book)
{
    return book->callers;
}

size_t book_ambiguous(const CallerBook *book)
{
    return book->ambiguous;
}

const Caller *book_caller(const CallerBook *book, Str name)
{
    return object_of(find(book, THING_CALLER, name, STR_NONE));
}

const Caller *book_caller_at(const CallerBook *book, size_t index)
{
    return index < book->objects.count ? book->objects.entries[index].made : NULL;
}

static const void *owned(const Entry *entry, const Caller **ret_caller)
{
    if (entry)
        *ret_caller = entry->caller;
    return object_of(entry);
}

const OAuthClient *book_client(const CallerBook *book, Str id, const Caller **ret_caller)
{
    return owned(find(book, THING_CLIENT, id, STR_NONE), ret_caller);
}

const StoredSecret *book_api_key(const CallerBook *book, Str id, const Caller **ret_caller)
{
    return owned(find(book, THING_API_KEY, id, STR_NONE), ret_caller);
}

const TokenIssuer *book_issuer(const CallerBook *book, Str iss)
{
    return object_of(find(book, THING_ISSUER, iss, STR_NONE));
}

const TokenIssuer *book_issuer_at(const CallerBook *book, size_t index)
{
    return index < book->issuers.count ? book->issuers.entries[index].made : NULL;
}

const UsagePlan *book_plan(const CallerBook *book, Str name)
{
    return object_of(find(book, THING_PLAN, name, STR_NONE));
}

const HostName *book_host(const CallerBook *book, Str host)
{
    return object_of(find(book, THING_HOST, host, STR_NONE));
}

const HostName *book_host_at(const CallerBook *book, size_t index)
{
    return index < book->hosts.count ? book->hosts.entries[index].made : NULL;
}

const Tenant *book_tenant(const CallerBook *book, Str tenant)
{
    return object_of(find(book, THING_TENANT, tenant, STR_NONE));
}

const Tenant *book_tenant_at(const CallerBook *book, size_t index)
{
    return index < book->tenants.count ? book->tenants.entries[index].made : NULL;
}

const Account *book_account(const CallerBook *book, Str name)
{
    return object_of(find(book, THING_ACCOUNT, name, STR_NONE));
}

const Account *book_account_of(const CallerBook *book, Str claim)
{
    return object_of(find(book, THING_SUBJECT_OF_ACCOUNT, claim, STR_NONE));
}

Str book_tenant_of(const CallerBook *book, Str source_domain, Str organisation_code)
{
    if (!organisation_code.len)
        return STR_NONE;
    const Tenant *tenant =
        object_of(find(book, THING_ORGANISATION, source_domain, organisation_code));
    return tenant && !tenant->disabled ? tenant->tenant : STR_NONE;
}

static bool has_san(const CertificateFacts *facts, Str wanted)
{
    for (size_t i = 0; i < facts->san_count; i++)
        if (str_eq(facts->sans[i], wanted))
            return true;
    return false;
}

static bool fits(const CertificateMatcher *matcher, const CertificateFacts *facts, int64_t now_us)
{
    if (has_fingerprint(matcher) &&
        memcmp(matcher->fingerprint, facts->fingerprint, sizeof facts->fingerprint) != 0)
        return false;
    return (!matcher->subject.len || str_eq(matcher->subject, facts->subject)) &&
           (!matcher->issuer.len || str_eq(matcher->issuer, facts->issuer)) &&
           (!matcher->san.len || has_san(facts, matcher->san)) &&
           (!matcher->expires_us || now_us < matcher->expires_us) &&
           (!matcher->revoked_us || now_us < matcher->revoked_us);
}

typedef struct Search {
    const CallerBook *book;
    const CertificateFacts *facts;
    int64_t now_us;
    const Caller *found;
    bool several;
} Search;

static void search(Search *search, Thing thing, Str key)
{
    const Matcher *matcher = object_of(find(search->book, thing, key, STR_NONE));
    for (; matcher; matcher = matcher->next) {
        if (!fits(matcher->certificate, search->facts, search->now_us))
            continue;
        search->several = search->several || (search->found && search->found != matcher->caller);
        search->found = matcher->caller;
    }
}

const Caller *book_certificate(const CallerBook *book, const CertificateFacts *facts,
                               int64_t now_us)
{
    Search all = {.book = book, .facts = facts, .now_us = now_us};
    search(&all, THING_FINGERPRINT, bytes32(facts->fingerprint));
    search(&all, THING_SUBJECT, facts->subject);
    for (size_t i = 0; i < facts->san_count; i++)
        search(&all, THING_SAN, facts->sans[i]);
    return all.several ? NULL : all.found;
}

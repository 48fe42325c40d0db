#include "common/vault/vault.h"

#include <gnutls/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/vault/aead.h"

enum {
    KNOWN_MAX = 1024,
    ID_BYTES = 16,
    HEADER_BYTES = 4 + 1 + ID_BYTES,
    KEY_LIFE_MS = 3600 * 1000,
    CHECK_MS = 30000,
    TURN_MS = 200,
    AGAIN_MS = 1000, /* after a failure */
    ARENA_BYTES = 1 << 20,
    INTERACTION_BYTES = 36,
};

static const DbStatement sql_put = {"data-key-put",
                                    "INSERT INTO fhirbus.data_key (id, wrapped_by, wrapped) "
                                    "VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"};
static const DbStatement sql_get = {
    "data-key-get", "SELECT wrapped_by, wrapped FROM fhirbus.data_key WHERE id = $1"};
static const DbStatement sql_newest = {"data-key-newest",
                                       "SELECT DISTINCT ON (wrapped_by) wrapped_by, wrapped FROM "
                                       "fhirbus.data_key ORDER BY wrapped_by, made_at DESC"};
static const DbStatement *const statements[] = {&sql_put, &sql_get, &sql_newest, NULL};

typedef struct DataKey {
    bool there;
    char id[ID_BYTES];
    unsigned char key[DATA_KEY_BYTES];
} DataKey;

struct Vault {
    const VaultConfig *config;
    const Log *log;
    bool writes;
    pthread_mutex_t asking; /* db, kms, arena */
    Db *db;
    Kms kms;
    Arena *arena;
    pthread_mutex_t lock; /* below */
    DataKey known[KNOWN_MAX];
    size_t next; /* place of the next one */
    DataKey current;
    uint64_t used;
    int64_t made_ms;
    bool checked;
    Err wrong; /* kind 0: the keys open what is stored */
    Err away;  /* why that could not be looked at; kind 0: it could */
    pthread_t thread;
    bool running;
    atomic_bool stopping;
};

/* --- data keys -------------------------------------------------------------------------------- */

static void remember(Vault *v, const DataKey *key)
{
    pthread_mutex_lock(&v->lock);
    v->known[v->next++ % KNOWN_MAX] = *key;
    pthread_mutex_unlock(&v->lock);
}

static bool recall(Vault *v, const char *id, DataKey *ret_key)
{
    bool found = false;
    pthread_mutex_lock(&v->lock);
    for (size_t i = 0; i < KNOWN_MAX && v->known[i].there && !found; i++)
        if (memcmp(v->known[i].id, id, ID_BYTES) == 0) {
            *ret_key = v->known[i];
            found = true;
        }
    pthread_mutex_unlock(&v->lock);
    return found;
}

/* With `asking` held. */
static bool fetch(Vault *v, const char *id, DataKey *ret_key, Err *err)
{
    DbParams params;
    DbResult *result = NULL;
    char name[KMS_NAME_MAX + 1] = "";
    arena_reset(v->arena);
    db_params_init(&params, v->arena);
    db_bytes(&params, (Str){id, ID_BYTES});
    TRY(db_run(v->db, &sql_get, &params, &result, err));
    bool there = db_rows(result) == 1;
    Str by = there ? db_get_text(result, 0, 0) : STR("");
    if (there && by.len <= KMS_NAME_MAX)
        memcpy(name, by.ptr, by.len);
    bool fine = there
                    ? v->kms.unwrap(v->kms.self, name, db_get_text(result, 0, 1), ret_key->key, err)
                    : ERR(err, ERR_FATAL, "payload-key-missing", "the data key is not kept");
    db_result_free(result);
    memcpy(ret_key->id, id, ID_BYTES);
    ret_key->there = fine;
    return fine;
}

static bool find(Vault *v, const char *id, DataKey *ret_key, Err *err)
{
    if (recall(v, id, ret_key))
        return true;
    pthread_mutex_lock(&v->asking);
    bool fine = recall(v, id, ret_key) || fetch(v, id, ret_key, err);
    pthread_mutex_unlock(&v->asking);
    if (fine)
        remember(v, ret_key);
    return fine;
}

/* --- sealing ---------------------------------------------------------------------------------- */

bool vault_is_sealed(Str bytes)
{
    return bytes.len >= HEADER_BYTES + AEAD_MORE && str_starts(bytes, STR("FBS1"));
}

static Str associated(const char *header, Str interaction_id,
                      char room[HEADER_BYTES + INTERACTION_BYTES])
{
    size_t len = interaction_id.len < INTERACTION_BYTES ? interaction_id.len : INTERACTION_BYTES;
    memcpy(room, header, HEADER_BYTES);
    for (size_t i = 0; i < len; i++) {
        char c = interaction_id.ptr[i];
        room[HEADER_BYTES + i] = (char)(c >= 'A' && c <= 'F' ? c + 32 : c);
    }
    return (Str){room, HEADER_BYTES + len};
}

bool vault_seal(Vault *v, VaultColumn column, Str interaction_id, Str bytes, Arena *arena,
                Str *ret_sealed, Err *err)
{
    char room[HEADER_BYTES + INTERACTION_BYTES];
    DataKey key;
    if (!v || !v->writes) {
        *ret_sealed = bytes;
        return true;
    }
    pthread_mutex_lock(&v->lock);
    key = v->current;
    v->used++;
    pthread_mutex_unlock(&v->lock);
    if (!key.there)
        return ERR(err, ERR_RETRY, "payload-key-away", "there is no data key yet");
    char *to = arena_alloc(arena, HEADER_BYTES + bytes.len + AEAD_MORE);
    if (!to)
        return ERR(err, ERR_INPUT, "memory-limit", "no room to seal %zu bytes", bytes.len);
    memcpy(to, "FBS1", 4); /* NOLINT(bugprone-not-null-terminated-result): bytes, no text */
    to[4] = (char)column;
    memcpy(to + 5, key.id, ID_BYTES);
    bool fine = aead_seal(key.key, associated(to, interaction_id, room), bytes, to + HEADER_BYTES);
    explicit_bzero(&key, sizeof key);
    *ret_sealed = (Str){to, HEADER_BYTES + bytes.len + AEAD_MORE};
    return fine || ERR(err, ERR_RETRY, "payload-sealed", "could not be sealed");
}

bool vault_unseal(Vault *v, unsigned columns, Str interaction_id, Str sealed, Arena *arena,
                  Str *ret_bytes, Err *err)
{
    char room[HEADER_BYTES + INTERACTION_BYTES];
    DataKey key;
    *ret_bytes = sealed;
    if (!vault_is_sealed(sealed))
        return true;
    unsigned column = (unsigned char)sealed.ptr[4];
    if (!v)
        return ERR(err, ERR_FATAL, "payload-key-missing",
                   "it is encrypted, and PAYLOAD_KEYS is not set");
    if (column > 31 || !(columns & VAULT_ONE(column)))
        return ERR(err, ERR_FATAL, "payload-sealed", "it was sealed for another column");
    TRY(find(v, sealed.ptr + 5, &key, err));
    char *to = arena_alloc(arena, sealed.len);
    bool fine = to && aead_open(key.key, associated(sealed.ptr, interaction_id, room),
                                str_skip(sealed, HEADER_BYTES), to);
    explicit_bzero(&key, sizeof key);
    if (!to)
        return ERR(err, ERR_INPUT, "memory-limit", "no room to open %zu bytes", sealed.len);
    *ret_bytes = (Str){to, sealed.len - HEADER_BYTES - AEAD_MORE};
    return fine ||
           ERR(err, ERR_FATAL, "payload-sealed", "damaged, or sealed for another interaction");
}

/* --- its thread ------------------------------------------------------------------------------- */

static bool make_key(Vault *v, DataKey *ret_key, Err *err)
{
    DbParams params;
    Str wrapped;
    char name[KMS_NAME_MAX + 1];
    arena_reset(v->arena);
    TRY(v->kms.active(v->kms.self, name, err));
    CHECK(gnutls_rnd(GNUTLS_RND_RANDOM, ret_key->id, ID_BYTES) == 0);
    CHECK(gnutls_rnd(GNUTLS_RND_KEY, ret_key->key, DATA_KEY_BYTES) == 0);
    TRY(v->kms.wrap(v->kms.self, name, ret_key->key, v->arena, &wrapped, err));
    db_params_init(&params, v->arena);
    db_bytes(&params, (Str){ret_key->id, ID_BYTES});
    db_text(&params, str_from(name));
    db_bytes(&params, wrapped);
    TRY(db_run(v->db, &sql_put, &params, NULL, err));
    ret_key->there = true;
    return true;
}

/* Does each wrapping key open what it wrapped? */
static bool check(Vault *v, Err *err)
{
    DbParams params;
    DbResult *result = NULL;
    bool fine = true;
    arena_reset(v->arena);
    db_params_init(&params, v->arena);
    TRY(db_run(v->db, &sql_newest, &params, &result, err));
    for (size_t i = 0; fine && i < db_rows(result); i++) {
        unsigned char key[DATA_KEY_BYTES];
        char name[KMS_NAME_MAX + 1] = "";
        Str by = db_get_text(result, i, 0);
        memcpy(name, by.ptr, by.len <= KMS_NAME_MAX ? by.len : 0);
        fine = v->kms.unwrap(v->kms.self, name, db_get_text(result, i, 1), key, err);
        explicit_bzero(key, sizeof key);
    }
    db_result_free(result);
    return fine;
}

static bool key_due(Vault *v)
{
    pthread_mutex_lock(&v->lock);
    bool due = v->writes && v->checked && !v->wrong.kind &&
               (!v->current.there || v->used >= v->config->objects ||
                clock_mono_ms() - v->made_ms > KEY_LIFE_MS);
    pthread_mutex_unlock(&v->lock);
    return due;
}

/* Database or key service away: what was found last holds. */
static void note_away(Vault *v, const Err *err)
{
    pthread_mutex_lock(&v->lock);
    bool news = strcmp(v->away.text, err->text) != 0;
    v->away = *err;
    pthread_mutex_unlock(&v->lock);
    if (news)
        log_warn(v->log, "payload_keys.away", LOG_ERR(err));
}

static void note(Vault *v, bool fine, const Err *err)
{
    if (!fine && err->kind == ERR_RETRY) {
        note_away(v, err);
        return;
    }
    pthread_mutex_lock(&v->lock);
    v->away = (Err){0};
    bool news = !v->checked || (v->wrong.kind != ERR_NONE) == fine;
    v->checked = true;
    v->wrong = fine ? (Err){0} : *err;
    pthread_mutex_unlock(&v->lock);
    if (news && fine)
        log_info(v->log, "payload_keys.fine");
    if (!fine)
        log_error(v->log, "payload_keys.wrong", LOG_ERR(err));
}

static bool refresh(Vault *v)
{
    DataKey made = {0};
    Err err = {0};
    pthread_mutex_lock(&v->asking);
    bool fine = make_key(v, &made, &err);
    pthread_mutex_unlock(&v->asking);
    if (!fine) {
        note_away(v, &err);
        return false;
    }
    remember(v, &made);
    pthread_mutex_lock(&v->lock);
    v->current = made;
    v->away = (Err){0};
    v->used = 0;
    v->made_ms = clock_mono_ms();
    pthread_mutex_unlock(&v->lock);
    return true;
}

static void *watch(void *opaque)
{
    Vault *v = opaque;
    int64_t check_at_ms = 0, key_at_ms = 0;
    while (!atomic_load(&v->stopping)) {
        if (clock_mono_ms() >= check_at_ms) {
            Err err = {0};
            pthread_mutex_lock(&v->asking);
            bool fine = check(v, &err);
            pthread_mutex_unlock(&v->asking);
            note(v, fine, &err);
            check_at_ms = clock_mono_ms() + (fine ? CHECK_MS : AGAIN_MS);
        }
        if (key_due(v) && clock_mono_ms() >= key_at_ms)
            key_at_ms = refresh(v) ? 0 : clock_mono_ms() + AGAIN_MS;
        nanosleep(&(struct timespec){.tv_nsec = TURN_MS * 1000000L}, NULL);
    }
    return NULL;
}

bool vault_wrong(Vault *v, Buf *why)
{
    if (!v)
        return false;
    pthread_mutex_lock(&v->lock);
    bool wrong = v->wrong.kind != ERR_NONE;
    if (wrong)
        buf_add_format(why, "payload keys: %s\n", v->wrong.text);
    pthread_mutex_unlock(&v->lock);
    return wrong;
}

bool vault_ready(Vault *v, Buf *why)
{
    if (!v)
        return true;
    pthread_mutex_lock(&v->lock);
    bool wrong = v->wrong.kind != ERR_NONE, ready = v->checked && !wrong;
    bool lacks = ready && v->writes && !v->current.there;
    if (why && wrong)
        buf_add_format(why, "payload keys: %s\n", v->wrong.text);
    else if (why && (!ready || lacks))
        buf_add_format(why, "payload keys are not read yet%s%s\n", v->away.text[0] ? ": " : "",
                       v->away.text);
    pthread_mutex_unlock(&v->lock);
    return ready && !lacks;
}

/* --- birth and death -------------------------------------------------------------------------- */

bool vault_open(const VaultConfig *config, const DbConfig *db, bool writes, const Log *log,
                Vault **ret_vault, Err *err)
{
    *ret_vault = NULL;
    if (!config->keys && !config->command)
        return true;
    Vault *v = calloc(1, sizeof *v);
    if (!v)
        return ERR(err, ERR_FATAL, "payload-keys", "no memory");
    v->config = config;
    v->log = log;
    v->writes = writes && config->seal;
    pthread_mutex_init(&v->asking, NULL);
    pthread_mutex_init(&v->lock, NULL);
    v->arena = arena_new(ARENA_BYTES);
    v->db = db_new(db, statements, "fhirbus payload keys", log);
    bool fine =
        v->arena && v->db &&
        (config->command ? kms_of_command(config->command, config->command_timeout_ms, &v->kms, err)
                         : kms_of_folder(config->keys, &v->kms, err));
    v->running = fine && pthread_create(&v->thread, NULL, watch, v) == 0;
    if (!v->running) {
        vault_close(v);
        return ERR(err, ERR_FATAL, "payload-keys", "cannot be watched");
    }
    *ret_vault = v;
    return true;
}

void vault_close(Vault *v)
{
    if (!v)
        return;
    atomic_store(&v->stopping, true);
    if (v->running)
        pthread_join(v->thread, NULL);
    if (v->kms.close)
        v->kms.close(v->kms.self);
    db_free(v->db);
    arena_free(v->arena);
    explicit_bzero(v, sizeof *v);
    free(v);
}

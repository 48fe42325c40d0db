/* keys - what the files of this tool share: settings, the catalog, and one caller being edited.
 *
 * main.c    the table of verbs
 * objects.c objects of every kind as they are: check, publish, list, show, remove
 * set.c     objects of every kind by options: made, or changed member by member
 * tell.c    what is said of it all, for people and for scripts
 * edit.c    a caller read, changed and published again over the version that was read
 * verbs.c   the changes: credentials, permissions
 * accounts.c people who sign in to the diagnostics pages
 * mint.c    keys and certificates made here: signing keys, and what `dev` needs
 * dev.c     one caller of each kind, on a development stack only */
#pragma once
#include "common/auth/callers.h"
#include "common/auth/edit.h"
#include "common/base/arena.h"
#include "common/bus/bus.h"
#include "common/catalog/publish.h"

enum { WAIT_MS = 30000 };

typedef struct ToolConfig {
    BusConfig bus;
    const char *by, *comment;
    const char *credential_key;
    const char *stack; /* the folder of `make up` */
} ToolConfig;

/* The command line, cut into words and options. */
typedef struct Command {
    const char *words[40];
    size_t count;
    bool json, bound, no_password;
    const char *about, *file, *subject, *san, *issuer, *tenants, *plan, *scopes, *rights, *oidc;
    uint64_t days, overlap_h;
    /* Of `set`: its options, in order. */
    struct {
        const char *name, *value;
    } pairs[60];
    size_t pair_count;
} Command;

typedef struct Tool {
    ToolConfig config;
    Command command;
    Arena *arena;
    Catalog *catalog;
    uint64_t version; /* that was published last; 0: none */
} Tool;

/* --- objects.c -------------------------------------------------------------------------------- */
bool tool_open(Tool *tool, Err *err) MUST_USE;
bool tool_publish(Tool *tool, AuthKind kind, Str name, Str data, bool expects, uint64_t version,
                  Err *err) MUST_USE;
/* The kind that this word names. */
bool tool_kind(const Tool *tool, size_t word, AuthKind *ret_kind, Err *err) MUST_USE;
bool tool_read_file(const char *path, Arena *arena, Str *ret_text, Err *err) MUST_USE;
bool objects_check(Tool *tool, Err *err) MUST_USE;
bool objects_publish(Tool *tool, Err *err) MUST_USE;
bool objects_list(Tool *tool, Err *err) MUST_USE;
bool objects_show(Tool *tool, Err *err) MUST_USE;
bool objects_remove(Tool *tool, Err *err) MUST_USE;

/* --- edit.c ----------------------------------------------------------------------------------- */
typedef struct Edit {
    Tool *tool;
    Caller *caller;   /* a copy of one's own, with room for one more of each list */
    uint64_t version; /* 0: it is new */
    bool grants;      /* it may more than before: held to what may be granted today */
} Edit;
bool edit_begin(Tool *tool, const char *name, bool make, Edit *ret_edit, Err *err) MUST_USE;
/* Publishes, unless somebody else did meanwhile, or a credential is another caller's already. */
bool edit_end(Edit *edit, Err *err) MUST_USE;
void edit_drop(Edit *edit); /* always, at the end */

/* --- verbs.c ---------------------------------------------------------------------------------- */
/* A new secret: its HMAC is kept in *to, its text returned, to be shown once. */
bool verbs_fill(Edit *edit, CredentialKind kind, Str owner, StoredSecret *to,
                Credential *ret_credential, Err *err) MUST_USE;
bool verb_create(Tool *tool, Err *err) MUST_USE;
bool verb_enable(Tool *tool, Err *err) MUST_USE;
bool verb_permit(Tool *tool, Err *err) MUST_USE;
bool verb_plan(Tool *tool, Err *err) MUST_USE;
bool verb_key_create(Tool *tool, Err *err) MUST_USE;
bool verb_key_end(Tool *tool, Err *err) MUST_USE;
bool verb_secret_create(Tool *tool, Err *err) MUST_USE;
bool verb_secret_end(Tool *tool, Err *err) MUST_USE;
bool verb_client_jwks(Tool *tool, Err *err) MUST_USE;
bool verb_client_certificate(Tool *tool, Err *err) MUST_USE;
bool verb_certificate_add(Tool *tool, Err *err) MUST_USE;
bool verb_certificate_revoke(Tool *tool, Err *err) MUST_USE;

/* --- set.c ------------------------------------------------------------------------------------ */
bool verb_set(Tool *tool, Err *err) MUST_USE;
void set_usage(const AuthKind *only, Buf *out);

/* --- tell.c ----------------------------------------------------------------------------------- */
void tell_change(const Tool *tool, const char *what, const char *kind, const char *name);
void tell_made(const Tool *tool, const char *what, const char *path);
void tell_error(const Tool *tool, const Err *err);
void print_object(AuthKind kind, const CatalogEntry *entry);
/* On stderr: what an object names that is not there (yet). */
void note_what_is_missing(const CatalogView *view, AuthKind kind, const void *object);
bool verb_keys(Tool *tool, Err *err) MUST_USE;
bool verb_certificates(Tool *tool, Err *err) MUST_USE;
bool verb_permissions(Tool *tool, Err *err) MUST_USE;

/* --- accounts.c ------------------------------------------------------------------------------- */
bool verb_account_create(Tool *tool, Err *err) MUST_USE;
bool verb_account_change(Tool *tool, Err *err) MUST_USE;
bool verb_account_password(Tool *tool, Err *err) MUST_USE;
bool verb_account_enable(Tool *tool, Err *err) MUST_USE;

/* --- mint.c ----------------------------------------------------------------------------------- */
bool verb_signing_key(Tool *tool, Err *err) MUST_USE;
/* Writes NAME.key (PEM, only for its owner); its public half as a JWKS. */
bool mint_key(const char *path, const char *kind, Arena *arena, Str *ret_jwks, Err *err) MUST_USE;
/* Writes a client certificate by the CA of `tls`/ca.pem, ca.key, and its key. */
bool mint_certificate(const char *tls, const char *folder, const char *name, Arena *arena,
                      CertificateFacts *ret_facts, Err *err) MUST_USE;

/* --- dev.c ------------------------------------------------------------------------------------ */
bool verb_dev(Tool *tool, Err *err) MUST_USE;

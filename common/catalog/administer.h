/* administer - the verbs that every tool with objects on `config` has: check, publish, list, show,
 * remove. A tool says what its kind's files are like and how an object is shown.
 *
 * Rule:    nothing is published that the kind's `check` refuses, or over another version than the
 *          one expected.
 * Owner:   everything is borrowed while a verb runs.
 * Threads: the caller's; it waits.
 * Errors:  said on stderr; each verb yields the tool's exit code: 0 done, 1 refused or failed, 2
 * wrong use. */
#pragma once
#include "common/catalog/publish.h"

enum { ADMINISTER_ABOUT_MAX = 600 };

/* A file as somebody would publish it. */
typedef struct AdministerFile {
    const char *path;
    Str text;
    char name[OBJECT_ID_BYTES_MAX +
              1]; /* as given; empty: the file itself says it, check fills it */
    char about[ADMINISTER_ABOUT_MAX + 1]; /* check: what it is, in short */
} AdministerFile;

typedef struct Administration Administration;
struct Administration {
    const char *program;     /* "fhirbus-rules", for messages */
    const CatalogKind *kind; /* its name is the part of ids before the slash */
    size_t file_bytes_max, name_bytes_max;
    const char *removed; /* "removed", "retired" */
    /* False: refused, and said on stderr with its place. */
    bool (*check)(const Administration *self, AdministerFile *file);
    void (*print)(const CatalogEntry *entry);  /* one line of `list` */
    void (*print_rest)(const CatalogRun *run); /* what is in force beside them; or NULL */
    Str (*built_in)(const char *name);         /* the file of what was never published; or NULL */
    /* Before it is published; or NULL. */
    bool (*prepare)(const Administration *self, const char *name, Err *err);
    const void *opaque;
    /* For all verbs but check. */
    const BusConfig *bus;
    const char *by, *comment; /* NULL: the user's name; none */
};

int administer_check(const Administration *self, int count, char **files);
int administer_list(const Administration *self);
int administer_show(const Administration *self, const char *name);
/* name NULL: the file says it. version NULL: over whatever is in force; "0": only if nothing is. */
int administer_publish(const Administration *self, const char *name, const char *file,
                       const char *version);
int administer_remove(const Administration *self, const char *name);

/* "PROGRAM: about: code: text" on stderr; 1. */
int administer_complain(const Administration *self, const char *about, const Err *err);

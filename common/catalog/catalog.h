/* catalog - what administration has published on the compacted topic `config`, kept up to date.
 *
 * Spec:    one record per object; the record's key is the object's id ("rules/nyec": kind, slash,
 *          name), its value the JSON of object.h; a tombstone removes it. The last record counts,
 *          but for those written over another version than the one in force: heads.h.
 * Owner:   a CatalogView and all it points to live until catalog_release, however often the
 *          catalog changes meanwhile.
 * Threads: one thread of its own reads the topic; everything here may be called from any thread.
 * Errors:  brokers away or topic missing: tried again, for ever. An object that its kind cannot
 *          parse is refused, logged and counted; the last good one of that id stays in force.
 * Limits:  OBJECT_BYTES_MAX a record, CATALOG_OBJECTS_MAX objects of the kinds asked for. */
#pragma once
#include "common/bus/bus.h"
#include "common/catalog/object.h"

enum { CATALOG_OBJECTS_MAX = 10000, CATALOG_KINDS_MAX = 8 };

typedef struct Catalog Catalog;

/* What a reader wants to know of one kind of object. */
typedef struct CatalogKind {
    const char *name; /* "rules" */
    /* Makes what readers use out of object->data, or refuses it (ERR_INPUT). The object lives as
     * long as what was made. NULL: the object itself is all that is wanted. */
    bool (*make)(void *opaque, const CatalogObject *object, void **ret_made, Err *err);
    void (*unmake)(void *made);
    void *opaque;
} CatalogKind;

typedef struct CatalogOptions {
    const BusConfig *bus; /* borrowed */
    const CatalogKind *kinds;
    size_t kind_count;
    bool publishes; /* may write to the topic: what lost is settled there (heads.h) */
} CatalogOptions;

typedef struct CatalogEntry {
    const CatalogObject *object;
    const void *made; /* NULL without CatalogKind.make */
} CatalogEntry;

/* All objects of one moment, sorted by id. */
typedef struct CatalogView {
    const CatalogEntry *entries;
    size_t count;
    uint64_t generation; /* grows with every change */
} CatalogView;

typedef struct CatalogCounts {
    uint64_t objects, refused, /* since the start */
        refused_now;           /* whose newest record is not in force */
    int64_t newest_us;         /* when the newest object in force was published */
} CatalogCounts;

bool catalog_open(const CatalogOptions *options, Catalog **ret_catalog, Err *err) MUST_USE;
void catalog_close(Catalog *catalog); /* NULL is fine; views must have been released */

/* True once the topic was read to its end: before that a service is not ready. Waits up to
 * timeout_ms for it. */
bool catalog_ready(Catalog *catalog, uint32_t timeout_ms);

const CatalogView *catalog_acquire(Catalog *catalog);
void catalog_release(Catalog *catalog, const CatalogView *view);
/* For "did anything change?" without acquiring. */
uint64_t catalog_generation(const Catalog *catalog);
CatalogCounts catalog_counts(Catalog *catalog);

/* The version that the topic holds of an object, also one that its kind refused; 0: none. */
uint64_t catalog_head(Catalog *catalog, Str id);
/* What became of the record at an offset of the topic; waits up to timeout_ms for it to come. Only
 * of the last CATALOG_FATES_MAX that were not taken is it known that they were not. */
typedef enum CatalogFate {
    CATALOG_UNSEEN,
    CATALOG_TAKEN,
    CATALOG_REFUSED, /* it is the newest, but its kind cannot use it */
    CATALOG_LOST,    /* another one was first; settled, if it could be */
} CatalogFate;
enum { CATALOG_FATES_MAX = 256 };
CatalogFate catalog_fate(Catalog *catalog, int64_t offset, uint32_t timeout_ms);

/* The objects of one kind within a view: a contiguous run. */
typedef struct CatalogRun {
    const CatalogEntry *entries;
    size_t count;
} CatalogRun;
CatalogRun catalog_kind(const CatalogView *view, const char *kind);
const CatalogEntry *catalog_find(const CatalogView *view, Str id); /* or NULL */

/* Puts one record in as the thread does: for tests and for tools without a broker. */
bool catalog_apply(Catalog *catalog, Str key, Str value, Err *err) MUST_USE;
/* A catalog that reads nothing by itself (options->bus NULL is allowed): ready at once. */
bool catalog_open_detached(const CatalogOptions *options, Catalog **ret_catalog, Err *err) MUST_USE;

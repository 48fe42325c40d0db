/* pages - the diagnostics pages' files: built by `make web`, part of this program.
 *
 * Names that hold a hash are for ever; the others are asked for again each time, and answered by
 * 304 when they are the same (ETag). No path of a file system is involved.
 * Threads: immutable. */
#pragma once
#include "common/base/str.h"

typedef struct Page {
    const char *name; /* "index.html", "assets/index-Cx3.js"; NULL: the last */
    const char *type;
    const char *tag; /* of its bytes */
    bool for_ever;
    struct PageBytes {
        const char *from, *end;
    } plain, gzip, brotli; /* from NULL: not kept in that form */
} Page;

/* "" is index.html; so is a place within the pages (at most three segments, none with a dot).
 * NULL: there is no such file. */
const Page *page_find(Str name);
size_t page_count(void);
const Page *page_at(size_t index);

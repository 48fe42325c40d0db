/* directory - the destinations in force: objects of the catalog, and those that the settings
 * describe where the catalog has no object of that name.
 *
 * Owner:   a DirectoryView and its destinations live until directory_release.
 * Threads: any.
 * Limits:  DIRECTORY_MAX destinations; further ones are left out, and logged. */
#pragma once
#include "common/catalog/catalog.h"
#include "common/destinations/destination.h"
#include "services/lake-submitter/settings.h"

enum { DIRECTORY_MAX = 48 };

typedef struct Directory Directory;

typedef struct DirectoryView {
    const Destination *all[DIRECTORY_MAX];
    size_t count;
    uint64_t generation;
    const CatalogView *catalog;
} DirectoryView;

bool directory_open(const SubmitterConfig *config, Directory **ret_directory, Err *err) MUST_USE;
void directory_close(Directory *directory); /* NULL is fine */
/* True once the catalog was read to its end; waits up to timeout_ms for it. */
bool directory_ready(Directory *directory, uint32_t timeout_ms);
uint64_t directory_generation(const Directory *directory);
/* NULL without memory. */
const DirectoryView *directory_acquire(Directory *directory);
void directory_release(Directory *directory, const DirectoryView *view);
const Destination *directory_find(const DirectoryView *view, const char *name); /* or NULL */

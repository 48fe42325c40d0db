/* known_codes - short public lists that no package brings: facts, not a licensed content.
 *
 * Owner:   static, read-only.
 * Threads: immutable. */
#pragma once
#include <stddef.h>

typedef struct KnownList {
    const char *url;
    const char *codes; /* parted by spaces */
} KnownList;

extern const KnownList known_lists[];
extern const size_t known_list_count;

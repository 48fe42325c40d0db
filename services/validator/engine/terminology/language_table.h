/* language_table - subtags of BCP-47, lower case, for grammar.c alone.
 *
 * Owner:   static, read-only. Fixed width, sorted, one after the other; the last two are parted by
 *          spaces.
 * Threads: immutable. */
#pragma once

extern const char bcp47_language2[], bcp47_language3[], bcp47_extlang[], bcp47_script[],
    bcp47_region2[], bcp47_region3[], bcp47_variant[], bcp47_grandfathered[];

/* watch - looks every so often, on a thread of its own, until it is stopped.
 *
 * Threads: `look` runs on the watch's thread, one look after the other. watch_stop waits for the
 *          one under way, which may ask watch_stopping when it takes long.
 * Errors:  watch_start: NULL when there is no thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct Watch Watch;
typedef void (*WatchLook)(const Watch *watch, void *opaque);

/* The first look is at once. `name` is the thread's, of at most 15 bytes. */
Watch *watch_start(const char *name, uint32_t every_ms, WatchLook look, void *opaque);
void watch_hasten(Watch *watch); /* the next look is now */
bool watch_stopping(const Watch *watch);
void watch_stop(Watch *watch); /* NULL is fine */

/* Another number when a file has been changed, replaced or taken away. 0: there is none. */
uint64_t watch_file_stamp(const char *path);

/* small_image - packages compiled into an image in memory: what fuzz targets validate against.
 *
 * Owner:   the caller frees ret_image->ptr.
 * Errors:  aborts: packages of ours that cannot be compiled are our bug. */
#pragma once
#include "common/base/str.h"

/* `packages`: folders or .tgz, the first is the root; closed by NULL. */
Str small_image(const char *const *packages);

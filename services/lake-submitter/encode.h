/* encode - texts as URLs and headers want them. Pure; results live in `arena`, NUL-terminated; ptr
 * NULL without room. */
#pragma once
#include "common/base/arena.h"

Str encode_percent(Arena *arena, Str text); /* spec: RFC 3986 section 2.3 */
Str encode_base64(Arena *arena, Str bytes); /* spec: RFC 4648 section 4 */

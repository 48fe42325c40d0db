/* analyzer.h - what gcc's and clang's analyzers are told besides: an ERR(...) is false, which they
 * cannot see. */
#pragma once
#include "common/base/err.h"

#undef ERR
#define ERR(err, kind, code, ...)                                                                  \
    (err_set((err), (kind), (code), __FILE__ ":" ERR_STRINGIFY(__LINE__), __VA_ARGS__), false)

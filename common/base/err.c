#include "common/base/err.h"

#include <stdarg.h>
#include <stdio.h>

bool err_set(Err *err, ErrKind kind, const char *code, const char *where, const char *format, ...)
{
    if (!err)
        return false;
    err->kind = kind;
    err->code = code;
    err->where = where;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return false;
}

const char *err_kind_name(ErrKind kind)
{
    static const char *const names[] = {"none", "input", "retry", "fatal"};
    return names[kind];
}

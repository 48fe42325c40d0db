/* err - what went wrong, where, and what the caller should do next.
 *
 * Owner:   the caller's stack; fixed size, no allocation.
 * Rule:    a function that can fail returns bool, takes `Err *err` last, and leaves its ret_
 * outputs untouched on failure. What we find in a resource is data (an Issue), never an Err. Text:
 * never patient data: ids, codes, counts, positions. */
#pragma once
#include <stdbool.h>

typedef enum ErrKind {
    ERR_NONE,
    ERR_INPUT, /* can never succeed: reply, dead-letter, commit */
    ERR_RETRY, /* the world is unwell: back off, do not commit  */
    ERR_FATAL, /* we are unwell: drain, exit                    */
} ErrKind;

typedef struct Err {
    ErrKind kind;
    const char *code;  /* stable, greppable, static storage: "json-syntax" */
    const char *where; /* file:line of our source, static storage */
    char text[240];
} Err;

/* Fills *err (which may be NULL) and yields false. */
bool err_set(Err *err, ErrKind kind, const char *code, const char *where, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
const char *err_kind_name(ErrKind kind);

#define ERR_STRINGIFY2(x) #x
#define ERR_STRINGIFY(x) ERR_STRINGIFY2(x)
#define ERR(err, kind, code, ...)                                                                  \
    err_set((err), (kind), (code), __FILE__ ":" ERR_STRINGIFY(__LINE__), __VA_ARGS__)
#define TRY(call)                                                                                  \
    do {                                                                                           \
        if (!(call))                                                                               \
            return false;                                                                          \
    } while (0)
#define MUST_USE __attribute__((warn_unused_result))

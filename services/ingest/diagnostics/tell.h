/* tell - routes that answer with one JSON text of the database's making.
 *
 * Owner:   the question's Buf. Threads: read and tell: those of the exchange; run: a lookup
 *          thread. */
#pragma once
#include "services/ingest/lookups.h"

enum { TELL_BYTES_MAX = 64 * 1024 * 1024 };

typedef struct TellQuestion {
    Question base;
    Str scope;
    bool found; /* else 404 */
    Buf text;
} TellQuestion;

void tell_begin(TellQuestion *question, const Exchange *exchange);
void tell_clear(Question *question);
/* The text, or 404. */
StepNext tell_json(Exchange *exchange, Question *question);
/* The first column of the first row, as it is. */
bool tell_run(TellQuestion *question, Db *db, const DbStatement *statement, const DbParams *params,
              Err *err) MUST_USE;

/* A parameter of the query: absent or fine; false: it is there and malformed. */
bool tell_time(Exchange *exchange, const char *name, bool is_end, int64_t *ret_us);
Str tell_parameter(Exchange *exchange, const char *name);
/* Microseconds since 1970 as RFC 3339, to the millisecond. */
Str tell_time_text(int64_t us, Arena *arena);
/* {"error":...} of a status that is none of refuse.h's. */
StepNext tell_malformed(Exchange *exchange, const char *text);

/* show - a verdict -> what the chosen format prints of it.
 *
 * A result is rendered into a buffer by whichever thread has it; the buffers are written in input
 * order, between the format's opening and closing. */
#pragma once
#include "common/base/buf.h"
#include "services/validator/cli/fhir_validate/settings.h"

typedef struct Result {
    const char *path;
    Str source;             /* empty: it could not be read */
    const Verdict *verdict; /* NULL: no verdict, see `problem` */
    const char *problem;
    Str outcome; /* OperationOutcome JSON; also for a problem */
    double ms;
} Result;

typedef struct Look {
    Format format;
    IssueSeverity min_severity;
    bool colour;
    bool many; /* more than one input: json prints a Bundle */
} Look;

void show_opening(const Look *look, Buf *out);
void show_result(const Look *look, const Result *result, bool is_first, Buf *out);
void show_closing(const Look *look, bool complete, Buf *out);

/* show_text.c, show_sarif.c */
void show_as_text(const Look *look, const Result *result, Buf *out);
void show_as_sarif(const Look *look, const Result *result, bool is_first, Buf *out);
void show_sarif_opening(Buf *out);
void show_sarif_closing(bool complete, Buf *out);
/* A JSON string with its quotes; bytes that are no UTF-8 become U+FFFD. */
void show_json_string(Str text, Buf *out);

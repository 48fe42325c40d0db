/* report - what a comparison found: its last line, its metrics.
 *
 * Spec:    Prometheus text format 0.0.4; pushed by PUT URL/metrics/job/fhirbus-reconcile, which
 * replaces what the run before it had pushed. Errors:  said on stderr. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct Totals {
    uint64_t acknowledged, stored, answered, missing, doubled, open, refused, unreadable;
} Totals;

void report_print(const Totals *totals);
bool report_write(const Totals *totals, const char *path);
bool report_push(const Totals *totals, const char *url, const char *ca_file);

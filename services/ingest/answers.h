/* answers - a thread that reads this replica's partition of the response topic, from its end on
 * (exact offsets, no group), hands what comes to await, and keeps await's time.
 *
 * Owner:   the caller of answers_start; await must outlive it.
 * Errors:  the brokers being away is not one: it tries until they are there, and then sets
 *          Ingest.response_partition and Ingest.ready. */
#pragma once
#include "services/ingest/ingest.h"

typedef struct Answers Answers;

bool answers_start(Ingest *ingest, Answers **ret_answers, Err *err) MUST_USE;
void answers_stop(Answers *answers); /* NULL is fine */

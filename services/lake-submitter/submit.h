/* submit - one item as an HTTPS request, and its result as a record. No Kafka, no waiting.
 *
 * Rule:    an address that a sender chose must be one that the destination allows; the
 *          destination's credentials go to its own origin only.
 * Owner:   texts live in the item's arena.
 * Errors:  ERR_INPUT "memory-limit", "http-url", "url-not-allowed". */
#pragma once
#include "services/lake-submitter/access.h"
#include "services/lake-submitter/answer.h"
#include "services/lake-submitter/item.h"
#include "services/lake-submitter/settings.h"

bool submit_open_client(const SubmitterConfig *config, const Destination *destination,
                        HttpClient **ret_client, Err *err) MUST_USE;
/* Starts the request; `done` gets the item. */
bool submit_start(const Destination *destination, const Access *access, HttpClient *client,
                  Item *item, void (*done)(void *context, const HttpResult *result),
                  Err *err) MUST_USE;
/* item->record (and its topic) from what came back; attempt, final and trace are the item's. */
bool submit_record(const SubmitterConfig *config, bool ledger, Item *item, const HttpResult *result,
                   const Answer *answer, Err *err) MUST_USE;
/* The same, when its dead letter is on dlq: that it is. The record lives in `arena`. */
bool submit_note(bool ledger, Item *item, Arena *arena, Err *err) MUST_USE;

/* submit - one item as an HTTPS request, and its result as a Response. No Kafka, no waiting.
 *
 * Owner:   texts live in the item's arena.
 * Errors:  ERR_INPUT "memory-limit", "http-url". */
#pragma once
#include "common/http/client.h"
#include "services/lake-submitter/answer.h"
#include "services/lake-submitter/item.h"
#include "services/lake-submitter/settings.h"

bool submit_open_client(const SubmitterConfig *config, HttpClient **ret_client, Err *err) MUST_USE;
/* Starts the request; `done` gets the item. */
bool submit_start(const SubmitterConfig *config, HttpClient *client, Item *item,
                  void (*done)(void *context, const HttpResult *result), Err *err) MUST_USE;
/* item->record from what came back; attempt, final and trace are the item's. */
bool submit_record(const SubmitterConfig *config, Item *item, const HttpResult *result,
                   const Answer *answer, Err *err) MUST_USE;

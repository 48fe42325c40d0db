/* published - what administration has published, as ingest reads it: destinations, and all that
 * says who may call. In force without restart.
 *
 * Threads: open and close: main's. */
#pragma once
#include "services/ingest/ingest.h"

/* Reads on by itself from now on; brokers need not be there yet. */
bool published_open(Ingest *ingest, BusConfig *bus, Err *err) MUST_USE;
void published_close(Ingest *ingest);

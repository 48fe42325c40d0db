/* serve - between the HTTP server and the steps: routing, the headers of every answer, the log
 * line and the counts at its end. */
#pragma once
#include "services/ingest/ingest.h"

/* The callbacks for http_server_start. */
HttpHandler serve_handler(Ingest *ingest);

/* certificates - the server's own, one for each host name; followed while it serves.
 *
 * In:      TLS_CERT_FILE and TLS_KEY_FILE (whoever asks for no other name), the objects hosts/NAME
 *          with certFile and keyFile, CERTIFICATES_DIR/NAME/{cert,key}.pem, TLS_TICKET_KEY_FILE,
 *          CLIENT_CA_FILE.
 * Rule:    files and objects are looked at twice a second; what is new or renewed is shown to
 *          connections from then on. What cannot be used leaves the last good one of its name in
 *          force, and is logged as "certificate.unusable".
 * Threads: one of its own. */
#pragma once
#include "common/base/err.h"
#include "services/ingest/ingest.h"

typedef struct Certificates Certificates;

/* After http_server_start, with TLS. */
bool certificates_start(Ingest *ingest, Certificates **ret_certificates, Err *err) MUST_USE;
void certificates_stop(Certificates *certificates); /* NULL is fine; before the server */

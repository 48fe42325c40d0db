/* ops_server - the private port of a service: is it alive, is it ready, what does it count.
 *
 *   GET /healthz  200 "ok" or 503        the process should be restarted when this fails
 *   GET /readyz   200 "ready" or 503     why not, one reason a line; no traffic please
 *   GET /metrics  200                    Prometheus text exposition 0.0.4
 *
 * Owner:   the caller of ops_server_start; stop it before the callbacks' context dies.
 * Threads: one of its own; the callbacks run there, one at a time, and must not block long.
 * Errors:  ERR_FATAL "listen-address", "listen-failed", "ops-server".
 * Limits:  plain HTTP, for loopback or a cluster's private network; 32 connections; answers up to
 *          OPS_BODY_MAX bytes. */
#pragma once
#include "common/base/buf.h"
#include "common/base/err.h"

enum { OPS_BODY_MAX = 8 * 1024 * 1024 };

typedef struct OpsServer OpsServer;

typedef struct OpsCallbacks {
    bool (*healthy)(void *context);          /* NULL: always */
    bool (*ready)(void *context, Buf *why);  /* NULL: always; adds reasons when false */
    void (*metrics)(void *context, Buf *to); /* NULL: empty */
    void *context;
} OpsCallbacks;

/* `listen`: "127.0.0.1:9101"; port 0 lets the system choose. */
bool ops_server_start(Str listen, const OpsCallbacks *callbacks, OpsServer **ret_server,
                      Err *err) MUST_USE;
uint16_t ops_server_port(const OpsServer *server);
void ops_server_stop(OpsServer *server); /* NULL is fine */

/* Between GnuTLS and the socket: as few calls as can be.
 *
 * By itself GnuTLS asks the kernel twice for each record of 16 KB and sends each by itself; and
 * libmicrohttpd sends a head apart from its body. A bundle and its answer are some 15 calls then,
 * each with its acknowledgement or wake-up of the peer. Here what the socket has is read at once,
 * and a reply is gathered, encrypted, and leaves as one. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/http/server_internal.h"

enum {
    AHEAD_BYTES = 64 * 1024,     /* read at once */
    TOGETHER_BYTES = 128 * 1024, /* of plain text; then it is another connection's turn */
    RECORD_BYTES = 16384,        /* spec: RFC 8446 §5.1: a record holds no more */
    RECORD_SLACK = 64,           /* header, tag, padding: what a record adds; AEAD ciphers only */
    HELD_MAX = TOGETHER_BYTES * 2,
};

struct Ahead {
    size_t at, len;
    char bytes[AHEAD_BYTES];
};

/* --- in --------------------------------------------------------------------------------------- */

static void *room_ahead(Conn *conn)
{
    if (!conn->ahead)
        conn->ahead = malloc(sizeof *conn->ahead);
    if (conn->ahead)
        conn->ahead->at = conn->ahead->len = 0;
    return conn->ahead;
}

/* Waiting connections hold nothing. */
static void drop_ahead(Conn *conn)
{
    free(conn->ahead);
    conn->ahead = NULL;
}

static ssize_t pull(gnutls_transport_ptr_t context, void *to, size_t room)
{
    Conn *conn = context;
    if (!conn->shaken) /* whoever shakes hands waits at the socket: nothing may lie here meanwhile
                        */
        return recv(conn->fd, to, room, MSG_DONTWAIT);
    if (!conn->ahead) {
        if (!room_ahead(conn)) {
            errno = ENOMEM;
            return -1;
        }
        ssize_t got = recv(conn->fd, conn->ahead->bytes, AHEAD_BYTES, MSG_DONTWAIT);
        if (got <= 0) {
            int why = errno;
            drop_ahead(conn);
            errno = why;
            return got;
        }
        conn->ahead->len = (size_t)got;
    }
    struct Ahead *ahead = conn->ahead;
    size_t len = ahead->len - ahead->at < room ? ahead->len - ahead->at : room;
    memcpy(to, ahead->bytes + ahead->at, len);
    ahead->at += len;
    if (ahead->at == ahead->len)
        drop_ahead(conn);
    return (ssize_t)len;
}

size_t wire_ahead(const Conn *conn)
{
    return conn->ahead ? conn->ahead->len - conn->ahead->at : 0;
}

static int pull_timeout(gnutls_transport_ptr_t context, unsigned int ms)
{
    const Conn *conn = context;
    if (conn->ahead)
        return 1;
    return gnutls_system_recv_timeout((gnutls_transport_ptr_t)(intptr_t)conn->fd, ms);
}

/* --- out -------------------------------------------------------------------------------------- */

static ssize_t send_now(const Conn *conn, const void *bytes, size_t len)
{
    return send(conn->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* 0: all has left. */
static int flush(Conn *conn)
{
    while (conn->held_at < conn->held.len) {
        ssize_t sent =
            send_now(conn, conn->held.data + conn->held_at, conn->held.len - conn->held_at);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN ? GNUTLS_E_AGAIN : GNUTLS_E_PUSH_ERROR;
        conn->held_at += (size_t)sent;
    }
    buf_clear(&conn->held);
    conn->held_at = 0;
    return 0;
}

/* Whatever else GnuTLS has to say (handshake, alerts) waits for its turn. */
static ssize_t push(gnutls_transport_ptr_t context, const void *bytes, size_t len)
{
    Conn *conn = context;
    if (!conn->gathers && conn->held.len == 0)
        return send_now(conn, bytes, len);
    if (!buf_add(&conn->held, (Str){bytes, len})) {
        errno = ENOMEM;
        return -1;
    }
    if (!conn->gathers)
        (void)flush(conn);
    return (ssize_t)len;
}

/* Returns what became records, or GnuTLS's refusal of the first. */
static ssize_t gather(Conn *conn, Str text)
{
    size_t done = 0, len = text.len < TOGETHER_BYTES ? text.len : TOGETHER_BYTES;
    ssize_t sent = 0;
    (void)buf_reserve(&conn->held, len + (len / RECORD_BYTES + 1) * RECORD_SLACK);
    conn->gathers = true;
    do {
        sent = pages_send(conn->tls, text.ptr + done, len - done);
        done += sent > 0 ? (size_t)sent : 0;
    } while (sent > 0 && done < len);
    conn->gathers = false;
    return done ? (ssize_t)done : sent;
}

/* What the kernel does not take at once stays here, and libmicrohttpd is told to try again: only
 * when it has left do we say that it was sent. */
ssize_t wire_send(Conn *conn, Str text, bool more_follows)
{
    if (conn->owed) {
        int ret = flush(conn);
        if (ret)
            return ret;
        size_t sent = conn->owed;
        conn->owed = 0;
        return (ssize_t)sent;
    }
    ssize_t sent = gather(conn, text);
    if (sent < 0 || more_follows)
        return sent;
    int ret = flush(conn);
    if (ret == GNUTLS_E_AGAIN)
        conn->owed = (size_t)sent;
    return ret ? ret : sent;
}

/* --- a connection ----------------------------------------------------------------------------- */

void wire_open(Conn *conn)
{
    /* What belongs together leaves together; the rest, a handshake's parts above all, waits for
     * nobody's acknowledgement. */
    (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    buf_init(&conn->held, HELD_MAX);
    gnutls_transport_set_ptr(conn->tls, conn);
    gnutls_transport_set_pull_function(conn->tls, pull);
    gnutls_transport_set_pull_timeout_function(conn->tls, pull_timeout);
    gnutls_transport_set_push_function(conn->tls, push);
}

void wire_close(Conn *conn)
{
    drop_ahead(conn);
    buf_clear(&conn->held);
}

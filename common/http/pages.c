/* What libmicrohttpd says by itself, in the service's words; and what it is not to hear (lines.h).
 *
 * It answers what it cannot parse with a page of HTML, past its user, and has no hook for that.
 * Over TLS whatever it says goes through gnutls_record_send. The one below is found first by the
 * dynamic linker (this program comes before the libraries), lets pass what we have queued, and puts
 * the service's own refusal in the place of a page. Plain HTTP is for TLS terminators, and keeps
 * the pages. */
#include <dlfcn.h>

#include "common/base/check.h"
#include "common/http/server_internal.h"

enum { BUCKETS = 1024 /* a power of two */ };

/* Which session is whose: the function has no other way to know, so this one table is the process's
 * and not the server's. */
static struct {
    pthread_mutex_t lock;
    Conn *buckets[BUCKETS];
} sessions = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- the table -------------------------------------------------------------------------------- */

static Conn **bucket_of(const void *session)
{
    uintptr_t bits = (uintptr_t)session;
    return &sessions.buckets[(bits >> 4 ^ bits >> 14) & (BUCKETS - 1)];
}

void pages_watch(Conn *conn)
{
    pthread_mutex_lock(&sessions.lock);
    Conn **bucket = bucket_of(conn->tls);
    conn->next_watched = *bucket;
    *bucket = conn;
    pthread_mutex_unlock(&sessions.lock);
}

void pages_forget(const Conn *conn)
{
    pthread_mutex_lock(&sessions.lock);
    for (Conn **link = bucket_of(conn->tls); *link; link = &(*link)->next_watched)
        if (*link == conn) {
            *link = conn->next_watched;
            break;
        }
    pthread_mutex_unlock(&sessions.lock);
}

/* A connection lives as long as libmicrohttpd is busy with it, so longer than the call. */
static Conn *conn_of(const void *session)
{
    pthread_mutex_lock(&sessions.lock);
    Conn *conn = *bucket_of(session);
    while (conn && conn->tls != session)
        conn = conn->next_watched;
    pthread_mutex_unlock(&sessions.lock);
    return conn;
}

/* --- in place of a page ----------------------------------------------------------------------- */

static HttpRefusal refusal_of(unsigned status)
{
    static const HttpRefusal known[] = {
        {413, "body-too-large",   "The request body is too large"    },
        {414, "target-too-long",  "The request target is too long"   },
        {431, "framing-fields",   "The header fields are too large"  },
        {501, "framing-encoding", "Transfer-Encoding must be chunked"},
        {505, "framing-version",  "HTTP/1.1 please"                  },
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].status == status)
            return known[i];
    if (status >= 500)
        return (HttpRefusal){status, "http-server", "The request could not be served"};
    return (HttpRefusal){400, "request-malformed", "The request is malformed"};
}

/* The watch keeps its hands off meanwhile, and off what it has cut we keep ours. */
static bool grab(Conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    bool alive = conn->phase != PHASE_CUT;
    conn->busy = alive;
    pthread_mutex_unlock(&conn->lock);
    return alive;
}

static void let_go(Conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    conn_enter(conn, PHASE_REPLY);
    conn->busy = false;
    pthread_mutex_unlock(&conn->lock);
}

static void say(Conn *conn, unsigned status)
{
    HttpRefusal refusal = refusal_of(status);
    HttpRequest *none = NULL, *request = conn->request;
    if (!grab(conn))
        return;
    if (!request) /* not even its first line could be read */
        request = none = request_new_on(conn);
    if (!request->answered)
        request_refuse(request, &refusal);
    reply_write_raw(request);
    if (!request
             ->began) /* libmicrohttpd never gives it to the service: this is all it hears of it */
        request->server->handler.over(request->server->handler.context, request, request->replied);
    if (none)
        request_give_back(none);
    let_go(conn);
}

/* "HTTP/1.1 400 ...": 400. 0: that is no head, or an interim one. */
static unsigned final_status(Str text)
{
    uint64_t status = 0;
    if (!str_starts(text, STR("HTTP/1.")) || text.len < 12 ||
        !str_to_u64(str_cut(text, 9, 12), &status) || status < 200)
        return 0;
    return (unsigned)status;
}

/* Whether it was said, or swallowed, here. */
static bool is_page(Conn *conn, Str text)
{
    const HttpRequest *request = conn->request;
    if (conn->page_said)
        return true;
    if (request && request->replied)
        return false;
    unsigned status = final_status(text);
    if (status == 0)
        return false;
    conn->page_said = true;
    say(conn, status);
    return true;
}

/* --- between libmicrohttpd and GnuTLS --------------------------------------------------------- */

/* GnuTLS's own, behind ours. */
static struct {
    ssize_t (*send)(gnutls_session_t session, const void *data, size_t size);
    ssize_t (*recv)(gnutls_session_t session, void *data, size_t size);
    size_t (*pending)(gnutls_session_t session);
} behind;
static pthread_once_t found_behind = PTHREAD_ONCE_INIT;

static void find(const char *name, void *ret_function)
{
    void *found = dlsym(RTLD_NEXT, name);
    CHECK(found);
    memcpy(ret_function, &found, sizeof found); /* ISO C knows no cast from object to function */
}

static void find_behind(void)
{
    find("gnutls_record_send", &behind.send);
    find("gnutls_record_recv", &behind.recv);
    find("gnutls_record_check_pending", &behind.pending);
}

ssize_t pages_send(gnutls_session_t session, const void *data, size_t size)
{
    pthread_once(&found_behind, find_behind);
    return behind.send(session, data, size);
}

/* The head of a reply waits for its body, which libmicrohttpd sends next. */
static ssize_t send_watched(Conn *conn, Str text)
{
    HttpRequest *request = conn->request;
    bool head = request && request->head_due;
    if (head)
        request->head_due = false;
    return wire_send(conn, text, head);
}

ssize_t gnutls_record_send(gnutls_session_t session, const void *data, size_t size)
{
    Conn *conn = conn_of(session);
    if (!conn)
        return pages_send(session, data, size);
    if (is_page(conn, (Str){data, size}))
        return (ssize_t)size; /* libmicrohttpd closes when it believes to have sent it */
    return send_watched(conn, (Str){data, size});
}

/* --- and back --------------------------------------------------------------------------------- */

static ssize_t receive(gnutls_session_t session, void *data, size_t size)
{
    pthread_once(&found_behind, find_behind);
    return behind.recv(session, data, size);
}

static size_t pending(gnutls_session_t session, const Conn *conn)
{
    pthread_once(&found_behind, find_behind);
    return behind.pending(session) + (conn ? wire_ahead(conn) : 0);
}

/* All that is here, record after record: what was read ahead makes no socket readable, so poll
 * would not tell of it. Of what is at the socket it does, and with an end or an error there GnuTLS
 * may send nothing any more either. */
static ssize_t receive_all(const Conn *conn, gnutls_session_t session, char *data, size_t size)
{
    ssize_t got = receive(session, data, size), more = got;
    while (more > 0 && (size_t)got < size && pending(session, conn)) {
        more = receive(session, data + got, size - (size_t)got);
        got += more > 0 ? more : 0;
    }
    return got;
}

size_t gnutls_record_check_pending(gnutls_session_t session)
{
    return pending(session, conn_of(session));
}

/* Its request is here, its answer is not. libmicrohttpd would look for more when a connection is
 * resumed, and close one whose peer has closed its sending side, which is no reason not to answer
 * (RFC 9112 section 9.6). What lies here already must be taken: nothing at the socket would tell.
 */
static bool owes_reply(const Conn *conn)
{
    const HttpRequest *request = conn->request;
    return request && request->ended && !request->replied;
}

ssize_t gnutls_record_recv(gnutls_session_t session, void *data, size_t size)
{
    Conn *conn = conn_of(session);
    if (!conn)
        return receive(session, data, size);
    conn->shaken = true;
    if (owes_reply(conn) && pending(session, conn) == 0)
        return GNUTLS_E_AGAIN;
    ssize_t got = receive_all(conn, session, data, size);
    if (got <= 0 || http_lines_pass(&conn->lines, data, (size_t)got))
        return got;
    if (!conn->page_said) {
        conn->page_said = true;
        say(conn, 400);
    }
    return GNUTLS_E_PULL_ERROR;
}

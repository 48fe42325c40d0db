/* lake_standin - an HTTPS data lake for tests and `make up`: accepts documents, counts them by
 * Idempotency-Key, and misbehaves by script.
 *
 *   lake_standin --port 9443 --control-port 9444 --cert server.pem --key server.key
 *                [--ca ca.pem (asks for a client certificate)] [--journal FILE] [--mode M]
 *                [--bind ADDRESS (127.0.0.1)] [--expired-cert F --expired-key F (mode expired)]
 *
 * POST /any/path?processingAgent=T   {"status":"Success"}; 400 without agent, body or right type.
 * POST /ledger[?status=N]            DataLedger: keeps the body, 200 or N.
 * POST /oauth2/token                 client credentials, when the guard is oauth2.
 * The control port speaks plain HTTP:
 *   GET  /stats        totals;   GET /keys[?repeated=1]  one JSON line per key;   GET /ledger
 *   PUT  /mode?name=M[&delay_ms=N][&status=N][&retry_after=T][&count=N][&then=1]
 *        for the next `count` documents, or for all; then=1: after what is in force (a script)
 *   PUT  /guard?kind=none|api-key|oauth2|mtls[&secret=S][&life_s=N];   PUT /revoke (all tokens)
 * Modes: ok | slow (delay_ms, then ok) | refuse (closes connections) | hang (no answer while
 * the mode lasts) | fail (200, but the body says that it failed) | status (answers `status`, with
 * `retry_after`) | drop (accepts, then cuts the connection: the sender cannot know) | reset (the
 * same in the middle of the answer) | drip (accepts, the answer comes byte by byte, delay_ms each)
 * | twice (accepts, and a second answer follows on the connection) | garbage (200, no JSON)
 * | expired (the certificate is). */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>

#include <microhttpd.h>

#include "common/base/check.h"
#include "tests/support/lake_answer.h"
#include "tests/support/lake_guard.h"
#include "tests/support/lake_journal.h"

#define BODY_BYTES_MAX ((size_t)64 << 20)
#define FILE_BYTES_MAX ((size_t)1 << 20)
enum { SCRIPT_MAX = 64, RETRY_AFTER_BYTES = 64 };

typedef enum Mode {
    MODE_OK,
    MODE_SLOW,
    MODE_REFUSE,
    MODE_HANG,
    MODE_FAIL,
    MODE_STATUS,
    MODE_DROP,
    MODE_RESET,
    MODE_DRIP,
    MODE_TWICE,
    MODE_GARBAGE,
    MODE_EXPIRED,
    MODE_COUNT,
} Mode;
static const char *const mode_names[MODE_COUNT] = {"ok",   "slow",   "refuse",  "hang",
                                                   "fail", "status", "drop",    "reset",
                                                   "drip", "twice",  "garbage", "expired"};

typedef struct Behaviour {
    Mode mode;
    unsigned delay_ms;
    unsigned status;
    unsigned long long left; /* documents; ULLONG_MAX: all */
    char retry_after[RETRY_AFTER_BYTES];
} Behaviour;

typedef struct Lake {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    Behaviour behaviour;
    Behaviour next[SCRIPT_MAX]; /* then */
    size_t next_count;
    LakeGuard *guard;
    Buf ledger; /* a line each */
    unsigned long long requests, by_mode[MODE_COUNT], rejected;
    LakeJournal *journal;
    char last_trace[56]; /* traceparent of the last document */
    bool stopping;
} Lake;

/* --- answers ----------------------------------------------------------------------------------*/

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              Str body)
{
    const LakeAnswer said = {.status = status, .type = type, .body = body};
    return lake_answer(connection, &said);
}

static enum MHD_Result answer_json(struct MHD_Connection *connection, unsigned status,
                                   const char *json)
{
    return answer(connection, status, "application/json", str_from(json));
}

/* --- a document -------------------------------------------------------------------------------*/

static Str header(struct MHD_Connection *connection, const char *name)
{
    return str_from(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name));
}

/* Keys and agents go into lines and JSON: whatever would need escaping there is refused. */
static bool plain(Str text, size_t longest)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\')
            return false;
    }
    return text.len <= longest;
}

static void hex_sha256(Str body, char out[65])
{
    unsigned char digest[32];
    CHECK(gnutls_hash_fast(GNUTLS_DIG_SHA256, body.ptr, body.len, digest) == 0);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static void remember_trace(Lake *lake, Str trace)
{
    pthread_mutex_lock(&lake->lock);
    snprintf(lake->last_trace, sizeof lake->last_trace, "%.*s",
             STR_ARG(plain(trace, sizeof lake->last_trace - 1) ? trace : STR("")));
    pthread_mutex_unlock(&lake->lock);
}

static bool accept_document(Lake *lake, struct MHD_Connection *connection, Str body, Err *err)
{
    char sha256[65];
    hex_sha256(body, sha256);
    LakeDelivery delivery = {
        .key = header(connection, "Idempotency-Key"),
        .sha256_hex = {sha256, 64},
        .agent = str_from(
            MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "processingAgent")),
        .bytes = body.len,
    };
    Str type = header(connection, MHD_HTTP_HEADER_CONTENT_TYPE);
    if (!delivery.key.len || !plain(delivery.key, 200))
        return ERR(err, ERR_INPUT, "key", "Idempotency-Key is missing or unusable");
    if (!delivery.agent.len || !plain(delivery.agent, 200))
        return ERR(err, ERR_INPUT, "agent", "processingAgent is missing or unusable");
    if (!str_starts(type, STR("application/fhir+json")))
        return ERR(err, ERR_INPUT, "type", "Content-Type is not application/fhir+json");
    if (!body.len || body.ptr[0] != '{')
        return ERR(err, ERR_INPUT, "body", "no JSON object");
    remember_trace(lake, header(connection, "traceparent"));
    return lake_journal_add(lake->journal, &delivery, err);
}

/* The behaviour for this document; counts it off. */
static Behaviour take_behaviour(Lake *lake)
{
    pthread_mutex_lock(&lake->lock);
    Behaviour now = lake->behaviour;
    lake->requests++;
    lake->by_mode[now.mode]++;
    if (now.left != ~0ULL && --lake->behaviour.left == 0) {
        lake->behaviour =
            lake->next_count ? lake->next[0] : (Behaviour){.mode = MODE_OK, .left = ~0ULL};
        if (lake->next_count)
            memmove(lake->next, lake->next + 1, --lake->next_count * sizeof lake->next[0]);
    }
    pthread_mutex_unlock(&lake->lock);
    return now;
}

/* Waits for `ms`, or without end (0) until the mode changes; stops waiting when we are to end. */
static void wait_in_mode(Lake *lake, Mode mode, unsigned ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    unsigned long long end_ms =
        (unsigned long long)until.tv_sec * 1000 + (unsigned long long)until.tv_nsec / 1000000 + ms;
    until.tv_sec = (time_t)(end_ms / 1000);
    until.tv_nsec = (long)(end_ms % 1000) * 1000000;
    pthread_mutex_lock(&lake->lock);
    while (!lake->stopping && (ms || lake->behaviour.mode == mode)) {
        if (!ms)
            pthread_cond_wait(&lake->changed, &lake->lock);
        else if (pthread_cond_timedwait(&lake->changed, &lake->lock, &until) == ETIMEDOUT)
            break;
    }
    pthread_mutex_unlock(&lake->lock);
}

/* What it says instead of looking at the document; false: it looks. */
static bool answer_unseen(Lake *lake, struct MHD_Connection *connection, const Behaviour *now,
                          enum MHD_Result *ret_result)
{
    LakeAnswer said = {.status = 200, .type = "application/json"};
    switch (now->mode) {
    case MODE_HANG:
        wait_in_mode(lake, MODE_HANG, 0);
        *ret_result = MHD_NO;
        return true;
    case MODE_REFUSE:
    case MODE_EXPIRED: /* a connection from before */
        *ret_result = MHD_NO;
        return true;
    case MODE_FAIL:
        said.body = STR("{\"status\":\"Error\",\"message\":\"as told\"}");
        break;
    case MODE_STATUS:
        said.status = now->status;
        said.body = STR("{\"message\":\"as told\"}");
        said.retry_after = now->retry_after[0] ? now->retry_after : NULL;
        break;
    case MODE_GARBAGE:
        said.type = "text/html";
        said.body = STR("<html>it works</html>");
        break;
    default:
        return false;
    }
    *ret_result = lake_answer(connection, &said);
    return true;
}

static enum MHD_Result refuse_document(Lake *lake, struct MHD_Connection *connection,
                                       const Err *err)
{
    BUF_AUTO said;
    pthread_mutex_lock(&lake->lock);
    lake->rejected++;
    pthread_mutex_unlock(&lake->lock);
    buf_init(&said, 1024);
    buf_add_format(&said, "{\"status\":\"Error\",\"message\":\"%s\"}", err->text);
    return answer_json(connection, err->kind == ERR_FATAL ? 500 : 400, said.data);
}

static enum MHD_Result settle_document(Lake *lake, struct MHD_Connection *connection, Str body)
{
    Behaviour now = take_behaviour(lake);
    Err err = {0};
    enum MHD_Result unseen;
    unsigned refused = lake_guard_check(lake->guard, connection);
    if (refused)
        return answer_json(connection, refused, "{\"message\":\"who are you?\"}");
    if (answer_unseen(lake, connection, &now, &unseen))
        return unseen;
    if (now.mode == MODE_SLOW)
        wait_in_mode(lake, MODE_SLOW, now.delay_ms ? now.delay_ms : 1);
    if (!accept_document(lake, connection, body, &err))
        return refuse_document(lake, connection, &err);
    if (now.mode == MODE_DROP)
        return MHD_NO;
    const LakeAnswer said = {
        .status = 200,
        .type = "application/json",
        .body = STR("{\"status\":\"Success\",\"message\":\"accepted\"}"),
        .drip_ms = now.mode == MODE_DRIP ? now.delay_ms : 0,
        .cut = now.mode == MODE_RESET,
        .twice = now.mode == MODE_TWICE,
    };
    return lake_answer(connection, &said);
}

static enum MHD_Result give_token(Lake *lake, struct MHD_Connection *connection, Str body)
{
    BUF_AUTO said;
    buf_init(&said, 4096);
    unsigned status = lake_guard_token(lake->guard, connection, body, &said);
    return answer(connection, status, "application/json", buf_str(&said));
}

static enum MHD_Result keep_event(Lake *lake, struct MHD_Connection *connection, Str body)
{
    const char *status = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "status");
    pthread_mutex_lock(&lake->lock);
    buf_add(&lake->ledger, body);
    buf_add_char(&lake->ledger, '\n');
    pthread_mutex_unlock(&lake->lock);
    return answer_json(connection, status ? (unsigned)strtoul(status, NULL, 10) : 200, "{}");
}

static enum MHD_Result on_document(void *context, struct MHD_Connection *connection,
                                   const char *url, const char *method, const char *version,
                                   const char *data, size_t *data_len, void **request)
{
    (void)version;
    Buf *body = *request;
    if (!body) {
        body = malloc(sizeof *body);
        CHECK(body);
        buf_init(body, BODY_BYTES_MAX);
        *request = body;
        return MHD_YES;
    }
    if (*data_len) {
        buf_add(body, (Str){data, *data_len});
        *data_len = 0;
        return MHD_YES;
    }
    if (strcmp(method, "POST") != 0)
        return answer_json(connection, 405, "{\"message\":\"POST a document\"}");
    if (body->overflowed)
        return answer_json(connection, 413, "{\"message\":\"too large\"}");
    if (strcmp(url, "/oauth2/token") == 0)
        return give_token(context, connection, buf_str(body));
    if (strcmp(url, "/ledger") == 0)
        return keep_event(context, connection, buf_str(body));
    return settle_document(context, connection, buf_str(body));
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode why)
{
    (void)context, (void)connection, (void)why;
    Buf *body = *request;
    if (body)
        buf_clear(body);
    free(body);
    *request = NULL;
}

static enum MHD_Result on_connection(void *context, const struct sockaddr *address, socklen_t len)
{
    (void)address, (void)len;
    Lake *lake = context;
    pthread_mutex_lock(&lake->lock);
    bool refused = lake->behaviour.mode == MODE_REFUSE;
    lake->by_mode[MODE_REFUSE] += refused;
    pthread_mutex_unlock(&lake->lock);
    return refused ? MHD_NO : MHD_YES;
}

/* --- control ----------------------------------------------------------------------------------*/

static bool number(struct MHD_Connection *connection, const char *name, uint64_t unset,
                   uint64_t *ret_value)
{
    Str text = str_from(MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name));
    *ret_value = unset;
    return !text.ptr || str_to_u64(text, ret_value);
}

static bool read_behaviour(struct MHD_Connection *connection, Behaviour *ret_behaviour)
{
    const char *name = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "name");
    uint64_t delay_ms, status, left;
    if (!name || !number(connection, "delay_ms", 0, &delay_ms) ||
        !number(connection, "status", 503, &status) || !number(connection, "count", ~0ULL, &left) ||
        !left || status < 200 || status > 599 || delay_ms > 3600000)
        return false;
    const char *retry =
        MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "retry_after");
    for (int mode = 0; mode < MODE_COUNT; mode++)
        if (strcmp(name, mode_names[mode]) == 0) {
            *ret_behaviour = (Behaviour){.mode = (Mode)mode,
                                         .delay_ms = (unsigned)delay_ms,
                                         .status = (unsigned)status,
                                         .left = (unsigned long long)left};
            snprintf(ret_behaviour->retry_after, RETRY_AFTER_BYTES, "%s", retry ? retry : "");
            return true;
        }
    return false;
}

static enum MHD_Result put_mode(Lake *lake, struct MHD_Connection *connection)
{
    Behaviour wanted;
    bool then = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "then") != NULL;
    if (!read_behaviour(connection, &wanted))
        return answer_json(connection, 400, "{\"message\":\"no such mode, or a bad number\"}\n");
    pthread_mutex_lock(&lake->lock);
    bool room = !then || lake->next_count < SCRIPT_MAX;
    if (then && room) {
        lake->next[lake->next_count++] = wanted;
    } else if (!then) {
        lake->behaviour = wanted;
        lake->next_count = 0;
    }
    pthread_cond_broadcast(&lake->changed);
    pthread_mutex_unlock(&lake->lock);
    return room ? answer_json(connection, 200, "{\"status\":\"ok\"}\n")
                : answer_json(connection, 400, "{\"message\":\"the script is too long\"}\n");
}

static enum MHD_Result put_guard(Lake *lake, struct MHD_Connection *connection)
{
    uint64_t life_s;
    const char *kind = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "kind");
    const char *secret = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "secret");
    bool fine = kind && number(connection, "life_s", 3600, &life_s) && life_s < 1000000 &&
                lake_guard_set(lake->guard, kind, secret, (unsigned)life_s);
    return fine ? answer_json(connection, 200, "{\"status\":\"ok\"}\n")
                : answer_json(connection, 400, "{\"message\":\"no such guard\"}\n");
}

static void print_stats(Lake *lake, Buf *out)
{
    LakeTotals totals = lake_journal_totals(lake->journal);
    pthread_mutex_lock(&lake->lock);
    buf_add_format(out,
                   "{\"mode\":\"%s\",\"requests\":%llu,\"rejected\":%llu,\"deliveries\":%llu,"
                   "\"keys\":%llu,\"repeated_keys\":%llu,\"changed\":%llu,\"last_trace\":\"%s\","
                   "\"by_mode\":{",
                   mode_names[lake->behaviour.mode], lake->requests, lake->rejected,
                   (unsigned long long)totals.deliveries, (unsigned long long)totals.keys,
                   (unsigned long long)totals.repeated_keys, (unsigned long long)totals.changed,
                   lake->last_trace);
    for (int i = 0; i < MODE_COUNT; i++)
        buf_add_format(out, "%s\"%s\":%llu", i ? "," : "", mode_names[i], lake->by_mode[i]);
    buf_add(out, STR("},"));
    lake_guard_print(lake->guard, out);
    buf_add(out, STR("}\n"));
    pthread_mutex_unlock(&lake->lock);
}

static void print_ledger(Lake *lake, Buf *out)
{
    pthread_mutex_lock(&lake->lock);
    buf_add(out, buf_str(&lake->ledger));
    pthread_mutex_unlock(&lake->lock);
}

static enum MHD_Result on_control(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **request)
{
    (void)version, (void)data, (void)request;
    static int seen;
    if (!*request) {
        *request = &seen;
        return MHD_YES;
    }
    if (*data_len) {
        *data_len = 0;
        return MHD_YES;
    }
    if (strcmp(method, "PUT") == 0 && strcmp(url, "/mode") == 0)
        return put_mode(context, connection);
    Lake *lake = context;
    if (strcmp(method, "PUT") == 0 && strcmp(url, "/guard") == 0)
        return put_guard(lake, connection);
    if (strcmp(method, "PUT") == 0 && strcmp(url, "/revoke") == 0) {
        lake_guard_revoke(lake->guard);
        return answer_json(connection, 200, "{\"status\":\"ok\"}\n");
    }
    BUF_AUTO out;
    buf_init(&out, (size_t)1 << 28);
    if (strcmp(url, "/stats") == 0)
        print_stats(lake, &out);
    else if (strcmp(url, "/ledger") == 0)
        print_ledger(lake, &out);
    else if (strcmp(url, "/keys") == 0)
        lake_journal_print(
            lake->journal,
            MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "repeated"), &out);
    else
        return answer_json(connection, 404, "{\"message\":\"no such path\"}\n");
    return answer(connection, 200, "application/json", buf_str(&out));
}

/* --- start ------------------------------------------------------------------------------------*/

typedef struct Arguments {
    uint64_t port, control_port;
    const char *cert, *key, *ca, *journal, *mode, *bind, *expired_cert, *expired_key;
} Arguments;

static char *read_file(const char *path)
{
    FILE *file = path ? fopen(path, "re") : NULL;
    char *text = calloc(1, FILE_BYTES_MAX + 1);
    CHECK(text);
    if (!file || !fread(text, 1, FILE_BYTES_MAX, file)) {
        fprintf(stderr, "lake_standin: cannot read %s\n", path ? path : "--cert and --key");
        if (file)
            fclose(file);
        free(text);
        exit(2);
    }
    fclose(file);
    return text;
}

static bool read_arguments(int argc, char **argv, Arguments *ret)
{
    static const struct option options[] = {
        {"port", 1, NULL, 'p'},
        {"control-port",  1, NULL, 'o'},
        {"cert",      1, NULL, 'c'},
        {"key",    1, NULL, 'k'},
        {"ca",   1, NULL, 'a'},
        {"journal", 1, NULL, 'j'},
        {"bind",  1, NULL, 'b'},
        {"mode",      1, NULL, 'm'},
        {"expired-cert",  1, NULL, 'x'},
        {"expired-key",   1, NULL, 'y'},
        {0  },
    };
    const char **const texts[] = {
        ['c'] = &ret->cert,         ['k'] = &ret->key,        ['a'] = &ret->ca,
        ['j'] = &ret->journal,      ['m'] = &ret->mode,       ['b'] = &ret->bind,
        ['x'] = &ret->expired_cert, ['y'] = &ret->expired_key};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'p' || c == 'o') {
            if (!str_to_u64(str_from(optarg), c == 'p' ? &ret->port : &ret->control_port))
                return false;
        } else if (c == '?') {
            return false;
        } else {
            *texts[c] = optarg;
        }
    }
    return ret->port && ret->port < 65536 && ret->control_port && ret->control_port < 65536 &&
           optind == argc;
}

static struct sockaddr_in address_of(const char *bind_to, uint64_t port)
{
    struct in_addr host = {htonl(INADDR_LOOPBACK)};
    if (bind_to && inet_pton(AF_INET, bind_to, &host) != 1) {
        fprintf(stderr, "lake_standin: --bind takes a numeric IPv4 address\n");
        exit(2);
    }
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = host};
}

/* Which certificate a new connection sees; MHD's callback has no context. */
typedef struct Identity {
    gnutls_pcert_st *chain;
    unsigned count;
    gnutls_privkey_t key;
} Identity;
static Identity identities[2]; /* good, expired */
static Lake *shown_lake;

static void load_identity(Identity *identity, const char *cert, const char *key)
{
    static gnutls_pcert_st chains[2][8];
    gnutls_datum_t pem = {(unsigned char *)read_file(cert), 0};
    gnutls_datum_t secret = {(unsigned char *)read_file(key), 0};
    pem.size = (unsigned)strlen((char *)pem.data);
    secret.size = (unsigned)strlen((char *)secret.data);
    identity->chain = chains[identity - identities];
    identity->count = 8;
    if (gnutls_pcert_list_import_x509_raw(identity->chain, &identity->count, &pem,
                                          GNUTLS_X509_FMT_PEM, 0) < 0 ||
        gnutls_privkey_init(&identity->key) < 0 ||
        gnutls_privkey_import_x509_raw(identity->key, &secret, GNUTLS_X509_FMT_PEM, NULL, 0) < 0) {
        fprintf(stderr, "lake_standin: bad certificate or key: %s, %s\n", cert, key);
        exit(2);
    }
    free(pem.data);
    free(secret.data);
}

static int show_identity(gnutls_session_t session, const gnutls_datum_t *issuers, int issuer_count,
                         const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                         gnutls_pcert_st **ret_chain, unsigned *ret_count,
                         gnutls_privkey_t *ret_key)
{
    (void)session, (void)issuers, (void)issuer_count, (void)algorithms, (void)algorithm_count;
    pthread_mutex_lock(&shown_lake->lock);
    bool expired = shown_lake->behaviour.mode == MODE_EXPIRED && identities[1].key;
    pthread_mutex_unlock(&shown_lake->lock);
    *ret_chain = identities[expired].chain;
    *ret_count = identities[expired].count;
    *ret_key = identities[expired].key;
    return 0;
}

static struct MHD_Daemon *serve_documents(Lake *lake, const Arguments *arguments)
{
    struct sockaddr_in address = address_of(arguments->bind, arguments->port);
    char *ca = arguments->ca ? read_file(arguments->ca) : NULL;
    struct MHD_OptionItem trust[] = {
        {ca ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0, ca  },
        {MHD_OPTION_END,                                   0, NULL}
    };
    shown_lake = lake;
    load_identity(&identities[0], arguments->cert, arguments->key);
    if (arguments->expired_cert)
        load_identity(&identities[1], arguments->expired_cert, arguments->expired_key);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_TLS | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0,
        on_connection, lake, on_document, lake, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
        MHD_OPTION_HTTPS_CERT_CALLBACK, show_identity, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        NULL, MHD_OPTION_CONNECTION_TIMEOUT, 120U, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U,
        MHD_OPTION_ARRAY, trust, MHD_OPTION_END);
    free(ca);
    return daemon;
}

static bool set_mode(Lake *lake, const char *name)
{
    for (int mode = 0; mode < MODE_COUNT; mode++)
        if (strcmp(name, mode_names[mode]) == 0) {
            lake->behaviour.mode = (Mode)mode;
            return true;
        }
    return false;
}

static int run(Lake *lake, const Arguments *arguments, const sigset_t *stop_signals)
{
    struct sockaddr_in control_address = address_of(arguments->bind, arguments->control_port);
    struct MHD_Daemon *documents = serve_documents(lake, arguments);
    struct MHD_Daemon *control =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_control, lake,
                         MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&control_address,
                         MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_END);
    if (!documents || !control) {
        fprintf(stderr, "lake_standin: cannot listen on ports %llu and %llu, or bad certificate\n",
                (unsigned long long)arguments->port, (unsigned long long)arguments->control_port);
        return 1;
    }
    printf("lake_standin: listening\n");
    fflush(stdout);
    int sign;
    sigwait(stop_signals, &sign);
    pthread_mutex_lock(&lake->lock);
    lake->stopping = true;
    pthread_cond_broadcast(&lake->changed);
    pthread_mutex_unlock(&lake->lock);
    MHD_stop_daemon(documents);
    MHD_stop_daemon(control);
    return 0;
}

int main(int argc, char **argv)
{
    Arguments arguments = {0};
    Lake lake = {
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .changed = PTHREAD_COND_INITIALIZER,
        .behaviour = {.mode = MODE_OK, .status = 503, .left = ~0ULL}
    };
    if (!read_arguments(argc, argv, &arguments) ||
        (arguments.mode && !set_mode(&lake, arguments.mode))) {
        fprintf(stderr, "usage: lake_standin --port N --control-port N --cert F --key F [--ca F] "
                        "[--journal F] [--mode M] [--bind A]\n");
        return 2;
    }
    /* Blocked before any thread starts, so that only sigwait() sees them. */
    sigset_t stop_signals;
    sigemptyset(&stop_signals);
    sigaddset(&stop_signals, SIGTERM);
    sigaddset(&stop_signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stop_signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    Err err = {0};
    lake.guard = lake_guard_new();
    buf_init(&lake.ledger, (size_t)1 << 28);
    if (!lake_journal_new(arguments.journal, &lake.journal, &err)) {
        fprintf(stderr, "lake_standin: %s\n", err.text);
        return 1;
    }
    int code = run(&lake, &arguments, &stop_signals);
    lake_journal_free(lake.journal);
    lake_guard_free(lake.guard);
    buf_clear(&lake.ledger);
    return code;
}

#include "common/bus/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

bool client_init(BusClient *client, const BusConfig *config, const char *what, Err *err)
{
    const char *prefix = config->topic_prefix ? config->topic_prefix : "";
    client->log = config->log;
    client->what = what;
    client->prefix_len = strlen(prefix);
    client->prefix = strdup(prefix);
    if (!client->prefix)
        return ERR(err, ERR_FATAL, "bus-config", "no memory");
    return true;
}

void client_clear(BusClient *client)
{
    free(client->prefix);
}

bool client_set(rd_kafka_conf_t *conf, const char *name, const char *value, Err *err)
{
    char why[BUS_ERRSTR_BYTES];
    if (!value || !*value)
        return true;
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        /* librdkafka's text may show the value, which may be a secret. */
        return ERR(err, ERR_FATAL, "bus-config", "%s is not a valid setting or value", name);
    return true;
}

bool client_set_number(rd_kafka_conf_t *conf, const char *name, uint64_t value, Err *err)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return client_set(conf, name, text, err);
}

bool client_extra(rd_kafka_conf_t *conf, const BusConfig *config, Err *err)
{
    Str rest = str_from(config->extra), pair;
    while (rest.ptr && str_split(&rest, ';', &pair)) {
        char text[512];
        pair = str_trim(pair);
        size_t at = str_find_char(pair, '=');
        if (pair.len == 0)
            continue;
        if (at == pair.len || pair.len >= sizeof text)
            return ERR(err, ERR_FATAL, "bus-config", "KAFKA_EXTRA: name=value;name=value expected");
        memcpy(text, pair.ptr, pair.len);
        text[pair.len] = '\0';
        text[at] = '\0';
        TRY(client_set(conf, text, text + at + 1, err));
    }
    return true;
}

/* Why brokers that are there do not talk to us: librdkafka tells its log alone, calls merely time
 * out. Of the whole process, as there is one cluster; never holds anything of a credential. */
static _Atomic(const char *) refusal;

static void note_refusal(Str text)
{
    if (str_find(text, STR("SASL authentication error")) != SIZE_MAX) {
        bool old = rd_kafka_version() < 0x020601ff && str_find(text, STR("SCRAM")) != SIZE_MAX;
        atomic_store(&refusal, old ? " (authentication failed: the broker refuses name or "
                                     "password; Kafka 4 refuses every SCRAM of this librdkafka)"
                                   : " (authentication failed: the broker refuses name or "
                                     "password)");
    } else if (str_find(text, STR("SSL handshake failed")) != SIZE_MAX)
        atomic_store(&refusal, " (the TLS handshake with the broker fails)");
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const BusClient *client = rd_kafka_opaque(rk);
    /* syslog levels: 3 error, 4 warning, 5 notice, 6 info, 7 debug */
    if (level <= 3)
        note_refusal(str_from(text));
    LogLevel at = level <= 3 ? LOG_WARN : level <= 5 ? LOG_INFO : LOG_DEBUG;
    LOG_AT(client->log, at, "kafka.client", LOG_TEXT("client", client->what),
           LOG_TEXT("facility", facility), LOG_TEXT("text", text));
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    BusClient *client = opaque;
    char text[BUS_ERRSTR_BYTES];
    (void)reason;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        client->up = false;
        log_warn(client->log, "kafka.brokers_down", LOG_TEXT("client", client->what));
    } else if (code == RD_KAFKA_RESP_ERR__FATAL) {
        rd_kafka_resp_err_t cause = rd_kafka_fatal_error(rk, text, sizeof text);
        client->fatal = true;
        log_error(client->log, "kafka.fatal", LOG_TEXT("client", client->what),
                  LOG_TEXT("code", rd_kafka_err2name(cause)), LOG_TEXT("text", text));
    }
}

/* Once a second. Only the brokers' states are of interest, and only whether one is up: the text is
 * librdkafka's own, so a search will do. */
static int on_stats(rd_kafka_t *rk, char *json, size_t len, void *opaque)
{
    BusClient *client = opaque;
    (void)rk;
    bool up = str_find((Str){json, len}, STR("\"state\":\"UP\"")) != SIZE_MAX;
    bool was = atomic_exchange(&client->up, up);
    if (up)
        atomic_store(&refusal, NULL);
    if (up != was)
        log_info(client->log, up ? "kafka.connected" : "kafka.disconnected",
                 LOG_TEXT("client", client->what));
    return 0;
}

static bool conf_fill(rd_kafka_conf_t *conf, const BusConfig *config, Err *err)
{
    uint64_t max = config->message_max_bytes ? config->message_max_bytes : BUS_MESSAGE_MAX_DEFAULT;
    TRY(client_set(conf, "bootstrap.servers", config->brokers, err));
    TRY(client_set(conf, "client.id", config->client_id, err));
    TRY(client_set(conf, "security.protocol", config->security_protocol, err));
    TRY(client_set(conf, "ssl.ca.location", config->ssl_ca_file, err));
    TRY(client_set(conf, "ssl.certificate.location", config->ssl_certificate_file, err));
    TRY(client_set(conf, "ssl.key.location", config->ssl_key_file, err));
    TRY(client_set(conf, "ssl.key.password", config->ssl_key_password, err));
    TRY(client_set(conf, "sasl.mechanism", config->sasl_mechanism, err));
    TRY(client_set(conf, "sasl.username", config->sasl_username, err));
    TRY(client_set(conf, "sasl.password", config->sasl_password, err));
    TRY(client_set_number(conf, "message.max.bytes", max, err));
    /* A fetch answer holds at least one whole message, however large. */
    TRY(client_set_number(conf, "receive.message.max.bytes", 100000000 + max, err));
    TRY(client_set(conf, "socket.keepalive.enable", "true", err));
    TRY(client_set(conf, "socket.nagle.disable", "true", err));
    TRY(client_set(conf, "log.connection.close", "false", err));
    /* A broker that comes back is found within 2 s; the default backs off to 10 s. */
    TRY(client_set(conf, "reconnect.backoff.max.ms", "2000", err));
    /* A request that a broker lost by restarting is asked again soon; the default is a minute. */
    TRY(client_set(conf, "socket.timeout.ms", "10000", err));
    return client_set(conf, "allow.auto.create.topics", "false", err);
}

bool client_conf(BusClient *client, const BusConfig *config, bool watched,
                 rd_kafka_conf_t **ret_conf, Err *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_stats_cb(conf, on_stats);
    if (!conf_fill(conf, config, err) ||
        !client_set_number(conf, "statistics.interval.ms", watched ? 1000 : 0, err)) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    *ret_conf = conf;
    return true;
}

bool client_topic(const BusClient *client, const char *name, char out[BUS_TOPIC_BYTES_MAX],
                  Err *err)
{
    int len = snprintf(out, BUS_TOPIC_BYTES_MAX, "%s%s", client->prefix, name);
    if (len < 0 || len >= BUS_TOPIC_BYTES_MAX)
        return ERR(err, ERR_FATAL, "bus-config", "topic name of %d bytes", len);
    return true;
}

const char *client_topic_name(const BusClient *client, const char *full)
{
    return strncmp(full, client->prefix, client->prefix_len) == 0 ? full + client->prefix_len
                                                                  : full;
}

void client_err(Err *err, rd_kafka_resp_err_t code, const char *where, const char *what)
{
    ErrKind kind = ERR_RETRY;
    const char *name = "bus-unavailable", *why = NULL;
    switch (code) {
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        name = "bus-full";
        break;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        kind = ERR_INPUT;
        name = "bus-too-large";
        break;
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        kind = ERR_INPUT;
        name = "bus-partition";
        break;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        name = "bus-timeout";
        why = atomic_load(&refusal);
        break;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        why = atomic_load(&refusal);
        break;
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        kind = ERR_FATAL;
        name = "bus-fatal";
        break;
    default:
        break;
    }
    (void)err_set(err, kind, name, where, "%s: %s%s", what, rd_kafka_err2str(code), why ? why : "");
}

int client_wakeup_open(void)
{
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

void client_wakeup_watch(rd_kafka_queue_t *queue, int fd)
{
    static const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(queue, fd, &one, sizeof one);
}

void client_wakeup_drain(int fd)
{
    uint64_t count;
    while (read(fd, &count, sizeof count) < 0 && errno == EINTR)
        continue;
}

bool client_wakeup_wait(int fd, uint32_t timeout_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, (int)timeout_ms) > 0;
}

int64_t client_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

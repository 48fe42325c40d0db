/* kafka_echo - the floor under a synchronous answer: one record there, one back, nothing else.
 *
 *   kafka_echo --brokers H:P --body FILE --reply FILE --count N (--rate N | --outstanding N)
 *
 * Makes two topics of its own, starts a worker process that answers each record, sends `count`
 * records `rate` times a second (open loop), or each of N as soon as its predecessor is answered
 * (closed loop), and prints throughput, p50/p99/p99.9 of the round trip and the CPU of the asking
 * side as JSON. Both sides are set as the services are: acks=all, idempotent, linger 0, lz4
 * there and nothing back, and the values are the files' (they compress like what is compared with),
 * with a number in front. */
#include <getopt.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "common/base/check.h"
#include "common/base/str.h"

#define SETTLE_MS 60000
#define FILE_BYTES_MAX ((size_t)32 << 20)

typedef struct Echo {
    const char *brokers;
    const char *body_path, *reply_path;
    char *body, *reply;
    size_t body_bytes, reply_bytes;
    uint64_t rate, outstanding, count;
    char request_topic[64], reply_topic[64];
    uint64_t *sent_us;
    uint32_t *latencies_us;
    uint64_t sent, answered, measured;
    uint64_t measured_from_us, measured_cpu_us; /* where the warm-up ended */
    uint64_t ended_us, ended_cpu_us;
} Echo;

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Of this process. */
static uint64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static rd_kafka_t *client_with(const Echo *echo, rd_kafka_type_t type, const char *compression)
{
    const char *const producer[] = {"enable.idempotence", "true",      "linger.ms", "0",
                                    "compression.type",   compression, NULL};
    static const char *const consumer[] = {
        "group.id", "kafka-echo", "enable.auto.commit", "false", "fetch.min.bytes", "1", NULL};
    char why[256] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", echo->brokers, why, sizeof why);
    rd_kafka_conf_set(conf, "message.max.bytes", "67108864", why, sizeof why);
    for (const char *const *s = type == RD_KAFKA_PRODUCER ? producer : consumer; *s; s += 2)
        rd_kafka_conf_set(conf, s[0], s[1], why, sizeof why);
    rd_kafka_t *kafka = rd_kafka_new(type, conf, why, sizeof why);
    if (!kafka) {
        fprintf(stderr, "kafka_echo: %s\n", why);
        exit(1);
    }
    return kafka;
}

static rd_kafka_t *client(const Echo *echo, rd_kafka_type_t type)
{
    return client_with(echo, type, "lz4");
}

static void make_topics(const Echo *echo)
{
    char why[256];
    rd_kafka_t *kafka = client(echo, RD_KAFKA_PRODUCER);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka);
    rd_kafka_NewTopic_t *topics[] = {
        rd_kafka_NewTopic_new(echo->request_topic, 1, 1, why, sizeof why),
        rd_kafka_NewTopic_new(echo->reply_topic, 1, 1, why, sizeof why),
    };
    for (int i = 0; i < 2; i++) {
        rd_kafka_NewTopic_set_config(topics[i], "max.message.bytes", "67108864");
        rd_kafka_NewTopic_set_config(topics[i], "retention.ms", "600000");
    }
    rd_kafka_CreateTopics(kafka, topics, 2, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, SETTLE_MS);
    if (!event || rd_kafka_event_error(event)) {
        fprintf(stderr, "kafka_echo: no topics: %s\n",
                event ? rd_kafka_event_error_string(event) : "no answer");
        exit(1);
    }
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy_array(topics, 2);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(kafka);
}

static void delete_topics(const Echo *echo)
{
    rd_kafka_t *kafka = client(echo, RD_KAFKA_PRODUCER);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka);
    rd_kafka_DeleteTopic_t *topics[] = {rd_kafka_DeleteTopic_new(echo->request_topic),
                                        rd_kafka_DeleteTopic_new(echo->reply_topic)};
    rd_kafka_DeleteTopics(kafka, topics, 2, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, SETTLE_MS);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_DeleteTopic_destroy_array(topics, 2);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(kafka);
}

static rd_kafka_t *reader(const Echo *echo, const char *topic)
{
    rd_kafka_t *kafka = client(echo, RD_KAFKA_CONSUMER);
    rd_kafka_poll_set_consumer(kafka);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    CHECK(rd_kafka_assign(kafka, list) == RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    return kafka;
}

static void publish(rd_kafka_t *producer, const char *topic, void *value, size_t bytes)
{
    while (rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                             RD_KAFKA_V_VALUE(value, bytes),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                             RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(producer, 10);
}

/* The worker: the first eight bytes of a record are its number and go back with the reply. */
_Noreturn static void answer_all(const Echo *echo)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    rd_kafka_t *requests = reader(echo, echo->request_topic);
    rd_kafka_t *producer = client_with(echo, RD_KAFKA_PRODUCER, "none");
    for (;;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(requests, 100);
        rd_kafka_poll(producer, 0);
        if (message && !message->err && message->len >= sizeof(uint64_t)) {
            memcpy(echo->reply, message->payload, sizeof(uint64_t));
            publish(producer, echo->reply_topic, echo->reply, echo->reply_bytes);
        }
        if (message)
            rd_kafka_message_destroy(message);
    }
}

/* The first records find cold clients and a cold broker: they are not measured. */
static uint64_t warm_up(const Echo *echo)
{
    return echo->count / 4;
}

static void take_reply(Echo *echo, const rd_kafka_message_t *message)
{
    uint64_t number;
    if (message->err || message->len < sizeof number)
        return;
    memcpy(&number, message->payload, sizeof number);
    CHECK(number < echo->count);
    uint64_t latency = now_us() - echo->sent_us[number];
    echo->answered++;
    if (number == warm_up(echo)) {
        echo->measured_from_us = now_us();
        echo->measured_cpu_us = cpu_us();
    }
    if (number >= warm_up(echo))
        echo->latencies_us[echo->measured++] =
            latency > UINT32_MAX ? UINT32_MAX : (uint32_t)latency;
}

/* When the next record falls due; the second one when the first, which finds everything cold, has
 * come back. */
static uint64_t due_us(const Echo *echo, uint64_t start_us, uint64_t now)
{
    if (echo->sent == echo->count || (echo->sent > 0 && echo->answered == 0))
        return UINT64_MAX;
    if (echo->rate)
        return start_us + echo->sent * 1000000 / echo->rate;
    return echo->sent - echo->answered < echo->outstanding ? now : UINT64_MAX;
}

static void send_next(Echo *echo, rd_kafka_t *producer, uint64_t due)
{
    memcpy(echo->body, &echo->sent, sizeof echo->sent);
    echo->sent_us[echo->sent++] = due;
    publish(producer, echo->request_topic, echo->body, echo->body_bytes);
}

static bool measure(Echo *echo)
{
    rd_kafka_t *replies = reader(echo, echo->reply_topic);
    rd_kafka_t *producer = client(echo, RD_KAFKA_PRODUCER);
    uint64_t start = now_us(), deadline = UINT64_MAX;
    while (echo->answered < echo->count && now_us() < deadline) {
        uint64_t now = now_us(), due = due_us(echo, start, now);
        if (due <= now) {
            send_next(echo, producer, due);
            deadline = now + (uint64_t)SETTLE_MS * 1000;
            due = due_us(echo, start, now);
        }
        rd_kafka_poll(producer, 0);
        uint64_t wait_us = due <= now ? 0 : due - now;
        rd_kafka_message_t *message =
            rd_kafka_consumer_poll(replies, wait_us > 100000 ? 100 : (int)(wait_us / 1000));
        if (!message && wait_us && wait_us < 1000) /* shorter than a poll can be: no spinning */
            nanosleep(&(struct timespec){.tv_nsec = (long)wait_us * 1000}, NULL);
        if (message) {
            take_reply(echo, message);
            rd_kafka_message_destroy(message);
            if (echo->answered == 1)
                start = now_us();
        }
    }
    echo->ended_us = now_us();
    echo->ended_cpu_us = cpu_us();
    rd_kafka_consumer_close(replies);
    rd_kafka_destroy(replies);
    rd_kafka_flush(producer, 5000);
    rd_kafka_destroy(producer);
    return echo->answered == echo->count;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_summary(Echo *echo)
{
    qsort(echo->latencies_us, echo->measured, sizeof *echo->latencies_us, compare);
    const double quantiles[] = {0.5, 0.99, 0.999};
    const char *const names[] = {"p50_ms", "p99_ms", "p999_ms"};
    double seconds = (double)(echo->ended_us - echo->measured_from_us) / 1e6;
    double each = echo->measured ? 1.0 / (double)echo->measured : 0;
    printf("{\"answered\":%llu,\"per_second\":%.1f,\"cpu_ms\":%.4f",
           (unsigned long long)echo->answered, seconds > 0 ? (double)echo->measured / seconds : 0,
           (double)(echo->ended_cpu_us - echo->measured_cpu_us) / 1000.0 * each);
    for (size_t i = 0; i < 3; i++)
        printf(",\"%s\":%.3f", names[i],
               echo->latencies_us[(size_t)(quantiles[i] * (double)echo->measured)] / 1000.0);
    printf("}\n");
}

static bool read_file(const char *path, char **ret_text, size_t *ret_len)
{
    FILE *file = path ? fopen(path, "re") : NULL;
    char *text = file ? malloc(FILE_BYTES_MAX) : NULL;
    size_t len = text ? fread(text, 1, FILE_BYTES_MAX, file) : 0;
    if (file)
        fclose(file);
    *ret_text = text;
    *ret_len = len;
    return len >= sizeof(uint64_t) && len < FILE_BYTES_MAX;
}

static bool read_arguments(Echo *echo, int argc, char **argv)
{
    static const struct option options[] = {
        {"brokers", 1, NULL, 'b'},
        {"body",     1, NULL, 's'},
        {"reply",         1, NULL, 'a'},
        {"rate",    1, NULL, 'r'},
        {"outstanding",      1, NULL, 'o'},
        {"count",   1, NULL, 'c'},
        {0    },
    };
    const char **const texts[] = {
        ['b'] = &echo->brokers, ['s'] = &echo->body_path, ['a'] = &echo->reply_path};
    uint64_t *const numbers[] = {
        ['r'] = &echo->rate, ['o'] = &echo->outstanding, ['c'] = &echo->count};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'b' || c == 's' || c == 'a')
            *texts[c] = optarg;
        else if (c == '?' || !str_to_u64(str_from(optarg), numbers[c]))
            return false;
    }
    return echo->brokers && read_file(echo->body_path, &echo->body, &echo->body_bytes) &&
           read_file(echo->reply_path, &echo->reply, &echo->reply_bytes) &&
           (echo->rate > 0) != (echo->outstanding > 0) && echo->count && echo->count <= 1000000;
}

int main(int argc, char **argv)
{
    Echo echo = {.count = 1000};
    if (!read_arguments(&echo, argc, argv)) {
        fprintf(stderr, "usage: kafka_echo --brokers H:P --body FILE --reply FILE [--count N] "
                        "(--rate N | --outstanding N)\n");
        return 2;
    }
    snprintf(echo.request_topic, sizeof echo.request_topic, "kafka-echo-%d-request", (int)getpid());
    snprintf(echo.reply_topic, sizeof echo.reply_topic, "kafka-echo-%d-reply", (int)getpid());
    echo.sent_us = calloc(echo.count, sizeof *echo.sent_us);
    echo.latencies_us = calloc(echo.count + 1, sizeof *echo.latencies_us);
    CHECK(echo.sent_us && echo.latencies_us);
    make_topics(&echo);
    pid_t worker = fork();
    CHECK(worker >= 0);
    if (worker == 0)
        answer_all(&echo);
    bool whole = measure(&echo);
    kill(worker, SIGKILL);
    waitpid(worker, NULL, 0);
    delete_topics(&echo);
    print_summary(&echo);
    free(echo.sent_us);
    free(echo.latencies_us);
    free(echo.body);
    free(echo.reply);
    return whole ? 0 : 1;
}

/* broker_try - what a client of these properties may do at the brokers: a line for each thing
 * tried.
 *
 *   broker_try [--set NAME=VALUE]... write:TOPIC read:TOPIC join:GROUP make:TOPIC ...
 *
 * Prints "write:TOPIC ok" or the name of the error; what is refused leaves nothing behind. */
#include <stdio.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "common/base/check.h"

enum { WAIT_MS = 10000, STEP_MS = 300, TEXT_BYTES = 512 };

static void on_report(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *opaque)
{
    (void)kafka;
    *(rd_kafka_resp_err_t *)opaque = message->err;
}

static rd_kafka_t *client(int argc, char **argv, rd_kafka_type_t type, const char *group,
                          rd_kafka_resp_err_t *report)
{
    char why[TEXT_BYTES], pair[TEXT_BYTES];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (int i = 1; i + 1 < argc && strcmp(argv[i], "--set") == 0; i += 2) {
        snprintf(pair, sizeof pair, "%s", argv[i + 1]);
        char *equals = strchr(pair, '=');
        CHECK(equals);
        *equals = '\0';
        if (rd_kafka_conf_set(conf, pair, equals + 1, why, sizeof why) != RD_KAFKA_CONF_OK)
            fprintf(stderr, "broker_try: %s\n", why);
    }
    rd_kafka_conf_set(conf, "log_level", "0", why, sizeof why);
    if (type == RD_KAFKA_CONSUMER) {
        rd_kafka_conf_set(conf, "group.id", group, why, sizeof why);
        rd_kafka_conf_set(conf, "enable.partition.eof", "true", why, sizeof why);
        rd_kafka_conf_set(conf, "enable.auto.commit", "false", why, sizeof why);
    } else {
        rd_kafka_conf_set(conf, "message.timeout.ms", "8000", why, sizeof why);
        rd_kafka_conf_set_dr_msg_cb(conf, on_report);
        rd_kafka_conf_set_opaque(conf, report);
    }
    rd_kafka_t *kafka = rd_kafka_new(type, conf, why, sizeof why);
    if (!kafka)
        fprintf(stderr, "broker_try: %s\n", why);
    return kafka;
}

static rd_kafka_resp_err_t try_write(int argc, char **argv, const char *topic)
{
    char value[] = "tried";
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    rd_kafka_t *kafka = client(argc, argv, RD_KAFKA_PRODUCER, NULL, &code);
    if (!kafka)
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    rd_kafka_resp_err_t put = rd_kafka_producev(kafka, RD_KAFKA_V_TOPIC(topic),
                                                RD_KAFKA_V_VALUE(value, 5), RD_KAFKA_V_END);
    if (!put)
        rd_kafka_flush(kafka, WAIT_MS);
    rd_kafka_destroy(kafka);
    return put ? put : code;
}

/* What the brokers say of a topic: who may do nothing with it is told at once. */
static rd_kafka_resp_err_t look(rd_kafka_t *kafka, const char *name)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(kafka, name, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(kafka, 0, topic, &metadata, WAIT_MS);
    if (!code && metadata->topic_cnt == 1)
        code = metadata->topics[0].err;
    if (metadata)
        rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(topic);
    return code;
}

/* The first message, the end, or an error. */
static rd_kafka_resp_err_t try_read(int argc, char **argv, const char *topic)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    rd_kafka_t *kafka = client(argc, argv, RD_KAFKA_CONSUMER, "reader", NULL);
    if (!kafka)
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    rd_kafka_resp_err_t seen = look(kafka, topic);
    if (seen) {
        rd_kafka_destroy(kafka);
        return seen;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(kafka, list);
    rd_kafka_topic_partition_list_destroy(list);
    for (int left = WAIT_MS; left > 0; left -= 100) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(kafka, 100);
        if (!message)
            continue;
        rd_kafka_resp_err_t said = message->err;
        rd_kafka_message_destroy(message);
        /* What is said of its group's coordinator is not about the topic. */
        if (said == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
            continue;
        code = said == RD_KAFKA_RESP_ERR__PARTITION_EOF ? RD_KAFKA_RESP_ERR_NO_ERROR : said;
        break;
    }
    rd_kafka_destroy(kafka);
    return code;
}

/* Asks for the group's offsets, without becoming one of it. */
/* Who may see a group's offsets need not be let in. A commit takes the same right as joining, and
 * leaves nothing: there is no such topic. */
static rd_kafka_resp_err_t try_commit(rd_kafka_t *kafka)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, "nowhere", 0)->offset = 0;
    rd_kafka_resp_err_t code = rd_kafka_commit(kafka, list, 0);
    if (!code)
        code = list->elems[0].err;
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ? code : RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t try_join(int argc, char **argv, const char *group)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    rd_kafka_t *kafka = client(argc, argv, RD_KAFKA_CONSUMER, group, NULL);
    if (!kafka)
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    rd_kafka_poll_set_consumer(kafka);
    for (int left = WAIT_MS; left > 0 && code == RD_KAFKA_RESP_ERR__TIMED_OUT; left -= STEP_MS) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, "intake", 0);
        code = rd_kafka_committed(kafka, list, STEP_MS);
        rd_kafka_topic_partition_list_destroy(list);
        rd_kafka_message_t *message = rd_kafka_consumer_poll(kafka, 0);
        if (message && message->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
            code = message->err;
        if (message)
            rd_kafka_message_destroy(message);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        code = try_commit(kafka);
    rd_kafka_destroy(kafka);
    /* Refused the topic, of which it knows nothing: so the group was not. */
    return code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ? RD_KAFKA_RESP_ERR_NO_ERROR : code;
}

static rd_kafka_resp_err_t try_make(int argc, char **argv, const char *name)
{
    char why[TEXT_BYTES];
    rd_kafka_resp_err_t unused = RD_KAFKA_RESP_ERR_NO_ERROR, code;
    rd_kafka_t *kafka = client(argc, argv, RD_KAFKA_PRODUCER, NULL, &unused);
    if (!kafka)
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka);
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, 1, 1, why, sizeof why);
    rd_kafka_CreateTopics(kafka, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MS);
    size_t count = 0;
    const rd_kafka_topic_result_t **results =
        event
            ? rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
            : NULL;
    code = !event  ? RD_KAFKA_RESP_ERR__TIMED_OUT
           : count ? rd_kafka_topic_result_error(results[0])
                   : rd_kafka_event_error(event);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(kafka);
    return code;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *of = strchr(argv[i], ':');
        if (strcmp(argv[i], "--set") == 0 || !of) {
            i += strcmp(argv[i], "--set") == 0;
            continue;
        }
        of++;
        rd_kafka_resp_err_t code = strncmp(argv[i], "write:", 6) == 0  ? try_write(argc, argv, of)
                                   : strncmp(argv[i], "read:", 5) == 0 ? try_read(argc, argv, of)
                                   : strncmp(argv[i], "join:", 5) == 0 ? try_join(argc, argv, of)
                                                                       : try_make(argc, argv, of);
        printf("%s %s\n", argv[i], code ? rd_kafka_err2name(code) : "ok");
        fflush(stdout);
    }
    return 0;
}

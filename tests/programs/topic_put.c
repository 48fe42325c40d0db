/* topic_put - one record to a topic, past all that checks what is published: its value is read from
 * standard input.
 *
 *   topic_put --brokers H:P --topic NAME --key KEY < VALUE */
#include <getopt.h>
#include <stdio.h>

#include <librdkafka/rdkafka.h>

#include "common/base/check.h"

enum { VALUE_BYTES_MAX = 1 << 20, WAIT_MS = 15000 };

static void on_report(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *opaque)
{
    (void)kafka;
    *(rd_kafka_resp_err_t *)opaque = message->err;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"brokers", 1, NULL, 'b'},
        {"topic",     1, NULL, 't'},
        {"key",         1, NULL, 'k'},
        {0   },
    };
    static char value[VALUE_BYTES_MAX];
    const char *brokers = NULL, *topic = NULL, *key = NULL;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if (c != '?')
            *(c == 'b' ? &brokers : c == 't' ? &topic : &key) = optarg;
    if (!brokers || !topic || !key) {
        fprintf(stderr, "usage: topic_put --brokers H:P --topic NAME --key KEY < VALUE\n");
        return 2;
    }
    size_t len = fread(value, 1, sizeof value, stdin);
    char why[256] = "";
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_conf_set_opaque(conf, &code);
    rd_kafka_t *kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    CHECK(kafka);
    rd_kafka_resp_err_t put = rd_kafka_producev(
        kafka, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE(value, len), RD_KAFKA_V_END);
    code = put ? put : code;
    if (!put)
        rd_kafka_flush(kafka, WAIT_MS);
    rd_kafka_destroy(kafka);
    if (code)
        fprintf(stderr, "topic_put: %s\n", rd_kafka_err2str(code));
    return code ? 1 : 0;
}

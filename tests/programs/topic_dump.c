/* topic_dump - prints what a topic holds: a JSON line per record, then ends.
 *
 *   topic_dump --brokers H:P --topic NAME
 *
 * {"partition":..,"offset":..,"key_bytes":..,"bytes":..,"sha256":"..","headers":{"name":"value"}}
 * Header values with bytes that JSON would have to escape are shown as their length. */
#include <getopt.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <librdkafka/rdkafka.h>

#include "common/base/check.h"
#include "common/base/str.h"

#define WAIT_MS 15000

static bool printable(Str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < ' ' || c >= 0x7f || c == '"' || c == '\\')
            return false;
    }
    return true;
}

static void print_headers(const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    printf("\"headers\":{");
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char *name;
        const void *value;
        size_t len;
        for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &len); i++) {
            Str text = {value, len};
            if (printable(text))
                printf("%s\"%s\":\"%.*s\"", i ? "," : "", name, STR_ARG(text));
            else
                printf("%s\"%s\":%zu", i ? "," : "", name, len);
        }
    }
    printf("}");
}

static void print_record(const rd_kafka_message_t *message)
{
    unsigned char digest[32];
    CHECK(gnutls_hash_fast(GNUTLS_DIG_SHA256, message->payload, message->len, digest) == 0);
    printf("{\"partition\":%d,\"offset\":%lld,\"key_bytes\":%zu,\"bytes\":%zu,\"sha256\":\"",
           (int)message->partition, (long long)message->offset, message->key_len, message->len);
    for (size_t i = 0; i < sizeof digest; i++)
        printf("%02x", digest[i]);
    printf("\",");
    print_headers(message);
    printf("}\n");
}

/* Assigns every partition from its beginning; yields how many there are, 0 when none. */
static int assign_all(rd_kafka_t *kafka, const char *name)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(kafka, name, NULL);
    if (rd_kafka_metadata(kafka, 0, topic, &metadata, WAIT_MS) || metadata->topic_cnt != 1 ||
        metadata->topics[0].err)
        return 0;
    int count = metadata->topics[0].partition_cnt;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, name, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    CHECK(rd_kafka_assign(kafka, list) == RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(topic);
    return count;
}

static int dump(rd_kafka_t *kafka, const char *name)
{
    int left = assign_all(kafka, name);
    if (!left) {
        fprintf(stderr, "topic_dump: no topic %s\n", name);
        return 1;
    }
    while (left > 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(kafka, WAIT_MS);
        if (!message) {
            fprintf(stderr, "topic_dump: no answer\n");
            return 1;
        }
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            left--;
        else if (!message->err)
            print_record(message);
        rd_kafka_message_destroy(message);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"brokers", 1, NULL, 'b'},
        {"topic",     1, NULL, 't'},
        {0        },
    };
    const char *brokers = NULL, *topic = NULL;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if (c != '?')
            *(c == 'b' ? &brokers : &topic) = optarg;
    if (!brokers || !topic) {
        fprintf(stderr, "usage: topic_dump --brokers H:P --topic NAME\n");
        return 2;
    }
    char why[256] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", "topic-dump", why, sizeof why);
    rd_kafka_conf_set(conf, "enable.auto.commit", "false", why, sizeof why);
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", why, sizeof why);
    rd_kafka_conf_set(conf, "fetch.message.max.bytes", "67108864", why, sizeof why);
    rd_kafka_t *kafka = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!kafka) {
        fprintf(stderr, "topic_dump: %s\n", why);
        return 1;
    }
    rd_kafka_poll_set_consumer(kafka);
    int code = dump(kafka, topic);
    rd_kafka_consumer_close(kafka);
    rd_kafka_destroy(kafka);
    return code;
}

/* fence - takes the place of a named member of a consumer group, so that the broker fences it.
 *
 *   fence --brokers H:P --group NAME --topic NAME
 *
 * Looks up a member that has a group.instance.id, joins under the same one, waits until partitions
 * are assigned to it, prints the id and leaves. Nothing is committed: what the member had not done
 * is its successor's. */
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <librdkafka/rdkafka.h>

#include "common/base/check.h"

#define WAIT_MS 60000
#define POLL_MS 100

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    CHECK(rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK);
}

static rd_kafka_t *client(const char *brokers, const char *group, const char *member)
{
    char why[256] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", brokers);
    set(conf, "group.id", group);
    set(conf, "enable.auto.commit", "false");
    set(conf, "partition.assignment.strategy", "range,roundrobin"); /* as the workers say */
    if (member)
        set(conf, "group.instance.id", member);
    rd_kafka_t *kafka = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!kafka)
        fprintf(stderr, "fence: %s\n", why);
    return kafka;
}

/* A copy of the first name in the described group; NULL when it has none. */
static char *first_name(rd_kafka_event_t *event)
{
    size_t count = 0;
    const rd_kafka_DescribeConsumerGroups_result_t *result =
        rd_kafka_event_DescribeConsumerGroups_result(event);
    const rd_kafka_ConsumerGroupDescription_t **groups =
        result ? rd_kafka_DescribeConsumerGroups_result_groups(result, &count) : NULL;
    for (size_t i = 0; count > 0 && i < rd_kafka_ConsumerGroupDescription_member_count(groups[0]);
         i++) {
        const char *name = rd_kafka_MemberDescription_group_instance_id(
            rd_kafka_ConsumerGroupDescription_member(groups[0], i));
        if (name && *name)
            return strdup(name);
    }
    return NULL;
}

static char *find_member(const char *brokers, const char *group)
{
    rd_kafka_t *kafka = client(brokers, group, NULL);
    if (!kafka)
        return NULL;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka);
    rd_kafka_DescribeConsumerGroups(kafka, &group, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MS);
    char *name = event ? first_name(event) : NULL;
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(kafka);
    return name;
}

/* True once the group has given us what the other one had. */
static bool take_place(rd_kafka_t *kafka, const char *topic)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
    bool subscribed = !rd_kafka_subscribe(kafka, list);
    int assigned = 0;
    rd_kafka_topic_partition_list_destroy(list);
    for (time_t until = time(NULL) + WAIT_MS / 1000;
         subscribed && assigned == 0 && time(NULL) < until;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(kafka, POLL_MS);
        if (message)
            rd_kafka_message_destroy(message);
        if (!rd_kafka_assignment(kafka, &list)) {
            assigned = list->cnt;
            rd_kafka_topic_partition_list_destroy(list);
        }
    }
    return assigned > 0;
}

static int fence(const char *brokers, const char *group, const char *topic, const char *member)
{
    rd_kafka_t *kafka = client(brokers, group, member);
    if (!kafka)
        return 1;
    rd_kafka_poll_set_consumer(kafka);
    bool taken = take_place(kafka, topic);
    if (taken)
        printf("%s\n", member);
    else
        fprintf(stderr, "fence: the group gave no partitions\n");
    rd_kafka_consumer_close(kafka);
    rd_kafka_destroy(kafka);
    return taken ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"brokers", 1, NULL, 'b'},
        {"group",     1, NULL, 'g'},
        {"topic",         1, NULL, 't'},
        {0   },
    };
    const char *brokers = NULL, *group = NULL, *topic = NULL;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if (c != '?')
            *(c == 'b' ? &brokers : c == 'g' ? &group : &topic) = optarg;
    if (!brokers || !group || !topic) {
        fprintf(stderr, "usage: fence --brokers H:P --group NAME --topic NAME\n");
        return 2;
    }
    char *member = find_member(brokers, group);
    if (!member)
        fprintf(stderr, "fence: group %s has no named member\n", group);
    int code = member ? fence(brokers, group, topic, member) : 1;
    free(member);
    return code;
}

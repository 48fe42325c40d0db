#include "common/bus/admin.h"

int admin_left_ms(const Admin *admin)
{
    int64_t left = admin->until_ms - client_now_ms();
    return left > 1 ? (int)left : 1;
}

bool admin_open(Admin *admin, const BusConfig *config, uint32_t timeout_ms, Err *err)
{
    char why[BUS_ERRSTR_BYTES];
    rd_kafka_conf_t *conf;
    admin->until_ms = client_now_ms() + timeout_ms;
    TRY(client_init(&admin->client, config, "admin", err));
    TRY(client_conf(&admin->client, config, false, &conf, err));
    bool set = client_extra(conf, config, err);
    admin->rk = set ? rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why) : NULL;
    if (!admin->rk) {
        rd_kafka_conf_destroy(conf);
        return set ? ERR(err, ERR_FATAL, "bus-config", "%s", why) : false;
    }
    admin->queue = rd_kafka_queue_new(admin->rk);
    return true;
}

void admin_close(Admin *admin)
{
    if (admin->queue)
        rd_kafka_queue_destroy(admin->queue);
    if (admin->rk)
        rd_kafka_destroy(admin->rk);
    client_clear(&admin->client);
}

rd_kafka_AdminOptions_t *admin_options(const Admin *admin, rd_kafka_admin_op_t request)
{
    char why[BUS_ERRSTR_BYTES];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(admin->rk, request);
    rd_kafka_AdminOptions_set_request_timeout(options, admin_left_ms(admin), why, sizeof why);
    return options;
}

rd_kafka_event_t *admin_answer(Admin *admin, const char *what, Err *err)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(admin->queue, admin_left_ms(admin) + 1000);
    rd_kafka_resp_err_t code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!event)
        (void)CLIENT_ERR(err, RD_KAFKA_RESP_ERR__TIMED_OUT, what);
    else if (code)
        (void)CLIENT_ERR(err, code, what);
    if (!code)
        return event;
    rd_kafka_event_destroy(event);
    return NULL;
}

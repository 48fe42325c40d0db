/* envelope_show - what the envelopes of one interaction on a topic say that a replay must give
 * back: a JSON line each, in the order of the topic. Brokers by the KAFKA_ settings.
 *
 *   KAFKA_BROKERS=H:P envelope_show TOPIC INTERACTION */
#include "common/base/buf.h"
#include "common/bus/bus_options.h"
#include "common/config/config.h"
#include "common/envelope/envelope.h"
#include "common/json/write.h"

typedef struct ShowConfig {
    BusConfig bus;
} ShowConfig;
static const ConfigOption options[] = {BUS_OPTIONS(ShowConfig, bus), {0}};
static const ConfigProgram program = {.name = "envelope_show",
                                      .summary = "envelopes of an interaction",
                                      .usage = "  TOPIC INTERACTION\n",
                                      .options = options};

static void show(const Envelope *e)
{
    const RequestHeaders *h = &e->headers;
    const struct {
        const char *name;
        Str value;
    } fields[] = {
        {"replay_id",               e->replay_id              },
        {"replay_to",               e->replay_to              },
        {"tenant",                  e->tenant                 },
        {"content_type",            e->content_type           },
        {"source_type",             e->source_type            },
        {"payload",                 e->payload                },
        {"correlation_id",          h->correlation_id         },
        {"severity_level",          h->severity_level         },
        {"datalake_url",            h->datalake_url           },
        {"ig_version",              h->ig_version             },
        {"elaboration",             h->elaboration            },
        {"provenance",              h->provenance             },
        {"master_interaction_id",   h->master_interaction_id  },
        {"group_interaction_id",    h->group_interaction_id   },
        {"data_ledger_tracking",    h->data_ledger_tracking   },
        {"data_ledger_diagnostics", h->data_ledger_diagnostics},
        {"user_agent",              h->user_agent             },
    };
    BUF_AUTO out;
    buf_init(&out, (size_t)64 << 20);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        buf_add_format(&out, "%s\"%s\":", i ? "," : "{", fields[i].name);
        json_write_string(&out, fields[i].value.ptr ? fields[i].value : STR(""));
    }
    printf("%.*s,\"received_at_us\":%lld,\"lane\":%d}\n", STR_ARG(buf_str(&out)),
           (long long)e->received_at_us, (int)e->lane);
}

int main(int argc, char **argv)
{
    ARENA_AUTO arena = arena_new((size_t)256 << 20);
    ARENA_AUTO scratch = arena_new((size_t)256 << 20);
    ShowConfig config = {0};
    BusReader *reader = NULL;
    Err err = {0};
    int next = argc;
    if (config_start(&program, argc, argv, arena, &config, &next) != CONFIG_RUN || argc - next != 2)
        return 2;
    if (!bus_reader_new_from_start(&config.bus, argv[next], 15000, &reader, &err)) {
        fprintf(stderr, "envelope_show: %s\n", err.text);
        return 1;
    }
    while (!bus_reader_caught_up(reader)) {
        const BusMessage *message;
        Envelope e;
        arena_reset(scratch);
        if (bus_reader_poll(reader, 1000, &message) &&
            envelope_decode(message->value, scratch, &e, &err) &&
            str_is(e.interaction_id, argv[next + 1]))
            show(&e);
    }
    bus_reader_free(reader);
    return 0;
}

#include "services/lake-submitter/role.h"

#include <poll.h>

void role_await(BusConsumer *consumer, BusProducer *producer)
{
    struct pollfd fds[] = {
        {.fd = bus_consumer_fd(consumer), .events = POLLIN},
        {.fd = bus_producer_fd(producer), .events = POLLIN}
    };
    poll(fds, 2, ROLE_POLL_MS);
}

bool role_listed(const char *list, Str name)
{
    Str rest = str_from(list), one;
    while (rest.ptr && str_split(&rest, ',', &one))
        if (name.len && str_eq(str_trim(one), name))
            return true;
    return false;
}

bool role_await_directory(const Service *service)
{
    while (!directory_ready(service->directory, ROLE_POLL_MS))
        if (role_stopping(service))
            return false;
    counts_catalog_read(service->counts);
    return !role_stopping(service);
}

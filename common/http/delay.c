/* How long a request waits for a server thread once it has been woken: what shows first that there
 * is more to do than can be done. */
#include "common/base/clock.h"
#include "common/http/server_internal.h"

#define FORGET_NS UINT64_C(2000000000) /* nobody was woken for so long: nobody waits */
enum { WEIGHT = 16 };

/* Threads may overwrite each other's: an average of thousands does not mind. */
void delay_note(HttpServer *server, uint64_t woken_ns, uint64_t now_ns)
{
    uint64_t sample = now_ns > woken_ns ? now_ns - woken_ns : 0;
    uint64_t last = atomic_load_explicit(&server->delay_ns, memory_order_relaxed);
    uint64_t at = atomic_load_explicit(&server->delay_at_ns, memory_order_relaxed);
    uint64_t old = now_ns - at > FORGET_NS ? 0 : last;
    atomic_store_explicit(&server->delay_ns, old - old / WEIGHT + sample / WEIGHT,
                          memory_order_relaxed);
    atomic_store_explicit(&server->delay_at_ns, now_ns, memory_order_relaxed);
}

uint64_t http_server_delay_us(HttpServer *server)
{
    uint64_t now_ns = (uint64_t)clock_mono_ns();
    uint64_t at = atomic_load_explicit(&server->delay_at_ns, memory_order_relaxed);
    if (now_ns > at && now_ns - at > FORGET_NS)
        return 0;
    return atomic_load_explicit(&server->delay_ns, memory_order_relaxed) / 1000;
}

/* Takes connections in place of libmicrohttpd, reads what a load balancer says of them, and hands
 * them over with the client's own address.
 *
 * A peer of the listed networks must begin with a PROXY protocol header. Whoever else begins with
 * one is not believed: it is passed over, and told of. Nobody waits for a thread: there is one for
 * all, and proxy_ms for each. */
#include <arpa/inet.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/http/networks.h"
#include "common/http/proxy.h"
#include "common/http/server_internal.h"

enum { EVENTS_MAX = 64, PENDING_MAX = 4096, LOOK_MS = 100 };

typedef struct Pending {
    struct Pending *prev, *next; /* oldest first */
    int fd;
    bool listed;
    ProxyAddress peer;
    int64_t until_ms;
} Pending;

struct Acceptor {
    HttpServer *server;
    Networks from;
    int listener, poll, stop;
    bool listening; /* there is room for more */
    Pending *first, *last;
    size_t count;
    pthread_t thread;
};

/* --- pending ---------------------------------------------------------------------------------- */

static void forget(Acceptor *acceptor, Pending *pending)
{
    *(pending->prev ? &pending->prev->next : &acceptor->first) = pending->next;
    *(pending->next ? &pending->next->prev : &acceptor->last) = pending->prev;
    acceptor->count--;
    free(pending);
}

static void drop(Acceptor *acceptor, Pending *pending)
{
    close(pending->fd);
    forget(acceptor, pending);
}

static void tell(const Acceptor *acceptor, const Pending *pending, HttpProxyTrouble what)
{
    const HttpServerOptions *o = &acceptor->server->options;
    char text[INET6_ADDRSTRLEN] = "";
    const ProxyAddress *peer = &pending->peer;
    const void *bytes = peer->any.sa_family == AF_INET ? (const void *)&peer->v4.sin_addr
                                                       : (const void *)&peer->v6.sin6_addr;
    if (o->proxy_trouble && inet_ntop(peer->any.sa_family, bytes, text, sizeof text))
        o->proxy_trouble(o->proxy_context, str_from(text), what);
}

static void hand_over(Acceptor *acceptor, Pending *pending, const ProxyHeader *header)
{
    const ProxyAddress *client = header && header->named ? &header->address : &pending->peer;
    socklen_t len = client->any.sa_family == AF_INET ? sizeof client->v4 : sizeof client->v6;
    epoll_ctl(acceptor->poll, EPOLL_CTL_DEL, pending->fd, NULL);
    /* It closes the socket where it cannot take it. */
    (void)MHD_add_connection(acceptor->server->daemon, pending->fd, &client->any, len);
    forget(acceptor, pending);
}

/* --- the first bytes -------------------------------------------------------------------------- */

/* They are looked at and left there, until it is clear whose they are. */
static void look(Acceptor *acceptor, Pending *pending)
{
    char bytes[PROXY_BYTES_MAX];
    ProxyHeader header = {0};
    ssize_t got = recv(pending->fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        drop(acceptor, pending);
        return;
    }
    switch (proxy_parse((Str){bytes, (size_t)got}, &header)) {
    case PROXY_MORE:
        return;
    case PROXY_FINE:
        if (recv(pending->fd, bytes, header.needed, MSG_DONTWAIT) != (ssize_t)header.needed) {
            drop(acceptor, pending);
            return;
        }
        if (!pending->listed)
            tell(acceptor, pending, HTTP_PROXY_IGNORED);
        hand_over(acceptor, pending, pending->listed ? &header : NULL);
        return;
    case PROXY_BAD:
        break;
    }
    bool meant = proxy_has_signature((Str){bytes, (size_t)got});
    if (!pending->listed && !meant) {
        hand_over(acceptor, pending, NULL);
        return;
    }
    tell(acceptor, pending, meant ? HTTP_PROXY_BROKEN : HTTP_PROXY_MISSING);
    drop(acceptor, pending);
}

/* Whoever need not say anything may be slow to begin: the server has limits of its own for that. */
static void end_overdue(Acceptor *acceptor, int64_t now_ms)
{
    while (acceptor->first && now_ms >= acceptor->first->until_ms) {
        Pending *pending = acceptor->first;
        if (pending->listed) {
            tell(acceptor, pending, HTTP_PROXY_MISSING);
            drop(acceptor, pending);
        } else {
            hand_over(acceptor, pending, NULL);
        }
    }
}

/* --- accepting -------------------------------------------------------------------------------- */

static void watch(const Acceptor *acceptor, int fd, void *whose, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = whose};
    CHECK(epoll_ctl(acceptor->poll, EPOLL_CTL_ADD, fd, &event) == 0);
}

static void listen_while_room(Acceptor *acceptor)
{
    bool room = acceptor->count < PENDING_MAX;
    if (room == acceptor->listening)
        return;
    acceptor->listening = room;
    if (room)
        watch(acceptor, acceptor->listener, &acceptor->listener, EPOLLIN);
    else
        epoll_ctl(acceptor->poll, EPOLL_CTL_DEL, acceptor->listener, NULL);
}

static void add(Acceptor *acceptor, int fd, const ProxyAddress *peer)
{
    Pending *pending = calloc(1, sizeof *pending);
    CHECK(pending);
    pending->fd = fd;
    pending->peer = *peer;
    pending->listed = networks_have(&acceptor->from, &peer->any);
    pending->until_ms = clock_ms() + acceptor->server->options.proxy_ms;
    pending->prev = acceptor->last;
    *(acceptor->last ? &acceptor->last->next : &acceptor->first) = pending;
    acceptor->last = pending;
    acceptor->count++;
    watch(acceptor, fd, pending, EPOLLIN | EPOLLRDHUP | EPOLLET);
}

static void accept_all(Acceptor *acceptor)
{
    while (acceptor->count < PENDING_MAX) {
        ProxyAddress peer = {0};
        socklen_t len = sizeof peer;
        int fd = accept4(acceptor->listener, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return; /* none, or no descriptors left: those who wait are asked for again */
        add(acceptor, fd, &peer);
    }
}

static void *acceptor_main(void *context)
{
    Acceptor *acceptor = context;
    struct epoll_event events[EVENTS_MAX];
    bool stop = false;
    pthread_setname_np(pthread_self(), "http-accept");
    while (!stop) {
        int count = epoll_wait(acceptor->poll, events, EVENTS_MAX, LOOK_MS);
        bool more = false;
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &acceptor->stop)
                stop = true;
            else if (events[i].data.ptr == &acceptor->listener)
                more = true;
            else
                look(acceptor, events[i].data.ptr);
        }
        if (more && !stop)
            accept_all(acceptor);
        end_overdue(acceptor, clock_ms());
        listen_while_room(acceptor);
    }
    return NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

static void acceptor_free(Acceptor *acceptor)
{
    while (acceptor->first)
        drop(acceptor, acceptor->first);
    close(acceptor->poll);
    close(acceptor->stop);
    free(acceptor);
}

bool acceptor_start(HttpServer *server, int listener, Err *err)
{
    Networks from;
    TRY(networks_parse(str_from(server->options.proxy_from), &from, err));
    Acceptor *acceptor = calloc(1, sizeof *acceptor);
    CHECK(acceptor);
    acceptor->server = server;
    acceptor->from = from;
    acceptor->listener = listener;
    acceptor->poll = epoll_create1(EPOLL_CLOEXEC);
    acceptor->stop = eventfd(0, EFD_CLOEXEC);
    CHECK(acceptor->poll >= 0 && acceptor->stop >= 0);
    watch(acceptor, acceptor->stop, &acceptor->stop, EPOLLIN);
    listen_while_room(acceptor);
    if (pthread_create(&acceptor->thread, NULL, acceptor_main, acceptor) != 0) {
        acceptor_free(acceptor);
        return ERR(err, ERR_FATAL, "http-server", "no thread to accept");
    }
    server->acceptor = acceptor;
    return true;
}

void acceptor_stop(Acceptor *acceptor)
{
    if (!acceptor)
        return;
    uint64_t one = 1;
    CHECK(write(acceptor->stop, &one, sizeof one) == sizeof one);
    pthread_join(acceptor->thread, NULL);
    close(acceptor->listener);
    acceptor_free(acceptor);
}

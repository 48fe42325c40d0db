/* load - sends documents over HTTPS, closed or open loop, and keeps what became of each.
 *
 *   load --url URL [--ca F] [--cert F --key F] [--header "N: v"]... [--connections N] [--rate R]
 *        [--count N] [--seconds S] [--correlate] [--attempts N] [--placeholder TEXT] [--log F]
 *        [--cpu-of PID] FILE...
 *
 * Closed loop: each of N connections sends the next document when it has its answer. Open loop
 * (--rate): documents fall due R times a second whatever the answers do, and latency counts from
 * when one was due (no coordinated omission). Files are sent in turn; each occurrence of the
 * placeholder (36 characters) becomes a fresh UUID per document, so that documents differ.
 * --correlate sends a fresh X-Correlation-ID; --attempts repeats on 503 or a lost connection, with
 * the same id (a document's log line has its last answer).
 * --cpu-of (closed loop) asks the kernel what that process has taken: "opening_cpu_ms" is what each
 * connection cost until all had their first answer, "cpu_ms" what each document cost from then on.
 * Log: a line per document: due at (us), latency (us), HTTP status (0: no answer), attempts,
 * correlation id or -, bundleSessionId of the answer or -, file number, the document's UUID.
 * A JSON summary goes to stdout. Ends with 1 when a document got no 2xx. */
#include <errno.h>
#include <getopt.h>
#include <gnutls/crypto.h>

#include <curl/curl.h>

#include "common/base/buf.h"
#include "common/base/check.h"

#define UUID_CHARS 36
#define FILES_MAX 4096
#define CONNECTIONS_MAX 512
#define FILE_BYTES_MAX ((size_t)64 << 20)
#define ANSWER_BYTES_MAX ((size_t)64 << 20)
#define RETRY_AFTER_US 200000

typedef struct Document { /* a file: its text and where the placeholder occurs */
    Str text;
    size_t *places;
    size_t place_count;
} Document;

typedef struct Sender { /* one connection and the document in its hands */
    CURL *easy;
    struct curl_slist *headers;
    Buf body, answer;
    uint64_t due_us, retry_at_us; /* retry_at_us: 0, or when to repeat */
    unsigned attempts;
    size_t file;
    bool answered; /* once at least */
    char correlation[UUID_CHARS + 1], uuid[UUID_CHARS + 1];
    bool busy;
} Sender;

typedef struct Load {
    const char *url, *ca, *cert, *key, *placeholder, *log_path;
    uint64_t connections, rate, count, seconds, attempts;
    bool correlate;
    struct curl_slist *common_headers;
    Document files[FILES_MAX];
    size_t file_count;

    CURLM *multi;
    Sender senders[CONNECTIONS_MAX];
    FILE *log;
    uint64_t started_us, sent, done, in_flight;
    uint32_t *latencies_us;
    uint64_t by_class[6], repeated;
    uint64_t bytes_sent;

    uint64_t cpu_of, open; /* open: connections that were answered once */
    uint64_t warm_done;    /* documents done with when all were */
    double cpu_from_ms, cpu_warm_ms;
} Load;

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void fresh_uuid(char out[UUID_CHARS + 1])
{
    unsigned char b[16];
    CHECK(gnutls_rnd(GNUTLS_RND_NONCE, b, sizeof b) == 0);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(out, UUID_CHARS + 1,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
}

/* --- documents --------------------------------------------------------------------------------*/

static bool read_document(const char *path, Str placeholder, Document *ret)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    BUF_AUTO text;
    buf_init(&text, FILE_BYTES_MAX);
    for (size_t got = 1; got;) {
        char *to = buf_reserve(&text, 65536);
        CHECK(to);
        got = fread(to, 1, 65536, file);
        text.len += got;
    }
    fclose(file);
    ret->text = (Str){malloc(text.len + 1), text.len};
    CHECK(ret->text.ptr);
    memcpy((char *)(uintptr_t)ret->text.ptr, text.data, text.len);
    for (size_t at = 0; placeholder.len;) {
        size_t found = str_find(str_skip(ret->text, at), placeholder);
        if (found == SIZE_MAX)
            break;
        ret->places = realloc(ret->places, (ret->place_count + 1) * sizeof *ret->places);
        CHECK(ret->places);
        ret->places[ret->place_count++] = at + found;
        at += found + placeholder.len;
    }
    return true;
}

static void write_document(const Document *file, const char *uuid, Buf *body)
{
    buf_reset(body);
    CHECK(buf_add(body, file->text));
    for (size_t i = 0; i < file->place_count; i++)
        memcpy(body->data + file->places[i], uuid, UUID_CHARS);
}

/* --- a sender ---------------------------------------------------------------------------------*/

static size_t on_answer(char *data, size_t size, size_t count, void *context)
{
    Buf *answer = context;
    return buf_add(answer, (Str){data, size * count}) ? size * count : 0;
}

static void set_headers(Load *load, Sender *sender)
{
    curl_slist_free_all(sender->headers);
    sender->headers = NULL;
    for (struct curl_slist *h = load->common_headers; h; h = h->next)
        sender->headers = curl_slist_append(sender->headers, h->data);
    if (load->correlate) {
        char line[80];
        snprintf(line, sizeof line, "X-Correlation-ID: %s", sender->correlation);
        sender->headers = curl_slist_append(sender->headers, line);
    }
    sender->headers = curl_slist_append(sender->headers, "Expect:");
    curl_easy_setopt(sender->easy, CURLOPT_HTTPHEADER, sender->headers);
}

static void post(Load *load, Sender *sender)
{
    buf_reset(&sender->answer);
    sender->attempts++;
    sender->retry_at_us = 0;
    curl_easy_setopt(sender->easy, CURLOPT_POSTFIELDS, sender->body.data);
    curl_easy_setopt(sender->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)sender->body.len);
    load->bytes_sent += sender->body.len;
    CHECK(curl_multi_add_handle(load->multi, sender->easy) == CURLM_OK);
}

static void begin(Load *load, Sender *sender, uint64_t due_us)
{
    sender->busy = true;
    sender->due_us = due_us;
    sender->attempts = 0;
    sender->file = load->sent % load->file_count;
    fresh_uuid(sender->uuid);
    fresh_uuid(sender->correlation);
    write_document(&load->files[sender->file], sender->uuid, &sender->body);
    set_headers(load, sender);
    load->sent++;
    load->in_flight++;
    post(load, sender);
}

static Str session_id(Str answer)
{
    static const char *const before[] = {"\"bundleSessionId\":\"", "$status/"};
    for (size_t i = 0; i < 2; i++) {
        size_t at = str_find(answer, str_from(before[i]));
        size_t from = at == SIZE_MAX ? 0 : at + strlen(before[i]);
        if (at != SIZE_MAX && from + UUID_CHARS <= answer.len)
            return str_cut(answer, from, from + UUID_CHARS);
    }
    return STR("-");
}

static void finish(Load *load, Sender *sender, long status)
{
    uint64_t now = now_us(), latency = now - sender->due_us;
    load->latencies_us[load->done++] = latency > UINT32_MAX ? UINT32_MAX : (uint32_t)latency;
    load->by_class[status / 100 < 6 ? status / 100 : 0]++;
    load->repeated += sender->attempts > 1;
    load->in_flight--;
    sender->busy = false;
    if (load->log)
        fprintf(load->log, "%llu %llu %ld %u %s %.*s %zu %s\n",
                (unsigned long long)(sender->due_us - load->started_us),
                (unsigned long long)latency, status, sender->attempts,
                load->correlate ? sender->correlation : "-",
                STR_ARG(session_id(buf_str(&sender->answer))), sender->file, sender->uuid);
}

/* All threads of that process, user and system: its clock as Linux numbers it. */
static double cpu_ms(uint64_t pid)
{
    struct timespec t = {0};
    CHECK(pid == 0 || clock_gettime((clockid_t)(~(unsigned)pid << 3 | 2), &t) == 0);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* From the last connection's first answer on nobody opens one any more. */
static void note_answered(Load *load, Sender *sender)
{
    load->open += !sender->answered;
    if (!sender->answered && load->open == load->connections) {
        load->cpu_warm_ms = cpu_ms(load->cpu_of);
        load->warm_done = load->done;
    }
    sender->answered = true;
}

/* Returns how many documents are done with. */
static size_t settle_answers(Load *load)
{
    int left;
    size_t finished = 0;
    for (CURLMsg *m; (m = curl_multi_info_read(load->multi, &left));) {
        Sender *sender;
        long status = 0;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&sender);
        if (m->data.result == CURLE_OK)
            curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        curl_multi_remove_handle(load->multi, m->easy_handle);
        bool again =
            (status == 0 || status == 502 || status == 503) && sender->attempts < load->attempts;
        if (again) {
            sender->retry_at_us = now_us() + RETRY_AFTER_US;
        } else {
            finish(load, sender, status);
            note_answered(load, sender);
            finished++;
        }
    }
    return finished;
}

/* --- the loop ---------------------------------------------------------------------------------*/

static bool more_to_send(const Load *load)
{
    return load->sent < load->count &&
           (!load->seconds || now_us() - load->started_us < load->seconds * 1000000);
}

static Sender *idle_sender(Load *load)
{
    for (uint64_t i = 0; i < load->connections; i++)
        if (!load->senders[i].busy)
            return &load->senders[i];
    return NULL;
}

/* Starts what is due; yields how long nothing will be (us). */
static uint64_t start_what_is_due(Load *load)
{
    uint64_t now = now_us(), wait = 100000;
    for (uint64_t i = 0; i < load->connections; i++) {
        Sender *sender = &load->senders[i];
        if (!sender->retry_at_us)
            continue;
        if (sender->retry_at_us <= now)
            post(load, sender);
        else if (sender->retry_at_us - now < wait)
            wait = sender->retry_at_us - now;
    }
    while (more_to_send(load)) {
        uint64_t due = load->rate ? load->started_us + load->sent * 1000000 / load->rate : now;
        if (due > now)
            return due - now < wait ? due - now : wait;
        Sender *sender = idle_sender(load);
        if (!sender)
            break; /* an open loop with too few connections: the wait counts as latency */
        begin(load, sender, due);
    }
    return wait;
}

static void run(Load *load)
{
    load->started_us = now_us();
    load->cpu_from_ms = cpu_ms(load->cpu_of);
    while (more_to_send(load) || load->in_flight) {
        uint64_t wait_us = start_what_is_due(load);
        int running;
        CHECK(curl_multi_perform(load->multi, &running) == CURLM_OK);
        if (settle_answers(load))
            continue; /* a connection is free: its next document must not wait for a socket */
        int wait_ms = (int)(wait_us / 1000);
        if (load->in_flight || wait_ms)
            curl_multi_poll(load->multi, NULL, 0, wait_ms, NULL);
    }
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double quantile_ms(const Load *load, double q)
{
    if (!load->done)
        return 0;
    uint64_t at = (uint64_t)(q * (double)load->done);
    return load->latencies_us[at < load->done ? at : load->done - 1] / 1000.0;
}

static void print_cpu(const Load *load, double now_ms)
{
    if (!load->cpu_of || load->done <= load->warm_done)
        return;
    printf("\"opening_cpu_ms\":%.4f,\"cpu_ms\":%.4f,",
           (load->cpu_warm_ms - load->cpu_from_ms) / (double)load->connections,
           (now_ms - load->cpu_warm_ms) / (double)(load->done - load->warm_done));
}

static void print_summary(Load *load)
{
    double cpu_now_ms = cpu_ms(load->cpu_of);
    double seconds = (double)(now_us() - load->started_us) / 1e6;
    qsort(load->latencies_us, load->done, sizeof *load->latencies_us, compare);
    printf("{");
    print_cpu(load, cpu_now_ms);
    printf("\"sent\":%llu,\"seconds\":%.3f,\"per_second\":%.1f,\"mib_per_second\":%.2f,"
           "\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"max_ms\":%.3f,"
           "\"repeated\":%llu,\"no_answer\":%llu,\"2xx\":%llu,\"3xx\":%llu,\"4xx\":%llu,"
           "\"5xx\":%llu}\n",
           (unsigned long long)load->done, seconds, (double)load->done / seconds,
           (double)load->bytes_sent / seconds / 1048576, quantile_ms(load, 0.50),
           quantile_ms(load, 0.90), quantile_ms(load, 0.99), quantile_ms(load, 0.999),
           quantile_ms(load, 1.0), (unsigned long long)load->repeated,
           (unsigned long long)load->by_class[0], (unsigned long long)load->by_class[2],
           (unsigned long long)load->by_class[3], (unsigned long long)load->by_class[4],
           (unsigned long long)load->by_class[5]);
}

/* --- arguments --------------------------------------------------------------------------------*/

static bool take_option(Load *load, int c)
{
    uint64_t *const numbers[] = {
        ['n'] = &load->connections, ['r'] = &load->rate,     ['c'] = &load->count,
        ['s'] = &load->seconds,     ['t'] = &load->attempts, ['o'] = &load->cpu_of};
    const char **const texts[] = {
        ['u'] = &load->url, ['a'] = &load->ca,          ['x'] = &load->cert,
        ['k'] = &load->key, ['p'] = &load->placeholder, ['l'] = &load->log_path};
    if (c == 'C') {
        load->correlate = true;
        return true;
    }
    if (c == 'h') {
        load->common_headers = curl_slist_append(load->common_headers, optarg);
        return true;
    }
    if ((size_t)c < sizeof texts / sizeof *texts && texts[c]) {
        *texts[c] = optarg;
        return true;
    }
    return (size_t)c < sizeof numbers / sizeof *numbers && numbers[c] &&
           str_to_u64(str_from(optarg), numbers[c]);
}

static bool read_arguments(Load *load, int argc, char **argv)
{
    static const struct option options[] = {
        {"url",    1, NULL, 'u'},
        {"ca",    1, NULL, 'a'},
        {"cert",        1, NULL, 'x'},
        {"key",    1, NULL, 'k'},
        {"header",     1, NULL, 'h'},
        {"connections",   1, NULL, 'n'},
        {"rate",    1, NULL, 'r'},
        {"count",        1, NULL, 'c'},
        {"seconds",    1, NULL, 's'},
        {"correlate",     0, NULL, 'C'},
        {"attempts", 1, NULL, 't'},
        {"cpu-of",    1, NULL, 'o'},
        {"placeholder",        1, NULL, 'p'},
        {"log",     1, NULL, 'l'},
        {0    },
    };
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if (c == '?' || !take_option(load, c))
            return false;
    Str placeholder = str_from(load->placeholder);
    if (!load->url || !load->connections || load->connections > CONNECTIONS_MAX ||
        (placeholder.len && placeholder.len != UUID_CHARS))
        return false;
    for (; optind < argc && load->file_count < FILES_MAX; optind++)
        if (!read_document(argv[optind], placeholder, &load->files[load->file_count++])) {
            fprintf(stderr, "load: %s: %s\n", argv[optind], strerror(errno));
            return false;
        }
    if (load->seconds && !load->count)
        load->count = 5000000;
    return load->file_count && load->count && load->count <= 5000000;
}

static void make_senders(Load *load)
{
    load->multi = curl_multi_init();
    CHECK(load->multi);
    curl_multi_setopt(load->multi, CURLMOPT_MAXCONNECTS, (long)load->connections);
    for (uint64_t i = 0; i < load->connections; i++) {
        Sender *sender = &load->senders[i];
        buf_init(&sender->body, FILE_BYTES_MAX);
        buf_init(&sender->answer, ANSWER_BYTES_MAX);
        sender->easy = curl_easy_init();
        CHECK(sender->easy);
        curl_easy_setopt(sender->easy, CURLOPT_URL, load->url);
        curl_easy_setopt(sender->easy, CURLOPT_PRIVATE, sender);
        curl_easy_setopt(sender->easy, CURLOPT_WRITEFUNCTION, on_answer);
        curl_easy_setopt(sender->easy, CURLOPT_WRITEDATA, &sender->answer);
        curl_easy_setopt(sender->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(sender->easy, CURLOPT_TIMEOUT_MS, 60000L);
        curl_easy_setopt(sender->easy, CURLOPT_CONNECTTIMEOUT_MS, 10000L);
        curl_easy_setopt(sender->easy, CURLOPT_CAINFO, load->ca);
        /* Debian's default folder has 140 CAs, read anew for each connection: 150 ms of CPU. */
        curl_easy_setopt(sender->easy, CURLOPT_CAPATH, NULL);
        curl_easy_setopt(sender->easy, CURLOPT_SSLCERT, load->cert);
        curl_easy_setopt(sender->easy, CURLOPT_SSLKEY, load->key);
    }
}

static void free_all(Load *load)
{
    for (uint64_t i = 0; i < load->connections; i++) {
        curl_easy_cleanup(load->senders[i].easy);
        curl_slist_free_all(load->senders[i].headers);
        buf_clear(&load->senders[i].body);
        buf_clear(&load->senders[i].answer);
    }
    for (size_t i = 0; i < load->file_count; i++) {
        free((char *)(uintptr_t)load->files[i].text.ptr);
        free(load->files[i].places);
    }
    curl_multi_cleanup(load->multi);
    curl_slist_free_all(load->common_headers);
    free(load->latencies_us);
    if (load->log)
        fclose(load->log);
}

int main(int argc, char **argv)
{
    static Load load = {.connections = 8, .attempts = 1};
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (!read_arguments(&load, argc, argv)) {
        fprintf(stderr, "usage: load --url URL (--count N | --seconds S) [option]... FILE...\n"
                        "       the options are in tests/programs/load.c\n");
        return 2;
    }
    if (load.log_path && !(load.log = fopen(load.log_path, "we"))) {
        fprintf(stderr, "load: %s: %s\n", load.log_path, strerror(errno));
        return 2;
    }
    load.latencies_us = calloc(load.count + 1, sizeof *load.latencies_us);
    CHECK(load.latencies_us);
    make_senders(&load);
    run(&load);
    print_summary(&load);
    int code = load.by_class[2] == load.done ? 0 : 1;
    free_all(&load);
    curl_global_cleanup();
    return code;
}

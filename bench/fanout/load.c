/* Watchers of a server, and who publishes to it: one thread, one epoll. Prints one line of JSON.
 *
 * Every event is a copy of the frame in FRAME with the nanosecond at which it was due in its "ts", so that a publisher who
 * comes late hides nothing. Each delivery is found in the bytes and timed. CPU time and memory of the server's processes
 * are read from /proc. Watchers that are stalled connect, take what a stream begins with, and never read again.
 *
 * load sse|socketio SERVER_PORT[,SERVER_PORT...] PUBLISH_PORT FRAME PIDS WATCHERS STALLED EVENTS PER_SECOND LIMIT_SECONDS
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define PUBLISHERS 8
#define KEPT 128 /* bytes of a watcher kept between reads: whatever is looked for may come in two pieces */
#define READ 262144
#define DIGITS 19
#define WARM 50 /* watchers after which a server has what it needs for any */
#define HAPPENED 512
#define SILENCE (5 * SECOND)
#define SERVERS 8

enum state { HEAD, GREETING, CONNECTING, OPEN };
typedef struct { int fd, kept; enum state state; char rest[KEPT]; } watcher;
typedef struct { int fd, is_busy; } publisher;

static int is_socketio, server_ports[SERVERS], servers, publish_port, count, stalled, events, limit, poll_fd, ready;
static double rate;
static char *pids, buffer[KEPT + READ], *frame, *request;
static size_t frame_size, ts_at;
static watcher *watchers;
static publisher publishers[PUBLISHERS];
static uint32_t *microseconds;
static long long delivered, capacity, closed;

static void die(const char *what) { fprintf(stderr, "%s: %s\n", what, strerror(errno)); exit(2); }

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

/* Fields of a file in /proc of each of the server's processes, added up. */
static long long of_server(const char *file, const char *format, int after_name) {
    char list[512], path[64], line[1024];
    long long sum = 0;
    snprintf(list, sizeof list, "%s", pids);
    for (char *pid = strtok(list, ","); pid; pid = strtok(0, ",")) {
        snprintf(path, sizeof path, "/proc/%s/%s", pid, file);
        FILE *opened = fopen(path, "r");
        if (!opened) die(path);
        long long a = 0, b = 0;
        if (fgets(line, sizeof line, opened)) sscanf(after_name ? strrchr(line, ')') + 2 : line, format, &a, &b);
        fclose(opened);
        sum += a + b;
    }
    return sum;
}
static double cpu_seconds(void) {
    return (double)of_server("stat", "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld", 1) / sysconf(_SC_CLK_TCK);
}
static long long memory_kb(void) { return of_server("statm", "%*d %lld", 0) * (sysconf(_SC_PAGESIZE) / 1024); }

/* What the sockets of this machine hold: that of stalled watchers is the only part that stays. */
static long long kernel_kb(void) {
    char line[256];
    long long pages = 0;
    FILE *file = fopen("/proc/net/sockstat", "r");
    while (file && fgets(line, sizeof line, file)) {
        char *found = strncmp(line, "TCP:", 4) ? 0 : strstr(line, " mem ");
        if (found) pages = atoll(found + 5);
    }
    if (file) fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int dial(int port, int is_small, uint64_t id) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1, small = 4096;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event interest = {.events = EPOLLIN, .data.u64 = id};
    if (fd < 0) die("socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (is_small) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (connect(fd, (void *)&to, sizeof to)) die("connect");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &interest);
    return fd;
}

static void say(int fd, const char *bytes, size_t size) {
    if (write(fd, bytes, size) != (ssize_t)size) die("write");
}

/* A masked WebSocket text frame of a client; the mask may be zero. */
static void say_packet(int fd, const char *text) {
    char out[64] = {(char)0x81, (char)(0x80 | strlen(text))};
    memcpy(out + 6, text, strlen(text));
    say(fd, out, 6 + strlen(text));
}

/* Goes through what a connection begins with; returns where its events begin, or null when more has to come. */
static char *greet(watcher *w, char *at, char *end) {
    char *found;
    if (w->state == HEAD) {
        if (!(found = memmem(at, end - at, "\r\n\r\n", 4))) return 0;
        if (memcmp(at, "HTTP/1.1 200", 12) && memcmp(at, "HTTP/1.1 101", 12)) { fprintf(stderr, "refused: %.80s\n", at); exit(3); }
        at = found + 4;
        w->state = is_socketio ? GREETING : OPEN;
        ready += w->state == OPEN;
    }
    if (w->state == GREETING && (found = memmem(at, end - at, "0{\"sid\"", 7))) {
        say_packet(w->fd, "40");
        at = found + 7;
        w->state = CONNECTING;
    }
    if (w->state == CONNECTING && (found = memmem(at, end - at, "40{\"sid\"", 8))) {
        at = found + 8;
        w->state = OPEN;
        ready++;
    }
    return w->state == OPEN ? at : 0;
}

/* Times each event between two places; returns where the first begins that is not whole. */
static char *take(watcher *w, char *at, char *end) {
    char *found;
    long long arrived = now();
    if (is_socketio && memmem(at, end - at, "\x81\x01" "2", 3)) say_packet(w->fd, "3");
    while ((found = memmem(at, end - at, "\"ts\":", 5))) {
        long long due = 0;
        if (end - found < 5 + DIGITS) return found;
        for (char *digit = found + 5; digit < found + 5 + DIGITS; digit++) due = due * 10 + *digit - '0';
        if (delivered < capacity) microseconds[delivered] = (arrived - due) / 1000;
        delivered++;
        at = found + 5 + DIGITS;
    }
    return end - at > 5 ? end - 5 : at;
}

static void receive(watcher *w) {
    memcpy(buffer, w->rest, w->kept);
    ssize_t got = read(w->fd, buffer + w->kept, READ);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) { closed++; close(w->fd); return; }
    char *end = buffer + w->kept + got, *at = buffer;
    if (w->state != OPEN) at = greet(w, buffer, end);
    if (at) at = take(w, at, end);
    else at = end - buffer > KEPT ? end - KEPT : buffer;
    w->kept = end - at;
    memmove(w->rest, at, w->kept);
}

static void receive_all(int milliseconds) {
    struct epoll_event happened[HAPPENED];
    for (int k = epoll_wait(poll_fd, happened, HAPPENED, milliseconds); k-- > 0;) {
        uint64_t id = happened[k].data.u64;
        if (id < (uint64_t)(count + stalled)) receive(watchers + id);
        else if (read(publishers[id - count - stalled].fd, buffer, READ) > 0) publishers[id - count - stalled].is_busy = 0;
        else { fprintf(stderr, "the publisher was cut off\n"); exit(4); }
    }
}

static void open_watchers(void) {
    char hello[512];
    snprintf(hello, sizeof hello, is_socketio
        ? "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        : "GET /events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n\r\n", server_ports[0]);
    for (int i = 0; i < count + stalled; i++) {
        watchers[i].fd = dial(server_ports[i % servers], i >= count, i);
        say(watchers[i].fd, hello, strlen(hello));
        for (long long start = now(); (i % WARM == WARM - 1 || i == count + stalled - 1) && ready <= i;) {
            if (now() - start > 10 * SECOND) { fprintf(stderr, "%d of %d watchers got in\n", ready, i + 1); exit(5); }
            receive_all(10);
        }
    }
    for (int i = count; i < count + stalled; i++) epoll_ctl(poll_fd, EPOLL_CTL_DEL, watchers[i].fd, 0);
}

static int publish(long long due) {
    publisher *free_one = publishers;
    while (free_one < publishers + PUBLISHERS && free_one->is_busy) free_one++;
    if (free_one == publishers + PUBLISHERS) return 0;
    char digits[DIGITS + 1];
    snprintf(digits, sizeof digits, "%lld", due);
    memcpy(frame + ts_at, digits, DIGITS);
    int head = sprintf(request, "POST /pub HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", publish_port, frame_size);
    memcpy(request + head, frame, frame_size);
    say(free_one->fd, request, head + frame_size);
    return free_one->is_busy = 1;
}

static void read_frame(const char *path) {
    FILE *file = fopen(path, "r");
    frame = calloc(1 << 20, 1), request = calloc((1 << 20) + 512, 1);
    if (!file || !(frame_size = fread(frame, 1, (1 << 20) - 1, file))) die(path);
    fclose(file);
    char *found = strstr(frame, "\"ts\":");
    if (!found) { fprintf(stderr, "no \"ts\" in %s\n", path); exit(2); }
    ts_at = found + 5 - frame;
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}
static double milliseconds(double part) {
    long long timed = delivered < capacity ? delivered : capacity;
    return timed ? microseconds[(long long)((timed - 1) * part)] / 1e3 : -1;
}

int main(int given, char **arguments) {
    if (given != 11) { fprintf(stderr, "see the head of load.c\n"); return 2; }
    is_socketio = !strcmp(arguments[1], "socketio");
    for (char *port = strtok(arguments[2], ","); port && servers < SERVERS; port = strtok(0, ","))
        server_ports[servers++] = atoi(port);
    publish_port = atoi(arguments[3]);
    read_frame(arguments[4]);
    pids = arguments[5], count = atoi(arguments[6]), stalled = atoi(arguments[7]), events = atoi(arguments[8]);
    rate = atof(arguments[9]), limit = atoi(arguments[10]);
    watchers = calloc(count + stalled, sizeof *watchers);
    poll_fd = epoll_create1(0);
    capacity = (long long)count * events, microseconds = malloc(capacity * sizeof *microseconds + 1);

    int wanted = count, rest = stalled;
    count = WARM < wanted ? WARM : wanted, stalled = 0;
    open_watchers();
    for (int i = 0; i < count; i++) close(watchers[i].fd);
    memset(watchers, 0, (wanted + rest) * sizeof *watchers);
    count = wanted, stalled = rest, ready = 0;
    usleep(500000);
    long long memory_before = memory_kb();
    open_watchers();
    usleep(500000);
    long long memory_open = memory_kb();
    for (int i = 0; i < PUBLISHERS; i++) publishers[i].fd = dial(publish_port, 0, count + stalled + i);

    long long kernel_before = kernel_kb(), start = now(), due = start, last = start;
    double cpu_before = cpu_seconds();
    clock_t own = clock();
    int sent = 0;
    while (delivered < capacity && now() - last < SILENCE && now() - start < limit * SECOND) {
        long long before = delivered;
        while (sent < events && now() >= due && publish(due)) sent++, last = now(), due += SECOND / rate;
        long long wait = sent == events ? 5 : (due - now()) / 1000000;
        receive_all(wait < 0 ? 0 : wait > 5 ? 5 : wait);
        if (delivered > before) last = now();
    }
    double seconds = (now() - start) / 1e9, cpu = cpu_seconds() - cpu_before;
    qsort(microseconds, delivered < capacity ? delivered : capacity, sizeof *microseconds, ascending);
    printf("{\"wanted\":%lld,\"delivered\":%lld,\"seconds\":%.3f,\"cpu_seconds\":%.3f,\"client_cpu_seconds\":%.2f,\"p50\":%.2f,\"p99\":%.2f,"
           "\"most\":%.2f,\"kb_per_watcher\":%.2f,\"memory_grew_kb\":%lld,\"kernel_grew_kb\":%lld,\"closed\":%lld}\n",
           capacity, delivered, seconds, cpu, (double)(clock() - own) / CLOCKS_PER_SEC, milliseconds(.5), milliseconds(.99),
           milliseconds(1), (double)(memory_open - memory_before) / (count + stalled), memory_kb() - memory_open,
           kernel_kb() - kernel_before, closed);
    return 0;
}

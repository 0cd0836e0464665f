/* The least a server of events can do: one thread, one epoll, each event written to every watcher as it comes.
 *
 * No HTTP to speak of, no resuming, no slow readers: what does not fit into a socket is lost, and the watcher with it.
 *
 * limit PORT
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 65536
#define HAPPENED 512

static int watchers[MOST], count;
static unsigned long long number;
static char in[1 << 20], out[(1 << 20) + 256];

static const char *HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
                          "transfer-encoding: chunked\r\n\r\n";
static const char *DONE = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

static void broadcast(const char *frame, int size) {
    char text[64];
    int named = sprintf(text, "id: epoch-%llu\ndata: ", ++number);
    int head = sprintf(out, "%x\r\n%s", named + size + 2, text);
    memcpy(out + head, frame, size);
    memcpy(out + head + size, "\n\n\r\n", 4);
    for (int i = 0; i < count; i++)
        if (write(watchers[i], out, head + size + 4) != head + size + 4) {
            close(watchers[i]);
            watchers[i--] = watchers[--count];
        }
}

/* One request at a time and each in one piece, or in several that follow at once: the load is ours. */
static void serve(int fd) {
    ssize_t got = read(fd, in, sizeof in - 1);
    if (got <= 0) {
        close(fd);
        for (int i = 0; i < count; i++)
            if (watchers[i] == fd) watchers[i] = watchers[--count];
        return;
    }
    in[got] = 0;
    if (!memcmp(in, "GET", 3)) {
        if (write(fd, HEAD, strlen(HEAD)) > 0 && count < MOST) watchers[count++] = fd;
        return;
    }
    char *length = strcasestr(in, "content-length:"), *body = strstr(in, "\r\n\r\n") + 4;
    int size = atoi(length + 15);
    while (in + got < body + size) {
        ssize_t more = read(fd, in + got, sizeof in - 1 - got);
        if (more > 0) got += more;
    }
    broadcast(body, size);
    if (write(fd, DONE, strlen(DONE)) < 0) close(fd);
}

int main(int given, char **arguments) {
    if (given != 2) return 2;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll_fd = epoll_create1(0), yes = 1;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event interest = {.events = EPOLLIN, .data.fd = listener}, happened[HAPPENED];
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (void *)&here, sizeof here) || listen(listener, 4096)) return 1;
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &interest);
    for (;;)
        for (int k = epoll_wait(poll_fd, happened, HAPPENED, -1); k-- > 0;) {
            if (happened[k].data.fd != listener) { serve(happened[k].data.fd); continue; }
            for (int fd; (fd = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0;) {
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                interest.data.fd = fd;
                epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &interest);
            }
        }
}

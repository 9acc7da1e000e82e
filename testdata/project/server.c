/* A web server that knows one page: the file named by its first argument. Enough to show that an image works. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "version.h"

static void serve(int client, const char *path) {
    char page[4096], head[256], request[1024];
    int file = open(path, O_RDONLY);
    ssize_t length = file < 0 ? 0 : read(file, page, sizeof page);
    (void)!read(client, request, sizeof request);
    if (length < 0) length = 0;
    int n = snprintf(head, sizeof head,
                     "HTTP/1.0 200 OK\r\nServer: example/%s\r\nContent-Length: %zd\r\n\r\n", VERSION, length);
    (void)!write(client, head, (size_t)n);
    (void)!write(client, page, (size_t)length);
    if (file >= 0) close(file);
    close(client);
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(8080)};
    int on = 1, server = socket(AF_INET, SOCK_STREAM, 0);
    if (argc < 2 || server < 0) return 2;
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 8)) return 1;
    puts("listening");
    fflush(stdout);
    for (;;) {
        int client = accept(server, NULL, NULL);
        if (client >= 0) serve(client, argv[1]);
    }
}

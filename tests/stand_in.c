// SPDX-License-Identifier: MIT
// A Windows program that stands for a compiler: its arguments go to the test that listens on 127.0.0.1, which
// has the work done by the Linux side; see windows_compilers.py. Compiled by MinGW under the compiler's name.

#include <winsock2.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static SOCKET open_connection(void)
{
    const char *port = getenv("COMPILER_STAND_IN_PORT");
    WSADATA data;
    struct sockaddr_in address = {.sin_family = AF_INET};

    if (port == NULL || WSAStartup(MAKEWORD(2, 2), &data) != 0) {
        return INVALID_SOCKET;
    }
    address.sin_port = htons((uint16_t)atoi(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    SOCKET connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connection != INVALID_SOCKET && connect(connection, (struct sockaddr *)&address, sizeof(address)) != 0) {
        closesocket(connection);
        return INVALID_SOCKET;
    }
    return connection;
}

// Send one string in UTF-8 with its null byte. Returns 0, or -1 where that fails.
static int send_text(SOCKET connection, const wchar_t *text)
{
    char bytes[65536];
    int length = WideCharToMultiByte(CP_UTF8, 0, text, -1, bytes, sizeof(bytes), NULL, NULL);
    return length > 0 && send(connection, bytes, length, 0) == length ? 0 : -1;
}

// Read exactly `length` bytes. Returns 0, or -1 where the connection ends before.
static int receive(SOCKET connection, char *bytes, int length)
{
    while (length > 0) {
        int count = recv(connection, bytes, length, 0);
        if (count <= 0) {
            return -1;
        }
        bytes += count;
        length -= count;
    }
    return 0;
}

// Copy a number of bytes, which comes first, to a stream.
static int copy_output(SOCKET connection, FILE *stream)
{
    uint32_t length;
    if (receive(connection, (char *)&length, sizeof(length)) < 0) {
        return -1;
    }
    char *bytes = malloc(length + 1u);
    if (bytes == NULL || receive(connection, bytes, (int)length) < 0) {
        free(bytes);
        return -1;
    }
    fwrite(bytes, 1, length, stream);
    fflush(stream);
    free(bytes);
    return 0;
}

int wmain(int argc, wchar_t **argv)
{
    wchar_t directory[32768];
    wchar_t program[32768];
    uint32_t status;
    SOCKET connection = open_connection();

    if (connection == INVALID_SOCKET) {
        fputs("stand-in for a compiler: nobody listens on COMPILER_STAND_IN_PORT\n", stderr);
        return 125;
    }
    if (GetCurrentDirectoryW(32768, directory) == 0 || GetModuleFileNameW(NULL, program, 32768) == 0 ||
        send_text(connection, directory) < 0 || send_text(connection, program) < 0) {
        return 125;
    }
    for (int i = 1; i < argc; i++) {
        if (send_text(connection, argv[i]) < 0) {
            return 125;
        }
    }
    shutdown(connection, SD_SEND);
    if (receive(connection, (char *)&status, sizeof(status)) < 0 || copy_output(connection, stdout) < 0 ||
        copy_output(connection, stderr) < 0) {
        return 125;
    }
    return (int)status;
}

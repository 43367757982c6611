// Linux calls that the Glibc module leaves out. glibc hides some prototypes behind _GNU_SOURCE, which
// would have to be defined before the first include of any header; so they are declared here.
#ifndef MARTLET_CLINUX_H
#define MARTLET_CLINUX_H
// Types that Glibc has too are its own: otherwise their owner would depend on which module is loaded first. Some
// (timespec, pthread_attr_t) end up with Swift's shims all the same; a file that makes them imports CLinux, which
// passes both on.
#pragma clang module import SwiftGlibc
#pragma clang module import SwiftOverlayShims
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

// Macros that Swift does not see.
static const int CLINUX_O_TMPFILE = 020000000 | O_DIRECTORY;
static const int CLINUX_AT_SYMLINK_FOLLOW = 0x400;
static const int CLINUX_AT_EMPTY_PATH = 0x1000;
// SYNC_FILE_RANGE_WAIT_BEFORE, _WRITE and _WAIT_AFTER; the last also reports what could not be written.
static const unsigned int CLINUX_SYNC_FILE_RANGE_WRITE_AND_WAIT = 1 | 2 | 4;

extern int accept4(int, struct sockaddr *, socklen_t *, int);
extern int pipe2(int[2], int);
extern int fallocate(int, int, off_t, off_t);
extern int syncfs(int);
extern int sync_file_range(int, off_t, off_t, unsigned int);
extern ssize_t preadv2(int, const struct iovec *, int, off_t, int);
extern int renameat2(int, const char *, int, const char *, unsigned int);
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int);
extern int pthread_setname_np(unsigned long, const char *);
extern int pthread_getname_np(unsigned long, char *, size_t);
#endif

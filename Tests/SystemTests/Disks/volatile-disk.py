#!/usr/bin/python3
"""A disk that loses power, and its host with it, if that is named. Usage: volatile-disk.py MOUNTPOINT FILE

MOUNTPOINT/disk is a file of the size of FILE, for a loop device with direct I/O. What is written stays in
memory, as in the cache of a disk, until it is flushed. After SIGUSR1 the power ends with one of the next writes,
or with the second: the process whose id is in FILE.host is stopped, and of what was not flushed each sector has
reached FILE or not, by chance. A line says how many had not.
"""
import errno
import os
import random
import signal
import stat
import sys
import threading
import time

import fusepy as fuse

SECTOR = 4096


class VolatileDisk(fuse.Operations):
    def __init__(self, path):
        self.file, self.host = os.open(path, os.O_RDWR), path + ".host"
        self.size = os.fstat(self.file).st_size
        # By number; those that were not flushed.
        self.cache = {}
        self.turn = threading.Lock()
        # How many more writes there are, once the power ends.
        self.rest = None

    def getattr(self, path, fh=None):
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o700, "st_nlink": 2}
        if path == "/disk":
            return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": self.size}
        raise fuse.FuseOSError(errno.ENOENT)

    def readdir(self, path, fh):
        return [".", "..", "disk"]

    def open(self, path, flags):
        return 0

    def sector(self, number):
        held = self.cache.get(number)
        return held or os.pread(self.file, SECTOR, number * SECTOR).ljust(SECTOR, b"\0")

    def read(self, path, size, offset, fh):
        first, last = offset // SECTOR, (offset + size + SECTOR - 1) // SECTOR
        data = b"".join(self.sector(number) for number in range(first, last))
        return data[offset - first * SECTOR:][:size]

    def write(self, path, data, offset, fh):
        done = 0
        with self.turn:
            while done < len(data):
                number, start = divmod(offset + done, SECTOR)
                piece = data[done:done + SECTOR - start]
                done += len(piece)
                if len(piece) < SECTOR:
                    old = self.sector(number)
                    piece = old[:start] + piece + old[start + len(piece):]
                self.cache[number] = piece
            if self.rest is not None:
                self.rest -= 1
                if self.rest <= 0:
                    self.lose_power()
        return len(data)

    def fsync(self, path, datasync, fh):
        with self.turn:
            for number, data in self.cache.items():
                os.pwrite(self.file, data, number * SECTOR)
            self.cache.clear()
        return 0

    def wait(self):
        signal.sigwait([signal.SIGUSR1])
        with self.turn:
            self.rest = random.randint(1, 60)
        time.sleep(1)
        with self.turn:
            self.lose_power()

    def lose_power(self):
        """Between two requests, so that each was carried out or was not."""
        if os.path.exists(self.host):
            with open(self.host) as host:
                os.kill(int(host.read()), signal.SIGSTOP)
        lost = 0
        for number, data in self.cache.items():
            if random.random() < 0.5:
                os.pwrite(self.file, data, number * SECTOR)
            else:
                lost += 1
        print(f"power lost, {lost} of {len(self.cache)} sectors with it", flush=True)
        os._exit(0)


def main():
    mountpoint, path = sys.argv[1:]
    disk = VolatileDisk(path)
    # Blocked in every thread, for the one that waits for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    threading.Thread(target=disk.wait, daemon=True).start()
    fuse.FUSE(disk, mountpoint, foreground=True, nothreads=True, big_writes=True)


main()

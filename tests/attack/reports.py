"""Takes the channel on which PID 1 of its own namespace reports, and says what it was told to say.

Usage: reports.py DIRECTORY. DIRECTORY/payloads has a message a line, in hexadecimal digits. What was sent stands in
DIRECTORY/sent; from then on the channel is flooded until DIRECTORY/enough exists.
"""

import array
import ctypes
import errno
import os
import socket
import sys
import time

PIDFD_OPEN, PIDFD_GETFD = 434, 438
libc = ctypes.CDLL(None, use_errno=True)


def take(pid, number):
    pidfd = libc.syscall(PIDFD_OPEN, pid, 0)
    taken = libc.syscall(PIDFD_GETFD, pidfd, number, 0) if pidfd >= 0 else -1
    if taken < 0:
        raise OSError(ctypes.get_errno(), f"cannot take descriptor {number} of process {pid}")
    return taken


def channel_of_init():
    """The report channel is the one sequenced-packet socket among the descriptors that PID 1 has inherited."""
    for number in range(3, 16):
        try:
            found = socket.socket(fileno=take(1, number))
        except OSError:
            continue
        if found.family == socket.AF_UNIX and found.type & 0xF == socket.SOCK_SEQPACKET:
            return found
    raise SystemExit("PID 1 has no channel that could be taken")


def send(channel, message, descriptors=()):
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    while True:
        try:
            channel.sendmsg([message], rights, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            return True
        except BlockingIOError:
            time.sleep(0.001)
        except (BrokenPipeError, ConnectionResetError):
            return False
        except OSError as error:
            # So many descriptors of one user may be on their way.
            if error.errno != errno.ETOOMANYREFS:
                raise
            time.sleep(0.001)


def main():
    directory = sys.argv[1]
    try:
        channel = channel_of_init()
    except BaseException as error:
        with open(f"{directory}/failed", "w") as out:
            out.write(str(error))
        raise
    null = os.open("/dev/null", os.O_RDWR)
    with open(f"{directory}/payloads") as lines:
        payloads = [bytes.fromhex(line.strip()) for line in lines]
    malformed = [b"", b"\0", b"\1", b"\1\xff" * 50, b"\2\1\0", os.urandom(300), b"\1" + b"\x80" * 30, b"\1" * 20000]
    sent = 0
    for message in malformed + payloads:
        sent += send(channel, message)
        # With descriptors that nobody has asked for: a few, and as many as one message takes.
        sent += send(channel, message, [null] * 3)
        sent += send(channel, message, [null] * 253)
    # A gate that opens for all: drained, and filled.
    for number in range(3, 16):
        try:
            os.set_blocking(fd := take(1, number), False)
            os.read(fd, 65536)
        except OSError:
            pass
        try:
            fd = os.open(f"/proc/1/fd/{number}", os.O_WRONLY | os.O_NONBLOCK)
            os.write(fd, b"\0" * 4096)
        except OSError:
            pass
    with open(f"{directory}/sent.part", "w") as out:
        out.write(str(sent))
    os.rename(f"{directory}/sent.part", f"{directory}/sent")
    flood = payloads + malformed
    while not os.path.exists(f"{directory}/enough"):
        for message in flood * 20:
            try:
                channel.send(message, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except BlockingIOError:
                pass
            except OSError:
                time.sleep(0.01)
    time.sleep(1000)


main()

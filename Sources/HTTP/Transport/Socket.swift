internal import CLinux
internal import Glibc

/// A connected stream on a loop: the only place that reads from and writes to the network.
///
/// Bytes go out by two operations, ``write(_:more:)`` and ``sendFile(_:offset:count:)``. TLS will be a third kind of
/// these two and of ``read(into:)``, and nothing above has to know.
class Socket: @unchecked Sendable {
    // Safety: everything here belongs to the loop's thread.
    let loop: EventLoop
    let descriptor: Int32
    /// Where the loop keeps this socket; -1 once closed.
    var slot = -1
    private(set) var isClosed = false

    /// Whether a read may find something. Edge-triggered: false after a read that took all there was.
    private(set) var isReadable = true
    private var hasPeerEnded = false
    private var readWaiter: UnsafeContinuation<Wake, Never>?
    private var writeWaiter: UnsafeContinuation<Wake, Never>?
    private var waits: UInt64 = 0
    var readDeadline = UInt64.max
    var writeDeadline = UInt64.max

    /// Why a wait is over.
    enum Wake: Sendable {
        case ready
        case timedOut
        case cancelled
        case closed
    }

    enum Result: Equatable {
        case bytes(Int)
        case wouldBlock
        case end
        case failed(Int32)
    }

    init(descriptor: Int32, loop: EventLoop) {
        self.descriptor = descriptor
        self.loop = loop
    }

    deinit {
        precondition(isClosed, "a socket was dropped while open")
    }

    /// Called when bytes may have come and no task waits for them.
    func becameReadable() {}

    /// Called when a deadline is over and no task waits for it.
    func becameLate() {}

    // MARK: Bytes

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Result {
        guard !isClosed else { return .end }
        guard isReadable else { return .wouldBlock }
        let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
        let error = errno
        if count > 0 {
            // A short read took everything, and the next byte is a new edge: no probe for EAGAIN. Unless the peer
            // has ended: that edge has come already.
            if count < buffer.count, !hasPeerEnded { isReadable = false }
            return .bytes(count)
        }
        if count == 0 { return .end }
        if error == EAGAIN || error == EINTR {
            isReadable = error == EINTR
            return .wouldBlock
        }
        return .failed(error)
    }

    /// Whether bytes have come that nobody has read yet. A system call, for rare decisions.
    var hasUnread: Bool {
        var byte: UInt8 = 0
        return !isClosed && recv(descriptor, &byte, 1, Self.peek) > 0
    }

    /// Throws received bytes away without copying them.
    func discard(_ count: Int) -> Result {
        guard !isClosed else { return .end }
        let result = recv(descriptor, nil, count, Self.truncate)
        let error = errno
        if result > 0 { return .bytes(result) }
        if result == 0 { return .end }
        return error == EAGAIN || error == EINTR ? .wouldBlock : .failed(error)
    }

    /// Writes what the kernel takes; with `more` it waits for the rest of the message, which follows at once.
    func write(_ bytes: UnsafeRawBufferPointer, more: Bool = false) -> Result {
        guard !isClosed else { return .failed(EPIPE) }
        let flags = Self.noSignal | (more ? Self.more : 0)
        let count = send(descriptor, bytes.baseAddress, bytes.count, flags)
        return Self.result(count, errno)
    }

    /// Writes several pieces with one system call.
    func write(_ pieces: UnsafeMutableBufferPointer<iovec>) -> Result {
        guard !isClosed else { return .failed(EPIPE) }
        var message = msghdr()
        message.msg_iov = pieces.baseAddress
        message.msg_iovlen = pieces.count
        let count = sendmsg(descriptor, &message, Self.noSignal)
        return Self.result(count, errno)
    }

    func sendFile(_ file: Int32, offset: Int, count: Int) -> Result {
        guard !isClosed else { return .failed(EPIPE) }
        var position = off_t(offset)
        let count = sendfile(descriptor, file, &position, count)
        return Self.result(count, errno)
    }

    private static func result(_ count: Int, _ error: Int32) -> Result {
        if count >= 0 { return .bytes(count) }
        return error == EAGAIN || error == EINTR ? .wouldBlock : .failed(error)
    }

    static let noSignal: Int32 = 0x4000
    private static let more: Int32 = 0x8000
    private static let truncate: Int32 = 0x20
    private static let peek: Int32 = 0x2

    // MARK: Waiting

    /// Suspends until a read may succeed. Only after a read that said it would block.
    func waitReadable(until deadline: UInt64) async -> Wake {
        if isClosed { return .closed }
        if isReadable { return .ready }
        waits &+= 1
        let wait = waits
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                precondition(readWaiter == nil, "two tasks read from one connection")
                readWaiter = continuation
                readWait = wait
                readDeadline = deadline
                loop.note(deadline: deadline)
            }
        } onCancel: {
            loop.execute { [self] in
                if readWait == wait { wakeReader(.cancelled) }
            }
        }
    }

    /// Suspends until a write may succeed. Only after a write that said it would block.
    func waitWritable(until deadline: UInt64) async -> Wake {
        if isClosed { return .closed }
        waits &+= 1
        let wait = waits
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                precondition(writeWaiter == nil, "two tasks write to one connection")
                writeWaiter = continuation
                writeWait = wait
                writeDeadline = deadline
                loop.note(deadline: deadline)
            }
        } onCancel: {
            loop.execute { [self] in
                if writeWait == wait { wakeWriter(.cancelled) }
            }
        }
    }

    private var readWait: UInt64 = 0
    private var writeWait: UInt64 = 0

    private func wakeReader(_ wake: Wake) {
        guard let waiter = readWaiter else { return }
        readWaiter = nil
        readWait = 0
        readDeadline = .max
        waiter.resume(returning: wake)
    }

    private func wakeWriter(_ wake: Wake) {
        guard let waiter = writeWaiter else { return }
        writeWaiter = nil
        writeWait = 0
        writeDeadline = .max
        waiter.resume(returning: wake)
    }

    /// Takes an event from the loop.
    @inline(__always)
    final func ready(_ events: UInt32) {
        if isClosed { return }
        let ended = EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue
        if events & ended != 0 { hasPeerEnded = true }
        if writeWaiter != nil, events & (EPOLLOUT.rawValue | ended) != 0 { wakeWriter(.ready) }
        if events & (EPOLLIN.rawValue | ended) != 0 {
            isReadable = true
            if readWaiter != nil { wakeReader(.ready) } else { becameReadable() }
        }
    }

    /// A deadline is over.
    final func expire(_ now: UInt64) {
        if isClosed { return }
        if writeDeadline <= now {
            writeDeadline = .max
            if writeWaiter != nil { wakeWriter(.timedOut) } else { becameLate() }
        }
        if isClosed { return }
        if readDeadline <= now {
            readDeadline = .max
            if readWaiter != nil { wakeReader(.timedOut) } else { becameLate() }
        }
    }

    /// Says that no more bytes will be written.
    func endWriting() {
        if !isClosed { shutdown(descriptor, Int32(SHUT_WR)) }
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        readDeadline = .max
        writeDeadline = .max
        loop.remove(self)
        Glibc.close(descriptor)
        wakeReader(.closed)
        wakeWriter(.closed)
    }
}

/// Heads of requests: reading, and what is between two of them.
extension Connection {
    /// Reads until a whole head is there and opens its exchange.
    ///
    /// - Returns: false when more bytes are needed or the connection is over.
    func receiveHead() -> Bool {
        do throws(RequestError) {
            while phase == .idle {
                if discardBytes > 0 { discardBuffered() }
                if end > start, discardBytes == 0, let slab {
                    compact()
                    if let length = try parser.parse(slab.slice(0, end)) {
                        exchange.begin(parser.head(in: slab), server.limits)
                        headEnd = length
                        start = length
                        return true
                    }
                }
                guard fill() else { return false }
            }
        } catch {
            refuse(error)
        }
        return false
    }

    private func compact() {
        guard start > 0, let slab else { return }
        slab.moveToFront(start, end)
        end -= start
        start = 0
    }

    /// Reads once.
    ///
    /// - Returns: false when nothing came: the connection now waits, or is closed.
    private func fill() -> Bool {
        guard isReadable else {
            waitForHead()
            return false
        }
        let slab = self.slab ?? loop.takeSlab()
        self.slab = slab
        switch read(
            into: UnsafeMutableRawBufferPointer(
                start: slab.base + end, count: slab.capacity - end))
        {
        case .bytes(let count):
            end += count
            return true
        case .wouldBlock:
            waitForHead()
        case .end, .failed:
            close()
        }
        return false
    }

    private func waitForHead() {
        if end == start, discardBytes == 0, !parser.hasBegun {
            fallIdle()
        } else if readDeadline == .max || !isHeadTimed {
            isHeadTimed = true
            readDeadline = deadline(after: server.limits.headSeconds, from: loop.now)
            loop.note(deadline: readDeadline)
        }
    }

    func fallIdle() {
        giveSlabBack()
        isHeadTimed = false
        if server.isDraining { return close() }
        readDeadline = deadline(after: server.limits.idleSeconds, from: loop.now)
        loop.note(deadline: readDeadline)
    }

    func giveSlabBack() {
        start = 0
        end = 0
        guard let slab else { return }
        self.slab = nil
        loop.recycle(slab)
    }

    func discardBuffered() {
        let count = min(discardBytes, end - start)
        discardBytes -= count
        start += count
        if start == end {
            start = 0
            end = 0
        }
    }
}

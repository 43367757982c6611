package import Base
package import HTTP

/// Counts requests: how many of each kind, how they ended, their bytes and how long they took.
///
/// Each event loop writes to a block of its own, so counting a warm GET is a clock and a few plain stores: no lock, no
/// allocation, nothing that another core waits for.
package final class RequestMeter: Sendable {
    private let blocks: [CounterBlock]

    /// What is kept of each operation, in this order, and then its buckets.
    private enum Field: Int, CaseIterable {
        case done
        case failed
        case lost
        case bytesReceived
        case bytesSent
        case nanoseconds
        case redirectNanoseconds
        case forwarded
    }

    private static let stride = Field.allCases.count + LatencyBuckets.count

    package init(loops: Int) {
        precondition(loops > 0, "requests are counted on loops")
        blocks = (0..<loops).map { _ in
            CounterBlock(count: Operation.allCases.count * Self.stride)
        }
    }

    /// Called once for each request, on the loop that served it.
    package func record(_ exchange: Exchange, isWhole: Bool) {
        let block = blocks[exchange.loop.number]
        let start = Int(exchange.operation.rawValue) * Self.stride
        guard !exchange.isForwarded else {
            return block.add(1, at: start + Field.forwarded.rawValue)
        }
        guard isWhole, let status = exchange.answeredStatus else {
            return block.add(1, at: start + Field.lost.rawValue)
        }
        guard status.rawValue < 400 else {
            return block.add(1, at: start + Field.failed.rawValue)
        }
        let age = exchange.age
        block.add(1, at: start + Field.done.rawValue)
        block.add(UInt64(exchange.bodyBytesRead), at: start + Field.bytesReceived.rawValue)
        block.add(UInt64(exchange.bodyBytesGiven), at: start + Field.bytesSent.rawValue)
        block.add(age, at: start + Field.nanoseconds.rawValue)
        block.add(1, at: start + Field.allCases.count + LatencyBuckets.index(of: age))
    }

    /// Adds the time between a proxy's redirect and the request that followed it. On the loop that serves it.
    package func redirected(_ exchange: Exchange, nanoseconds: UInt64) {
        let start = Int(exchange.operation.rawValue) * Self.stride
        blocks[exchange.loop.number].add(
            nanoseconds, at: start + Field.redirectNanoseconds.rawValue)
    }

    /// The sums over all loops.
    package var totals: RequestTotals {
        var totals = RequestTotals()
        for operation in Operation.allCases {
            let start = Int(operation.rawValue) * Self.stride
            for block in blocks {
                func value(_ field: Field) -> UInt64 { block.value(at: start + field.rawValue) }
                var sums = OperationTotals()
                sums.done = value(.done)
                sums.failed = value(.failed)
                sums.lost = value(.lost)
                sums.bytesReceived = value(.bytesReceived)
                sums.bytesSent = value(.bytesSent)
                sums.latency.sum = value(.nanoseconds)
                sums.redirectNanoseconds = value(.redirectNanoseconds)
                sums.forwarded = value(.forwarded)
                for bucket in 0..<LatencyBuckets.count {
                    sums.latency.buckets[bucket] =
                        block.value(at: start + Field.allCases.count + bucket)
                }
                totals[operation].add(sums)
            }
        }
        return totals
    }
}

/// What was counted of one operation.
package struct OperationTotals: Equatable, Sendable {
    /// Answered below 400.
    package var done: UInt64 = 0
    package var failed: UInt64 = 0
    /// The client was gone before it had the whole answer.
    package var lost: UInt64 = 0
    /// Bytes of bodies of those that were done.
    package var bytesReceived: UInt64 = 0
    package var bytesSent: UInt64 = 0
    /// Of those that were done, from the head of the request to the last byte of the answer.
    package var latency = LatencyHistogram()
    /// Between redirects and the requests that followed them, by the clocks of both nodes.
    package var redirectNanoseconds: UInt64 = 0
    /// Passed on by another proxy, however they ended; nothing else is counted of them here.
    package var forwarded: UInt64 = 0

    package init() {}

    /// What was counted after `earlier`.
    func since(_ earlier: OperationTotals) -> OperationTotals {
        var rest = self
        rest.done &-= earlier.done
        rest.failed &-= earlier.failed
        rest.lost &-= earlier.lost
        rest.bytesReceived &-= earlier.bytesReceived
        rest.bytesSent &-= earlier.bytesSent
        rest.redirectNanoseconds &-= earlier.redirectNanoseconds
        rest.forwarded &-= earlier.forwarded
        rest.latency.sum &-= earlier.latency.sum
        for bucket in rest.latency.buckets.indices {
            rest.latency.buckets[bucket] &-= earlier.latency.buckets[bucket]
        }
        return rest
    }

    mutating func add(_ other: OperationTotals) {
        done &+= other.done
        failed &+= other.failed
        lost &+= other.lost
        bytesReceived &+= other.bytesReceived
        bytesSent &+= other.bytesSent
        redirectNanoseconds &+= other.redirectNanoseconds
        forwarded &+= other.forwarded
        latency.sum &+= other.latency.sum
        for bucket in latency.buckets.indices {
            latency.buckets[bucket] &+= other.latency.buckets[bucket]
        }
    }
}

/// What was counted of all operations.
package struct RequestTotals: Equatable, Sendable {
    private var operations = [OperationTotals](
        repeating: OperationTotals(), count: Operation.allCases.count)

    package init() {}

    package subscript(operation: Operation) -> OperationTotals {
        get { operations[Int(operation.rawValue)] }
        set { operations[Int(operation.rawValue)] = newValue }
    }

    /// What was counted after `earlier`.
    func since(_ earlier: RequestTotals) -> RequestTotals {
        var rest = self
        for operation in Operation.allCases {
            rest[operation] = self[operation].since(earlier[operation])
        }
        return rest
    }

    func sum(_ field: (OperationTotals) -> UInt64) -> UInt64 {
        operations.reduce(0) { $0 &+ field($1) }
    }
}

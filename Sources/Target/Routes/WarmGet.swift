import Base
import Cluster
import HTTP
import Statistics
import Synchronization

/// GET of an object that is kept open: no task, no String, and for a small object one `pread` and one `send`.
///
/// It answers only what it is sure of; anything else, mistakes included, is left to ``ObjectRoutes``. What it rests
/// on:
/// 1. The object was opened for this very name (compared byte by byte), and has not changed since
///    (``ObjectGenerations``).
/// 2. A GET of it was permitted by exactly the state that is published now (``OpenObject/permittedBy``): same
///    bucket, same access, same owner.
/// 3. The redirect was not computed from a later state.
enum WarmGet {
    static func respond(to exchange: Exchange, _ target: TargetContext) -> Bool {
        let request = exchange.request
        guard request.method == .get, !request.hasBody, !request.headers.isConditional,
            let object = request.withRawPath({ find($0, target) })
        else { return false }
        let published = target.publisher.current
        guard object.permittedBy.load(ordering: .acquiring) == published.serial,
            let redirected = request.withRawQuery({ redirectTime($0, published) })
        else { return false }
        exchange.operation = .get
        ObjectReply(object: object, exchange: exchange, target: target, redirected: redirected)
            .respond()
        return true
    }

    private static let resource = Array("/v1/objects/".utf8)
    /// What the keys of this cluster's buckets begin with, in the global namespace.
    private static let keyStart = Array("ais/@#/".utf8)

    private static func find(
        _ path: UnsafeBufferPointer<UInt8>, _ target: TargetContext
    ) -> OpenObject? {
        guard path.count > resource.count, equal(path.prefix(resource.count), resource) else {
            return nil
        }
        let rest = UnsafeBufferPointer(rebasing: path[resource.count...])
        var hash = XXH64(seed: XXH64.placementSeed)
        keyStart.withUnsafeBytes { hash.update($0) }
        hash.update(UnsafeRawBufferPointer(rest))
        guard let object = target.store.cached(hash.finish()) else { return nil }
        let key = object.keyBytes
        guard key.count == keyStart.count + rest.count, key.starts(with: keyStart) else {
            return nil
        }
        let isSame = key.withUnsafeBufferPointer {
            equal(rest[...], UnsafeBufferPointer(rebasing: $0[keyStart.count...]))
        }
        return isSame ? object : nil
    }

    /// When the proxy redirected, if the query is what a proxy adds, and nothing else.
    private static func redirectTime(
        _ query: UnsafeBufferPointer<UInt8>, _ published: PublishedState
    ) -> UInt64? {
        var hasProxy = false
        var hasPosition = false
        var time: UInt64?
        var start = 0
        while start < query.count {
            var end = start
            while end < query.count, query[end] != UInt8(ascii: "&") { end += 1 }
            let part = UnsafeBufferPointer(rebasing: query[start..<end])
            // What is said twice, and not alike, is refused elsewhere.
            if begins(part, "pid=") {
                guard !hasProxy else { return nil }
                hasProxy = part.count > 4
            } else if begins(part, "utm=") {
                guard time == nil else { return nil }
                // As `Redirect` reads it: what is no number still came from a proxy.
                if part.count > 4 { time = number(part[4...]) ?? 0 }
            } else if begins(part, "at=") {
                guard !hasPosition, isReached(UnsafeBufferPointer(rebasing: part[3...]), published)
                else {
                    return nil
                }
                hasPosition = true
            } else {
                return nil
            }
            start = end + 1
        }
        return hasProxy ? time : nil
    }

    private static func number(_ digits: Slice<UnsafeBufferPointer<UInt8>>) -> UInt64? {
        // Nineteen digits always fit, and nanoseconds have no more for centuries.
        guard digits.count <= 19 else { return nil }
        var number: UInt64 = 0
        for digit in digits {
            guard digit >= 0x30, digit <= 0x39 else { return nil }
            number = number * 10 + UInt64(digit - 0x30)
        }
        return number
    }

    private static func isReached(
        _ text: UnsafeBufferPointer<UInt8>, _ published: PublishedState
    ) -> Bool {
        let isSame = published.positionBytes.withUnsafeBufferPointer { equal(text[...], $0) }
        if isSame { return true }
        guard let position = LogPosition(text: String(decoding: text, as: UTF8.self)) else {
            return false
        }
        return position <= published.state.position
            && !position.isOfGeneration(before: published.state.position)
    }

    @inline(__always)
    private static func begins(_ bytes: UnsafeBufferPointer<UInt8>, _ word: StaticString) -> Bool {
        guard bytes.count >= word.utf8CodeUnitCount else { return false }
        for index in 0..<word.utf8CodeUnitCount where bytes[index] != word.utf8Start[index] {
            return false
        }
        return true
    }

    @inline(__always)
    private static func equal(
        _ left: Slice<UnsafeBufferPointer<UInt8>>, _ right: some Collection<UInt8>
    ) -> Bool {
        left.count == right.count && left.elementsEqual(right)
    }
}

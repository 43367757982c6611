import Base
import Cluster
import HTTP

/// Which proxy to follow, and when to try again. No I/O, no clock.
///
/// In a small cluster targets follow the primary: it waits for them, and so hears from them at once. In a large one
/// each target has an order of its own over the proxies (highest random weight of its id over theirs), so that they
/// spread over them, and those of a dead proxy over the others. Addresses from the command line come last: they help
/// when the map is not known or not true any more.
struct ProxyChoice: Sendable {
    private let node: NodeID
    private let joins: [Endpoint]
    private var failures = 0
    /// A proxy that was named besides: asked next, and after that like those of the command line.
    private var named: Endpoint?
    private var isNamedNext = false
    /// Those asked in vain in this round over all of them.
    private var tried: [Endpoint] = []
    /// The proxy that was of no use last: it goes to the end of the order.
    private var last: Endpoint?
    /// Those that were of no use: none is gone back to while the map stays as it was, or before the time is over.
    private var useless: [Endpoint: (version: UInt64, until: MonotonicTime)] = [:]
    /// How often that has happened under one version of the map.
    private var disappointments = (version: UInt64(0), count: 0)

    /// What became of a stream.
    enum End: Sendable {
        /// It was of use: frames came, and were taken.
        case worked
        /// The proxy is behind others, and stays so.
        case lagged
        /// The proxy lives, and belongs to no cluster yet.
        case early
        case failed
    }

    static let pauseMin: UInt64 = 20_000_000
    static let pauseMax: UInt64 = 1_000_000_000
    /// Clients of a cluster that is just being founded wait for its targets.
    static let earlyPauseMax: UInt64 = 80_000_000
    /// A primary whose stream has ended is tried again after 10 s, as it may only have stumbled, then less and less often:
    /// each try leaves a proxy that works.
    static let returnMin: UInt64 = 10_000_000_000
    static let returnDoublingsMax = 5

    init(node: NodeID, joins: [Endpoint]) {
        self.node = node
        self.joins = joins
    }

    /// The proxies in the order of preference.
    func order(in map: ClusterMap) -> [Endpoint] {
        let digest = node.digest
        var order = map.nodes(.proxy)
            .map { (weight: Placement.weight($0.id.digest, digest), node: $0) }
            .sorted { ($0.weight, $0.node.id) > ($1.weight, $1.node.id) }
            .map { Endpoint(host: $0.node.address.host, port: Int($0.node.address.port)) }
        if let primary = Self.preferred(in: map), let place = order.firstIndex(of: primary) {
            order.insert(order.remove(at: place), at: 0)
        }
        for join in joins + [named].compactMap({ $0 }) where !order.contains(join) {
            order.append(join)
        }
        return order
    }

    /// The primary, where targets follow it.
    private static func preferred(in map: ClusterMap) -> Endpoint? {
        guard map.candidates.count <= TargetLimits.targetsAtPrimaryMax,
            let node = map.primary.flatMap({ map[$0] })
        else { return nil }
        return Endpoint(host: node.address.host, port: Int(node.address.port))
    }

    /// Whether a stream that works should be given up for a better one: another proxy has become primary since.
    /// Not for one that was of no use: the map may not know yet that it is gone, or it cannot be reached from
    /// here. Once the map has changed, or after a while, it may come back.
    mutating func shouldMove(
        from proxy: Endpoint, in map: ClusterMap, at now: MonotonicTime
    ) -> Bool {
        guard let preferred = Self.preferred(in: map) else { return false }
        if let known = useless[preferred], known.version == map.version, now < known.until {
            return false
        }
        useless = [:]
        last = nil
        guard preferred != proxy else { return false }
        // The next one asked is the preferred one, whatever has failed before.
        failures = 0
        tried = []
        return true
    }

    /// Asks this proxy next, whatever the order says.
    mutating func prefer(_ proxy: Endpoint) {
        named = proxy
        isNamedNext = true
    }

    /// The proxy to try now.
    mutating func next(in map: ClusterMap) -> Endpoint? {
        if isNamedNext, let named {
            isNamedNext = false
            return named
        }
        var order = order(in: map)
        if let last, let place = order.firstIndex(of: last) {
            order.append(order.remove(at: place))
        }
        // The map may have changed since they were tried.
        tried.removeAll { !order.contains($0) }
        if tried.count == order.count { tried = [] }
        return order.first { !tried.contains($0) }
    }

    /// A stream came to its end, or did not come about.
    ///
    /// - Returns: nanoseconds to wait before the next try.
    mutating func ended(
        with proxy: Endpoint, _ end: End, in map: ClusterMap, at now: MonotonicTime
    ) -> UInt64 {
        let isSame = disappointments.version == map.version
        disappointments = (map.version, isSame ? disappointments.count + 1 : 0)
        let patience = Self.returnMin << min(disappointments.count, Self.returnDoublingsMax)
        last = proxy
        if !isSame { useless = [:] }
        useless[proxy] = (
            map.version, MonotonicTime(nanoseconds: now.nanoseconds + patience)
        )
        switch end {
        case .worked:
            failures = 0
            tried = []
            return Self.pauseMin
        case .lagged:
            // Others are ahead of it, and it has taken its time already.
            tried.append(proxy)
            return Self.pauseMin
        case .early, .failed:
            tried.append(proxy)
            failures += 1
            // One quick round over a few proxies, then more and more slowly.
            let doublings = max(0, min(failures - 3, 6))
            return min(
                Self.pauseMin << UInt64(doublings),
                end == .early ? Self.earlyPauseMax : Self.pauseMax)
        }
    }
}

package import Base
package import Cluster

/// What a target tells of the state that it has cached: `GET /v1/daemon?what=cached_state`.
package struct CachedStateDocument: Equatable, Sendable {
    package var node = ""
    package var cluster = ""
    /// The newest generation that the target has followed, as the beginning of it.
    package var followed = LogPosition.zero
    /// The last entry cached, and the hash of the state after it; `nil` when nothing is cached that can be used.
    package var end: (position: LogPosition, hash: UInt64)?
    package var snapshot = LogPosition.zero
    package var entries = 0
    package var bytes = 0
    /// Since the snapshot was taken.
    package var snapshotAgeSeconds: Int?
    /// The state that the target acts on.
    package var applied = LogPosition.zero
    /// The URL of the proxy that is followed; empty when none is.
    package var following = ""
    /// What of the cache survives a power loss.
    package var flushed = LogPosition.zero
    /// How many entries confirm what their proposers had of the state.
    package var links = 0
    package var buckets = 0
    package var proxies = 0
    package var targets = 0
    /// Why it is not as new as it could be, or of no use.
    package var problem: String?

    package init() {}

    package static func == (left: CachedStateDocument, right: CachedStateDocument) -> Bool {
        left.encoded == right.encoded
    }

    /// Takes in what the cache comes to when it is brought back.
    package mutating func describe(_ cached: CachedState) {
        node = cached.node
        cluster = cached.clusterID
        end = cached.points.last.map { ($0.position, $0.hash) }
        snapshot = cached.base
        entries = cached.points.count - 1
        links = cached.links
        buckets = cached.state.buckets.buckets.count
        proxies = cached.state.map.nodes(.proxy).count
        targets = cached.state.map.nodes(.target).count
        problem = problem ?? cached.leftover
    }

    /// The document, with a newline behind it.
    package var encoded: [UInt8] {
        var json = JSONWriter(capacity: 512)
        json.object { json in
            json.member("node", node)
            json.member("cluster", cluster)
            json.member("followed", followed.text)
            json.key("position")
            if let end { json.value(end.position.text) } else { json.null() }
            json.key("state_hash")
            if let end { json.value(Hex.padded(end.hash)) } else { json.null() }
            json.key("snapshot")
            json.object { json in
                json.member("position", snapshot.text)
                json.key("age_seconds")
                if let snapshotAgeSeconds {
                    json.value(snapshotAgeSeconds)
                } else {
                    json.null()
                }
            }
            json.member("entries", entries)
            json.member("links", links)
            json.member("bytes", bytes)
            json.member("applied", applied.text)
            json.member("following", following)
            json.member("flushed", flushed.text)
            json.member("buckets", buckets)
            json.member("proxies", proxies)
            json.member("targets", targets)
            json.key("problem")
            if let problem { json.value(problem) } else { json.null() }
        }
        json.newline()
        return json.bytes
    }

    /// Reads what a founder has to know besides the file: who it is, and which generation it has followed.
    package init(decoding body: [UInt8]) throws(DecodingFailure) {
        guard case .object(let object) = try JSONValue(parsing: body),
            let node = object["node"]?.string, let cluster = object["cluster"]?.string,
            let followed = object["followed"]?.string.flatMap({ LogPosition(text: $0) })
        else { throw DecodingFailure("not what a target tells of its cached state", at: 0) }
        self.node = node
        self.cluster = cluster
        self.followed = followed
        if let position = object["position"]?.string.flatMap({ LogPosition(text: $0) }),
            let hash = object["state_hash"]?.string.flatMap({ UInt64($0, radix: 16) })
        {
            end = (position, hash)
        }
        following = object["following"]?.string ?? ""
        problem = object["problem"]?.string
    }
}

import Base
package import Cluster

/// How far the followers of one proxy are: `POST /v1/log/followers`, from that proxy to the primary.
package struct FollowerReport: Equatable, Sendable {
    package struct Follower: Equatable, Sendable {
        package var id: NodeID
        package var position: LogPosition

        package init(id: NodeID, position: LogPosition) {
            self.id = id
            self.position = position
        }
    }

    /// The place of a report among those of its proxy.
    package struct Sequence: Equatable, Sendable {
        /// Names one run of the proxy, in which numbers grow.
        package var life: UInt64
        package var number: UInt64

        package init(life: UInt64, number: UInt64) {
            self.life = life
            self.number = number
        }
    }

    package var proxy: NodeID
    package var sequence: Sequence
    /// All followers with a stream at that proxy; those not named have none there any more.
    package var followers: [Follower]

    package init(proxy: NodeID, sequence: Sequence, followers: [Follower]) {
        self.proxy = proxy
        self.sequence = sequence
        self.followers = followers
    }

    /// Whether it was made after another report of its proxy. Of two runs the one heard last is the later.
    package func follows(_ other: Sequence) -> Bool {
        sequence.life != other.life || sequence.number > other.number
    }

    package init(decoding body: [UInt8]) throws(Failure) {
        guard let json = try? JSONValue(parsing: body), case .object(let object) = json,
            let proxy = object["proxy"]?.string.flatMap({ NodeID($0) }),
            let life = object["life"]?.unsigned, let number = object["number"]?.unsigned,
            case .array(let elements) = object["followers"]
        else { throw Failure(.badBody, "not a report of followers") }
        self.proxy = proxy
        sequence = Sequence(life: life, number: number)
        followers = []
        for element in elements {
            guard case .object(let follower) = element,
                let id = follower["id"]?.string.flatMap({ NodeID($0) }),
                let position = follower["position"]?.string.flatMap({ LogPosition(text: $0) })
            else { throw Failure(.badBody, "a follower without id or position") }
            followers.append(Follower(id: id, position: position))
        }
    }

    package var encoded: [UInt8] {
        var json = JSONWriter(capacity: 64 + followers.count * 96)
        json.object { json in
            json.member("proxy", proxy.text)
            json.member("life", sequence.life)
            json.member("number", sequence.number)
            json.key("followers")
            json.array { json in
                for follower in followers {
                    json.object { json in
                        json.member("id", follower.id.text)
                        json.member("position", follower.position.text)
                    }
                }
            }
        }
        return json.bytes
    }
}

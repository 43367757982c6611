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

    package var proxy: NodeID
    /// All followers with a stream at that proxy; those not named have none there any more.
    package var followers: [Follower]

    package init(proxy: NodeID, followers: [Follower]) {
        self.proxy = proxy
        self.followers = followers
    }

    package init(decoding body: [UInt8]) throws(Failure) {
        guard let json = try? JSONValue(parsing: body), case .object(let object) = json,
            let proxy = object["proxy"]?.string.flatMap({ NodeID($0) }),
            case .array(let elements) = object["followers"]
        else { throw Failure(.badBody, "not a report of followers") }
        self.proxy = proxy
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

import Base
package import Cluster

extension JSONWriter {
    /// A forced recovery: by whom and when, from what, and what it gave up.
    package mutating func value(members record: RecoveryRecord) {
        member("generation", String(record.generation.counter))
        member("nonce", String(record.generation.nonce, radix: 16))
        member("base", record.base.text)
        member("chain", String(record.chain, radix: 16))
        member("primary", record.candidate.text)
        for (name, nodes) in [("survivors", record.survivors), ("dead", record.dead)] {
            key(name)
            array { json in for node in nodes { json.value(node.text) } }
        }
        member("committed", String(record.committed))
        member("tail_entries", String(record.tailCount))
        key("tail")
        array { json in
            for entry in record.tail {
                json.object { json in
                    json.member("index", String(entry.index))
                    json.member("term", String(entry.term))
                    json.member("command", entry.command)
                }
            }
        }
        if let foundation = record.foundation {
            key("founded_from")
            object { json in
                json.member("source", foundation.source)
                json.member("state_hash", Hex.padded(foundation.stateHash))
                json.key("witnesses")
                json.array { json in
                    for witness in foundation.witnesses { json.value(witness) }
                }
                json.key("left")
                json.array { json in
                    for node in foundation.left {
                        json.value("\(node.id) at \(node.address.url)")
                    }
                }
            }
        }
        member("token", record.token)
        member("actor", record.actor)
        member("address", record.clientAddress)
        member("request_id", record.requestID)
        member(
            "time",
            record.time.nanoseconds == 0
                ? "" : TimeLayout.text(record.time, layout: "2006-01-02T15:04:05.000000Z"))
    }
}

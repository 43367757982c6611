import API
import Base
import Cluster
import Consensus

/// `what=raft`: the local member of the consensus group, as it sees itself and the others.
struct RaftDocument: Sendable {
    let group: RaftGroup
    let storage: StorageCheck

    var encoded: [UInt8] {
        let status = group.status
        var json = JSONWriter()
        json.object { json in
            json.member("member", "\(status.id)")
            json.member("role", "\(status.role)")
            json.member("generation", "\(status.generation)")
            json.key("superseded_by")
            if let later = status.supersededBy { json.value("\(later)") } else { json.null() }
            json.member("term", status.term.rawValue)
            json.member("commit", status.commit.rawValue)
            json.member("applied", status.applied.description)
            json.member("last", status.last.index.rawValue)
            json.key("leader")
            if let leader = status.leader { json.value("\(leader)") } else { json.null() }
            json.key("members")
            json.array { json in
                for member in status.configuration.members { write(member, status, &json) }
            }
            json.key("storage")
            json.object { write(storage: status, &$0) }
        }
        json.newline()
        return json.bytes
    }

    /// What is wrong with the files, if anything, and how far the walk over them is.
    private func write(storage status: DriverStatus, _ json: inout JSONWriter) {
        json.key("recovering_until")
        if let floor = status.floor { json.value(floor.index.rawValue) } else { json.null() }
        json.key("damage")
        if let damage = status.damage { json.value(damage) } else { json.null() }
        json.key("doubted_at")
        if let doubt = status.doubt { json.value(doubt.rawValue) } else { json.null() }
        json.key("quarantined")
        if let quarantine = status.quarantine { write(quarantine, &json) } else { json.null() }
        json.key("space")
        if let space = status.space { write(space, &json) } else { json.null() }
        json.key("unreadable")
        if let found = status.unreadable { json.value(found) } else { json.null() }
        json.key("found_at_start")
        json.array { json in for finding in storage.findings { json.value(finding) } }
        let progress = storage.progress
        json.key("scan")
        json.object { json in
            json.member("rows", progress.rows)
            json.member("walks", progress.walks)
            json.member("last_walk", progress.lastWalk.map { Text.time($0) } ?? "")
            json.member("found", progress.found)
        }
    }

    private func write(_ space: StorageSpace, _ json: inout JSONWriter) {
        json.object { json in
            json.member("short", space.isShort)
            json.member("free_bytes", space.freeBytes)
            json.member("reserve_bytes", space.reserveBytes)
        }
    }

    private func write(_ difference: StateDigests.Difference, _ json: inout JSONWriter) {
        json.object { json in
            json.member("equal_at", difference.equalAt.rawValue)
            json.member("differs_at", difference.differsAt.rawValue)
        }
    }

    private func write(_ member: MemberID, _ status: DriverStatus, _ json: inout JSONWriter) {
        json.object { json in
            json.member("member", "\(member)")
            json.member("node", group.directory.node(of: member)?.id.text ?? "")
            json.member("voter", status.configuration.isVoter(member))
            if let match = status.matches[member] {
                json.member("match", match.rawValue)
                json.member("counted", !status.uncounted.contains(member))
                json.member("short", status.shortOfSpace.contains(member))
            }
            if let difference = status.differing[member] {
                json.key("state_differs")
                write(difference, &json)
            }
            if member != status.id {
                let (contact, isReal) = group.contacts.last(member)
                json.member("heard", isReal ? Text.time(contact.wallTime) : "")
            }
        }
    }
}

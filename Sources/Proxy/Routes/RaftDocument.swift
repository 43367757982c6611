import API
import Base
import Cluster
import Consensus

/// `what=raft`: the local member of the consensus group, as it sees itself and the others.
struct RaftDocument: Sendable {
    let group: RaftGroup

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
        }
        json.newline()
        return json.bytes
    }

    private func write(_ member: MemberID, _ status: DriverStatus, _ json: inout JSONWriter) {
        json.object { json in
            json.member("member", "\(member)")
            json.member("node", group.directory.node(of: member)?.id.text ?? "")
            json.member("voter", status.configuration.isVoter(member))
            if let match = status.matches[member] { json.member("match", match.rawValue) }
            if member != status.id {
                let (contact, isReal) = group.contacts.last(member)
                json.member("heard", isReal ? Text.time(contact.wallTime) : "")
            }
        }
    }
}

import Base
package import Cluster

/// What a target tells the cluster of one of its mountpaths: `POST /v1/cluster/mountpaths`.
package struct MountpathReport: Equatable, Sendable {
    package var target: NodeID
    package var note: MountpathNote

    package init(target: NodeID, note: MountpathNote) {
        self.target = target
        self.note = note
    }

    package init(decoding body: [UInt8]) throws(Failure) {
        let json = try JSONValue(
            body: body,
            wanted: #"{"daemon_id":"ID","mountpath":"/PATH","disk":"ID","disabled":true}"#)
        guard
            let value = try ActionValue(
                json, place: "body", keys: ["daemon_id", "mountpath", "disk", "disabled", "reason"]),
            let target = try value.string("daemon_id").flatMap({ NodeID($0) }),
            let path = try value.string("mountpath"), let disk = try value.string("disk"),
            let isDisabled = try value.bool("disabled")
        else { throw Failure(.badBody, "not a report about a mountpath") }
        let reason = try value.string("reason") ?? ""
        guard path.utf8.count <= MountpathNote.pathBytesMax, disk.utf8.count <= 32,
            reason.utf8.count <= MountpathNote.reasonBytesMax
        else { throw Failure(.badBody, "a report about a mountpath is too long") }
        self.target = target
        note = MountpathNote(path: path, disk: disk, isDisabled: isDisabled, reason: reason)
    }

    package var encoded: [UInt8] {
        var json = JSONWriter(capacity: 256)
        json.object { json in
            json.member("daemon_id", target.text)
            json.value(members: note)
        }
        return json.bytes
    }
}

extension JSONWriter {
    mutating func value(members note: MountpathNote) {
        member("mountpath", note.path)
        member("disk", note.disk)
        member("disabled", note.isDisabled)
        member("reason", note.reason)
    }
}

extension ClusterState {
    /// What targets have reported of their mountpaths, the oldest first: `{"targets":{"t1":[…]}}`, with a newline
    /// behind it.
    package var mountpathEvents: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.key("targets")
            json.object { json in
                for (id, notes) in mountpathNotes {
                    json.key(id.text)
                    json.array { json in
                        for note in notes {
                            json.object { json in
                                json.value(members: note)
                                json.member(
                                    "time",
                                    TimeLayout.text(note.time, layout: "2006-01-02T15:04:05Z"))
                            }
                        }
                    }
                }
            }
        }
        json.newline()
        return json.bytes
    }
}

import Base
package import Cluster

/// How far a target is with the removal of its user data: `GET /v1/daemon?what=decommission`.
package struct RemovalProgress: Equatable, Sendable {
    package enum Phase: String, Sendable {
        /// It was never told to, or the order was given up.
        case none
        case removing
        /// All is removed, and no proxy has taken the word of it yet.
        case removed
        case done
    }

    package struct Disk: Equatable, Sendable {
        package var mountpath: String
        /// 32 hexadecimal digits.
        package var disk: String
        package var isDisabled: Bool
        /// Whether the order names it.
        package var isOrdered: Bool

        package init(mountpath: String, disk: String, isDisabled: Bool, isOrdered: Bool) {
            self.mountpath = mountpath
            self.disk = disk
            self.isDisabled = isDisabled
            self.isOrdered = isOrdered
        }
    }

    package var phase = Phase.none
    package var order: LogPosition?
    /// Directories that were moved to the trash, whole, and are not removed yet.
    package var directoriesLeft = 0
    /// Files and directories removed by this process, of destroyed buckets as well.
    package var filesRemoved: UInt64 = 0
    /// What is in the way, in sentences.
    package var blockers: [String] = []
    package var disks: [Disk] = []

    package init() {}

    /// The document, with a newline behind it.
    package var document: [UInt8] {
        var json = JSONWriter(capacity: 512)
        json.object { json in
            json.member("phase", phase.rawValue)
            json.member("order", order?.text ?? "")
            json.member("directories_left", directoriesLeft)
            json.member("files_removed", filesRemoved)
            json.key("blockers")
            json.array { json in for blocker in blockers { json.value(blocker) } }
            json.key("disks")
            json.array { json in
                for disk in disks {
                    json.object { json in
                        json.member("mountpath", disk.mountpath)
                        json.member("disk", disk.disk)
                        json.member("disabled", disk.isDisabled)
                        json.member("ordered", disk.isOrdered)
                    }
                }
            }
        }
        json.newline()
        return json.bytes
    }

    /// The disks that such a document names.
    package static func disks(in document: [UInt8]) throws(Failure) -> [String] {
        guard let json = try? JSONValue(parsing: document), case .object(let object) = json,
            case .array(let entries) = object["disks"]
        else { throw Failure(.badBody, "the target did not name its disks") }
        var disks: [String] = []
        for case .object(let entry) in entries {
            guard let disk = entry["disk"]?.string, Self.isDisk(disk) else {
                throw Failure(.badBody, "the target named a disk that is none")
            }
            disks.append(disk)
        }
        guard disks.count == entries.count, disks.count <= DecommissionOrder.disksMax else {
            throw Failure(.badBody, "the target did not name its disks")
        }
        return disks
    }

    /// The order that a proxy's answer to `GET /v1/cluster?what=decommission` says a target is to carry out; `nil` when there is
    /// none, or it is over.
    package static func openOrder(
        of target: NodeID, in document: [UInt8]
    ) throws(Failure) -> LogPosition? {
        guard let json = try? JSONValue(parsing: document), case .object(let object) = json,
            case .object(let nodes) = object["nodes"]
        else { throw Failure(.badBody, "the proxy did not say which orders there are") }
        guard case .object(let record) = nodes[target.text] else { return nil }
        guard let phase = record["phase"]?.string,
            let order = record["order"]?.string.flatMap({ LogPosition(text: $0) })
        else { throw Failure(.badBody, "the proxy did not say which order there is") }
        return phase == DecommissionRecord.Phase.removing.text ? order : nil
    }

    fileprivate static func isDisk(_ text: String) -> Bool {
        text.utf8.count == 32 && text.utf8.allSatisfy { $0.isHexadecimalDigit }
    }
}

extension UInt8 {
    fileprivate var isHexadecimalDigit: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self)
    }
}

/// A target's word that it has done what it was told: `POST /v1/cluster/decommission`.
package struct RemovalReport: Equatable, Sendable {
    package var target: NodeID
    package var report: DecommissionReport

    package init(target: NodeID, report: DecommissionReport) {
        self.target = target
        self.report = report
    }

    package init(decoding body: [UInt8]) throws(Failure) {
        let json = try JSONValue(
            body: body, wanted: #"{"daemon_id":"ID","order":"POSITION","left":["DISK"]}"#)
        guard
            let value = try ActionValue(json, place: "body", keys: ["daemon_id", "order", "left"]),
            let target = try value.string("daemon_id").flatMap({ NodeID($0) }),
            let text = try value.string("order"), case .object(let object) = json,
            case .array(let entries) = object["left"]
        else { throw Failure(.badBody, "not a report about a removal") }
        guard let order = LogPosition(text: text) else {
            throw Failure(.badPosition, "'\(text.excerpt)' is not a position")
        }
        let left = entries.compactMap(\.string)
        guard left.count == entries.count, left.count <= DecommissionOrder.disksMax,
            left.allSatisfy(RemovalProgress.isDisk)
        else { throw Failure(.badBody, "'left' does not name disks") }
        self.target = target
        report = DecommissionReport(order: order, left: left)
    }

    package var encoded: [UInt8] {
        var json = JSONWriter(capacity: 256)
        json.object { json in
            json.member("daemon_id", target.text)
            json.member("order", report.order.text)
            json.key("left")
            json.array { json in for disk in report.left { json.value(disk) } }
        }
        return json.bytes
    }
}

extension JSONWriter {
    /// An order and what became of it.
    package mutating func value(members record: DecommissionRecord) {
        member("phase", record.phase.text)
        member("order", record.position.text)
        for (key, time) in [("started", record.started), ("ended", record.ended)] {
            member(
                key,
                time.nanoseconds == 0
                    ? "" : TimeLayout.text(time, layout: "2006-01-02T15:04:05.000000Z"))
        }
        member("ends_process", record.order.endsProcess)
        for (key, disks) in [("disks", record.order.disks), ("left", record.left)] {
            self.key(key)
            array { json in for disk in disks { json.value(disk) } }
        }
    }
}

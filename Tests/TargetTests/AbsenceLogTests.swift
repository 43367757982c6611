import Base
import Cluster
import Foundation
import TestSupport
import Testing

@testable import Target

/// What is noted while a mountpath is away (decision 0021).
@Suite struct AbsenceLogTests {
    private let disks: TemporaryDirectory
    private let data: Directory
    private let identity = MountpathIdentity(high: 1, low: 2)
    private let logger = Logger(node: "t1", subject: "test", minimum: .error)
    private var file: String { "\(data.path)/\(AbsenceFile.name(of: identity))" }

    init() throws {
        disks = try TemporaryDirectory()
        data = try Directory(opening: try disks.directory("data"))
    }

    private var entry: MountpathRecord.Entry {
        MountpathRecord.Entry(
            identity: identity, path: "/mp1",
            absence: MountpathRecord.Absence(reason: "", isScattered: true, rivals: []))
    }

    private func record(_ name: String, edition: UInt64 = 3) throws -> AbsenceFile.Record {
        AbsenceFile.Record(
            bucket: try #require(Bucket(name: "b")), incarnation: Incarnation(id: 7, created: 8),
            name: name, edition: edition)
    }

    private func log(bytesMax: Int = 1 << 20) -> AbsenceLog {
        AbsenceLog(data, disabled: [entry], bytesMax: bytesMax, log: logger)
    }

    private func note(_ log: AbsenceLog, _ name: String) throws -> AbsenceLog.Outcome {
        try log.note(try record(name), for: [identity], durable: true)
    }

    /// What the mountpath would lose, and whether copies have to be compared.
    private func returned(_ log: AbsenceLog) throws -> (names: [String], compares: Bool) {
        var names: [String] = []
        let progress = try log.prepare(identity) { names += $0.map(\.name) }
        try log.finish(identity, progress, { names += $0.map(\.name) }, join: {})
        return (names, progress.needsComparison)
    }

    @Test func `notes outlive the process, each name once, and end with the absence`() throws {
        let first = log()
        try first.begin(identity)
        for name in ["a", "b/c", "a"] { #expect(try note(first, name) == .noted) }
        let digest = try record("a").key.digest
        #expect(first.isVoid(digest, on: identity))
        let second = log()
        #expect(second.isVoid(digest, on: identity))
        #expect(try note(second, "d") == .noted)
        let (names, compares) = try returned(second)
        #expect(names == ["a", "b/c", "d"] && !compares)
        #expect(!FileManager.default.fileExists(atPath: file))
        #expect(!second.isVoid(digest, on: identity))
        // Who had taken the set before looks at it again.
        #expect(try note(second, "e") == .changed)
    }

    @Test
    func `a note that comes while the mountpath returns is carried out, or told to look again`()
        throws
    {
        let log = log()
        try log.begin(identity)
        #expect(try note(log, "before") == .noted)
        var names: [String] = []
        let progress = try log.prepare(identity) { names += $0.map(\.name) }
        #expect(try note(log, "meanwhile") == .noted)
        try log.finish(identity, progress, { names += $0.map(\.name) }, join: {})
        #expect(names == ["before", "meanwhile"])
        #expect(try note(log, "after") == .changed)
    }

    @Test func `a full file refuses, and knows afterwards that something is missing`() throws {
        let log = log(bytesMax: 300)
        try log.begin(identity)
        var outcomes: [AbsenceLog.Outcome] = []
        for number in 1...10 { outcomes.append(try note(log, "n\(number)")) }
        #expect(outcomes.first == .noted && outcomes.last == .full)
        // A name that is in it needs no room.
        #expect(try note(log, "n1") == .noted)
        log.miss([identity])
        let again = self.log()
        #expect(try returned(again).compares)
    }

    /// Every byte at which a write can have ended.
    @Test func `of a torn file everything that was acknowledged counts`() throws {
        let first = log()
        try first.begin(identity)
        for name in ["a", "b"] { #expect(try note(first, name) == .noted) }
        let acknowledged = try Data(contentsOf: URL(filePath: file))
        #expect(try note(first, "torn") == .noted)
        let whole = try Data(contentsOf: URL(filePath: file))
        for length in acknowledged.count..<whole.count {
            for tail in [0, 16] {
                try (whole.prefix(length) + Data(count: length == acknowledged.count ? tail : 0))
                    .write(to: URL(filePath: file))
                let log = log()
                #expect(try note(log, "c") == .noted)
                let (names, compares) = try returned(log)
                #expect(names == ["a", "b", "c"] && !compares, "\(length)")
            }
        }
    }

    @Test func `behind a damaged note others may be missing, and a foreign file is none`() throws {
        let first = log()
        try first.begin(identity)
        for name in ["a", "b", "c"] { #expect(try note(first, name) == .noted) }
        let whole = Array(try Data(contentsOf: URL(filePath: file)))
        let record = (whole.count - 26) / 3
        // A bit in every byte of the last two: its length and checksum as well.
        for place in whole.count - 2 * record..<whole.count {
            var bytes = whole
            bytes[place] ^= 1
            try Data(bytes).write(to: URL(filePath: file))
            let (names, compares) = try returned(log())
            #expect(!names.contains("c") && names.first == "a" && compares, "byte \(place)")
        }
        for content in [Data(), Data("MRTLAWAY".utf8), Data(count: 64)] {
            try content.write(to: URL(filePath: file))
            #expect(try returned(log()).compares)
        }
        // Of one that left under an older build there is none.
        #expect(try returned(log()).compares)
    }

    @Test func `a file of a mountpath that takes part is left over, and goes`() throws {
        try log().begin(identity)
        _ = AbsenceLog(data, disabled: [], log: logger)
        #expect(!FileManager.default.fileExists(atPath: file))
    }
}

import Base
import Consensus
import Foundation
import HTTP
import MetaStore
import TestSupport
import Testing

@testable import Proxy

/// The word that a proxy leaves to its next start, and what every start makes of it.
@Suite struct RejoinOrderTests {
    private let directory: TemporaryDirectory
    private var data: String { directory.path }
    private let log = Logger(node: "p1", subject: "test", minimum: .error)
    private let old = Generation(counter: 1, nonce: 5)
    private let new = Generation(counter: 2, nonce: 3)

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func order() throws -> RejoinOrder {
        RejoinOrder(
            clusterID: "c", generation: new, left: old, seeds: [try Endpoint("http://h:1")])
    }

    private func makeLog(_ generation: Generation, in data: String) throws {
        let storage = try SQLiteLog(path: "\(data)/metadata.db", newMember: MemberID(7))
        _ = try storage.load()
        guard generation != .none else { return }
        try storage.write(
            WriteBatch(
                sequence: .zero,
                hardState: HardState(generation: generation, term: Term(1), vote: nil),
                base: LogBase(
                    mark: .zero, time: 0, configuration: Configuration(voters: [MemberID(7)]))))
    }

    private func isThere(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    /// FS-11: whatever ends the process in between, the next start goes on.
    @Test func `every start takes the next step, and none is taken twice`() throws {
        #expect(try RejoinOrder.resume(in: data, log) == nil)
        try makeLog(old, in: data)
        try order().write(in: data)
        // The start after the word was left.
        #expect(try RejoinOrder.resume(in: data, log) == order().seeds)
        #expect(!isThere("\(data)/metadata.db") && !isThere("\(data)/metadata.db-wal"))
        #expect(isThere("\(data)/branches/1-5-0.db"))
        // One that ended before it had a log, and one that ended before it had joined.
        #expect(try RejoinOrder.resume(in: data, log) == order().seeds)
        try makeLog(.none, in: data)
        #expect(try RejoinOrder.resume(in: data, log) == order().seeds)
        #expect(isThere("\(data)/metadata.db"))
        try FileManager.default.removeItem(atPath: "\(data)/metadata.db")
        // One that has.
        try makeLog(new, in: data)
        #expect(try RejoinOrder.resume(in: data, log) == nil)
        #expect(!isThere("\(data)/rejoin"))
        #expect(try RejoinOrder.resume(in: data, log) == nil)
        #expect(isThere("\(data)/metadata.db"))
        #expect(Branch.files(in: data).count == 1)
    }

    @Test func `a log of the generation to join, or a later one, is never set aside`() throws {
        #expect(try order().step(old) == .setAside)
        #expect(try order().step(Generation(counter: 2, nonce: 2)) == .setAside)
        #expect(try order().step(new) == .done)
        #expect(try order().step(Generation(counter: 3, nonce: 0)) == .done)
        #expect(try order().step(nil) == .join)
        #expect(try order().step(Generation.none) == .join)
        // Of a recovery that is undone, the generation to leave is the later one.
        let undo = RejoinOrder(
            clusterID: "c", generation: old, left: new, seeds: try order().seeds)
        #expect(undo.step(new) == .setAside)
        #expect(undo.step(old) == .done)
        #expect(undo.step(Generation(counter: 3, nonce: 0)) == .done)
        #expect(undo.step(nil) == .join)
    }

    @Test func `an order is read as it was written, and a damaged one stops the start`() throws {
        try order().write(in: data)
        #expect(try RejoinOrder.read(in: data) == order())
        try Data("{".utf8).write(to: URL(filePath: "\(data)/rejoin"))
        #expect(throws: RejoinOrder.Damaged.self) { try RejoinOrder.resume(in: data, log) }
    }
}

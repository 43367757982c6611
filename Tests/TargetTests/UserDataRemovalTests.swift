import API
import Base
import Cluster
import Foundation
import HTTP
import Synchronization
import TestSupport
import Testing

@testable import Target

/// A target that was told to remove its user data and leave (decision 0028).
@Suite struct UserDataRemovalTests {
    private static let t1 = NodeID("t1").unsafelyUnwrapped

    private static func disks(of target: TestTarget) throws -> [String] {
        target.daemon.context.store.mountpaths.all.map(\.identity.description)
    }

    private static func order(_ target: TestTarget, endsProcess: Bool = false) throws {
        target.proxy.submit(
            .decommission(
                t1, DecommissionOrder(disks: try disks(of: target), endsProcess: endsProcess)))
    }

    private static func isDone(_ proxy: FakeProxy) -> Bool {
        proxy.state.decommissions[t1]?.phase == .done
    }

    /// Everything below a directory, links not followed.
    private static func names(below path: String) -> [String] {
        (FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []).sorted()
    }

    private static func make(_ path: String, _ text: String = "x") throws {
        let parent = (path as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(
            atPath: parent, withIntermediateDirectories: true)
        try text.write(toFile: path, atomically: false, encoding: .utf8)
    }

    @Test func `everything users have is removed, and nothing else`() async throws {
        try await TestTarget.with { target in
            let paths = target.daemon.context.store.mountpaths.all.map(\.path)
            for number in 0..<200 { #expect(try await target.put("d/o\(number)", "x") == .ok) }
            // What is a user's: of other buckets, of other generations. What is not: anything else at the root.
            try Self.make("\(paths[0])/@aws/#ns/other/%ob/x")
            try Self.make("\(paths[0])/$kept/b.1-0.77/%ob/x")
            try Self.make("\(paths[0])/lost+found/piece")
            try Self.make("\(paths[0])/notes.txt")
            try Self.make("\(paths[0])/@unheard-of/file")
            // A link inside a bucket goes, what it leads to stays.
            let outside = (paths[0] as NSString).deletingLastPathComponent + "/outside"
            try Self.make("\(outside)/precious")
            try FileManager.default.createSymbolicLink(
                atPath: "\(paths[0])/@aws/#ns/other/%ob/link", withDestinationPath: outside)
            let none = try await target.ask(.get, "/v1/daemon?what=decommission", at: nil)
            #expect(none.text.hasPrefix(#"{"phase":"none","order":"""#), "\(none.text)")
            try Self.order(target)
            try await eventually("the user data is gone") { Self.isDone(target.proxy) }
            #expect(target.proxy.state.map[Self.t1] == nil)
            #expect(target.proxy.state.decommissions[Self.t1]?.left == [])
            #expect(
                Self.names(below: paths[0]) == [
                    "$trash", ".martlet.mountpath", "@unheard-of", "@unheard-of/file",
                    "lost+found", "lost+found/piece", "notes.txt",
                ])
            #expect(Self.names(below: paths[1]) == ["$trash", ".martlet.mountpath"])
            #expect(Self.names(below: outside) == ["precious"])
            try await eventually("it says so") {
                try await target.ask(.get, "/v1/daemon?what=decommission", at: nil).text
                    .hasPrefix(#"{"phase":"done","#)
            }
            // It goes on, off the map, until somebody registers it.
            target.proxy.pulse()
            #expect(target.proxy.state.map[Self.t1] == nil)
            target.proxy.submit(.setNode(target.daemon.node))
            try await target.proxy.acknowledged(by: "t1")
            #expect(try await target.get("d/o1").failure?.code == .objectNotFound)
            #expect(try await target.put("d/o1", "new") == .ok)
            #expect(try await target.get("d/o1").text == "new")
        }
    }

    @Test func `a target that was not told removes nothing, whatever others are told`() async throws
    {
        try await TestTarget.with { target in
            #expect(try await target.put("o", "x") == .ok)
            let other = Node(
                id: try #require(NodeID("t2")), role: .target,
                address: try #require(NodeAddress(host: "127.0.0.1", port: 9)))
            target.proxy.submit(.setNode(other))
            target.proxy.submit(
                .decommission(
                    other.id,
                    DecommissionOrder(disks: try Self.disks(of: target), endsProcess: true)))
            try await target.proxy.acknowledged(by: "t1")
            target.proxy.submit(.removeNode(other.id))
            try await target.proxy.acknowledged(by: "t1")
            #expect(try await target.get("o").text == "x")
            #expect(target.daemon.context.removal.progress.phase == .none)
        }
    }

    @Test func `an order names disks, and another disk under the same id is left alone`()
        async throws
    {
        try await TestTarget.with { target in
            for number in 0..<20 { #expect(try await target.put("o\(number)", "x") == .ok) }
            let disks = try Self.disks(of: target)
            let paths = target.daemon.context.store.mountpaths.all.map(\.path)
            let before = Self.names(below: paths[1])
            let lost = String(repeating: "0", count: 32)
            target.proxy.submit(
                .decommission(
                    Self.t1, DecommissionOrder(disks: [disks[0], lost], endsProcess: false)))
            try await eventually("the named disk is empty") { Self.isDone(target.proxy) }
            #expect(Self.names(below: paths[0]) == ["$trash", ".martlet.mountpath"])
            #expect(Self.names(below: paths[1]) == before)
            #expect(
                Set(target.proxy.state.decommissions[Self.t1]?.left ?? []) == [disks[1], lost])
        }
    }

    @Test func `a disabled disk holds it up, and is named`() async throws {
        try await TestTarget.with { target in
            for number in 0..<20 { #expect(try await target.put("o\(number)", "x") == .ok) }
            let paths = target.daemon.context.store.mountpaths.all.map(\.path)
            let control = target.daemon.context.mountpaths
            let disks = try Self.disks(of: target)
            #expect(try control.disable(paths[1], because: "test") == .done)
            target.proxy.submit(
                .decommission(Self.t1, DecommissionOrder(disks: disks, endsProcess: false)))
            try await eventually("the other one is empty") {
                Self.names(below: paths[0]) == ["$trash", ".martlet.mountpath"]
            }
            try await eventually("it says what is in the way") {
                target.daemon.context.removal.progress.blockers.contains {
                    $0.contains("\(paths[1]) is disabled")
                }
            }
            #expect(target.proxy.state.decommissions[Self.t1]?.phase == .removing)
            #expect(try control.enable(paths[1]) == .done)
            try await eventually("all is removed") { Self.isDone(target.proxy) }
            #expect(Self.names(below: paths[1]) == ["$trash", ".martlet.mountpath"])
        }
    }

    @Test func `a link in place of a provider's directory is not followed`() async throws {
        try await TestTarget.with { target in
            #expect(try await target.put("o", "x") == .ok)
            let paths = target.daemon.context.store.mountpaths.all.map(\.path)
            let outside = (paths[0] as NSString).deletingLastPathComponent + "/outside"
            try Self.make("\(outside)/bucket/%ob/precious")
            try FileManager.default.createSymbolicLink(
                atPath: "\(paths[0])/@gcp", withDestinationPath: outside)
            try Self.order(target)
            try await eventually("it says what is in the way") {
                target.daemon.context.removal.progress.blockers.contains {
                    $0.contains("symbolic link")
                }
            }
            #expect(Self.names(below: outside).contains("bucket/%ob/precious"))
            #expect(target.proxy.state.decommissions[Self.t1]?.phase == .removing)
        }
    }

    @Test func `an order that is given up stops, and the target serves again`() async throws {
        try await TestTarget.with { target in
            let paths = target.daemon.context.store.mountpaths.all.map(\.path)
            #expect(try target.daemon.context.mountpaths.disable(paths[1], because: "x") == .done)
            // At once: an order about the other disk alone would be done before the next one came.
            let disabled = target.daemon.context.store.mountpaths.disabled
            target.proxy.submit(
                .decommission(
                    Self.t1,
                    DecommissionOrder(
                        disks: try Self.disks(of: target)
                            + disabled.map { $0.identity.description },
                        endsProcess: true)))
            try await eventually("it is held up") {
                !target.daemon.context.removal.progress.blockers.isEmpty
            }
            target.proxy.submit(.removeNode(Self.t1))
            target.proxy.submit(.setNode(target.daemon.node))
            try await target.proxy.acknowledged(by: "t1")
            #expect(try target.daemon.context.mountpaths.enable(paths[1]) == .done)
            #expect(try await target.put("o", "x") == .ok)
            #expect(try await target.get("o").text == "x")
            try await eventually("nothing is going on") {
                target.daemon.context.removal.progress.phase == .none
            }
        }
    }

    /// A proxy that is cut off shows what was committed once, and the target that was started again knows of nothing newer.
    @Test func `nothing is moved until a majority says that the order stands`() async throws {
        try await TestTarget.with { target in
            for number in 0..<20 { #expect(try await target.put("o\(number)", "x") == .ok) }
            let paths = target.daemon.context.store.mountpaths.all.map(\.path)
            let before = paths.map(Self.names)
            target.proxy.log.withLock { $0.isCutOff = true }
            try Self.order(target)
            func isHeldUp(by text: String) async throws {
                try await eventually("it says: \(text)") {
                    target.daemon.context.removal.progress.blockers.contains { $0.contains(text) }
                }
            }
            try await isHeldUp(by: "no proxy can say")
            #expect(paths.map(Self.names) == before)
            // It is given up where the target cannot hear of it, and then a proxy can say so.
            target.proxy.hold(true)
            target.proxy.submit(.removeNode(Self.t1))
            target.proxy.log.withLock { $0.isCutOff = false }
            try await isHeldUp(by: "does not stand any more")
            #expect(paths.map(Self.names) == before)
            target.proxy.submit(.setNode(target.daemon.node))
            target.proxy.hold(false)
            try await target.proxy.acknowledged(by: "t1")
            #expect(paths.map(Self.names) == before)
            for number in 0..<20 { #expect(try await target.get("o\(number)").text == "x") }
            // One that stands is carried out as soon as somebody can say so.
            target.proxy.log.withLock { $0.isCutOff = true }
            try Self.order(target)
            try await isHeldUp(by: "no proxy can say")
            target.proxy.log.withLock { $0.isCutOff = false }
            try await eventually("the user data is gone") { Self.isDone(target.proxy) }
            for path in paths {
                #expect(Self.names(below: path) == ["$trash", ".martlet.mountpath"])
            }
        }
    }

    /// The process is gone at any moment: the next one goes on from the state.
    @Test func `the next life goes on, and ends by itself when all is done`() async throws {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        proxy.submit(.createBucket(try #require(Bucket(name: "b")), BucketProperties()))
        let first = try TestTarget(proxy, disks)
        try await first.ready()
        for number in 0..<50 { #expect(try await first.put("o\(number)", "x") == .ok) }
        let named = try Self.disks(of: first)
        let paths = first.daemon.context.store.mountpaths.all.map(\.path)
        await first.end()
        // Committed while it was down.
        proxy.submit(.decommission(Self.t1, DecommissionOrder(disks: named, endsProcess: true)))
        proxy.compact()
        let second = try TestTarget(proxy, disks)
        await second.ended()
        #expect(Self.isDone(proxy) && proxy.state.map[Self.t1] == nil)
        for path in paths { #expect(Self.names(below: path).isEmpty, "\(Self.names(below: path))") }
        #expect(Self.names(below: "\(disks.path)/t1-data").isEmpty)
        await second.end()
        // Started once more, it is a new target with empty disks.
        let third = try TestTarget(proxy, disks)
        try await third.ready()
        #expect(proxy.state.map[Self.t1] != nil && proxy.state.decommissions[Self.t1] == nil)
        #expect(try await third.put("o", "new") == .ok)
        #expect(Set(try Self.disks(of: third)).isDisjoint(with: named))
        await third.end()
        await proxy.stop()
    }

    /// Killed between the last word and the end: marks are still there, so it does not come back.
    @Test(arguments: [
        [], ["t1-data/mountpaths"],
        ["t1-data/mountpaths", "t1-data/cluster", "t1-data/cached-state"],
        [
            "t1-data/mountpaths", "t1-data/cluster", "t1-data/cached-state",
            "t1-mp1/.martlet.mountpath",
        ],
    ])
    func `one that was dismissed does not join again, and takes its marks off`(
        gone: [String]
    ) async throws {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        let first = try TestTarget(proxy, disks)
        try await first.ready()
        let named = try Self.disks(of: first)
        await first.end()
        proxy.submit(.decommission(Self.t1, DecommissionOrder(disks: named, endsProcess: true)))
        let order = try #require(proxy.state.decommissions[Self.t1]).position
        proxy.submit(.endDecommission(Self.t1, DecommissionReport(order: order, left: [])))
        // Whoever begins to follow gets a whole state, and not one entry after the other.
        proxy.compact()
        for name in gone {
            try FileManager.default.removeItem(atPath: "\(disks.path)/\(name)")
        }
        let second = try TestTarget(proxy, disks)
        await second.ended()
        #expect(proxy.state.map[Self.t1] == nil)
        for place in ["t1-mp1", "t1-mp2", "t1-data"] {
            #expect(Self.names(below: "\(disks.path)/\(place)").isEmpty)
        }
        await second.end()
        await proxy.stop()
    }
}

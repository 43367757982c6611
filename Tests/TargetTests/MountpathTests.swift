import API
import Base
import Cluster
import Foundation
import HTTP
import TestSupport
import Testing

@testable import Target

/// Mountpaths that come and go while the target runs (contract §6.6).
@Suite struct MountpathTests {
    private static let names = (1...30).map { "o\($0)" }

    @Test func `each action has the statuses of the contract, by any verb and in both spellings`()
        async throws
    {
        try await MountpathBench.with { bench in
            let third = try bench.disks.directory("third")
            let rows: [(String, String, HTTP.Method, Int, FailureCode?)] = [
                ("disable", bench.path(1), .post, 200, nil),
                ("disable", bench.path(1), .put, 204, nil),
                ("enable", bench.path(1), .post, 200, nil),
                ("enable", bench.path(1) + "/./", .delete, 204, nil),
                ("enable", "/nowhere", .post, 404, .mountpathNotFound),
                ("disable", "/nowhere", .post, 404, .mountpathNotFound),
                ("remove", "/nowhere", .delete, 404, .mountpathNotFound),
                ("add", "/nowhere/at/all", .put, 400, .badMountpath),
                ("add", bench.path(2), .put, 400, .mountpathExists),
                ("add", "relative", .put, 400, .badValue),
                ("add", "/", .put, 400, .badValue),
                ("add", bench.path(2) + "/@ais", .put, 400, .badMountpath),
                ("add", third, .put, 200, nil),
                ("disable-mp", third, .post, 200, nil),
                ("add", third, .put, 400, .mountpathExists),
                ("enable-mp", third, .post, 200, nil),
                ("detach-mp", third, .delete, 200, nil),
                ("attach-mp", third, .put, 200, nil),
                ("remove", third, .delete, 200, nil),
                ("resurrect", third, .post, 400, .unknownAction),
            ]
            #expect(try await bench.target.put("o", "x") == .ok)
            for (action, path, method, status, code) in rows {
                let reply = try await bench.change(action, path, method)
                #expect(
                    reply.status.rawValue == status && reply.failure?.code == code,
                    "\(action) \(path): \(reply.status.rawValue) \(reply.text)")
                #expect(code != nil || reply.body.isEmpty)
            }
            let list = try await bench.target.ask(.get, "/v1/daemon?what=mountpaths", at: nil)
            let expected = [1, 2].map { #""\#(bench.path($0))""# }
            for path in expected { #expect(list.text.contains(path), "\(list.text)") }
            #expect(!list.text.contains(third) && list.text.contains(#""disabled":[]"#))
            for body in ["", "{}", #"{"action":"add"}"#, #"{"action":"add","value":7}"#] {
                let reply = try await bench.target.ask(
                    .put, "/v1/daemon/mountpaths", at: nil, body: Array(body.utf8))
                #expect(reply.status.rawValue == 400, "\(body)")
            }
        }
    }

    /// What a change comes to is foreseen by its own checks: the same code and words, and nothing on any disk.
    @Test func `a dry run of a mountpath's change sees what the change would meet`() async throws {
        try await MountpathBench.with(mountpaths: 3) { bench in
            let files = FileManager.default
            let fresh = try bench.disks.directory("fresh")
            let foreign = try bench.disks.directory("foreign")
            try ExtendedAttribute.write(
                Mountpath.ownerAttribute, Array("t7".utf8),
                to: try Directory(opening: foreign).descriptor, path: foreign)
            let broken = try bench.disks.directory("broken")
            try Data("no mountpath file".utf8).write(
                to: URL(fileURLWithPath: "\(broken)/\(MountpathFile.name)"))
            let held = try bench.disks.directory("held")
            let holder = try Directory(opening: held)
            #expect(flock(holder.descriptor.number, LOCK_EX | LOCK_NB) == 0)
            try files.createSymbolicLink(
                atPath: "\(bench.disks.path)/link", withDestinationPath: bench.path(2))
            try await bench.change("disable", bench.path(3))
            try files.moveItem(atPath: bench.path(3), toPath: "\(bench.disks.path)/moved")
            try files.createDirectory(
                atPath: bench.path(3), withIntermediateDirectories: false)
            let rows: [(String, String, String, FailureCode?)] = [
                ("add", fresh, "safe", nil),
                ("add", "/nowhere/at/all", "blocked", .badMountpath),
                ("add", foreign, "blocked", .badMountpath),
                ("add", broken, "blocked", .badMountpath),
                ("add", held, "blocked", .badMountpath),
                ("add", "\(bench.disks.path)/link", "blocked", .badMountpath),
                ("add", bench.path(2) + "/@ais", "blocked", .badMountpath),
                ("add", bench.path(2), "blocked", .mountpathExists),
                ("add", bench.path(3), "blocked", .mountpathExists),
                ("enable", bench.path(3), "blocked", .mountpathUnavailable),
                ("enable", bench.path(2), "safe", nil),
                ("disable", bench.path(3), "safe", nil),
                ("disable", bench.path(2), "unsafe", nil),
                ("remove", bench.path(2), "unsafe", nil),
                ("remove", bench.path(3), "unsafe", nil),
            ]
            func onDisk() throws -> [String] {
                try files.subpathsOfDirectory(atPath: bench.disks.path).sorted()
            }
            let before = try onDisk()
            for (action, path, verdict, code) in rows {
                let dry = try await bench.change(action, path, query: "?dry_run=true")
                guard case .object(let json) = try JSONValue(parsing: dry.body),
                    case .array(let survives)? = json["survives"],
                    case .array(let changes)? = json["changes"]
                else {
                    Issue.record("\(action) \(path): \(dry.text)")
                    continue
                }
                #expect(json["verdict"]?.string == verdict, "\(action) \(path): \(dry.text)")
                #expect(json["code"]?.string == code?.rawValue, "\(action) \(path): \(dry.text)")
                #expect(survives.count == 2 && json["mountpaths"] != nil, "\(dry.text)")
                #expect(changes.isEmpty == (code != nil), "\(dry.text)")
                guard code != nil else { continue }
                #expect(json["next"]?.string?.isEmpty == false, "\(dry.text)")
                let change = try await bench.change(action, path)
                #expect(change.failure?.code == code, "\(action) \(path): \(change.text)")
                let words = [change.failure?.message, change.failure?.cause].compactMap { $0 }
                #expect(json["reason"]?.string == words.joined(separator: ": "), "\(dry.text)")
            }
            #expect(try onDisk() == before)
            for path in [fresh, foreign, held] {
                let owner = try ExtendedAttribute.read(Mountpath.ownerAttribute, path: path)
                #expect((owner == nil) == (path != foreign), "\(path)")
            }
            for (action, path, code) in [
                ("add", "relative", FailureCode.badValue),
                ("enable", "/nowhere", .mountpathNotFound),
                ("disable", "/nowhere", .mountpathNotFound),
                ("remove", "/nowhere", .mountpathNotFound),
            ] {
                let dry = try await bench.change(action, path, query: "?dry_run=true")
                #expect(dry.failure?.code == code, "\(action) \(path): \(dry.text)")
            }
            // A rehearsal does not hold a directory, however long the disk takes: another process has it at once.
            let node = try #require(NodeID("t1"))
            let looked = try MountpathCandidate(fresh, for: node, expecting: nil, isKept: false)
            #expect(throws: Never.self) {
                _ = try MountpathCandidate(fresh, for: node, expecting: nil)
            }
            withExtendedLifetime(looked) {}
            #expect(try await bench.change("add", fresh).status == .ok)
        }
    }

    @Test func `an added mountpath hides no object, and takes those that are written`() async throws
    {
        try await MountpathBench.with { bench in
            let target = bench.target
            for name in Self.names { #expect(try await target.put(name, "old") == .ok) }
            _ = try bench.disks.directory("t1-mp3")
            #expect(try await bench.change("add", bench.path(3), .put).status == .ok)
            for name in Self.names { #expect(try await target.get(name).text == "old") }
            let moved = try Self.names.filter { try bench.home($0, among: 3) == 3 }
            #expect(!moved.isEmpty)
            for name in moved {
                #expect(try await target.put(name, "new") == .ok)
                let files = FileManager.default
                for number in 1...3 {
                    let file = "\(bench.path(number))/@ais/b/%ob/\(name)"
                    #expect(files.fileExists(atPath: file) == (number == 3), "\(file)")
                }
            }
            // Given up, they are gone; added again, they are what they were.
            #expect(try await bench.change("remove", bench.path(3), .delete).status == .ok)
            for name in moved {
                #expect(try await target.get(name).failure?.code == .objectNotFound)
            }
            #expect(try await target.put(moved[0], "newest") == .ok)
            #expect(try await bench.change("add", bench.path(3), .put).status == .ok)
            for name in Self.names {
                let expected =
                    name == moved[0] ? "newest" : moved.contains(name) ? "new" : "old"
                #expect(try await target.get(name).text == expected, "\(name)")
            }
        }
    }

    @Test func `a restart keeps the set, whatever the command line says`() async throws {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        proxy.submit(.createBucket(try #require(Bucket(name: "b")), BucketProperties()))
        var target = try TestTarget(proxy, disks, mountpaths: 3)
        try await target.ready()
        var bench = MountpathBench(target: target, disks: disks)
        for name in Self.names { #expect(try await target.put(name, name) == .ok) }
        try await bench.change("disable", bench.path(1))
        try await bench.change("remove", bench.path(2))
        await target.end()

        // The remaining disk is mounted elsewhere.
        try FileManager.default.moveItem(atPath: bench.path(3), toPath: bench.path(4))
        target = try TestTarget(proxy, disks, mountpaths: 4)
        try await target.ready()
        bench = MountpathBench(target: target, disks: disks)
        let list = try await target.ask(.get, "/v1/daemon?what=mountpaths", at: nil).text
        #expect(
            list.hasPrefix(
                #"{"available":["\#(bench.path(4))"],"disabled":["\#(bench.path(1))"]}"#),
            "\(list)")
        for name in Self.names {
            let reply = try await target.get(name)
            switch try bench.home(name, among: 3) {
            case 1: #expect(reply.failure?.code == .mountpathUnavailable, "\(reply.text)")
            // Nobody knows what was given up: with another disk away it may be there.
            case 2: #expect(reply.status != .ok, "\(reply.text)")
            default: #expect(reply.text == name)
            }
        }
        for number in [1, 2] {
            let action = number == 1 ? "enable" : "add"
            #expect(try await bench.change(action, bench.path(number)).status == .ok)
        }
        for name in Self.names { #expect(try await target.get(name).text == name) }
        await target.end()
        await proxy.stop()
    }

    @Test func `a disk that is not mounted is not replaced by the directory under it`() async throws
    {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        proxy.submit(.createBucket(try #require(Bucket(name: "b")), BucketProperties()))
        var target = try TestTarget(proxy, disks)
        try await target.ready()
        for name in Self.names { #expect(try await target.put(name, name) == .ok) }
        await target.end()

        let files = FileManager.default
        try files.moveItem(atPath: "\(disks.path)/t1-mp1", toPath: "\(disks.path)/unmounted")
        target = try TestTarget(proxy, disks)
        try await target.ready()
        let bench = MountpathBench(target: target, disks: disks)
        for name in Self.names {
            let isAway = try bench.home(name, among: 2) == 1
            let reply = try await target.get(name)
            #expect(
                isAway ? reply.failure?.code == .mountpathUnavailable : reply.text == name,
                "\(reply.text)")
        }
        let wrong = try await bench.change("enable", bench.path(1))
        #expect(wrong.failure?.code == .mountpathUnavailable, "\(wrong.text)")
        #expect(wrong.failure?.cause?.contains("is it mounted?") == true)
        try files.removeItem(atPath: bench.path(1))
        try files.moveItem(atPath: "\(disks.path)/unmounted", toPath: bench.path(1))
        #expect(try await bench.change("enable", bench.path(1)).status == .ok)
        for name in Self.names { #expect(try await target.get(name).text == name) }
        await target.end()
        await proxy.stop()
    }

    @Test func `without a mountpath a target leaves the map, and comes back with the first`()
        async throws
    {
        try await MountpathBench.with(mountpaths: 1) { bench in
            let id = bench.target.daemon.node.id
            #expect(try await bench.target.put("o", "x") == .ok)
            let dry = try await bench.change("disable", bench.path(1), query: "?dry_run=1")
            #expect(dry.text.contains("leaves the map"), "\(dry.text)")
            #expect(try await bench.change("disable", bench.path(1)).status == .ok)
            try await eventually("off the map") { bench.target.proxy.state.map[id] == nil }
            let ready = try await bench.target.ask(
                .get, "/v1/health?readiness=true", at: nil)
            #expect(ready.failure?.message.contains("no mountpath takes part") == true)
            #expect(try await bench.change("enable", bench.path(1)).status == .ok)
            try await eventually("on the map") { bench.target.proxy.state.map[id] != nil }
            try await bench.target.ready()
            #expect(try await bench.target.get("o").text == "x")
        }
    }
}

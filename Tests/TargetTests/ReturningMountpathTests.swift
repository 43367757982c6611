import API
import Base
import Cluster
import Foundation
import HTTP
import TestSupport
import Testing

@testable import Target

/// What is on a mountpath that was away, and what has become of it meanwhile (docs/decisions/0021).
@Suite struct ReturningMountpathTests {
    private static let names = (1...30).map { "o\($0)" }

    @Test func `objects of a disabled mountpath are unavailable, and come back with it`()
        async throws
    {
        try await MountpathBench.with { bench in
            let target = bench.target
            for name in Self.names { #expect(try await target.put(name, "old \(name)") == .ok) }
            // Kept open, they could be answered from the disk that is taken out.
            for name in Self.names { #expect(try await target.get(name).status == .ok) }
            let dry = try await bench.change("disable", bench.path(1), query: "?dry_run=true")
            #expect(dry.text.contains(#""verdict":"unsafe""#), "\(dry.text)")
            #expect(try await bench.change("disable", bench.path(1)).status == .ok)
            var away: [String] = []
            for name in Self.names {
                let reply = try await target.get(name)
                if try bench.home(name, among: 2) == 1 {
                    away.append(name)
                    #expect(reply.failure?.code == .mountpathUnavailable, "\(reply.text)")
                    let removal = try await target.ask(.delete, "/v1/objects/b/\(name)")
                    #expect(removal.failure?.code == .mountpathUnavailable, "\(removal.text)")
                } else {
                    #expect(reply.text == "old \(name)")
                }
            }
            #expect(away.count > 3)
            #expect(try await bench.list().failure?.code == .mountpathUnavailable)
            // What is written now wins over what comes back.
            #expect(try await target.put(away[0], "new") == .ok)
            #expect(try await target.get(away[0]).text == "new")
            #expect(try await bench.change("enable", bench.path(1)).status == .ok)
            for name in Self.names {
                let expected = name == away[0] ? "new" : "old \(name)"
                #expect(try await target.get(name).text == expected, "\(name)")
            }
            let list = try await bench.list()
            for name in Self.names {
                #expect(list.text.components(separatedBy: #""name":"\#(name)""#).count == 2)
            }
            // Removing it removes every copy.
            for name in away {
                let removal = try await target.ask(.delete, "/v1/objects/b/\(name)")
                #expect(removal.status == .ok, "\(removal.text)")
                #expect(try await target.get(name).failure?.code == .objectNotFound)
            }
        }
    }

    /// The object's home leaves with it; what is done meanwhile is done to a copy elsewhere.
    @Test(arguments: [false, true])
    func `what is deleted while its mountpath is away stays deleted`(restarts: Bool) async throws {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        proxy.submit(.createBucket(try #require(Bucket(name: "b")), BucketProperties()))
        var target = try TestTarget(proxy, disks)
        try await target.ready()
        var bench = MountpathBench(target: target, disks: disks)
        for name in Self.names { #expect(try await target.put(name, "old") == .ok) }
        let away = try Self.names.filter { try bench.home($0, among: 2) == 1 }
        #expect(away.count > 3)
        try await bench.change("disable", bench.path(1))
        let (gone, rewritten) = (away[0], away[1])
        #expect(try await target.put(gone, "new") == .ok)
        #expect(try await target.ask(.delete, "/v1/objects/b/\(gone)").status == .ok)
        // Nobody has to wait for the disk to know that.
        #expect(try await target.get(gone).failure?.code == .objectNotFound)
        let again = try await target.ask(.delete, "/v1/objects/b/\(gone)")
        #expect(again.failure?.code == .objectNotFound, "\(again.text)")
        #expect(try await target.put(rewritten, "new") == .ok)
        #expect(try await target.get(away[2]).failure?.code == .mountpathUnavailable)
        if restarts {
            await target.end()
            target = try TestTarget(proxy, disks)
            try await target.ready()
            bench = MountpathBench(target: target, disks: disks)
            #expect(try await target.get(gone).failure?.code == .objectNotFound)
        }
        #expect(try await bench.change("enable", bench.path(1)).status == .ok)
        #expect(try await target.get(gone).failure?.code == .objectNotFound)
        #expect(try await target.get(rewritten).text == "new")
        for name in away.dropFirst(2) { #expect(try await target.get(name).text == "old") }
        let list = try await bench.list().text
        #expect(!list.contains(#""name":"\#(gone)""#), "\(list)")
        let files = FileManager.default
        for name in [gone, rewritten] {
            #expect(!files.fileExists(atPath: "\(bench.path(1))/@ais/b/%ob/\(name)"))
        }
        // A name that is used again is a new object, whatever was noted before.
        #expect(try await target.put(gone, "again") == .ok)
        try await bench.change("disable", bench.path(2))
        try await bench.change("enable", bench.path(2))
        #expect(try await target.get(gone).text == "again")
        await target.end()
        await proxy.stop()
    }

    @Test func `an old copy that came back is not served while the later one is away`() async throws
    {
        try await MountpathBench.with(mountpaths: 3) { bench in
            let target = bench.target
            for name in Self.names { #expect(try await target.put(name, "old") == .ok) }
            let away = try Self.names.filter { try bench.home($0, among: 3) == 1 }
            try await bench.change("disable", bench.path(1))
            for name in away { #expect(try await target.put(name, "new") == .ok) }
            #expect(try await bench.change("enable", bench.path(1)).status == .ok)
            // Those with the new ones leave.
            for number in [2, 3] { try await bench.change("disable", bench.path(number)) }
            for name in away {
                let reply = try await target.get(name)
                #expect(reply.failure?.code == .mountpathUnavailable, "\(name): \(reply.text)")
            }
            for number in [2, 3] {
                #expect(try await bench.change("enable", bench.path(number)).status == .ok)
            }
            for name in Self.names {
                #expect(try await target.get(name).text == (away.contains(name) ? "new" : "old"))
            }
        }
    }

    /// Full, lost, or of an older build: what is not noted is found out by comparing.
    @Test func `without notes a returning mountpath loses what the others have a later copy of`()
        async throws
    {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        proxy.submit(.createBucket(try #require(Bucket(name: "b")), BucketProperties()))
        var target = try TestTarget(proxy, disks)
        try await target.ready()
        var bench = MountpathBench(target: target, disks: disks)
        for name in Self.names { #expect(try await target.put(name, "old") == .ok) }
        let away = try Self.names.filter { try bench.home($0, among: 2) == 1 }
        try await bench.change("disable", bench.path(1))
        #expect(try await target.put(away[0], "new") == .ok)
        await target.end()
        let files = FileManager.default
        for name in try files.contentsOfDirectory(atPath: "\(disks.path)/t1-data")
        where name.hasPrefix("away-") {
            try files.removeItem(atPath: "\(disks.path)/t1-data/\(name)")
        }
        target = try TestTarget(proxy, disks)
        try await target.ready()
        bench = MountpathBench(target: target, disks: disks)
        #expect(try await bench.change("enable", bench.path(1)).status == .ok)
        #expect(!files.fileExists(atPath: "\(bench.path(1))/@ais/b/%ob/\(away[0])"))
        #expect(try await target.get(away[0]).text == "new")
        for name in away.dropFirst() { #expect(try await target.get(name).text == "old") }
        await target.end()
        await proxy.stop()
    }

    @Test func `a lost data directory hides nothing, and brings nothing old back`() async throws {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        proxy.submit(.createBucket(try #require(Bucket(name: "b")), BucketProperties()))
        var target = try TestTarget(proxy, disks)
        try await target.ready()
        let bench = MountpathBench(target: target, disks: disks)
        for name in Self.names { #expect(try await target.put(name, "old") == .ok) }
        try await bench.change("disable", bench.path(1))
        for name in Self.names { #expect(try await target.put(name, "new") == .ok) }
        try await bench.change("enable", bench.path(1))
        await target.end()
        try FileManager.default.removeItem(atPath: "\(disks.path)/t1-data")
        target = try TestTarget(proxy, disks)
        try await target.ready()
        for name in Self.names { #expect(try await target.get(name).text == "new", "\(name)") }
        for name in Self.names { #expect(try await target.put(name, "newest") == .ok) }
        for name in Self.names { #expect(try await target.get(name).text == "newest") }
        await target.end()
        await proxy.stop()
    }

    @Test func `a bucket destroyed while its disk was away does not come back with the disk`()
        async throws
    {
        try await MountpathBench.with { bench in
            let (target, bucket) = (bench.target, try #require(Bucket(name: "b")))
            for name in Self.names { #expect(try await target.put(name, "old") == .ok) }
            try await bench.change("disable", bench.path(1))
            target.proxy.submit(.destroyBucket(bucket))
            target.proxy.submit(.createBucket(bucket, BucketProperties()))
            try await target.proxy.acknowledged(by: target.daemon.node.id.text)
            #expect(try await bench.change("enable", bench.path(1)).status == .ok)
            for name in Self.names {
                #expect(try await target.get(name).failure?.code == .objectNotFound)
            }
            for name in Self.names { #expect(try await target.put(name, "new") == .ok) }
            for name in Self.names { #expect(try await target.get(name).text == "new") }
        }
    }

    @Test func `what is deleted while mountpaths come and go is gone afterwards`() async throws {
        try await MountpathBench.with(mountpaths: 3) { bench in
            let target = bench.target
            try await withThrowingTaskGroup(of: [String: String?].self) { group in
                for writer in 1...4 {
                    group.addTask {
                        var last: [String: String?] = [:]
                        for round in 1...60 {
                            let name = "w\(writer)-\(round % 6)"
                            let text = "\(writer) \(round)"
                            // Refused is not "had no effect": nothing is expected of that name from here on.
                            last.removeValue(forKey: name)
                            if try await target.put(name, text) == .ok {
                                last.updateValue(text, forKey: name)
                            }
                            guard round % 2 == 0 else { continue }
                            let reply = try await target.ask(.delete, "/v1/objects/b/\(name)")
                            last.removeValue(forKey: name)
                            if reply.status == .ok { last.updateValue(nil, forKey: name) }
                        }
                        return last
                    }
                }
                group.addTask {
                    let failed = try await bench.flip()
                    #expect(failed.isEmpty, "\(failed)")
                    return [:]
                }
                var all: [String: String?] = [:]
                for try await last in group { all.merge(last) { $1 } }
                // All mountpaths take part again.
                for (name, text) in all {
                    let reply = try await target.get(name)
                    if let text {
                        #expect(reply.text == text, "\(name)")
                    } else {
                        #expect(reply.failure?.code == .objectNotFound, "\(name): \(reply.text)")
                    }
                }
                #expect(all.values.contains { $0 == nil } && all.values.contains { $0 != nil })
            }
        }
    }

    @Test func `what is acknowledged while mountpaths come and go is there afterwards`()
        async throws
    {
        try await MountpathBench.with(mountpaths: 3) { bench in
            let target = bench.target
            try await withThrowingTaskGroup(of: [String: String].self) { group in
                for writer in 1...4 {
                    group.addTask {
                        var acknowledged: [String: String] = [:]
                        for round in 1...40 {
                            let name = "w\(writer)-\(round % 10)"
                            let text = "\(writer) \(round)"
                            if try await target.put(name, text) == .ok {
                                acknowledged[name] = text
                            } else {
                                // Refused is not "had no effect": either is fine from here on.
                                acknowledged[name] = nil
                            }
                        }
                        return acknowledged
                    }
                }
                group.addTask {
                    let failed = try await bench.flip()
                    #expect(failed == [])
                    return [:]
                }
                var all: [String: String] = [:]
                for try await acknowledged in group { all.merge(acknowledged) { $1 } }
                // All mountpaths take part again.
                for (name, text) in all {
                    let read = try await target.get(name).text
                    #expect(read == text, "\(name)")
                }
                #expect(!all.isEmpty)
            }
        }
    }
}

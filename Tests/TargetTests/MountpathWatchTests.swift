import API
import Base
import Cluster
import Foundation
import HTTP
import TestSupport
import Testing

@testable import Target

/// Disks that fail are taken out, and the cluster hears of it (contract §17.8).
@Suite struct MountpathWatchTests {
    private static func watch(
        _ target: TestTarget, _ probe: @escaping @Sendable (Mountpath) throws(FileError) -> Void
    ) -> MountpathWatch {
        let context = target.daemon.context
        return MountpathWatch(
            control: context.mountpaths, table: context.store.table, pool: context.scanPool,
            config: context.config, log: context.log, probe: probe)
    }

    private static func broken(_ mountpath: Mountpath) throws(FileError) {
        throw FileError("fsync", mountpath.path, EIO)
    }

    private static func sound(_ mountpath: Mountpath) throws(FileError) {}

    private static func note(_ target: TestTarget) -> MountpathNote? {
        target.proxy.state.mountpathNotes[target.daemon.node.id]?.last
    }

    @Test func `a disk that fails is taken out, and a committed entry says so`() async throws {
        try await TestTarget.with { target in
            let mountpath = target.daemon.context.store.mountpaths.all[0]
            let watch = Self.watch(target, Self.broken)
            watch.suspect(FileError("write", "\(mountpath.path)/@ais/b/%ob/o", EIO))
            try await eventually("it is taken out") {
                target.daemon.context.store.mountpaths.all.count == 1
            }
            try await eventually("the cluster knows") {
                Self.note(target)?.path == mountpath.path
            }
            #expect(Self.note(target)?.isDisabled == true)
            #expect(Self.note(target)?.reason.contains("fsync") == true)
            let path = Array(#"{"action":"enable","value":"\#(mountpath.path)"}"#.utf8)
            let reply = try await target.ask(.post, "/v1/daemon/mountpaths", at: nil, body: path)
            #expect(reply.status == .ok, "\(reply.text)")
            try await eventually("the cluster knows that it is back") {
                Self.note(target)?.isDisabled == false
            }
        }
    }

    @Test func `a disk is taken out by as many failures as are set, or not at all`() async throws {
        try await TestTarget.with { target in
            let context = target.daemon.context
            let path = context.store.mountpaths.all[0].path
            let tries = Watched(0)
            let watch = Self.watch(target) { mountpath throws(FileError) in
                tries.update { $0 += 1 }
                throw FileError("fsync", mountpath.path, EIO)
            }
            for settings in [
                [("fshc.enabled", "false")], [("fshc.enabled", "true"), ("error_limit", "3")],
            ] {
                let plan = try ConfigPlan(
                    setting: settings.map { (name: $0.0, value: $0.1) }, in: .cluster,
                    of: target.proxy.state.config)
                target.proxy.submit(.setConfig(plan.change))
                try await target.proxy.acknowledged(by: "t1")
                watch.suspect(FileError("read", path, EIO))
                await context.scanPool.run {}
                if settings.count == 1 {
                    #expect(tries.value == 0 && context.store.mountpaths.all.count == 2)
                }
            }
            try await eventually("it is taken out") { context.store.mountpaths.all.count == 1 }
            #expect(tries.value == 3)
        }
    }

    @Test func `an error that is not the disk's, or does not come again, takes nothing out`()
        async throws
    {
        try await TestTarget.with { target in
            let set = target.daemon.context.store.mountpaths
            let broken = Self.watch(target, Self.broken)
            for number in [ENOENT, ENOSPC, EDQUOT, EACCES, ENAMETOOLONG] {
                broken.suspect(FileError("open", set.all[0].path, number))
            }
            broken.suspect(FileError("open", "/elsewhere", EIO))
            Self.watch(target, Self.sound).suspect(FileError("read", set.all[1].path, EIO))
            await target.daemon.context.scanPool.run {}
            #expect(target.daemon.context.store.mountpaths.all.count == 2)
            #expect(Self.note(target) == nil)
        }
    }

    @Test func `a mountpath whose directory is gone is taken out by the request that finds out`()
        async throws
    {
        try await TestTarget.with { target in
            let path = target.daemon.context.store.mountpaths.all[0].path
            try FileManager.default.moveItem(atPath: path, toPath: "\(path)-away")
            try await eventually("it is taken out") {
                for number in 1...10 { _ = try await target.get("o\(number)") }
                return target.daemon.context.store.mountpaths.all.count == 1
            }
            try await eventually("the cluster knows") { Self.note(target)?.path == path }
        }
    }
}

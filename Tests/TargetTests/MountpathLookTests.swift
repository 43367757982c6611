import API
import Base
import Cluster
import Foundation
import HTTP
import TestSupport
import Testing

@testable import Target

/// Mountpaths that somebody has looked at anew, or tested (AIStore 5.0: `rescan-mp`, `fshc-mp`).
@Suite struct MountpathLookTests {
    private static func order(
        _ action: String, _ path: String, _ target: TestTarget, query: String = ""
    ) async throws -> TestTarget.Reply {
        try await target.ask(
            .post, "/v1/daemon/mountpaths\(query)", at: nil,
            body: Array(#"{"action":"\#(action)","value":"\#(path)"}"#.utf8))
    }

    /// The file of an object, and the mountpath that it lies on.
    private static func file(
        of name: String, _ target: TestTarget
    ) throws -> (file: String, mountpath: Mountpath) {
        for mountpath in target.daemon.context.store.mountpaths.all {
            let file = "\(mountpath.path)/@ais/b/%ob/\(name)"
            if FileManager.default.fileExists(atPath: file) { return (file, mountpath) }
        }
        throw CocoaError(.fileNoSuchFile)
    }

    /// What an operator has put back by hand is not seen as long as the file that was there is open.
    @Test func `what was put on a disk by hand is served once the disk is looked at anew`()
        async throws
    {
        try await TestTarget.with { target in
            #expect(try await target.put("o", "before") == .ok)
            #expect(try await target.get("o").text == "before")
            let (file, mountpath) = try Self.file(of: "o", target)
            let leftover = "\(mountpath.path)/@ais/b/%wk/gone.0.0"
            try Data("left".utf8).write(to: URL(filePath: leftover))
            let copy = Process()
            copy.executableURL = URL(filePath: "/bin/sh")
            copy.arguments = [
                "-c",
                "cp --preserve=xattr \"$0\" \"$0.new\" && printf AFTERS | dd of=\"$0.new\" conv=notrunc"
                    + " status=none && mv \"$0.new\" \"$0\"", file,
            ]
            try copy.run()
            copy.waitUntilExit()
            #expect(copy.terminationStatus == 0)
            #expect(try await target.get("o").text == "before")
            let rehearsal = try await Self.order(
                "rescan-mp", mountpath.path, target, query: "?dry_run=true")
            #expect(rehearsal.text.contains(#""verdict":"safe""#), "\(rehearsal.text)")
            #expect(try await target.get("o").text == "before")
            let reply = try await Self.order("rescan-mp", mountpath.path, target)
            #expect(reply.status == .ok && reply.body.isEmpty, "\(reply.text)")
            #expect(try await target.get("o").text == "AFTERS")
            try await eventually("the work file of an earlier life goes") {
                !FileManager.default.fileExists(atPath: leftover)
            }
            #expect(try await target.put("o", "again") == .ok)
            #expect(try await target.get("o").text == "again")
        }
    }

    @Test func `a disk that is found to be another one takes no part any more`() async throws {
        try await TestTarget.with { target in
            let context = target.daemon.context
            let (one, other) = (context.store.mountpaths.all[0], context.store.mountpaths.all[1])
            try MountpathFile(.random()).write(in: one.directory)
            let rescan = try await Self.order("rescan-mp", one.path, target)
            #expect(rescan.status == .ok, "\(rescan.text)")
            let notice = rescan.headers[named: HeaderName.notice] ?? ""
            #expect(notice.contains("takes no part any more: it is not the disk"), "\(notice)")
            #expect(context.store.mountpaths.all.map(\.path) == [other.path])
            for action in ["rescan-mp", "fshc-mp"] {
                let disabled = try await Self.order(action, one.path, target)
                #expect(disabled.failure?.code == .mountpathUnavailable, "\(disabled.text)")
                let blocked = try await Self.order(action, one.path, target, query: "?dry_run=true")
                #expect(blocked.text.contains(#""verdict":"blocked""#), "\(blocked.text)")
                let unknown = try await Self.order(action, "/nowhere", target)
                #expect(unknown.failure?.code == .mountpathNotFound, "\(unknown.text)")
                let relative = try await Self.order(action, "nowhere", target)
                #expect(relative.failure?.code == .badValue, "\(relative.text)")
            }
            try await eventually("the cluster knows") {
                target.proxy.state.mountpathNotes[target.daemon.node.id]?.last?.path == one.path
            }
        }
    }

    @Test func `a test says how it went, and takes out what fails it`() async throws {
        try await TestTarget.with { target in
            let context = target.daemon.context
            let paths = context.store.mountpaths.all.map(\.path)
            let sound = try await Self.order("fshc-mp", paths[0], target)
            #expect(sound.status == .ok && sound.body.isEmpty, "\(sound.text)")
            #expect(
                sound.headers[named: HeaderName.notice]
                    == "\(paths[0]) works: 4 files written, 0 failed")
            #expect(context.store.mountpaths.all.count == 2)
            // Whether requests start such tests is another matter.
            let plan = try ConfigPlan(
                setting: [("fshc.enabled", "false")], in: .cluster, of: target.proxy.state.config)
            target.proxy.submit(.setConfig(plan.change))
            try await target.proxy.acknowledged(by: "t1")
            try FileManager.default.moveItem(atPath: paths[1], toPath: "\(paths[1])-away")
            let broken = try await Self.order("fshc-mp", paths[1], target)
            #expect(broken.status == .ok, "\(broken.text)")
            let notice = broken.headers[named: HeaderName.notice] ?? ""
            #expect(notice.contains("takes no part any more: it failed:"), "\(notice)")
            #expect(context.store.mountpaths.all.map(\.path) == [paths[0]])
        }
    }
}

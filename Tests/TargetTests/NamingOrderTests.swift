import Base
import Cluster
import Foundation
import TestSupport
import Testing

@testable import Target

/// When an object gets its name, on filesystems that do and do not keep the order of changes, and have files without a name
/// (decision 0041). `PowerLossTests` look at what a loss of power leaves.
@Suite struct NamingOrderTests {
    private let disks: TemporaryDirectory
    private let logger = Logger(node: "t1", subject: "test", minimum: .error)

    static let kinds: [(FilesystemTraits, WritePolicy)] = [WritePolicy.durable, .delayed].flatMap {
        policy in
        [true, false].flatMap { keepsOrder in
            [true, false].map { hasUnnamedFiles in
                (
                    FilesystemTraits(keepsOrder: keepsOrder, hasUnnamedFiles: hasUnnamedFiles),
                    policy
                )
            }
        }
    }

    init() throws { disks = try TemporaryDirectory() }

    /// A store on one mountpath, with the bucket `b`.
    private struct Bench {
        let store: ObjectStore
        let state: ClusterState
        let bucket: Bucket
        let mountpath: Mountpath

        func request(_ name: String) throws -> PutRequest {
            let properties = try #require(state.buckets[bucket])
            return PutRequest(ObjectKey(bucket, name), properties, claimed: nil, custom: [])
        }

        func begin(_ name: String, _ text: String) throws -> WorkFile {
            let work = try store.begin(try request(name), in: state)
            var bytes = Array(text.utf8)
            try bytes.withUnsafeMutableBytes { try work.append(UnsafeRawBufferPointer($0)) }
            return work
        }

        func put(_ name: String, _ text: String) throws {
            let work = try begin(name, text)
            do {
                try store.commit(work, try request(name))
            } catch {
                work.discard()
                throw error
            }
        }

        /// The version and the bytes of an object.
        func read(_ name: String) throws -> String {
            let request = try request(name)
            let object = try store.open(request.key, of: request.incarnation)
            let place = "\(mountpath.path)/\(BucketLayout.object(request.key))"
            let text = try String(contentsOfFile: place, encoding: .utf8)
            #expect(object.attributes.checksumValue == Hex.padded(XXH64.digest(Array(text.utf8))))
            return "\(object.attributes.version): \(text)"
        }

        /// Files in the directory for uploads under way.
        func workFiles() throws -> Int {
            var count = 0
            try mountpath.directory.forEach(in: BucketLayout.work(of: bucket)) { _, _ in
                count += 1
                return true
            }
            return count
        }
    }

    private func bench(_ traits: FilesystemTraits, _ policy: WritePolicy) throws -> Bench {
        let bucket = try #require(Bucket(name: "b"))
        var properties = BucketProperties()
        properties.writePolicy = policy
        let node = Node(
            id: try #require(NodeID("p1")), role: .proxy,
            address: try #require(NodeAddress(host: "127.0.0.1", port: 1)))
        var state = ClusterState()
        var changes: [StateRow.Change] = []
        let commands: [Command] = [
            .found(clusterID: "c", founder: node, generation: 1, nonce: 1),
            .createBucket(bucket, properties),
        ]
        for (index, command) in commands.enumerated() {
            _ = state.apply(
                LogRecord(command, actor: ""),
                at: LogPosition(generation: 1, nonce: 1, term: 1, index: UInt64(index + 1)),
                time: Timestamp(nanoseconds: 1), changes: &changes)
        }
        let mountpath = try Mountpath(
            claiming: try disks.directory("mp"), for: try #require(NodeID("t1")), traits: traits)
        let data = try Directory(opening: try disks.directory("data"))
        let life = WorkName()
        let table = MountpathTable(MountpathSet([mountpath]))
        let directories = BucketDirectories(
            table, trash: Trash(life: life, log: logger), log: logger)
        directories.change(bucket, in: state)
        let store = ObjectStore(
            table, directories, AbsenceLog(data, disabled: [], log: logger), life: life,
            openObjects: 8)
        return Bench(store: store, state: state, bucket: bucket, mountpath: mountpath)
    }

    @Test(arguments: kinds)
    func `an object is new, replaced, and has a path of its own, and nothing is left over`(
        traits: FilesystemTraits, policy: WritePolicy
    ) throws {
        let bench = try bench(traits, policy)
        try bench.put("o", "first")
        #expect(try bench.read("o") == "1: first")
        try bench.put("o", "second")
        #expect(try bench.read("o") == "2: second")
        try bench.put("deep/down/o", "third")
        try bench.put("deep/down/p", "")
        #expect(try bench.read("deep/down/o") == "1: third")
        #expect(try bench.read("deep/down/p") == "1: ")
        #expect(try bench.workFiles() == 0)
    }

    @Test(arguments: kinds)
    func `a name that is a directory of others is refused, and nothing is left over`(
        traits: FilesystemTraits, policy: WritePolicy
    ) throws {
        let bench = try bench(traits, policy)
        try bench.put("d/o", "text")
        for name in ["d", "d/o/p"] {
            #expect {
                try bench.put(name, "other")
            } throws: { error in
                guard case StoreError.nameConflict(name) = error else { return false }
                return true
            }
        }
        #expect(try bench.read("d/o") == "1: text")
        #expect(try bench.workFiles() == 0)
    }

    @Test(arguments: kinds)
    func `an upload that is given up leaves nothing, and has a name only where it must`(
        traits: FilesystemTraits, policy: WritePolicy
    ) throws {
        let bench = try bench(traits, policy)
        let work = try bench.begin("o", "half")
        let isNamed = !traits.hasUnnamedFiles || (policy == .durable && !traits.keepsOrder)
        #expect(try bench.workFiles() == (isNamed ? 1 : 0))
        work.discard()
        #expect(try bench.workFiles() == 0)
        #expect {
            try bench.read("o")
        } throws: { error in
            guard case StoreError.objectNotFound("o") = error else { return false }
            return true
        }
    }

    @Test
    func
        `a filesystem without a journal is not taken to keep the order, and looking leaves nothing`()
        throws
    {
        let memory = try Directory(opening: "/dev/shm")
        #expect(
            FilesystemTraits(of: memory)
                == FilesystemTraits(keepsOrder: false, hasUnnamedFiles: true))
        let path = try disks.directory("looked-at")
        _ = FilesystemTraits(of: try Directory(opening: path))
        #expect(try FileManager.default.contentsOfDirectory(atPath: path).isEmpty)
    }
}

import API
import Base
import Cluster
import Testing

/// JSON that members send one another, damaged: a typed failure, or a message that says what its bytes say.
@Suite struct DamagedMessageTests {
    private static func damaged(_ body: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var body = body
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let place = Int.random(in: 0..<body.count, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: body[place] = UInt8.random(in: 0...255, using: &random)
            case 1: body.remove(at: place)
            case 2: body.insert(UInt8.random(in: 0...255, using: &random), at: place)
            case 3: body = Array(body.prefix(max(1, place)))
            case 4: body.insert(contentsOf: Array("99999999999999999999".utf8), at: place)
            default: body.swapAt(place, Int.random(in: 0..<body.count, using: &random))
            }
            if body.isEmpty { body = [0] }
        }
        return body
    }

    private static let node = Node(
        id: NodeID("t1").unsafelyUnwrapped, role: .target,
        address: NodeAddress(host: "127.0.0.1", port: 9).unsafelyUnwrapped)
    private static let position = LogPosition(generation: 1, nonce: 2, term: 3, index: 4)

    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func `reports of followers, disks and removals, and requests to join`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let disk = String(repeating: "a", count: 32)
        let followers = FollowerReport(
            proxy: try #require(NodeID("p1")), sequence: .init(life: 7, number: 9),
            followers: [.init(id: Self.node.id, position: Self.position)])
        let note = MountpathReport(
            target: Self.node.id,
            note: MountpathNote(path: "/mp", disk: disk, isDisabled: true, reason: "EIO"))
        let removal = RemovalReport(
            target: Self.node.id,
            report: DecommissionReport(order: Self.position, left: [disk]))
        let join = JoinRequest(node: Self.node, clusterID: "c")
        var progress = RemovalProgress()
        progress.disks = [.init(mountpath: "/mp", disk: disk, isDisabled: false, isOrdered: true)]
        for _ in 0..<20 {
            // What is read says the same when it is written and read again.
            if let read = try? FollowerReport(decoding: Self.damaged(followers.encoded, &random)) {
                #expect(try FollowerReport(decoding: read.encoded) == read)
            }
            if let read = try? MountpathReport(decoding: Self.damaged(note.encoded, &random)) {
                #expect(try MountpathReport(decoding: read.encoded) == read)
            }
            if let read = try? RemovalReport(decoding: Self.damaged(removal.encoded, &random)) {
                #expect(try RemovalReport(decoding: read.encoded) == read)
                #expect(read.report.left.allSatisfy { $0.utf8.count == 32 })
            }
            if let read = try? JoinRequest(decoding: Self.damaged(join.encoded, &random)) {
                #expect(try JoinRequest(decoding: read.encoded).node == read.node)
            }
            let disks = try? RemovalProgress.disks(in: Self.damaged(progress.document, &random))
            #expect(disks?.allSatisfy { $0.utf8.count == 32 } ?? true)
        }
    }
}

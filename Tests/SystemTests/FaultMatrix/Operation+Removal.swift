import Foundation
import TestSupport
import Testing

extension Operation {
    /// A target that removes what users have and then leaves: the order is all that is asked for, the rest comes of itself.
    static let removals = [
        Operation("decommission-node with rm_user_data of t3") { matrix in
            try matrix.run("t3")
            let cluster = matrix.cluster
            try cluster.fill("removed", with: "cell \(matrix.number)", at: FaultMatrix.via)
            for target in cluster.targets {
                matrix.disks[target] = try cluster.objectFiles(of: target)
            }
            try #require(matrix.disks["t3"]?.isEmpty == false)
        } request: { matrix, url in
            matrix.cluster.removal(of: "t3", url)
        } isDone: { matrix, _, proxy in
            try matrix.cluster.order(to: "t3", at: proxy) != nil
        } afterwards: { matrix, record, answer in
            let note = "\(record.label): \(answer)"
            let cluster = matrix.cluster
            for target in ["t1", "t2"] {
                let files = try cluster.objectFiles(of: target)
                #expect(files == matrix.disks[target], "\(note): \(target)")
            }
            guard record.isApplied else { return try matrix.isUntouched("t3", note) }
            // Without another word from the client, and by one order.
            try cluster.hasRemoved("t3", at: FaultMatrix.voters, note)
            #expect(
                try cluster.commands(since: record.since, at: FaultMatrix.via)
                    == ["decommission", "end_decommission"], "\(note)")
            // Who has no answer may repeat it under its id, and nothing is left to do; also when the target has come back, which
            // is a new one then, and was told nothing.
            for isBack in [false, true] {
                if isBack { try matrix.run("t3") }
                let again = try cluster.curl(
                    "-H 'Martlet-Request-Id: \(record.id)' "
                        + cluster.removal(of: "t3", cluster.url(FaultMatrix.via)))
                #expect(again.status == 200, "\(note), again: \(again)")
            }
            for proxy in FaultMatrix.voters {
                #expect(try cluster.order(to: "t3", at: proxy) == nil, "\(note): at \(proxy)")
                #expect(try matrix.flags(of: "t3", at: proxy) == 0, "\(note): at \(proxy)")
            }
        }
    ]
}

extension FaultMatrix {
    /// The target was told nothing: it has what it had, and serves it.
    func isUntouched(_ target: String, _ note: String) throws {
        #expect(cluster.isRunning(target), "\(note)")
        for proxy in Self.voters {
            #expect(try flags(of: target, at: proxy) == 0, "\(note): at \(proxy)")
        }
        #expect(try cluster.objectFiles(of: target) == disks[target], "\(note)")
        let progress = try json("daemon?what=decommission", at: target)
        #expect(progress["phase"] as? String == "none", "\(note): \(progress)")
        try cluster.check("removed", with: "cell \(number)", at: Self.via, note)
    }
}

extension LabCluster {
    /// As many objects as make it certain that each of three targets has some.
    static let objectCount = 24

    func removal(of target: String, _ url: String) -> String {
        "-X PUT -d '{\"action\":\"decommission-node\",\"value\":{\"sid\":\"\(target)\","
            + "\"rm_user_data\":true,\"skip_rebalance\":true}}' \(url)/v1/cluster"
    }

    /// Writes objects to a bucket, which is made when it is missing.
    func fill(_ bucket: String, with text: String, at proxy: String) throws {
        let made = try create(bucket, at: proxy)
        try #require(made.status == 200 || made.code == "bucket_exists", "\(made)")
        let put = try Shell.run(
            "\(lab.prefix("c")) curl -s -f -L --max-time 60 -X PUT --data-binary '\(text)' "
                + "'\(url(proxy))/v1/objects/\(bucket)/o[1-\(Self.objectCount)]'")
        try #require(put.status == 0, "\(put.output)")
    }

    /// Reads all of them.
    func check(_ bucket: String, with text: String, at proxy: String, _ note: String) throws {
        let get = try Shell.run(
            "\(lab.prefix("c")) curl -s -L --max-time 60 -w '\\n' "
                + "'\(url(proxy))/v1/objects/\(bucket)/o[1-\(Self.objectCount)]'")
        let lines = get.output.split(whereSeparator: \.isNewline)
        #expect(
            lines.count == Self.objectCount && lines.allSatisfy { $0 == text },
            "\(note): \(get.output)")
    }

    /// Names and checksums of the objects on a target's disks.
    func objectFiles(of target: String) throws -> String {
        try Shell.run(
            "cd \(directory) && find \(target)-mp1 \(target)-mp2 -type f -path '*%ob*' "
                + "-exec sha256sum {} + | sort"
        ).output
    }

    /// How many files of users there are on a target's disks, in the trash as well.
    func fileCount(of target: String) throws -> Int {
        let output = try Shell.run(
            "cd \(directory) && find \(target)-mp1 \(target)-mp2 -type f -path '*%ob*' | wc -l"
        ).output
        return Int(output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
    }

    struct Order: Equatable, Decodable {
        let phase: String
        let left: [String]
    }

    /// What a target was told, for certain; `nil` when it was told nothing since it is on the map.
    func order(to target: String, at proxy: String) throws -> Order? {
        struct Document: Decodable { let nodes: [String: Order] }
        let reply = try curl(
            "'\(url(proxy))/v1/cluster?what=decommission&node=\(target)'", seconds: 8)
        guard reply.status == 200 else { throw FaultMatrix.Broken(description: "\(reply)") }
        return try JSONDecoder().decode(Document.self, from: Data(reply.body.utf8)).nodes[target]
    }

    /// Commands about orders behind a position, the oldest first.
    func commands(since position: String, at proxy: String) throws -> [String] {
        struct Document: Decodable {
            struct Entry: Decodable {
                let index: String
                let command: String
            }
            let entries: [Entry]
        }
        let reply = try curl(
            "'\(url(proxy))/v1/cluster?what=history&of=smap&limit=100'", seconds: 8)
        guard reply.status == 200 else { throw FaultMatrix.Broken(description: "\(reply)") }
        let begun = position.split(separator: "-").last.flatMap { Int($0, radix: 16) } ?? 0
        return try JSONDecoder().decode(Document.self, from: Data(reply.body.utf8)).entries
            .filter { (Int($0.index) ?? 0) > begun && $0.command.hasSuffix("decommission") }
            .sorted { (Int($0.index) ?? 0) < (Int($1.index) ?? 0) }
            .map(\.command)
    }

    /// The target has ended by itself and left the map, and nothing of users or of it is on its disks.
    func hasRemoved(_ target: String, at proxies: [String], _ note: String) throws {
        let status = try exitStatus(target, within: 60)
        #expect(status == 0, "\(note): \(target) ended with \(status)")
        for proxy in proxies {
            #expect(
                try order(to: target, at: proxy) == Order(phase: "done", left: []),
                "\(note): at \(proxy)")
            let map = try curl("'\(url(proxy))/v1/daemon?what=smap'", seconds: 8)
            #expect(
                map.status == 200 && !map.body.contains("\"\(target)\":"), "\(note): \(map.body)")
        }
        let rest = try Shell.run(
            "cd \(directory) && find \(target)-mp1 \(target)-mp2 -mindepth 1 | head"
        ).output
        #expect(rest.isEmpty, "\(note): \(rest)")
    }
}

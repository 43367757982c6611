import Foundation
import TestSupport
import Testing

/// One curl that runs beside the test, and what it was answered.
final class Call {
    private let cluster: LabCluster
    private let words: String
    let id: String
    private let output: String
    private var process: Process?

    /// A request of that id, from the client's host; `term` is a position in the only term in which it may be made.
    /// Without `isNamed` the request does not name itself by its id.
    init(
        _ cluster: LabCluster, _ words: String, id: String, isNamed: Bool = true,
        term: String? = nil, seconds: Int = 20
    ) throws {
        self.cluster = cluster
        self.id = id
        output = "\(cluster.directory)/call-\(id)-\(UInt32.random(in: 0...UInt32.max))"
        let bound = term.map { " -H 'Martlet-Term: \($0)'" } ?? ""
        let name = isNamed ? " -H 'Martlet-Request-Id: \(id)'" : ""
        self.words =
            "curl -s --max-time \(seconds) -w '\\n%{http_code}'\(name)\(bound) \(words)"
    }

    func send() throws {
        process = try cluster.lab.start(on: "c", words, log: output)
    }

    var isAnswered: Bool { process?.isRunning == false }

    struct Answer: CustomStringConvertible {
        enum Kind {
            case done
            case refused
            case unknown
            /// The one entry of it is in the log, and what follows is not complete.
            case partly
            /// The connection ended, or nothing came in time.
            case none
            /// Something that an answer may not be.
            case other
        }

        let status: Int
        let body: String
        let kind: Kind
        let code: String
        let requestID: String?
        /// From where the request may be found, as `next` has it.
        let since: String?

        var description: String { "\(status) \(body)" }

        init(status: Int, body: String) {
            struct Failure: Decodable {
                let code: String
                let requestID: String?
                let next: String?

                enum CodingKeys: String, CodingKey {
                    case code, next
                    case requestID = "request_id"
                }
            }
            self.status = status
            self.body = body
            let failure = try? JSONDecoder().decode(Failure.self, from: Data(body.utf8))
            code = failure?.code ?? ""
            requestID = failure?.requestID
            since = failure?.next?.components(separatedBy: "since=").dropFirst().first.map {
                String($0.prefix { $0.isHexDigit || $0 == "-" })
            }
            switch status {
            case 0: kind = .none
            case 200..<300: kind = .done
            case 504 where failure?.code == "outcome_unknown" && failure?.requestID != nil:
                kind = .unknown
            case 504 where failure?.code == "partly_done" && failure?.requestID != nil:
                kind = .partly
            case 400..<600 where failure != nil && failure?.code != "outcome_unknown":
                kind = .refused
            default: kind = .other
            }
        }
    }

    /// Waits for it.
    func answer() throws -> Answer {
        let process = try #require(process)
        try waitUntil("\(words) ends", within: 30) { !process.isRunning }
        let text = try String(contentsOfFile: output, encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return Answer(
            status: lines.last.flatMap { Int($0) } ?? 0,
            body: lines.dropLast().joined(separator: "\n"))
    }
}

extension Call {
    /// Words for a change that is an action.
    static func action(_ name: String, _ value: String = "") -> String {
        let value = value.isEmpty ? "" : ",\"value\":\(value)"
        return "-X PUT -d '{\"action\":\"\(name)\"\(value)}'"
    }

    /// The same request at each of the nodes, all on their way at once.
    static func atOnce(
        _ cluster: LabCluster, _ words: [String], id: String
    ) throws -> [Answer] {
        let calls = try words.map { try Call(cluster, $0, id: id) }
        for call in calls { try call.send() }
        return try calls.map { try $0.answer() }
    }

    /// How often the history has a request.
    static func made(
        _ id: String, _ cluster: LabCluster, at proxy: String = "p1"
    ) throws -> Int {
        let reply = try cluster.curl(
            "'\(cluster.url(proxy))/v1/cluster?what=history&request_id=\(id)'", seconds: 10)
        guard reply.status == 200 else { throw FaultMatrix.Broken(description: "\(reply)") }
        return reply.body.components(separatedBy: "\"index\":").count - 1
    }

    /// Where the one entry of a request lies.
    static func place(of id: String, _ cluster: LabCluster, at proxy: String) throws -> String {
        struct Trace: Decodable {
            struct Entry: Decodable { let position: String }
            let entries: [Entry]
        }
        let reply = try cluster.curl(
            "'\(cluster.url(proxy))/v1/cluster?what=history&request_id=\(id)'", seconds: 10)
        let trace = try JSONDecoder().decode(Trace.self, from: Data(reply.body.utf8))
        return try #require(trace.entries.first).position
    }
}

import Foundation
import TestSupport
import Testing

/// Requests that a proxy has sent to a primary which was lost before it answered.
@Suite(
    .serialized,
    .enabled(if: NetworkLab.obstacle == nil, "namespaces: \(NetworkLab.obstacle ?? "")"))
struct LostRequestTests {
    /// It lies in the socket of one that is frozen and then dies: certainly not made, and so no reason to leave a client in
    /// doubt (decision 0027).
    @Test func `what a dead primary had not taken up is made by the next one`() throws {
        try LabCluster.with(targets: 1) { cluster in
            for round in 1...2 {
                let primary = try cluster.primary()
                let others = cluster.proxies.filter { $0 != primary }
                // The proxies have connections to the primary that are kept, and the request finds one.
                for proxy in others {
                    #expect(
                        try cluster.create("before-\(proxy)-\(round)", at: proxy).status == 200)
                }
                let ids = (0..<8).map { "held-\(round)-\($0)" }
                try cluster.signal(primary, SIGSTOP)
                let calls = try ids.enumerated().map { number, id in
                    try Call(
                        cluster,
                        "-X POST -d '{\"action\":\"createlb\"}' "
                            + "\(cluster.url(others[number % others.count]))/v1/buckets/\(id)",
                        id: id)
                }
                // The history does not tell of sessions, so nobody says that this one was not opened, or opens another.
                let session = try Call(
                    cluster, "-X POST \(cluster.url(others[0]))/v1/cluster/sessions",
                    id: "session-\(round)")
                let unread = {
                    try cluster.lab.unread(on: primary, from: cluster.lab.address(others[0]))
                }
                let before = try unread()
                try session.send()
                // A request; what voters send each other meanwhile is shorter.
                try waitUntil("it lies there", within: 5) { try unread() >= before + 200 }
                for call in calls { try call.send() }
                usleep(100_000)
                try cluster.signal(primary, SIGKILL)
                for answer in try calls.map({ try $0.answer() }) {
                    #expect(answer.kind == .done, "\(answer)")
                }
                let opened = try session.answer()
                #expect(opened.kind == .unknown, "\(opened)")
                try cluster.start(primary)
                try cluster.waitUntilSettled()
                for id in ids { #expect(try Call.made(id, cluster) == 1, "\(id)") }
            }
        }
    }

    /// A request that is made and not answered: it waits at the door of a proxy until the way back to that is cut, so that the primary
    /// is not missed before the request is on its way.
    ///
    /// - Returns: whether it was answered all the same: it had no connection to the primary to go by, and went through another proxy.
    private static func send(
        _ call: Call, through entry: String, cuttingOff primary: String, _ cluster: LabCluster,
        until isMade: () throws -> Bool
    ) throws -> Bool {
        try cluster.signal(entry, SIGSTOP)
        try call.send()
        try waitUntil("it has come", within: 5) {
            try cluster.lab.unread(on: entry, from: cluster.lab.address("c")) > 0
        }
        try cluster.lab.cut(from: [primary], to: [entry])
        try cluster.signal(entry, SIGCONT)
        try waitUntil("it is made", within: 5, isMade)
        return call.isAnswered
    }

    /// The primary's word does not reach the proxy that asked it, so it commits what it cannot answer.
    @Test func `what was made and not answered is answered from the log`() throws {
        try LabCluster.with(targets: 1) { cluster in
            for (name, words, isAnswered) in [
                ("create", "-X POST -d '{\"action\":\"createlb\"}' URL/v1/buckets/new", true),
                (
                    "destroy",
                    "-X DELETE -d '{\"action\":\"destroylb\"}' URL/v1/buckets/warm-create", true
                ),
                ("set", "-X PUT 'URL/v1/cluster/setconfig?stats_time=44s&loglevel=4'", true),
                // What is told of it is more than the log has.
                (
                    "start",
                    Call.action("start-maintenance", #"{"sid":"t1","force":true}"#)
                        + " URL/v1/cluster", false
                ),
            ] {
                let primary = try cluster.primary()
                let others = cluster.proxies.filter { $0 != primary }
                let (entry, third) = (others[0], others[1])
                // A connection that is there takes the request along; a new one would find another way.
                let warm = try Call.atOnce(
                    cluster,
                    (0..<6).map {
                        let suffix = $0 == 0 ? "" : "-\($0)"
                        return "-X POST -d '{\"action\":\"createlb\"}' "
                            + "\(cluster.url(entry))/v1/buckets/warm-\(name)\(suffix)"
                    }, id: "warm-\(name)")
                #expect(warm.allSatisfy { $0.kind == .done }, "\(warm)")
                let call = try Call(
                    cluster,
                    "-i " + words.replacingOccurrences(of: "URL", with: cluster.url(entry)),
                    id: "made-\(name)")
                let wasAnswered = try Self.send(
                    call, through: entry, cuttingOff: primary, cluster
                ) {
                    try Call.made(call.id, cluster, at: third) == 1
                }
                #expect(!wasAnswered, "\(name)")
                try cluster.signal(primary, SIGKILL)
                let answer = try call.answer()
                if isAnswered {
                    #expect(answer.kind == .done, "\(name): \(answer)")
                    let place = try Call.place(of: call.id, cluster, at: third)
                    #expect(answer.body.contains("Martlet-Position: \(place)\r"), "\(answer)")
                    #expect(!answer.body.contains("Martlet-Notice"), "\(answer)")
                } else {
                    #expect(answer.status == 504, "\(name): \(answer)")
                    #expect(answer.body.contains("its entry is in the log, at "), "\(answer)")
                }
                try cluster.lab.heal()
                try cluster.start(primary)
                try cluster.waitUntilSettled()
                #expect(try Call.made(call.id, cluster) == 1, "\(name)")
            }
        }
    }

    /// Many are under way at any moment: some not taken up, some in the log, and some made and not answered.
    @Test func `a primary that dies under load leaves no client of another proxy in doubt`() throws
    {
        try LabCluster.with(targets: 1) { cluster in
            var (counted, rounds) = (0, 0)
            while counted < 2 {
                rounds += 1
                try #require(rounds <= 8, "elections take too long on this machine")
                let primary = try cluster.primary()
                let others = cluster.proxies.filter { $0 != primary }
                let before = try cluster.buckets(at: others[0])
                let report = "\(cluster.directory)/load-\(rounds)"
                let load = try cluster.lab.start(
                    on: "c",
                    "\(Shell.martlet) load bucket-create --url \(cluster.url(others[0])) "
                        + "--concurrency 24 --prefix r\(rounds)- --duration 3s --json", log: report)
                try waitUntil("buckets are made") {
                    try cluster.buckets(at: others[0]).count >= before.count + 48
                }
                try cluster.signal(primary, SIGKILL)
                let killed = ContinuousClock.now
                try waitUntil("another leads") {
                    try others.contains { try cluster.role($0) == "leader" }
                }
                // Who waits for a primary for longer than this is told that there is none.
                let isInTime = LabCluster.seconds(since: killed) < 1
                let wasUnderLoad = load.isRunning
                load.waitUntilExit()
                struct Report: Decodable { let requests, failed: Int }
                let text = try String(contentsOfFile: report, encoding: .utf8)
                let done = try JSONDecoder().decode(Report.self, from: Data(text.utf8))
                try cluster.start(primary)
                try cluster.waitUntilSettled()
                guard isInTime, wasUnderLoad else { continue }
                counted += 1
                #expect(done.failed == 0, "\(text)")
                // As many as were promised, and none besides.
                let made = try cluster.buckets(at: primary).subtracting(before)
                #expect(done.failed > 0 || made.count == done.requests, "\(made.count): \(text)")
            }
        }
    }

    /// The primary leads on, so no later term says what became of it; but it can be asked.
    @Test func `a request whose connection is lost was made or not, and its client hears which`()
        throws
    {
        try LabCluster.with(targets: 1) { cluster in
            let primary = try cluster.primary()
            let term = try cluster.term(primary)
            let others = cluster.proxies.filter { $0 != primary }
            let (entry, third) = (others[0], others[1])
            func create(_ name: String, isNamed: Bool = false) throws -> Call {
                try Call(
                    cluster,
                    "-i -X POST -d '{\"action\":\"createlb\"}' \(cluster.url(entry))/v1/buckets/\(name)",
                    id: "lost-\(name)", isNamed: isNamed)
            }
            // Its connection to the primary is kept, and takes the next request along.
            for isNamed in [false, true] {
                let name = isNamed ? "named" : "unmade"
                #expect(try cluster.create("warm-\(name)", at: entry).status == 200)
                let call = try create(name, isNamed: isNamed)
                try cluster.lab.resetLong(on: entry, to: primary, above: 270)
                try call.send()
                try waitUntil("it is sent", within: 5) { try cluster.lab.resets(on: entry) > 0 }
                try cluster.lab.resetNoMore(on: entry)
                let answer = try call.answer()
                if isNamed {
                    // It may use the name again, and can look.
                    #expect(answer.status == 504, "\(answer)")
                } else {
                    #expect(answer.status == 503, "\(answer)")
                    #expect(answer.body.contains("takes it no more"), "\(answer)")
                }
                #expect(try !cluster.buckets(at: third).contains(name))
                #expect(try cluster.create(name, at: entry).status == 200)
            }
            // Behind connections that were reset, the next one may be another proxy's.
            var (made, attempt) = (try create("made-1"), 1)
            while try Self.send(
                made, through: entry, cuttingOff: primary, cluster,
                until: { try cluster.buckets(at: third).contains("made-\(attempt)") })
            {
                try cluster.lab.heal()
                #expect(try made.answer().kind == .done)
                try #require(attempt < 20, "no request goes straight to the primary")
                attempt += 1
                #expect(try cluster.create("warm-\(attempt)", at: entry).status == 200)
                made = try create("made-\(attempt)")
            }
            let isLost = try cluster.lab.dropConnections(of: entry, to: primary)
            try cluster.lab.heal()
            let answer = try made.answer()
            #expect(answer.kind == .done, "\(answer)")
            print("connections, attempt \(attempt), \(isLost ? "were" : "could not be") dropped")
            #expect(try cluster.term(primary) == term, "a term has ended, and nothing is shown")
        }
    }

    /// The primary leads on, so no later term says what became of it; and when the link is there again, so may be the request.
    @Test func `a request that is stuck on a link is given up when somebody asks for it`() throws {
        try LabCluster.with(proxies: 3, targets: 3) { cluster in
            let primary = try cluster.primary()
            let rest = cluster.proxies.filter { $0 != primary }
            let (entry, third) = (rest[0], rest[1])
            // A connection that is open already is what the request gets lost on; as many as calls at once keep open.
            let warm = try Call.atOnce(
                cluster,
                (1...4).map { number in
                    "-X POST -d '{\"action\":\"createlb\"}' \(cluster.url(entry))/v1/buckets/warm\(number)"
                }, id: "warm")
            #expect(warm.allSatisfy { $0.kind == .done }, "\(warm)")
            try cluster.lab.cut(from: [entry], to: [primary])
            let calls = try (1...3).map { number in
                try Call(
                    cluster,
                    "-X POST -d '{\"action\":\"createlb\"}' \(cluster.url(entry))/v1/buckets/stuck\(number)",
                    id: "stuck-\(number)", seconds: 30)
            }
            for call in calls { try call.send() }
            let answers = try calls.map { try $0.answer() }
            var isMade: [Bool] = []
            for (number, answer) in answers.enumerated() {
                switch answer.kind {
                case .done: isMade.append(true)
                case .refused: isMade.append(false)
                case .unknown:
                    let since = try #require(answer.since, "\(answer)")
                    let id = "stuck-\(number + 1)"
                    let fate = try HandOverFaultTests.fate(
                        of: id, since: since, at: [third], cluster)
                    isMade.append(fate == "applied")
                case .none, .partly, .other: Issue.record("\(answer)")
                }
            }
            #expect(try cluster.role(primary) == "leader", "a term has ended, and nothing is shown")
            print("stuck: \(answers.map(\.kind)), made: \(isMade)")
            try cluster.lab.heal()
            // TCP sends again what it had; the primary reads it, and does not go by it.
            try cluster.waitUntilSettled()
            try waitUntil("nothing is under way any more") {
                try cluster.lab.unsent(on: entry, to: cluster.lab.address(primary)) == 0
            }
            #expect(try cluster.create("behind-it", at: primary).status == 200)
            for proxy in cluster.proxies {
                let there = try cluster.buckets(at: proxy)
                for (number, isMade) in isMade.enumerated() {
                    #expect(there.contains("stuck\(number + 1)") == isMade, "\(answers[number])")
                }
            }
        }
    }
}

import Testing

@testable import API

/// Forecasts (`dry_run=true`): what is said first, and what is not said but thrown.
@Suite struct ForecastTests {
    private static let survival = Survival(
        voters: .init(now: 3, then: 2, survivesNow: 1, survivesThen: 0, missing: []),
        activeTargets: .init(now: 2, then: 1))

    @Test func `the first refusal gives code and next, and refusals come before warnings`() {
        var forecast = Forecast("x", Self.survival)
        #expect(forecast.verdict == .safe && forecast.code == nil)
        forecast.warn("something is lost", next: "think")
        #expect(forecast.verdict == .unsafe && forecast.next == "think")
        forecast.block(Failure(.isPrimary, "it is the primary", next: "hand over"))
        forecast.block(Failure(.quorumAtRisk, "no majority", cause: "p2", next: "start p2"))
        forecast.warn("and more", next: "no")
        #expect(forecast.verdict == .blocked && forecast.code == .isPrimary)
        #expect(forecast.next == "hand over")
        #expect(
            forecast.reasons
                == ["it is the primary", "no majority: p2", "something is lost", "and more"])
    }

    @Test func `a refusal without advice still says what comes next`() {
        var forecast = Forecast("x", Self.survival)
        forecast.block(Failure(.bucketExists, "it exists"))
        #expect(forecast.next?.contains("409 bucket_exists") == true)
    }

    @Test func `what is wrong with the request is thrown, what circumstances refuse is told`() {
        for code in FailureCode.allCases {
            var forecast = Forecast("x", Self.survival)
            let thrown = (try? forecast.take(Failure(code, "no"))) == nil
            #expect(thrown == code.isAboutTheRequest, "\(code)")
            #expect(thrown == (forecast.verdict != .blocked), "\(code)")
        }
        for code in [FailureCode.badValue, .nodeNotFound, .unknownOption, .mountpathNotFound] {
            #expect(code.isAboutTheRequest, "\(code)")
        }
        for code in [
            FailureCode.badMountpath, .mountpathExists, .quorumAtRisk, .isPrimary, .bucketExists,
            .preconditionFailed, .addressUnreachable, .noPrimary, .objectsAtRisk, .badNode,
        ] { #expect(!code.isAboutTheRequest, "\(code)") }
    }

    @Test func `another node reads the document and adds to it`() throws {
        var forecast = Forecast("unregister", Self.survival)
        forecast.changes = ["p2 leaves the map"]
        forecast.block(Failure(.quorumAtRisk, "no majority", next: "start p3"))
        var read = try Forecast(decoding: forecast.encoded)
        #expect(read == forecast)
        read.action = "shutdown"
        read.replaceNext(of: .quorumAtRisk, by: "else")
        read.replaceNext(of: .isPrimary, by: "never")
        #expect(read.next == "else" && read.encoded != forecast.encoded)
        for text in ["", "{}", #"{"dry_run":true,"action":"x","verdict":"safe","reason":""}"#] {
            #expect(throws: (any Error).self) { try Forecast(decoding: Array(text.utf8)) }
        }
    }

    @Test func `what is survived is said of each kind of thing that may fail`() {
        var survival = Self.survival
        #expect(survival.sentences.count == 2)
        #expect(survival.sentences[0].hasPrefix("no voting proxy of 2 may fail"))
        #expect(survival.sentences[1].hasPrefix("the only target may not fail"))
        #expect(
            survival.headline
                == "1 more of 3 voting proxies may fail, and changes go on; 0 of 2 when the group has "
                + "settled")
        survival.voters = .init(
            now: 5, then: 5, survivesNow: 1, survivesThen: 1, missing: ["p4"])
        survival.mountpaths = .init(2)
        #expect(
            survival.sentences[0]
                == "1 more of 5 voting proxies may fail (p4 not heard), and changes go on")
        #expect(
            survival.sentences[1]
                == "a mountpath that fails takes its objects out of reach until it is back; the other "
                + "one goes on with its own")
        let reply = String(decoding: survival.encoded, as: UTF8.self)
        #expect(
            reply.hasPrefix(#"{"survives":["1 more of 5 voting proxies may fail (p4 not heard)"#))
        survival.voters?.miss("p4")
        #expect(survival.voters?.survivesThen == 1)
        survival.voters?.miss("p1")
        #expect(survival.voters?.survivesThen == 0 && survival.voters?.hasMajorityThen == true)
        survival.voters?.miss("p2")
        #expect(survival.voters?.hasMajorityThen == false)
        #expect(survival.sentences[0].hasPrefix("nothing can be changed before a majority of 5"))
        // Now, three of five answer no more.
        survival.voters = .init(
            now: 5, then: 5, survivesNow: 0, survivesThen: 0, missing: ["a", "b", "c"],
            hasMajorityThen: false)
        #expect(survival.headline?.hasPrefix("nothing can be changed before") == true)
    }
}

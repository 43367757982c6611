import Base
package import Cluster
package import HTTP

/// One operation of the wire: which request it is, who serves it, and every answer it has.
///
/// ``Route/all`` is the only list of them. Both daemons find their handlers by it (``Route/match(_:_:at:)``), the OpenAPI
/// document is written from it, and the lines of ``HelpPage`` are checked against it; so what is served is what is
/// documented.
package struct Route: Sendable {
    /// Handlers switch over it without a `default`: an operation of the table that nobody serves does not compile.
    package enum Name: String, CaseIterable, Sendable {
        case object, objectRemoval, objectAction
        case buckets, bucketObjects, bucketProperties, bucketAction, bucketRemoval
        case bucketChange
        case daemon, daemonAction, daemonConfig, daemonConfigReset, rejoin
        case mountpaths
        case forcePrimary, adoptGeneration, clusterInquiry, sessions, session
        case cluster, clusterAction, clusterConfig, clusterConfigReset, setPrimary
        case register, join, keepalive, mountpathNote, removalReport, unregister
        case attachRemote, detachRemote
        case relayedRead, relayedChange
        case health, help, helpRow, openAPI, metrics
        case followLog, logFollowers, followHint, raftStream
    }

    /// What a request does, for whoever wants to try it out.
    package enum Effect: String, Sendable {
        case reads
        /// Buckets and what is in them.
        case data
        /// Nodes, their settings, their group: with `dry_run=true` it only says what it would do.
        case cluster
        /// One node to another.
        case between
    }

    /// An action of the messages that the operation takes.
    package struct Act: Sendable {
        package let action: Action
        /// Of the message's `value`; `nil` when it must not have one.
        let value: Schema?
        let needsValue: Bool
        /// Whether the message's `name` says something.
        let takesName: Bool
        /// Whether this version does it; the others are answered 501.
        package let isServed: Bool
        let roles: [NodeRole]
        /// Those of the route's query parameters that it heeds; `nil` for all of them.
        let query: [String]?

        init(
            _ action: Action, _ value: Schema? = nil, needsValue: Bool = false,
            takesName: Bool = false, isServed: Bool = true,
            at roles: [NodeRole] = NodeRole.allCases,
            query: [String]? = nil
        ) {
            self.action = action
            self.value = value
            self.needsValue = needsValue
            self.takesName = takesName
            self.isServed = isServed
            self.roles = roles
            self.query = query
        }

        /// Refuses what the message says beyond what the action reads. What else an action needs its handler knows.
        fileprivate func check(_ message: ActionMessage) throws(Failure) {
            let word = message.action.excerpt
            if !takesName, !message.name.isEmpty {
                throw Failure(
                    .badValue, "'\(word)' takes no 'name'; it is '\(message.name.excerpt)'",
                    next: "nothing was changed; what it is about stands in "
                        + (needsValue ? "'value'" : "the path"))
            }
            if value == nil, message.value != nil {
                throw Failure(
                    .badValue, "'\(word)' takes no 'value'",
                    next: "nothing was changed; leave it out")
            }
        }

        static func unserved(_ action: Action) -> Act {
            Act(action, .any, isServed: false, at: [.proxy])
        }
    }

    enum Body: Sendable {
        case none
        /// A message with one of the route's actions.
        case action
        /// The same, which may be missing.
        case optionalAction
        case json(SchemaName)
        case optionalJSON(SchemaName)
        case bytes
    }

    /// An answer that is no failure.
    struct Answer: Sendable {
        enum Content: Sendable {
            case empty
            case json(Schema)
            case text
            case html
            case bytes
        }

        let status: Status
        let contents: [Content]
        let summary: String

        init(_ status: Status, _ contents: Content..., for summary: String = "") {
            self.status = status
            self.contents = contents
            self.summary = summary.isEmpty ? "\(status.reason)" : summary
        }

        static let done = Answer(.ok, .empty)
    }

    package let name: Name
    package let methods: [Method]
    /// Elements in braces stand for any. Further spellings follow.
    package let paths: [String]
    package let roles: [NodeRole]
    /// Rows of the contract (§1.1, §1.2).
    package let rows: [String]
    let summary: String
    package let effect: Effect
    package let parameters: [Parameter]
    let body: Body
    package let acts: [Act]
    let answers: [Answer]
    /// What it may fail with, besides what any request may (``FailureCode/anyRequest``).
    package let failures: [FailureCode]

    init(
        _ name: Name, _ effect: Effect, _ methods: [Method], _ paths: String...,
        at roles: [NodeRole] = [.proxy], rows: String = "", summary: String,
        parameters: [Parameter] = [],
        body: Body = .none, acts: [Act] = [], answers: [Answer], failures: [FailureCode] = []
    ) {
        self.init(
            name, effect, methods, paths, at: roles, rows: rows, summary: summary,
            parameters: parameters, body: body, acts: acts, answers: answers, failures: failures)
    }

    init(
        _ name: Name, _ effect: Effect, _ methods: [Method], _ paths: [String],
        at roles: [NodeRole] = [.proxy], rows: String = "", summary: String,
        parameters: [Parameter] = [],
        body: Body = .none, acts: [Act] = [], answers: [Answer], failures: [FailureCode] = []
    ) {
        self.name = name
        self.methods = methods
        self.paths = paths
        self.roles = roles
        self.rows = rows.split(separator: " ").map { String($0) }
        self.effect = effect
        self.summary = summary
        self.parameters = parameters
        self.body = body
        self.acts = acts
        self.answers = answers
        self.failures = failures
    }
}

extension Route {
    package static func named(_ name: Name) -> Route {
        guard let route = byName[name] else {
            preconditionFailure("the table has no route \(name)")
        }
        return route
    }

    private static let byName = Dictionary(
        all.map { ($0.name, $0) }, uniquingKeysWith: { one, _ in one })

    /// What a message asks for, among what the route takes.
    ///
    /// - Parameters:
    ///   - message: the body of the request.
    ///   - name: the route.
    ///   - query: that of the request, which has to be about this action.
    /// - Returns: the action.
    /// - Throws: `unknown_action`; `bad_value` for a name or a value that the action does not take; `not_implemented` for what the contract has and this version does not; `bad_query` for a
    ///   parameter that other actions of the route heed.
    package static func action(
        of message: ActionMessage, on name: Name, _ query: Query
    ) throws(Failure) -> Action {
        let acts = named(name).acts
        let action = try message.decoded(allowed: acts.map(\.action))
        guard let act = acts.first(where: { $0.action == action }), act.isServed else {
            throw Failure(
                .notImplemented, "the action '\(action.rawValue)' is not served by this build",
                next: "GET /v1/help shows which operations are")
        }
        try act.check(message)
        guard let heeded = act.query, !query.text.isEmpty else { return action }
        for (name, value) in try query.pairs() where !heeded.contains(name) {
            guard value.map(Query.flag) != false else { continue }
            throw Failure(
                .badQuery, "'\(name.excerpt)' says nothing to '\(message.action.excerpt)'",
                next: "nothing was changed; leave it out")
        }
        return action
    }
}

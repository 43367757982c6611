import Base
package import Cluster
package import HTTP

extension Route {
    /// The parameters that a request of this query may have at a node of that role: those of the operation, and where it is
    /// asked for one of several documents (`what=`), those that this document heeds.
    ///
    /// - Throws: that there is no such document.
    func parameters(_ query: Query, at role: NodeRole) throws(Failure) -> [Parameter] {
        switch name {
        case .daemon: parameters + (try query.nodeQuestion(at: role)).parameters
        case .cluster: parameters + (try query.clusterQuestion()).parameters
        default: parameters
        }
    }

    /// All of them, whichever document is asked for; what OpenAPI shows.
    func parameters(at role: NodeRole) -> [Parameter] {
        var all = parameters
        let more: [Parameter] =
            switch name {
            case .daemon:
                NodeQuestion.allCases.filter { $0.roles.contains(role) }.flatMap(\.parameters)
            case .cluster: ClusterQuestion.allCases.flatMap(\.parameters)
            default: []
            }
        for parameter in more where !all.contains(where: { $0.name == parameter.name }) {
            all.append(parameter)
        }
        return all
    }

    /// Refuses a query that says more than the operation understands. Nothing in it is passed over: who writes `dryrun=true`
    /// does not want the change, and who names a document twice cannot mean both.
    ///
    /// - Throws: `unknown_parameter`, `bad_query`, or `not_implemented` for what AIStore has and this version does not.
    package func check(
        _ query: Query, _ method: Method, at role: NodeRole, path: String? = nil
    ) throws(Failure) {
        guard !query.text.isEmpty else { return }
        guard query.text.utf8.count <= Limits.queryBytesMax else {
            throw Failure(
                .badQuery, "the query has \(query.text.utf8.count) bytes",
                next: "at most \(Limits.queryBytesMax)")
        }
        let parameters = try parameters(query, at: role)
        let isChange = method != .get && method != .head
        // Options are not among them: who sets them sees to it that each is named once.
        var seen: [(name: String, value: String)] = []
        for (name, value) in try query.pairs() {
            if name == QueryName.dryRun {
                // A safety catch: it holds when it is said twice, and is never taken for an option (``Query/flag(_:)``).
                try checkDryRun(query, method, path ?? paths[0], parameters)
                continue
            }
            guard let parameter = parameters.first(where: { $0.isNamed(name) }) else {
                if parameters.contains(where: \.isExploded) { continue }
                throw unknown(name, isChange, parameters)
            }
            let text = value ?? ""
            guard parameter.isServed || !parameter.asks(text) else {
                throw Failure(
                    .notImplemented, "'\(name)' is not supported by this build",
                    next: "leave it out")
            }
            guard let before = seen.first(where: { $0.name == name })?.value else {
                seen.append((name, text))
                continue
            }
            guard parameter.isSame(text, before) else {
                throw Failure(
                    .badQuery,
                    "the query has '\(name)' twice: '\(before.excerpt)' and '\(text.excerpt)'",
                    next: "send it once")
            }
        }
    }

    /// Refuses a rehearsal of what cannot be rehearsed: who asks for one wants nothing to happen.
    private func checkDryRun(
        _ query: Query, _ method: Method, _ path: String, _ parameters: [Parameter]
    ) throws(Failure) {
        guard method != .get, method != .head,
            !parameters.contains(where: { $0.name == QueryName.dryRun }),
            try query.flag(QueryName.dryRun)
        else { return }
        throw Failure(
            .badQuery, "\(method.name) \(path) has no dry run; nothing was done",
            next: "leave out \(QueryName.dryRun)")
    }

    private func unknown(
        _ name: String, _ isChange: Bool, _ parameters: [Parameter]
    ) -> Failure {
        let known = parameters.filter { $0.place == .query && $0.isServed }.map(\.name)
        let meant = Self.nearest(to: name, among: known + (isChange ? [QueryName.dryRun] : []))
        let next =
            switch meant {
            case QueryName.dryRun where !known.contains(QueryName.dryRun):
                "this operation has no dry run"
            case let meant?: "did you mean '\(meant)'?"
            case nil where known.isEmpty: "this operation has none"
            case nil: "this operation has \(known.joined(separator: ", "))"
            }
        return Failure(
            .unknownParameter, "unknown query parameter '\(name.excerpt)'",
            next: isChange ? "nothing was changed; \(next)" : next)
    }

    /// The word that somebody meant who wrote another: the same but for case and separators, or a slip of the keyboard.
    static func nearest(to text: String, among words: [String]) -> String? {
        // Nobody misspells a word at such a length, and comparing takes its square.
        guard text.utf8.count <= 64 else { return nil }
        func plain(_ text: String) -> [UInt8] {
            Array(text.lowercased().utf8).filter { $0 != 0x2D && $0 != 0x5F && $0 != 0x2E }
        }
        let wanted = plain(text)
        var best: (word: String, distance: Int)?
        for word in words {
            let distance = distance(wanted, plain(word))
            guard distance < best?.distance ?? .max, distance * 3 <= max(wanted.count, 2) else {
                continue
            }
            best = (word, distance)
        }
        return best?.word
    }

    /// How many letters have to be put in, left out, replaced, or swapped with their neighbours.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var before: [Int] = []
        var last = Array(0...right.count)
        for (row, letter) in left.enumerated() {
            var next = [row + 1]
            for (column, other) in right.enumerated() {
                var least = min(
                    last[column] + (letter == other ? 0 : 1), last[column + 1] + 1,
                    next[column] + 1)
                if row > 0, column > 0, letter == right[column - 1], left[row - 1] == other {
                    least = min(least, before[column - 1] + 1)
                }
                next.append(least)
            }
            (before, last) = (last, next)
        }
        return last[right.count]
    }
}

extension Route.Match {
    /// Refuses what the operation would pass over: in the query, and a body where it reads none.
    ///
    /// - Parameters:
    ///   - query: that of the request.
    ///   - method: that of the request.
    ///   - hasBody: whether there is one.
    /// - Throws: as ``Route/check(_:_:at:)``; `bad_request` for the body.
    package func check(
        _ query: Query, _ method: Method, hasBody: Bool = false
    ) throws(Failure) {
        try route.check(query, method, at: role, path: path)
        guard hasBody, method != .get, method != .head, case .none = route.body else { return }
        throw Failure(
            .badRequest, "this operation reads no body, and the request has one",
            next: "nothing was changed; what is to be done stands in path and query")
    }
}

extension Parameter {
    fileprivate func isNamed(_ name: String) -> Bool {
        place == .query && !isExploded && self.name == name
    }

    /// Whether a value asks for anything.
    fileprivate func asks(_ value: String) -> Bool {
        isFlag ? Query.flag(value) != false : !value.isEmpty
    }

    /// Whether two values mean the same.
    fileprivate func isSame(_ left: String, _ right: String) -> Bool {
        if left == right { return true }
        guard isFlag, let left = Query.flag(left), let right = Query.flag(right) else {
            return false
        }
        return left == right
    }
}

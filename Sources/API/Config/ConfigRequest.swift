import Base
package import Cluster
import HTTP

/// A request to set or reset options (contract §6.4, §7.7), in any of its forms:
///
///     PUT /v1/daemon                            {"action":"setconfig","name":"stats_time","value":"10s"}
///     PUT /v1/daemon/setconfig?stats_time=10s&loglevel=4
///     PUT /v1/daemon                            {"action":"set-config","value":{"log":{"level":"4"}}}
///     PUT /v1/daemon/reset-config?stats_time
///
/// and the same of `/v1/cluster`. `transient`, `dry_run` and `node` in the query are no options.
package struct ConfigRequest: Sendable {
    package enum Operation: Sendable {
        case set([(name: String, value: String)])
        /// All that is set when no name is given.
        case reset([String])
    }

    package let operation: Operation
    /// For this run of the node, or of all nodes, only.
    package let isTransient: Bool
    package let isDryRun: Bool
    /// Whose settings a request to the cluster is about; `nil` for the cluster's.
    package var node: NodeID?

    static let reserved = [QueryName.transient, QueryName.dryRun, QueryName.node]

    /// The action that a path names: `/v1/cluster/setconfig`.
    package static func action(ofPath rest: [String]) -> Action? {
        guard rest.count == 1, let action = Action(text: rest[0]) else { return nil }
        return action.isOfConfig ? action : nil
    }

    /// The form that has everything in the query.
    package init(_ action: Action, query: Query) throws(Failure) {
        let pairs = try query.pairs().filter { !Self.reserved.contains($0.name) }
        if action == .resetConfig {
            if let wrong = pairs.first(where: { $0.value?.isEmpty == false }) {
                throw Failure(
                    .badQuery,
                    "a reset takes names only, not '\("\(wrong.name)=\(wrong.value ?? "")".excerpt)'",
                    next: "leave out the value, or set it with setconfig")
            }
            try self.init(.reset(pairs.map(\.name)), query)
            return
        }
        guard !pairs.isEmpty else {
            throw Failure(.badQuery, "the query names no option", next: "setconfig?NAME=VALUE")
        }
        if let bare = pairs.first(where: { $0.value == nil }) {
            throw Failure(
                .badQuery, "option '\(bare.name.excerpt)' has no value",
                next: "setconfig?NAME=VALUE")
        }
        try self.init(.set(pairs.map { ($0.name, $0.value ?? "") }), query)
    }

    /// The form with a message.
    package init(_ action: Action, _ message: ActionMessage, query: Query) throws(Failure) {
        if let stray = try query.pairs().first(where: { !Self.reserved.contains($0.name) }) {
            throw Failure(
                .badQuery, "'\(stray.name.excerpt)' stands in the query, beside a message",
                next: "name options in one place: the message, or the query of …/setconfig")
        }
        if action == .resetConfig {
            guard message.value == nil else {
                throw Failure(.badValue, "a reset takes no value", next: "'name' says which option")
            }
            try self.init(.reset(message.name.isEmpty ? [] : [message.name]), query)
            return
        }
        try self.init(.set(try Self.settings(message)), query)
    }

    private init(_ operation: Operation, _ query: Query) throws(Failure) {
        self.operation = operation
        isTransient = try query.flag(QueryName.transient)
        isDryRun = try query.flag(QueryName.dryRun)
        if let text = try query.value(QueryName.node) {
            guard let id = NodeID(text) else {
                throw Failure(
                    .badNode, "'\(text.excerpt)' is not a node's id",
                    next: "GET /v1/daemon?what=smap lists nodes")
            }
            node = id
        }
    }

    /// The same request about these options.
    init(_ operation: Operation, of request: ConfigRequest) {
        self.operation = operation
        isTransient = request.isTransient
        isDryRun = request.isDryRun
        node = request.node
    }

    /// AIStore 3.3 names one option and gives its value; later versions give an object of sections.
    private static func settings(
        _ message: ActionMessage
    ) throws(Failure) -> [(name: String, value: String)] {
        guard let value = message.value else {
            throw Failure(.badValue, "the message has no value", next: "give 'name' and 'value'")
        }
        var settings: [(name: String, value: String)] = []
        switch (message.name, value) {
        case ("", .object(let sections)):
            try flatten(sections, under: "", into: &settings)
            // A document that was shown and comes back.
            settings.removeAll { setting in
                ConfigDocument.ownMembers.contains {
                    setting.name == $0 || setting.name.hasPrefix("\($0).")
                }
            }
        case (let name, .object):
            throw Failure(
                .badValue, "both the name '\(name.excerpt)' and an object of options are given",
                next: "give a name and its value, or an object and no name")
        case ("", _):
            throw Failure(.badValue, "the message has no name", next: "give 'name' and 'value'")
        case (let name, let value): settings = [(name, try text(value, of: name))]
        }
        guard !settings.isEmpty else { throw Failure(.badValue, "the value names no option") }
        return settings
    }

    private static func flatten(
        _ sections: JSONObject, under path: String,
        into settings: inout [(name: String, value: String)]
    ) throws(Failure) {
        for member in sections.members {
            let name = path.isEmpty ? member.key : "\(path).\(member.key)"
            switch member.value {
            case .object(let inner): try flatten(inner, under: name, into: &settings)
            // What is not there is left as it is.
            case .null: continue
            case let value: settings.append((name, try text(value, of: name)))
            }
        }
    }

    private static func text(_ value: JSONValue, of name: String) throws(Failure) -> String {
        switch value {
        case .string(let text), .number(let text): return text
        case .bool(let flag): return flag ? "true" : "false"
        case .null, .array, .object:
            throw Failure(
                .badValue, "the value of '\(name.excerpt)' is not a text, a number or a bool")
        }
    }

    /// The request in the form that has everything in the query, for whoever passes it on.
    package var pathAndQuery: String {
        text(isTransient: isTransient, isDryRun: isDryRun, node: node)
    }

    /// The same for a node that is asked to take it for its present run.
    package func transient(isDryRun: Bool) -> String {
        text(isTransient: true, isDryRun: isDryRun, node: nil)
    }

    private func text(isTransient: Bool, isDryRun: Bool, node: NodeID?) -> String {
        let action: Action
        var pairs: [String]
        switch operation {
        case .set(let settings):
            action = .setConfig
            pairs = settings.map {
                "\(PercentCoding.encoded($0.name))=\(PercentCoding.encoded($0.value))"
            }
        case .reset(let names):
            action = .resetConfig
            pairs = names.map { PercentCoding.encoded($0) }
        }
        if isTransient { pairs.append("\(QueryName.transient)=true") }
        if isDryRun { pairs.append("\(QueryName.dryRun)=true") }
        if let node { pairs.append("\(QueryName.node)=\(PercentCoding.encoded(node.text))") }
        return action.rawValue + (pairs.isEmpty ? "" : "?\(pairs.joined(separator: "&"))")
    }
}

extension Action {
    /// Whether a ``ConfigRequest`` can be made of it.
    package var isOfConfig: Bool { self == .setConfig || self == .resetConfig }
}

extension Failure {
    /// What is wrong with a setting; both daemons say it alike.
    package init(_ mistake: ConfigMistake) {
        switch mistake {
        case .unknown(let name):
            self.init(
                .unknownOption, "there is no option '\(name.excerpt)'",
                next: Self.meant(by: name).map { "nothing was changed; did you mean '\($0)'?" }
                    ?? "GET /v1/daemon?what=config shows all options")
        case .ambiguous(let name, let names):
            self.init(
                .unknownOption, "'\(name)' is the end of several options' names",
                next: "one of \(names.joined(separator: ", "))")
        case .refused(let name, let reason):
            self.init(.optionRefused, "option '\(name)' is not changed: \(reason)")
        case .badValue(let name, let value, let expected):
            self.init(
                .badValue, "option '\(name)' cannot be '\(value)'", next: "it takes \(expected)")
        case .namedTwice(let name):
            self.init(.badQuery, "option '\(name)' is named twice", next: "name it once")
        case .tooMany(let count):
            self.init(
                .badValue, "\(count) options at once",
                next: "at most \(ConfigChange.itemsMax) in one request")
        case .conflict(let reason): self.init(.badValue, reason)
        }
    }

    /// The option, by its whole name or by its last part where that is enough, or the word beside options, that is spelled almost so.
    private static func meant(by name: String) -> String? {
        let names = ConfigOption.all.flatMap { option in
            [option.name, option.name.split(separator: ".").last.map(String.init) ?? ""]
        }
        return Route.nearest(
            to: name,
            among: ConfigRequest.reserved + names.filter { (try? ConfigOption.find($0)) != nil })
    }
}

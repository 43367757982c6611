import Base
package import Cluster

/// The configuration as a node shows it (contract §9): every option in its section, with the value the node acts on.
package struct ConfigDocument: Sendable {
    /// What only the node knows: how it was started, and where its primary is.
    package struct Facts: Sendable {
        /// By the options' names.
        package var values: [String: String] = [:]
        package var mountpaths: [String] = []

        package init() {}

        /// Whether a request names what the node itself says, as it says it.
        func say(_ name: String, _ value: String) -> Bool {
            if values[(try? ConfigOption.find(name))?.name ?? name] == value { return true }
            return mountpaths.contains { name == "fspaths.\($0)" }
        }
    }

    /// The document, with a newline behind it.
    package static func encoded(_ config: LayeredConfig, _ facts: Facts) -> [UInt8] {
        var json = JSONWriter(capacity: 6 << 10)
        json.object { json in
            sections(&json, config.values, facts)
            // Of ours: which configuration this is, and where values come from that are not defaults.
            json.member("config_version", String(config.version))
            json.key("sources")
            json.object { json in
                for (name, source) in config.sources { json.member(name, source.rawValue) }
            }
            fixed(&json)
        }
        json.newline()
        return json.bytes
    }

    /// The configuration of the cluster, and what nodes have of their own (AIStore 5.0: `what=cluster_config`).
    package static func encoded(_ config: ClusterConfig, clusterID: String) -> [UInt8] {
        var json = JSONWriter(capacity: 6 << 10)
        json.object { json in
            sections(&json, config.values, Facts())
            json.member("version", String(config.version))
            json.member("uuid", clusterID)
            json.key("set")
            json.object { json in
                for (name, setting) in config.settings { json.member(name, setting.value) }
            }
            json.key("nodes")
            json.object { json in
                for (id, settings) in config.nodes {
                    json.key(id.text)
                    json.object { json in
                        for (name, setting) in settings { json.member(name, setting.value) }
                    }
                }
            }
            fixed(&json)
        }
        json.newline()
        return json.bytes
    }

    /// What the document says besides the options; sent back with them, it says nothing.
    package static let ownMembers = [
        "config_version", "sources", "version", "uuid", "set", "nodes", "fixed",
    ]

    /// Which options are shown and cannot be set, and why.
    private static func fixed(_ json: inout JSONWriter) {
        json.key("fixed")
        json.object { json in
            for option in ConfigOption.all where option.isShown {
                if let reason = option.refusal { json.member(option.name, reason) }
            }
        }
    }

    // MARK: Sections

    /// Part of the tree of dotted names.
    private struct Section {
        var option: ConfigOption?
        var members: [(key: Substring, section: Section)] = []

        mutating func insert(_ option: ConfigOption, at path: ArraySlice<Substring>) {
            guard let key = path.first else {
                self.option = option
                return
            }
            if !members.contains(where: { $0.key == key }) { members.append((key, Section())) }
            for place in members.indices where members[place].key == key {
                members[place].section.insert(option, at: path.dropFirst())
            }
        }
    }

    private static let root: Section = {
        var root = Section()
        for option in ConfigOption.all where option.isShown {
            root.insert(option, at: option.name.split(separator: ".")[...])
        }
        return root
    }()

    private static func sections(_ json: inout JSONWriter, _ values: ConfigValues, _ facts: Facts) {
        members(of: root, &json, values, facts)
    }

    private static func members(
        of section: Section, _ json: inout JSONWriter, _ values: ConfigValues, _ facts: Facts
    ) {
        for (key, inner) in section.members {
            json.key(String(key))
            if let option = inner.option {
                show(option, facts.values[option.name] ?? values[option.name], &json, facts)
            } else {
                json.object { json in members(of: inner, &json, values, facts) }
            }
        }
    }

    private static func show(
        _ option: ConfigOption, _ text: String, _ json: inout JSONWriter, _ facts: Facts
    ) {
        switch option.kind {
        case .flag: json.value(text == "true")
        case .number: json.value(UInt64(text) ?? 0)
        case .numeral, .level, .duration, .word, .compression, .text: json.value(text)
        case .object:
            json.object { json in
                guard option.name == "fspaths" else { return }
                for path in facts.mountpaths { json.member(path, " ") }
            }
        }
    }
}

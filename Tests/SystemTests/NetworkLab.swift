import Foundation

/// Hosts on one machine: a network namespace for each, all plugged into one bridge, on which links between any two
/// can be cut in either direction.
final class NetworkLab {
    static let obstacle: String? = {
        if let obstacle = Sandbox.obstacle { return obstacle }
        for tool in ["ip", "nft"] {
            let found = try? Shell.run("command -v \(tool)")
            if found?.status != 0 { return "'\(tool)' is missing" }
        }
        return nil
    }()

    let sandbox: Sandbox
    private let hosts: [String]

    /// The hosts have short names; the first gets the address 10.77.0.1, and so on.
    init(_ hosts: [String]) throws {
        self.hosts = hosts
        sandbox = try Sandbox()
        var script =
            "set -e\nip netns add sw\nip -n sw link add br0 type bridge\nip -n sw link set br0 up\n"
        for (number, host) in hosts.enumerated() {
            script += """
                ip netns add \(host)
                ip link add v0 netns \(host) type veth peer name \(host) netns sw
                ip -n sw link set \(host) master br0 up
                ip -n \(host) addr add 10.77.0.\(number + 1)/24 dev v0
                ip -n \(host) link set v0 up
                ip -n \(host) link set lo up

                """
        }
        script += """
            ip netns exec sw nft -f - <<'TABLE'
            table bridge part {
                set blocked { type ifname . ifname; }
                chain cut {
                    type filter hook forward priority 0; policy accept;
                    iifname . oifname @blocked drop;
                }
            }
            TABLE
            """
        do {
            try sandbox.must(script)
        } catch {
            sandbox.end()
            throw error
        }
    }

    func address(_ host: String) -> String { "10.77.0.\((hosts.firstIndex(of: host) ?? 253) + 1)" }

    /// What to put before a command so that it runs on a host.
    func prefix(_ host: String) -> String { "\(sandbox.prefix) ip netns exec \(host)" }

    func start(on host: String, _ command: String, log: String) throws -> Process {
        try sandbox.start("ip netns exec \(host) \(command)", log: log)
    }

    /// Nothing gets from any of the first to any of the second any more; packets vanish, nobody is told.
    func cut(from sources: [String], to destinations: [String]) throws {
        let pairs = sources.flatMap { source in
            destinations.filter { $0 != source }.map { "\"\(source)\" . \"\($0)\"" }
        }
        try nft("add element bridge part blocked { \(pairs.joined(separator: ", ")) }")
    }

    /// No way between the two groups in either direction.
    func separate(_ some: [String], from others: [String]) throws {
        try cut(from: some, to: others)
        try cut(from: others, to: some)
    }

    func heal() throws { try nft("flush set bridge part blocked") }

    private func nft(_ words: String) throws {
        try sandbox.must("ip netns exec sw nft '\(words)'")
    }

    /// Whoever on a host sends a packet of more than so many bytes to another host's port 8080 is told by its own system that
    /// the connection was reset, and the packet goes nowhere. Members' signs of life are shorter.
    func resetLong(on host: String, to other: String, above bytes: Int) throws {
        try sandbox.must(
            """
            ip netns exec \(host) nft -f - <<'TABLE'
            table inet breaks {
                chain out {
                    type filter hook output priority 0; policy accept;
                    ip daddr \(address(other)) tcp dport 8080 meta length > \(bytes) counter reject with tcp reset
                }
            }
            TABLE
            """)
    }

    /// How many packets met ``resetLong(on:to:above:)``.
    func resets(on host: String) throws -> Int {
        let rules = try sandbox.must("ip netns exec \(host) nft list table inet breaks")
        let words = rules.split { !$0.isLetter && !$0.isNumber }
        guard let place = words.firstIndex(of: "packets"), place + 1 < words.endIndex else {
            return 0
        }
        return Int(words[place + 1]) ?? 0
    }

    func resetNoMore(on host: String) throws {
        try sandbox.must("ip netns exec \(host) nft delete table inet breaks")
    }

    /// Ends all connections of a host to another host's port 8080, at the first one's end only.
    ///
    /// - Returns: whether the kernel can do that.
    func dropConnections(of host: String, to other: String) throws -> Bool {
        let peer = "dst \(address(other)) dport = :8080"
        let ended = try Shell.run("\(prefix(host)) ss -HtK \(peer)").output
        return !ended.isEmpty
    }

    func end() { sandbox.end() }
}

import Cluster
import HTTP

/// One operation of the REST contract (§1.1, §1.2), or one of Martlet's own, as a line for curl.
package struct HelpRow: Equatable, Sendable {
    /// To which node the line goes.
    package enum Recipient: Sendable {
        /// Any proxy: the one that is asked for help.
        case proxy
        case target
    }

    /// `A1` … `A46`, `Q1` … `Q13`; `M1` … are not of the contract.
    package let id: String
    package let title: String
    package let method: String
    package let recipient: Recipient
    /// Path and query, with the names of ``HelpPage`` in braces.
    package let path: String
    /// What stands behind `-d`, with the same names in braces; empty for none.
    package let body: String
    /// Further flags of curl.
    package let flags: String
    init(
        _ id: String, _ title: String, _ method: String, _ path: String, _ body: String = "",
        at recipient: Recipient = .proxy, flags: String = ""
    ) {
        self.id = id
        self.title = title
        self.method = method
        self.recipient = recipient
        self.path = path
        self.body = body
        self.flags = flags
    }

    /// Whether this version does it; the others are answered 501. The table of routes knows.
    package var isServed: Bool {
        let target = RequestTarget(path)
        let role: NodeRole = recipient == .proxy ? .proxy : .target
        guard let resource = try? Resource(path: target.path),
            let route = try? Route.match(Method(method), resource, at: role).route
        else { return false }
        let isRefused = route.parameters.contains { parameter in
            !parameter.isServed && (try? target.query.value(parameter.name)) ?? nil != nil
        }
        guard !isRefused else { return false }
        // A body that is no message is judged by its resource alone.
        guard let message = try? ActionMessage(decoding: Array(body.utf8)),
            let action = Action(text: message.action)
        else { return true }
        return route.acts.isEmpty || route.acts.contains { $0.action == action && $0.isServed }
    }

    package static func named(_ id: String) -> HelpRow? {
        all.first { $0.id == id.uppercased() }
    }

    package static let all: [HelpRow] =
        control + buckets + objects + mountpaths + queries + own

    private static let control: [HelpRow] = [
        HelpRow(
            "A1", "Unregister a node (it keeps its data, and stays away until it is registered)",
            "DELETE", "/v1/cluster/daemon/{target}"),
        HelpRow(
            "A2", "Register a target", "POST", "/v1/cluster/register",
            #"{"daemon_type":"target","node_ip_addr":"{target-host}","daemon_port":"{target-port}","#
                + #""daemon_id":"{target}","direct_url":"{target-url}"}"#),
        HelpRow(
            "A3", "Register a proxy", "POST", "/v1/cluster/register",
            #"{"daemon_type":"proxy","node_ip_addr":"{other-host}","daemon_port":"{other-port}","#
                + #""daemon_id":"{other}","direct_url":"{other-url}"}"#),
        HelpRow(
            "A4", "Make another proxy the primary", "PUT", "/v1/cluster/proxy/{other}"),
        HelpRow(
            "A5", "Force a primary on what is left of a cluster (see M13 for what it would do)",
            "PUT", "/v1/daemon/proxy/{other}?frc=true&can={other-url}"),
        HelpRow(
            "A6", "Set an option of one node", "PUT", "/v1/daemon",
            #"{"action":"setconfig","name":"stats_time","value":"1s"}"#),
        HelpRow(
            "A7", "Set options of one node, by query", "PUT",
            "/v1/daemon/setconfig?stats_time=33s&log.loglevel=4"),
        HelpRow(
            "A8", "Set an option of the cluster", "PUT", "/v1/cluster",
            #"{"action":"setconfig","name":"stats_time","value":"1s"}"#),
        HelpRow(
            "A9", "Set options of the cluster, by query", "PUT",
            "/v1/cluster/setconfig?stats_time=33s&log.loglevel=4"),
        HelpRow(
            "A10", "Shut one node down", "PUT", "/v1/daemon", #"{"action":"shutdown"}"#,
            at: .target),
        HelpRow("A11", "Shut the cluster down", "PUT", "/v1/cluster", #"{"action":"shutdown"}"#),
        HelpRow(
            "A12", "Rebalance the cluster", "PUT", "/v1/cluster",
            #"{"action":"start","value":{"kind":"rebalance"}}"#),
        HelpRow(
            "A13", "Stop rebalancing", "PUT", "/v1/cluster",
            #"{"action":"stop","value":{"kind":"rebalance"}}"#),
    ]

    private static let buckets: [HelpRow] = [
        HelpRow(
            "A14", "Create a bucket", "POST", "/v1/buckets/{bucket}", #"{"action":"createlb"}"#),
        HelpRow(
            "A15", "Destroy a bucket and all that is in it", "DELETE", "/v1/buckets/{bucket}",
            #"{"action":"destroylb"}"#),
        HelpRow(
            "A16", "Rename a bucket", "POST", "/v1/buckets/{bucket}",
            #"{"action":"renamelb","name":"{bucket}-2"}"#),
        HelpRow(
            "A17", "Copy a bucket", "POST", "/v1/buckets/{bucket}",
            #"{"action":"copybck","value":{"bck_to":{"name":"{bucket}-2"}}}"#),
        HelpRow("A22", "List the buckets", "GET", "/v1/buckets/*"),
        HelpRow(
            "A23", "List the objects of a bucket", "POST", "/v1/buckets/{bucket}",
            #"{"action":"listobj","value":{"props":"size,checksum"}}"#, flags: "-L"),
        HelpRow(
            "A24", "Get the properties of a bucket", "HEAD", "/v1/buckets/{bucket}", flags: "-L"),
        HelpRow(
            "A30", "Delete the objects of a list", "DELETE", "/v1/buckets/{bucket}",
            #"{"action":"delete","value":{"objnames":["{object}"]}}"#),
        HelpRow(
            "A31", "Delete the objects of a range", "DELETE", "/v1/buckets/{bucket}",
            #"{"action":"delete","value":{"template":"hello-{00..99}"}}"#),
        HelpRow(
            "A32", "Keep n copies of each object", "POST", "/v1/buckets/{bucket}",
            #"{"action":"makencopies","value":2}"#),
        HelpRow(
            "A33", "Erasure-code a bucket", "POST", "/v1/buckets/{bucket}",
            #"{"action":"ecencode"}"#),
        HelpRow(
            "A34", "Set properties of a bucket", "PATCH", "/v1/buckets/{bucket}",
            #"{"action":"setbprops","value":{"mirror":{"enabled":true}}}"#),
        HelpRow(
            "A35", "Reset the properties of a bucket", "PATCH", "/v1/buckets/{bucket}",
            #"{"action":"resetbprops"}"#),
        HelpRow(
            "A36", "Prefetch the objects of a list", "POST", "/v1/buckets/{bucket}",
            #"{"action":"prefetch","value":{"objnames":["{object}"]}}"#),
        HelpRow(
            "A37", "Prefetch the objects of a range", "POST", "/v1/buckets/{bucket}",
            #"{"action":"prefetch","value":{"template":"hello-{00..99}"}}"#),
        HelpRow(
            "A39", "Evict a cloud bucket", "DELETE", "/v1/buckets/{bucket}",
            #"{"action":"evictcb"}"#),
        HelpRow(
            "A40", "Evict the objects of a list", "DELETE", "/v1/buckets/{bucket}",
            #"{"action":"evictobj","value":{"objnames":["{object}"]}}"#),
        HelpRow(
            "A41", "Evict the objects of a range", "DELETE", "/v1/buckets/{bucket}",
            #"{"action":"evictobj","value":{"template":"hello-{00..99}"}}"#),
        HelpRow(
            "A46", "Promote files of a target to objects", "POST", "/v1/buckets/{bucket}",
            #"{"action":"promote","name":"/path/of/files","value":{"target":"{target}","#
                + #""trim_prefix":"/path/","recurs":true,"keep":true}}"#),
    ]

    private static let objects: [HelpRow] = [
        HelpRow(
            "A18", "Rename an object", "POST", "/v1/objects/{bucket}/{object}",
            #"{"action":"rename","name":"{object}-2"}"#, flags: "-L"),
        HelpRow(
            "A19", "Is an object in the cluster?", "HEAD",
            "/v1/objects/{bucket}/{object}?check_cached=true", flags: "-L"),
        HelpRow("A20", "Read an object", "GET", "/v1/objects/{bucket}/{object}", flags: "-L"),
        HelpRow(
            "A21", "Read bytes of an object", "GET", "/v1/objects/{bucket}/{object}",
            flags: "-L -H 'Range: bytes=0-4'"),
        HelpRow(
            "A25", "Get the properties of an object", "HEAD", "/v1/objects/{bucket}/{object}",
            flags: "-L"),
        HelpRow(
            "A26", "Store an object", "PUT", "/v1/objects/{bucket}/{object}",
            flags: "-L --data-binary 'hello, martlet'"),
        HelpRow(
            "A27", "Append to an object", "PUT",
            "/v1/objects/{bucket}/{object}?appendty=append&handle=",
            flags: "-L --data-binary 'hello'"),
        HelpRow(
            "A28", "Finish an object that was appended to", "PUT",
            "/v1/objects/{bucket}/{object}?appendty=flush&handle=HANDLE", flags: "-L"),
        HelpRow(
            "A29", "Delete an object", "DELETE", "/v1/objects/{bucket}/{object}", flags: "-L"),
        HelpRow(
            "A38", "Evict an object", "DELETE", "/v1/objects/{bucket}/{object}",
            #"{"action":"evictobj"}"#, flags: "-L"),
    ]

    private static let mountpaths: [HelpRow] = [
        HelpRow(
            "A42", "Disable a mountpath", "POST", "/v1/daemon/mountpaths",
            #"{"action":"disable","value":"{mountpath}"}"#, at: .target),
        HelpRow(
            "A43", "Enable a mountpath", "POST", "/v1/daemon/mountpaths",
            #"{"action":"enable","value":"{disabled}"}"#, at: .target),
        HelpRow(
            "A44", "Add a mountpath: an empty directory, or one that was removed", "PUT",
            "/v1/daemon/mountpaths",
            #"{"action":"add","value":"{other-mountpath}"}"#, at: .target),
        HelpRow(
            "A45", "Remove a mountpath (its objects stay on the disk)", "DELETE",
            "/v1/daemon/mountpaths",
            #"{"action":"remove","value":"{mountpath}"}"#, at: .target),
    ]

    private static let queries: [HelpRow] = [
        HelpRow("Q1", "Cluster map", "GET", "/v1/daemon?what=smap"),
        HelpRow("Q2", "Configuration of a node", "GET", "/v1/daemon?what=config"),
        HelpRow("Q3", "A node's own entry of the map", "GET", "/v1/daemon?what=snode"),
        HelpRow("Q4", "Status of a node", "GET", "/v1/daemon?what=status"),
        HelpRow("Q5", "Statistics of the cluster", "GET", "/v1/cluster?what=stats"),
        HelpRow("Q6", "Statistics of a target", "GET", "/v1/daemon?what=stats", at: .target),
        HelpRow("Q7", "Processes and machines of all nodes", "GET", "/v1/cluster?what=sysinfo"),
        HelpRow("Q8", "Process and machine of a node", "GET", "/v1/daemon?what=sysinfo"),
        HelpRow(
            "Q9", "Statistics of jobs", "GET", "/v1/cluster?what=xaction",
            #"{"action":"stats","name":"rebalance","value":{}}"#),
        HelpRow("Q10", "Mountpaths of a target", "GET", "/v1/daemon?what=mountpaths", at: .target),
        HelpRow("Q11", "Mountpaths of all targets", "GET", "/v1/cluster?what=mountpaths"),
        HelpRow(
            "Q12", "Buckets, as a target knows them", "GET", "/v1/daemon?what=bucketmd", at: .target
        ),
        HelpRow("Q13", "Addresses of all targets", "GET", "/v1/cluster?what=target_ips"),
    ]
}

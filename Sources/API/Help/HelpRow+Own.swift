extension HelpRow {
    /// What AIStore's contract does not have.
    static let own: [HelpRow] = [
        // Nodes.
        HelpRow(
            "M1", "Take a node out of service (objects on it are unavailable meanwhile)", "PUT",
            "/v1/cluster",
            #"{"action":"start-maintenance","value":{"sid":"{target}","skip_rebalance":true}}"#),
        HelpRow(
            "M2", "Bring it back", "PUT", "/v1/cluster",
            #"{"action":"stop-maintenance","value":{"sid":"{target}","skip_rebalance":true}}"#),
        HelpRow(
            "M3", "What decommissioning several nodes for good would mean (dry run)", "PUT",
            "/v1/cluster?dry_run=true",
            #"{"action":"decommission-node","value":{"sids":["{target}"],"rm_user_data":true,"force":true}}"#
        ),
        HelpRow(
            "M4", "How far decommissions are", "GET", "/v1/cluster?what=decommission"),
        HelpRow(
            "M5", "What ending nodes by way of the cluster would mean (dry run)", "PUT",
            "/v1/cluster?dry_run=true",
            #"{"action":"shutdown-node","value":{"sids":["{target}"]}}"#),
        HelpRow(
            "M6", "What taking a node off the map would mean (dry run)", "DELETE",
            "/v1/cluster/daemon/{target}?dry_run=true"),
        HelpRow("M7", "Make a target join its cluster again", "POST", "/v1/daemon", at: .target),
        HelpRow(
            "M8", "Whether a node can serve, and if not, why", "GET", "/v1/health?readiness=true"),
        // The primary.
        HelpRow(
            "M9", "What making another proxy the primary would mean (dry run)", "PUT",
            "/v1/cluster/proxy/{other}?dry_run=true"),
        HelpRow("M10", "The consensus group, as a proxy sees it", "GET", "/v1/daemon?what=raft"),
        HelpRow(
            "M11", "Forced recoveries, and how nodes stand towards them", "GET",
            "/v1/cluster?what=recovery"),
        HelpRow(
            "M12", "The plan of a forced recovery, when no majority is left", "GET",
            "/v1/cluster?what=recovery_plan"),
        HelpRow(
            "M13", "What forcing a primary would do, and what would be lost (dry run)", "PUT",
            "/v1/daemon/proxy/{other}?frc=true&can={other-url}&dry_run=true"),
        // What has changed, and waiting for it.
        HelpRow("M14", "Who changed what", "GET", "/v1/cluster?what=history&limit=10"),
        HelpRow(
            "M15", "What became of a request (its header Martlet-Request-Id)", "GET",
            "/v1/cluster?what=history&request_id=ID"),
        HelpRow(
            "M16", "Changes as they come: the answer's 'next' is the following request's 'after'",
            "GET", "/v1/cluster?what=watch&timeout=0"),
        HelpRow(
            "M17", "The cluster map, once it has a version", "GET",
            "/v1/daemon?what=smap&wait_version={smap-version}&timeout=10s"),
        HelpRow(
            "M18", "What differs in the cluster map since a version", "GET",
            "/v1/daemon?what=smap&diff={smap-version}"),
        HelpRow(
            "M19", "The cluster map as this node has it, without asking a majority", "GET",
            "/v1/daemon?what=smap&consistency=stale"),
        HelpRow(
            "M20", "What has become of mountpaths", "GET", "/v1/cluster?what=mountpath_events"),
        // Settings.
        HelpRow(
            "M21", "Settings of the cluster, without a node's own", "GET",
            "/v1/cluster?what=cluster_config"),
        HelpRow(
            "M22", "Take an option back", "PUT", "/v1/cluster/resetconfig?stats_time"),
        HelpRow(
            "M23", "Set an option of one node by way of the cluster", "PUT",
            "/v1/cluster/setconfig?stats_time=10s&node={target}"),
        HelpRow(
            "M24", "Set an option for this run of the nodes only", "PUT",
            "/v1/cluster/setconfig?log.level=3&transient=true"),
        // Changes that belong together, and changes that are made once.
        HelpRow(
            "M25", "Make several changes together, or none", "PUT", "/v1/cluster",
            #"{"action":"batch","value":[{"action":"createlb","name":"{bucket}-1"},"#
                + #"{"action":"createlb","name":"{bucket}-2"}]}"#),
        HelpRow(
            "M26", "Undo them together", "PUT", "/v1/cluster",
            #"{"action":"batch","value":[{"action":"destroylb","name":"{bucket}-1"},"#
                + #"{"action":"destroylb","name":"{bucket}-2"}]}"#),
        HelpRow(
            "M27", "Open a session: a change of it is made once, however often it is sent", "POST",
            "/v1/cluster/sessions?lifetime=60s"),
        HelpRow("M28", "The sessions there are", "GET", "/v1/cluster/sessions"),
        // Looking.
        HelpRow(
            "M29", "The last lines of a node's log", "GET", "/v1/daemon?what=log&severity=info"),
        HelpRow("M30", "Measurements, for Prometheus", "GET", "/metrics"),
        HelpRow(
            "M31", "What a target has cached of the metadata, for the day all proxies are lost",
            "GET", "/v1/daemon?what=cached_state", at: .target),
        HelpRow("M32", "The whole API, for programs", "GET", "/v1/openapi.json"),
        HelpRow(
            "M33", "Have all nodes go on in a new log file", "PUT", "/v1/cluster",
            #"{"action":"rotate-logs"}"#),
        HelpRow(
            "M34", "Have all nodes count errors from 0 again (everything, without the value)",
            "PUT", "/v1/cluster", #"{"action":"reset-stats","value":true}"#),
    ]
}

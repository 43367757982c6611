/// Targets that remove their user data and leave.
extension SchemaName {
    private static let disk: Schema = .texts(length: 0...32)

    static let decommissionsSchema: Schema = .members(
        [
            "nodes": .map(
                .members(
                    [
                        "phase": .words(["removing", "done", "abandoned"]), "order": .text,
                        "started": .text, "ended": .text, "ends_process": .flag,
                        "disks": .array(disk), "left": .array(disk), "next": .text,
                    ], optional: ["target": .component(.removal)]))
        ], optional: unansweredMember)

    static let removalSchema: Schema = .members([
        "phase": .words(["none", "removing", "removed", "done"]), "order": .text,
        "directories_left": .count(), "files_removed": .count(), "blockers": .array(.text),
        "disks": .array(
            .members(["mountpath": .text, "disk": disk, "disabled": .flag, "ordered": .flag])),
    ])

    static let removalReportSchema: Schema = .members([
        "daemon_id": Parameter.nodeID,
        "order": .pattern("[0-9a-f]{1,16}-[0-9a-f]{1,16}-[0-9a-f]{1,16}-[0-9a-f]{1,16}"),
        "left": .array(disk),
    ])
}

// The documents of forced recoveries (docs/decisions/0022).

extension SchemaName {
    private static let mark: Schema = .members(["term": .count(), "index": .count()])
    private static let nullableText: Schema = .nullable(.text)
    private static let texts: Schema = .array(.text)

    private static let tailEntry: Schema = .members([
        "index": .count(), "term": .count(), "time_ns": .decimal, "actor": .text, "action": .text,
        "subject": .text,
    ])

    /// What a proxy tells of its log, and `martlet recovery inspect` of one that nobody runs.
    static let recoveryFactsSchema: Schema = .members([
        "node": .text, "url": .text, "cluster": .text, "member": .text, "generation": .text,
        "term": .count(), "last": mark, "commit": .count(), "applied": .text,
        "state_hash": .text, "chain": nullableText, "running": .flag,
        "role": .words(["voter", "learner"]), "leader": nullableText,
        "superseded_by": nullableText, "obstacle": nullableText,
        "unreadable": .nullable(unreadable), "voters": texts,
        "learners": texts,
        "opening": .nullable(
            .members([
                "base": .text, "leader": .text, "term": .count(), "voters": texts,
                "learners": texts,
            ])), "uncommitted": .array(tailEntry), "branches": texts, "base": mark,
        "terms": .array(.members(["first": .count(), "term": .count()])),
        "buckets": .map(.text), "settings": .map(.text), "nodes": .map(.text),
        "names_left_out": .flag,
    ])

    static let recoveryPlanSchema: Schema = .members([
        "cluster": .text, "generation": .text,
        "verdict": .words(["safe", "unsafe", "blocked"]), "reason": .text,
        "recommended": nullableText, "candidate": nullableText,
        "answered": .array(
            .members([
                "node": .text, "url": .text, "running": .flag, "cluster": .text, "member": .text,
                "generation": .text, "last": mark, "commit": .count(),
                "role": .words(["voter", "learner"]), "superseded_by": nullableText,
            ])),
        "silent": .array(
            .members([
                "node": .text, "url": .text, "member": .text, "last_heard": nullableText,
                "reason": .text,
            ])),
        "quorum": .members([
            "voters": texts, "needed": .count(), "answering": texts, "leader": nullableText,
            "reachable": .flag,
        ]),
        "candidates": .array(
            .members([
                "node": .text, "url": .text, "recommended": .flag, "generation": .text,
                "last": mark, "commit": .count(), "obstacles": texts,
                "lacks": .array(.openObject(["of": .text, "entries": .count()])),
            ])), "survivors": texts, "declared_dead": texts, "begin_anew": texts,
        "logs_not_seen": texts,
        "voters": votersSchema, "kept_uncommitted": .array(tailEntry), "token": nullableText,
        "next": nullableText,
    ])

    /// What a forced primary has come to: done, missing nodes, a plan, or a proxy that begins anew.
    static let recoverySchema: Schema = .openObject([
        "dry_run": .flag, "done": .flag, "changed": .flag, "committed": .flag,
        "verdict": .words(["safe", "unsafe", "blocked"]), "missing": texts,
    ])

    static let recoveryOverviewSchema: Schema = .members(
        [
            "cluster": .text, "generation": .text, "superseded_by": nullableText,
            "recoveries": .array(.openObject(["generation": .decimal, "primary": .text])),
            "proxies": .array(
                .members([
                    "node": .text, "url": .text, "generation": .text, "follows": .flag,
                    "superseded_by": nullableText, "last": mark, "branches": texts,
                ])),
            "targets": .array(
                .members([
                    "node": .text, "url": .text, "position": nullableText, "follows": .flag,
                    "kept_directories": texts,
                ])),
        ], optional: ["unanswered": .array(.component(.unanswered))])

    /// What a target, and `martlet recovery inspect`, tell of a cached state.
    static let cachedStateSchema: Schema = .members([
        "node": .text, "cluster": .text, "followed": .text, "position": nullableText,
        "state_hash": nullableText,
        "snapshot": .members(["position": .text, "age_seconds": .nullable(.count())]),
        "entries": .count(), "links": .count(), "bytes": .count(), "applied": .text,
        "following": .text,
        "flushed": .text, "buckets": .count(), "proxies": .count(), "targets": .count(),
        "problem": nullableText,
    ])

    static let keptSchema: Schema = .members([
        "position": .text, "kept": .array(.openObject(["mountpath": .text, "path": .text])),
    ])
}

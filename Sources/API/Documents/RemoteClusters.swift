/// Other clusters that this one is attached to (contract §7.11): none, as long as none can be attached.
package enum RemoteClusters {
    /// `what=remote`, with a newline behind it.
    package static let none = Array("{}\n".utf8)
}

extension Failure {
    package static let remoteClusters = Failure(
        .notImplemented,
        "other clusters cannot be attached to: buckets of theirs are not served by "
            + "this build", next: "GET /v1/cluster?what=remote lists those attached: none")
}

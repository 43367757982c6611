/// Turns a state into bytes or back. It may take long and needs no storage, so that writes need not
/// wait for it (catalogue SN-10).
public enum ConversionJob<Machine: StateMachine>: Sendable {
    /// A state to be sent to others.
    case encode(LogBase, Machine.Image)
    /// A received snapshot.
    case decode(LogBase, [UInt8])

    public func run() -> ConversionResult<Machine> {
        switch self {
        case .encode(let base, let image):
            .encoded(Snapshot(base: base, bytes: Machine.encode(image)))
        case .decode(let base, let bytes):
            .decoded(
                base,
                Result { try Machine.decode(bytes) }.mapError { error in
                    NotDecoded(
                        found: Unreadable(.state, at: base.mark, for: Machine.self, error))
                })
        }
    }
}

/// A state that cannot be read.
public struct NotDecoded: Error {
    public let found: Unreadable
}

public enum ConversionResult<Machine: StateMachine>: Sendable {
    case encoded(Snapshot)
    case decoded(LogBase, Result<Machine.Image, NotDecoded>)
}

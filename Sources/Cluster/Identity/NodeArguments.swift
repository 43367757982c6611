public import Base

// How nodes are named on command lines.
extension NodeID: ArgumentValue {
    public init?(argument: String) { self.init(argument) }
    public static var expectation: String {
        "a node id (letters, digits, '.', '_', ':' and '-', at most \(bytesMax) bytes)"
    }
}

extension NodeAddress: ArgumentValue {
    public init?(argument: String) { self.init(text: argument) }
    public static var expectation: String { "an address such as 127.0.0.1:8080" }
}

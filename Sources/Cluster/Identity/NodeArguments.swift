import Base

// How nodes are named on command lines.
extension NodeID: ArgumentValue {
    package init?(argument: String) { self.init(argument) }
    package static var expectation: String {
        "a node id (letters, digits, '.', '_', ':' and '-', at most \(bytesMax) bytes)"
    }
}

extension NodeAddress: ArgumentValue {
    package init?(argument: String) { self.init(text: argument) }
    package static var expectation: String { "an address such as 127.0.0.1:8080" }
}

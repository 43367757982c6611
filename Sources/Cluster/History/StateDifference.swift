public import Base

/// What differs between two states of a map, by name: nodes, buckets, or options.
public struct StateDifference<Name: Comparable & Sendable, Value: Equatable & Sendable>: Sendable {
    public struct Item: Sendable {
        public let name: Name
        /// Whose option, where nodes have their own.
        public let node: NodeID?
        /// `nil` where it was not there.
        public let before: Value?
        public let after: Value?
    }

    public private(set) var items: [Item] = []

    public init() {}

    public var added: [Item] { items.filter { $0.before == nil } }
    public var removed: [Item] { items.filter { $0.after == nil } }
    public var changed: [Item] { items.filter { $0.before != nil && $0.after != nil } }

    public mutating func add(
        _ name: Name, of node: NodeID? = nil, before: Value?, after: Value?
    ) {
        guard before != after else { return }
        items.append(Item(name: name, node: node, before: before, after: after))
    }

    /// Adds what differs between two maps, in order of the keys.
    public mutating func add(
        from before: SortedMap<Name, Value>, to after: SortedMap<Name, Value>,
        of node: NodeID? = nil
    ) {
        var (left, right) = (before.makeIterator(), after.makeIterator())
        var (old, new) = (left.next(), right.next())
        while old != nil || new != nil {
            if let gone = old, new.map({ gone.0 < $0.0 }) ?? true {
                add(gone.0, of: node, before: gone.1, after: nil)
                old = left.next()
            } else if let fresh = new, old.map({ fresh.0 < $0.0 }) ?? true {
                add(fresh.0, of: node, before: nil, after: fresh.1)
                new = right.next()
            } else if let former = old, let latter = new {
                add(former.0, of: node, before: former.1, after: latter.1)
                (old, new) = (left.next(), right.next())
            }
        }
    }
}

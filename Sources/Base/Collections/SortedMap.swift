/// A persistent map in key order: a change copies one path from the root, and every older value
/// stays as it was.
///
/// Metadata are immutable values that many readers hold while a writer makes the next one. With a
/// hash table that means copying all of it for one change; here it is O(log n), so a bucket costs the
/// same to create beside a hundred others as beside a hundred thousand. Iteration is in key order, which
/// also keeps snapshots and traces equal on every replica.
///
/// An AVL tree (Adelson-Velsky and Landis, 1962) of immutable nodes. An element has a box of its own, which all copies of its
/// node share: what a change copies are three references for each level, whatever is in the map.
public struct SortedMap<Key: Comparable & Sendable, Value: Sendable>: Sendable {
    private var root: Node?

    public init() {}

    public init(_ elements: some Sequence<(Key, Value)>) {
        for (key, value) in elements { self[key] = value }
    }

    public var count: Int { root?.count ?? 0 }
    public var isEmpty: Bool { root == nil }
    public var keys: some Sequence<Key> { lazy.map(\.key) }
    public var values: some Sequence<Value> { lazy.map(\.value) }

    /// - Complexity: O(log n), reading and writing.
    public subscript(key: Key) -> Value? {
        get {
            var node = root
            while let here = node {
                if key < here.element.key {
                    node = here.left
                } else if here.element.key < key {
                    node = here.right
                } else {
                    return here.element.value
                }
            }
            return nil
        }
        set {
            if let newValue {
                root = Node.inserting(Box(key, newValue), into: root)
            } else {
                root = Node.removing(key, from: root)
            }
        }
    }

    /// The elements with keys strictly greater than `key`, in order; without a key, all of them.
    public func elements(after key: Key?) -> Iterator {
        guard let key else { return Iterator(root) }
        var path: [Node] = []
        var node = root
        while let here = node {
            if key < here.element.key {
                path.append(here)
                node = here.left
            } else {
                node = here.right
            }
        }
        return Iterator(path: path)
    }

    fileprivate final class Box: Sendable {
        let key: Key
        let value: Value

        init(_ key: Key, _ value: Value) {
            self.key = key
            self.value = value
        }
    }

    fileprivate final class Node: Sendable {
        let element: Box
        let left: Node?
        let right: Node?
        let height: Int
        let count: Int

        init(_ element: Box, _ left: Node?, _ right: Node?) {
            self.element = element
            self.left = left
            self.right = right
            height = 1 + Swift.max(left?.height ?? 0, right?.height ?? 0)
            count = 1 + (left?.count ?? 0) + (right?.count ?? 0)
        }

        static func inserting(_ element: Box, into node: Node?) -> Node {
            guard let node else { return Node(element, nil, nil) }
            if element.key < node.element.key {
                return balanced(node, inserting(element, into: node.left), node.right)
            }
            if node.element.key < element.key {
                return balanced(node, node.left, inserting(element, into: node.right))
            }
            return Node(element, node.left, node.right)
        }

        static func removing(_ key: Key, from node: Node?) -> Node? {
            guard let node else { return nil }
            if key < node.element.key {
                return balanced(node, removing(key, from: node.left), node.right)
            }
            if node.element.key < key {
                return balanced(node, node.left, removing(key, from: node.right))
            }
            guard let right = node.right else { return node.left }
            guard let left = node.left else { return right }
            let next = first(of: right)
            return balanced(next, left, removing(next.element.key, from: right))
        }

        private static func first(of node: Node) -> Node {
            var node = node
            while let left = node.left { node = left }
            return node
        }

        /// A node with the element of `node` over two subtrees whose heights differ by 2 at most.
        private static func balanced(_ node: Node, _ left: Node?, _ right: Node?) -> Node {
            let difference = (left?.height ?? 0) - (right?.height ?? 0)
            if difference > 1, let left {
                if (left.left?.height ?? 0) >= (left.right?.height ?? 0) {
                    return rotatedRight(node, left, right)
                }
                return rotatedRight(node, rotatedLeft(left, left.left, left.right), right)
            }
            if difference < -1, let right {
                if (right.right?.height ?? 0) >= (right.left?.height ?? 0) {
                    return rotatedLeft(node, left, right)
                }
                return rotatedLeft(node, left, rotatedRight(right, right.left, right.right))
            }
            return Node(node.element, left, right)
        }

        private static func rotatedRight(_ node: Node, _ left: Node?, _ right: Node?) -> Node {
            guard let left else { return Node(node.element, nil, right) }
            return Node(
                left.element, left.left,
                Node(node.element, left.right, right))
        }

        private static func rotatedLeft(_ node: Node, _ left: Node?, _ right: Node?) -> Node {
            guard let right else { return Node(node.element, left, nil) }
            return Node(
                right.element,
                Node(node.element, left, right.left), right.right)
        }
    }
}

extension SortedMap: Sequence {
    public typealias Element = (key: Key, value: Value)

    public struct Iterator: IteratorProtocol, Sequence {
        /// The nodes whose element, and then right subtree, are still to come; the next one last.
        private var path: [Node]

        fileprivate init(_ root: Node?) {
            path = []
            descend(root)
        }

        fileprivate init(path: [Node]) {
            self.path = path
        }

        public mutating func next() -> Element? {
            guard let node = path.popLast() else { return nil }
            descend(node.right)
            return (node.element.key, node.element.value)
        }

        private mutating func descend(_ start: Node?) {
            var node = start
            while let here = node {
                path.append(here)
                node = here.left
            }
        }
    }

    public func makeIterator() -> Iterator { Iterator(root) }
}

extension SortedMap: Equatable where Value: Equatable {
    public static func == (left: Self, right: Self) -> Bool {
        if left.root === right.root { return true }
        guard left.count == right.count else { return false }
        return zip(left, right).allSatisfy { $0.key == $1.key && $0.value == $1.value }
    }
}

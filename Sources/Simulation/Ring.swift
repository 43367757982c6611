/// The last few of something.
struct Ring<Item> {
    private(set) var items: [Item] = []
    private let size: Int
    private var oldest = 0

    init(size: Int) { self.size = size }

    mutating func add(_ item: Item) {
        if items.count < size { return items.append(item) }
        items[oldest] = item
        oldest = (oldest + 1) % size
    }
}

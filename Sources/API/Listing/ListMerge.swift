/// Merges the pages of all targets into one, in order of the names' bytes.
///
/// A page that ends with a token has more behind its last name, so nothing greater than that name may
/// be taken from the other pages; the merged page ends there, or when it is full. The next request carries the
/// last name taken, and no node keeps anything in between. Names are compared by their bytes: as Swift strings, `é` and
/// `e` with an accent would be one object.
package enum ListMerge {
    package static func merge(_ pages: [ListPage], for request: ListRequest) -> [UInt8] {
        var reply = ListReplyWriter(request)
        var places = [Int](repeating: 0, count: pages.count)
        let end = pages.filter { !$0.continuationToken.isEmpty }.map(\.continuationToken)
            .min { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        var last = ""
        var isCut = false
        while let next = smallest(pages, places) {
            let entry = pages[next].entries[places[next]]
            if let end, end.utf8.lexicographicallyPrecedes(entry.name.utf8) { break }
            if reply.count == request.pageSize {
                isCut = true
                break
            }
            places[next] += 1
            // While an object moves, two targets hold it; the first one's word is taken.
            if reply.count > 0, entry.name.utf8.elementsEqual(last.utf8) { continue }
            reply.append(encoded: pages[next].bytes[entry.range])
            last = entry.name
        }
        let isFull = isCut || end != nil || reply.count == request.pageSize
        return reply.finish(token: isFull ? last : "")
    }

    private static func smallest(_ pages: [ListPage], _ places: [Int]) -> Int? {
        var best: Int?
        for page in pages.indices where places[page] < pages[page].entries.count {
            guard let known = best else {
                best = page
                continue
            }
            let name = pages[page].entries[places[page]].name
            if name.utf8.lexicographicallyPrecedes(pages[known].entries[places[known]].name.utf8) {
                best = page
            }
        }
        return best
    }
}

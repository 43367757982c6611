import Base
import Testing

/// The persistent map against a dictionary, over random histories.
@Suite struct SortedMapTests {
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `a random history leaves what a dictionary would hold, in key order`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var map = SortedMap<Int, Int>()
        var model: [Int: Int] = [:]
        for step in 0..<3_000 {
            let key = Int.random(in: 0..<400, using: &random)
            let value: Int? = Bool.random(using: &random) ? step : nil
            map[key] = value
            model[key] = value
            #expect(map.count == model.count)
        }
        #expect(Array(map.keys) == model.keys.sorted())
        #expect(map.allSatisfy { model[$0.key] == $0.value })
    }

    @Test func `an older value stays as it was`() {
        var map = SortedMap((0..<100).map { ($0, $0) })
        let before = map
        map[50] = nil
        map[7] = 0
        #expect(before.count == 100)
        #expect(before[50] == 50)
        #expect(before[7] == 7)
    }

    @Test func `elements after a key begin with the next greater one`() {
        let map = SortedMap([("a", 1), ("c", 2), ("e", 3)])
        #expect(map.elements(after: "b").map(\.key) == ["c", "e"])
        #expect(map.elements(after: "c").map(\.key) == ["e"])
        #expect(map.elements(after: "e").map(\.key).isEmpty)
        #expect(map.elements(after: nil).map(\.key) == ["a", "c", "e"])
    }
}

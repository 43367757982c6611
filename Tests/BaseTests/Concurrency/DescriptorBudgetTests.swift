import Base
import Testing

@Suite struct DescriptorBudgetTests {
    @Test(arguments: [0, 20, 64, 256, 1_024, 20_000, 1 << 20])
    func `some descriptors are left for what connections need`(limit: Int) {
        for wanted in [0, 8_192] {
            let budget = DescriptorBudget(limit: limit, cached: wanted)
            #expect(budget.connections > 0 && budget.cached <= wanted)
            #expect(budget.connections + budget.cached + 32 <= max(limit, 64))
        }
    }

    @Test func `a usual limit does not change what a target was told to keep open`() {
        #expect(DescriptorBudget(limit: 1 << 20, cached: 8_192).cached == 8_192)
    }
}

import Foundation
import TestSupport
import Testing

/// Every operation of the control plane while its primary is killed, paused or cut off at every step of it: each request is
/// done, refused for good, or unknown and looked up by its id (docs/operations.md, "What an answer means").
///
/// By default each operation meets one or two of the thirty cells; `MARTLET_MATRIX=all` runs all of them, and a part of an
/// operation's name those of the operations that have it.
@Suite(
    .serialized,
    .enabled(if: NetworkLab.obstacle == nil, "namespaces: \(NetworkLab.obstacle ?? "")"))
struct FaultMatrixTests {
    private static let wish = ProcessInfo.processInfo.environment["MARTLET_MATRIX"] ?? ""

    @Test func `every operation is done, refused or found by its id, whatever strikes its primary`()
        throws
    {
        try FaultMatrix.with { matrix in
            let begun = ContinuousClock.now
            for (place, operation) in Operation.all.enumerated() {
                let isWhole = Self.wish == "all" || operation.name.contains(Self.wish)
                if !Self.wish.isEmpty, !isWhole { continue }
                // The first fifteen have met all thirty cells; the others cost a restart each time.
                let share = Cell.share(of: place).prefix(operation.afterwards == nil ? 2 : 1)
                for cell in Self.wish.isEmpty ? Array(share) : Cell.all {
                    do {
                        try matrix.run(operation, cell)
                    } catch {
                        Issue.record("\(operation.name), \(cell): \(error)")
                        throw error
                    }
                }
            }
            #expect(matrix.records.contains { $0.isApplied })
            #expect(matrix.records.contains { !$0.isApplied })
            print("matrix: \(matrix.records.count) cells in \(ContinuousClock.now - begun)")
        }
    }

    @Test func `the cells of a usual run are of every step with every fault, and of every entry`() {
        let cells = Operation.all.indices.filter { Operation.all[$0].afterwards == nil }
            .flatMap(Cell.share)
        for step in Cell.Step.allCases {
            for fault in Cell.Fault.allCases {
                #expect(cells.contains { $0.step == step && $0.fault == fault }, "\(step) \(fault)")
            }
            for entry in Cell.Entry.allCases {
                #expect(cells.contains { $0.step == step && $0.entry == entry }, "\(step) \(entry)")
            }
        }
    }
}

import Testing

@testable import Simulation

/// The checker itself: what it must accept, what it must not, and that it says when it cannot tell.
@Suite struct HistoryTests {
    @Test func `one after another is explained`() {
        var history = NameHistory()
        history.answer(history.invoke(.create), true)
        history.answer(history.invoke(.create), false)
        history.answer(history.invoke(.read), true)
        history.answer(history.invoke(.destroy), true)
        history.answer(history.invoke(.read), false)
        #expect(history.check() == .explained)
    }

    @Test func `a read of what was destroyed before is a contradiction`() {
        var history = NameHistory()
        history.answer(history.invoke(.create), true)
        history.answer(history.invoke(.destroy), true)
        history.answer(history.invoke(.read), true)
        #expect(history.check() == .contradiction(call: 2))
    }

    @Test func `two creations cannot both succeed`() {
        var history = NameHistory()
        let (first, second) = (history.invoke(.create), history.invoke(.create))
        history.answer(second, true)
        history.answer(first, true)
        #expect(history.check() == .contradiction(call: 0))
    }

    @Test func `overlapping calls may take effect in either order`() {
        var history = NameHistory()
        let (create, read) = (history.invoke(.create), history.invoke(.read))
        history.answer(read, false)
        history.answer(create, true)
        history.answer(history.invoke(.read), true)
        #expect(history.check() == .explained)
    }

    @Test func `what was never answered may take effect late, once, or never`() {
        var history = NameHistory()
        _ = history.invoke(.create)
        history.answer(history.invoke(.read), false)
        history.answer(history.invoke(.read), true)
        history.answer(history.invoke(.destroy), true)
        #expect(history.check() == .explained)
        history.answer(history.invoke(.read), true)
        #expect(history.check() == .contradiction(call: 4))
    }

    @Test func `what was refused has no effect`() {
        var history = NameHistory()
        let call = history.invoke(.create)
        history.refuse(call)
        history.answer(history.invoke(.read), true)
        #expect(history.check() == .contradiction(call: 1))
    }

    @Test func `too many possibilities are not taken for an explanation`() {
        var history = NameHistory()
        let calls = (0..<20).map { _ in history.invoke(.create) }
        for call in calls { history.answer(call, call == 0) }
        #expect(history.check(guessesMax: 3) == .undecided)
    }
}

/// What clients saw of one name, and whether some order of their calls explains it (linearizability).
///
/// The search walks through invocations and answers in time (Lowe, "Testing for Linearizability",
/// 2017) and keeps every state that could be the true one: whether the name exists, which open calls
/// have taken effect, and how many of those that were never answered. Of the latter only the number
/// matters, because calls of a kind are alike, and fewer are better, because an unanswered call
/// that has not taken effect may still do so at any time, or never.
struct NameHistory {
    enum Action: Hashable {
        case create
        case destroy
        case read
    }

    enum Verdict: Hashable {
        case explained
        /// No order explains the answer to this call.
        case contradiction(call: Int)
        /// Too many possibilities; nothing was shown.
        case undecided
    }

    private struct Call {
        var action: Action
        /// Whether it changed anything, or for a read whether the name was there; `nil`: not known.
        var result: Bool?
        var isVoid = false
    }

    private enum Moment {
        case invoked(Int)
        case answered(Int)
    }

    private var calls: [Call] = []
    private var moments: [Moment] = []
    /// Whether the name may have been there before the first call.
    private let mayHaveExisted: Bool

    init(mayHaveExisted: Bool = false) { self.mayHaveExisted = mayHaveExisted }

    mutating func invoke(_ action: Action) -> Int {
        calls.append(Call(action: action))
        moments.append(.invoked(calls.count - 1))
        return calls.count - 1
    }

    mutating func answer(_ call: Int, _ result: Bool) {
        calls[call].result = result
        moments.append(.answered(call))
    }

    /// The call had no effect, and never will.
    mutating func refuse(_ call: Int) { calls[call].isVoid = true }

    /// A state that could be the true one.
    private struct Guess: Hashable {
        var exists = false
        /// Places of `underWay` whose calls have taken effect.
        var done: UInt64 = 0
        /// Unanswered creations and destructions that have taken effect.
        var creations = 0
        var destructions = 0
    }

    func check(guessesMax: Int = 20_000) -> Verdict {
        var guesses: Set<Guess> = [Guess()]
        if mayHaveExisted { guesses.insert(Guess(exists: true)) }
        var underWay = [Int?](repeating: nil, count: 64)
        var unanswered = (creations: 0, destructions: 0)
        for moment in moments {
            switch moment {
            case .invoked(let call):
                if calls[call].isVoid { continue }
                if calls[call].result != nil {
                    guard let place = underWay.firstIndex(of: nil) else { return .undecided }
                    underWay[place] = call
                } else {
                    if calls[call].action == .create { unanswered.creations += 1 }
                    if calls[call].action == .destroy { unanswered.destructions += 1 }
                }
            case .answered(let call):
                guard let place = underWay.firstIndex(of: call) else { continue }
                let reached = closure(of: guesses, underWay, unanswered, guessesMax)
                guard let reached else { return .undecided }
                let bit = UInt64(1) << UInt64(place)
                let kept = reached.filter { $0.done & bit != 0 }
                if kept.isEmpty { return .contradiction(call: call) }
                underWay[place] = nil
                guesses = Self.best(
                    of: kept.map { guess in
                        var guess = guess
                        guess.done &= ~bit
                        return guess
                    })
            }
        }
        return .explained
    }

    /// Everything that can be reached by letting calls take effect; `nil`: too much.
    private func closure(
        of guesses: Set<Guess>, _ underWay: [Int?],
        _ unanswered: (creations: Int, destructions: Int),
        _ guessesMax: Int
    ) -> Set<Guess>? {
        var reached = guesses
        var fresh = Array(guesses)
        while let guess = fresh.popLast() {
            for next in steps(from: guess, underWay, unanswered) where !reached.contains(next) {
                reached.insert(next)
                fresh.append(next)
                if reached.count > guessesMax { return nil }
            }
        }
        return reached
    }

    private func steps(
        from guess: Guess, _ underWay: [Int?], _ unanswered: (creations: Int, destructions: Int)
    ) -> [Guess] {
        var next: [Guess] = []
        for (place, call) in underWay.enumerated() {
            guard let call, guess.done & (1 << UInt64(place)) == 0,
                let after = effect(of: calls[call], on: guess.exists)
            else { continue }
            var step = guess
            step.done |= 1 << UInt64(place)
            step.exists = after
            next.append(step)
        }
        // An unanswered call matters only where it changes something.
        if !guess.exists, guess.creations < unanswered.creations {
            var step = guess
            step.exists = true
            step.creations += 1
            next.append(step)
        }
        if guess.exists, guess.destructions < unanswered.destructions {
            var step = guess
            step.exists = false
            step.destructions += 1
            next.append(step)
        }
        return next
    }

    /// Whether the name exists after the call; `nil` when the call's answer contradicts it.
    private func effect(of call: Call, on exists: Bool) -> Bool? {
        switch call.action {
        case .read: call.result == exists ? exists : nil
        case .create: call.result == !exists ? true : nil
        case .destroy: call.result == exists ? false : nil
        }
    }

    /// Without the guesses that differ from another only by having used up more.
    private static func best(of guesses: [Guess]) -> Set<Guess> {
        var kept: [Guess] = []
        let byUse = Set(guesses).sorted {
            ($0.creations + $0.destructions, $0.done, $0.exists ? 1 : 0)
                < ($1.creations + $1.destructions, $1.done, $1.exists ? 1 : 0)
        }
        for guess in byUse {
            let isWorse = kept.contains {
                $0.exists == guess.exists && $0.done == guess.done
                    && $0.creations <= guess.creations && $0.destructions <= guess.destructions
            }
            if !isWorse { kept.append(guess) }
        }
        return Set(kept)
    }
}

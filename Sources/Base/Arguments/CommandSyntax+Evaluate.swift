extension CommandSyntax {
    /// What came of reading a command line.
    public enum Evaluation<Settings> {
        case settings(Settings)
        /// Help was printed (status 0) or an error was (status 2); the process should exit so.
        case exit(Int32)
    }

    /// Parses the words and turns them into the command's settings, printing help or the error.
    ///
    /// Help goes to standard output, because it was asked for; an error goes to standard error.
    public func evaluate<Settings>(
        _ words: [String],
        as settings: (ParsedArguments) throws(ArgumentError) -> Settings
    ) -> Evaluation<Settings> {
        do throws(ArgumentError) {
            let arguments = try parse(words)
            if arguments.asksForHelp {
                Console.output(help)
                return .exit(0)
            }
            return .settings(try settings(arguments))
        } catch {
            Console.error("\(command): \(error)\n\(usage)\nTry: \(command) --help\n")
            return .exit(2)
        }
    }
}

/// The first things to try on a running cluster; each line works pasted as it is, in this order.
package enum CurlLines {
    package struct Line: Sendable {
        package let title: String
        package let command: String
    }

    /// The lines for any proxy's address.
    package static func lines(proxy url: String) -> [Line] {
        let json = "-H 'Content-Type: application/json'"
        let bucket = "\(url)/v1/buckets/demo"
        let object = "\(url)/v1/objects/demo/hello"
        return [
            Line(
                title: "create a bucket",
                command: "curl -sS -X POST \(json) -d '{\"action\":\"createlb\"}' '\(bucket)'"),
            Line(title: "list buckets", command: "curl -sS '\(url)/v1/buckets/*'"),
            Line(
                title: "store an object",
                command: "curl -sS -L -X PUT --data-binary 'hello, martlet' '\(object)'"),
            Line(title: "read it", command: "curl -sS -L '\(object)'"),
            Line(
                title: "read bytes 7 to 13",
                command: "curl -sS -L -H 'Range: bytes=7-13' '\(object)'"),
            Line(title: "ask for its properties", command: "curl -sS -L -I '\(object)'"),
            Line(
                title: "list the bucket's objects",
                command: "curl -sS -L -X POST \(json) "
                    + "-d '{\"action\":\"listobj\",\"value\":{}}' '\(bucket)'"),
            Line(title: "see the cluster map", command: "curl -sS '\(url)/v1/daemon?what=smap'"),
            Line(title: "delete the object", command: "curl -sS -L -X DELETE '\(object)'"),
            Line(
                title: "destroy the bucket",
                command: "curl -sS -X DELETE \(json) -d '{\"action\":\"destroylb\"}' '\(bucket)'"),
        ]
    }

    /// The lines as a terminal shows them, each under a comment.
    package static func text(proxy url: String) -> String {
        lines(proxy: url).map { "# \($0.title)\n\($0.command)\n" }.joined()
    }
}

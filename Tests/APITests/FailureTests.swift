import API
import FoundationEssentials
import Testing

/// The error object on the wire (contract §2.5).
@Suite struct FailureTests {
    /// Clients branch on these; a line may be added, never changed.
    static let codes = """
        access_denied 403
        address_taken 409
        address_unreachable 400
        already_founded 409
        bad_body 400
        bad_bucket_name 400
        bad_header 400
        bad_json 400
        bad_mountpath 400
        bad_namespace 400
        bad_node 400
        bad_object_name 400
        bad_path 400
        bad_position 400
        bad_provider 400
        bad_query 400
        bad_range 416
        bad_request 400
        bad_value 400
        body_too_large 413
        bucket_exists 409
        bucket_not_found 404
        changing_members 503
        checksum_mismatch 500
        config_changed 409
        deadline_exceeded 504
        duplicate_node 409
        history_compacted 410
        internal_error 500
        io_error 500
        is_primary 400
        length_required 411
        log_unreadable 503
        metadata_disk_full 507
        method_not_allowed 400
        mountpath_exists 400
        mountpath_not_found 404
        mountpath_unavailable 503
        no_primary 503
        no_quorum 503
        no_targets 503
        node_not_found 404
        not_founded 503
        not_implemented 501
        not_redirected 400
        object_elsewhere 503
        object_not_found 404
        objects_at_risk 400
        older_generation 409
        option_refused 400
        out_of_space 507
        outcome_unknown 504
        overloaded 503
        partly_done 504
        plan_changed 409
        position_unknown 503
        precondition_failed 412
        primary_unreachable 502
        proxy_unreachable 502
        quorum_at_risk 400
        quorum_reachable 409
        recovery_refused 409
        request_given_up 409
        request_timeout 408
        role_differs 409
        sequence_forgotten 410
        session_expired 410
        starting 503
        stopping 503
        target_behind 503
        target_in_maintenance 503
        target_unreachable 502
        term_passed 409
        unknown 500
        unknown_action 400
        unknown_document 400
        unknown_option 400
        unknown_parameter 400
        unknown_resource 400
        version_not_found 404
        wrong_cluster 409
        xaction_not_found 404
        """

    @Test func `codes and their statuses do not change`() {
        let present = FailureCode.allCases.map { "\($0.rawValue) \($0.status)" }.sorted()
        #expect(present.joined(separator: "\n") == Self.codes)
    }

    /// What operators look up must be all there is, and true.
    @Test func `the table of error codes in docs/operations.md has all codes with their statuses`()
        throws
    {
        let root = String(#filePath.dropLast("/Tests/APITests/FailureTests.swift".count))
        let page = try #require(FileManager.default.contents(atPath: "\(root)/docs/operations.md"))
        let text = String(decoding: page, as: UTF8.self)
        let table = try #require(text.firstRange(of: "## Error codes"))
        let rows = text[table.upperBound...].split(separator: "\n").filter { $0.hasPrefix("| `") }
        let codes = rows.map { row in
            row.split(separator: "|").prefix(2).map { $0.filter { !"` ".contains($0) } }
                .joined(separator: " ")
        }
        #expect(codes == FailureCode.allCases.map { "\($0.rawValue) \($0.status)" })
        let silent = rows.filter { $0.split(separator: "|").count < 4 }
        #expect(silent == [])
    }

    @Test func `a failure is one JSON object and two newlines`() {
        var failure = Failure(.bucketExists, "bucket \"a\" exists", cause: "a\nb", next: "curl")
            .at(method: "POST", path: "/v1/buckets/a", remoteAddress: "1.2.3.4:5", node: "p1")
        failure.mapVersion = 7
        failure.requestID = "r1"
        let expected =
            #"{"status":409,"message":"bucket \"a\" exists","method":"POST","#
            + #""url_path":"/v1/buckets/a","remote_addr":"1.2.3.4:5","trace":"","#
            + #""code":"bucket_exists","cause":"a\u000ab","node":"p1","map_version":"7","#
            + #""next":"curl","request_id":"r1"}"# + "\n\n"
        #expect(String(decoding: failure.encoded, as: UTF8.self) == expected)
        #expect(Failure(decoding: failure.encoded) == failure)
    }

    @Test func `a failure of another version keeps its status and text`() {
        let body = Array(#"{"status":418,"message":"tea","code":"teapot","more":[1,{}]}"#.utf8)
        let failure = Failure(decoding: body)
        #expect(failure?.code == .unknown)
        #expect(failure?.status == 418)
        #expect(failure?.message == "tea")
    }

    @Test(arguments: ["", "{}", "[]", "null", #"{"status":200,"message":"x"}"#, "<html>"])
    func `what is not an error object is not taken for one`(_ text: String) {
        #expect(Failure(decoding: Array(text.utf8)) == nil)
    }
}

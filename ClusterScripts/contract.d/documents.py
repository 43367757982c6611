"""Reads every document of `what=` from every node given, and compares each with the shape that the node's own OpenAPI document
has for it. Usage: documents.py URL..."""

import json
import sys
import urllib.error
import urllib.request

import jsonschema
import openapi_spec_validator


def get(url, body=None):
    request = urllib.request.Request(url, data=body, method="GET")
    with urllib.request.urlopen(request, timeout=20) as reply:
        return reply.headers.get_content_type(), reply.read()


def shape(openapi, reference):
    return {"$ref": reference, "components": openapi["components"]}


def check(url):
    openapi = json.loads(get(url + "/v1/openapi.json")[1])
    openapi_spec_validator.validate(openapi)
    count = 0
    for path, operations in openapi["paths"].items():
        for what, reference in operations.get("get", {}).get("x-documents", {}).items():
            # A question about jobs needs to say which.
            asks = what in ("qryxstats", "status", "status_all", "running_all")
            body = b'{"kind":"rebalance"}' if asks else None
            place = f"{url}{path}?what={what}"
            try:
                kind, text = get(place, body)
            except urllib.error.HTTPError as error:
                failure = json.loads(error.read())
                if failure["code"] != "xaction_not_found":
                    yield f"{place}: {failure}"
                continue
            count += 1
            if reference is None:
                # A text, or the bytes of a file.
                if kind not in ("text/plain", "application/octet-stream"):
                    yield f"{place}: {kind}"
                continue
            validator = jsonschema.Draft202012Validator(shape(openapi, reference))
            for error in validator.iter_errors(json.loads(text)):
                yield f"{place}: {error.json_path}: {error.message[:300]}"
    if count < 10:
        yield f"{url}: only {count} documents were read"
    print(f"{url}: the OpenAPI document is valid; {count} documents have their shapes")


problems = [problem for url in sys.argv[1:] for problem in check(url)]
print("\n".join(problems))
sys.exit(1 if problems else 0)

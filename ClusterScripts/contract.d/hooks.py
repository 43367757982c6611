"""What schemathesis has to know of Martlet: which requests only to rehearse, and what a failure looks like."""

import json

import schemathesis
from schemathesis.specs.openapi import checks

# Codes that say "this is a bug of ours", wherever they are documented.
BUGS = {"internal_error", "unknown"}


# What is there, or may be: random names seldom are. The bucket with the object is not among those that are destroyed.
KNOWN = {"bucket": ["contract"], "object": ["o"], "id": ["p1", "p2", "t1"]}
EPHEMERAL = {"bucket": ["contract-2"]}


def familiar(case):
    """The same path, with names that are known in place of most of the others; the choice follows from the names."""
    identity = case.operation.definition.raw.get("operationId", "")
    known = KNOWN | EPHEMERAL if identity == "bucketRemoval" else KNOWN
    parameters = dict(case.path_parameters or {})
    for name, names in known.items():
        value = parameters.get(name)
        if isinstance(value, str) and sum(value.encode("utf-8", "replace")) % 4:
            parameters[name] = names[len(value) % len(names)]
    return parameters


@schemathesis.hook
def before_call(context, case, kwargs):
    case.path_parameters = familiar(case)
    query = dict(case.query or {})
    effect = case.operation.definition.raw.get("x-effect")
    # What a document or an action does not heed is refused; most requests are to come further than that.
    raw = case.operation.definition.raw
    if len(query) % 4 != 3:
        what = query.get("what")
        heeded = raw.get("x-parameters", {}).get(what) if isinstance(what, str) else None
        if heeded is not None:
            query = {name: value for name, value in query.items() if name == "what" or name in heeded}
        action = case.body.get("action") if isinstance(case.body, dict) else None
        heeded = raw.get("x-actions", {}).get(action) if isinstance(action, str) else None
        if heeded is not None:
            query = {name: value for name, value in query.items() if name in heeded}
    # The cluster has to live through the run: its nodes, settings and group are only asked what would happen.
    if effect == "cluster":
        query["dry_run"] = "true"
    # Nearly all that a target does with objects is for those whom a proxy has sent; some go without.
    if effect == "data" and len(query) % 4 != 3:
        query.setdefault("pid", "p1")
        query.setdefault("utm", "1")
    # A version that never comes is waited for as long as asked.
    if "wait_version" in query or query.get("what") == "watch":
        query["timeout"] = "0.1"
    # Whoever registers a node, or speaks of another proxy, names an address that is called. It is to be nobody's.
    if "can" in query:
        query["can"] = NOBODY
    if "candidate" in query:
        query["candidate"] = "p1"
    if query != (case.query or {}):
        case.query = query
    if effect != "data" and isinstance(case.body, (dict, list)):
        case.body = quiet(case.body)


NOBODY = "http://127.0.0.1:1"


def quiet(body):
    """The same body, with every address in it one where nothing listens."""
    if isinstance(body, list):
        return [quiet(element) for element in body]
    if not isinstance(body, dict):
        return body
    replaced = {}
    for key, value in body.items():
        if isinstance(value, (dict, list)):
            value = quiet(value)
        elif key.lower() in ("url", "direct_url"):
            value = NOBODY
        elif key.lower() == "node_ip_addr" and isinstance(value, str):
            value = "127.0.0.1"
        elif key.lower() == "daemon_port":
            value = "1"
        replaced[key] = value
    return replaced


def documented(case, response):
    responses = case.operation.definition.raw["responses"]
    return responses.get(str(response.status_code))


@schemathesis.check
def failures_are_documented(context, response, case):
    """A status of 400 and up is a failure object whose code stands beside that status, and no bug of ours."""
    if response.status_code < 400 or case.method.upper() == "HEAD":
        return
    try:
        failure = json.loads(response.content)
        code, status = failure["code"], failure["status"]
    except (ValueError, KeyError, TypeError):
        raise AssertionError(f"{response.status_code} without a failure object: {response.content[:200]!r}")
    if status != response.status_code:
        raise AssertionError(f"the status line says {response.status_code}, the body {status}")
    known = (documented(case, response) or {}).get("x-codes", [])
    if code in BUGS or code not in known:
        raise AssertionError(f"{status} {code} is not documented here: {failure.get('message')}")


@schemathesis.check
def bodies_are_documented(context, response, case):
    """A body has a documented type and shape; without one, the operation says that it may be empty."""
    answer = documented(case, response)
    if answer is None or case.method.upper() == "HEAD":
        return
    if response.content:
        checks.content_type_conformance(context, response, case)
        checks.response_schema_conformance(context, response, case)
    elif "content" in answer and not answer.get("x-may-be-empty"):
        raise AssertionError(f"{response.status_code} without the documented body")

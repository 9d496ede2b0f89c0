"""The walk of ../condo-clients/walk.mjs by sgqlc, as it comes."""

import json
import sys

from sgqlc.endpoint.http import HTTPEndpoint

question = json.loads(sys.argv[1])


def ask(headers, document, variables):
    answer = HTTPEndpoint(question["url"], headers)(document, variables)
    if answer.get("errors"):
        raise SystemExit(json.dumps(answer["errors"]))
    return answer["data"]


(_, sign_in, who), *others = question["steps"]
first = ask({}, sign_in, who)
print(json.dumps(first))
headers = {"Authorization": f"Bearer {first['signedIn']['token']}"}
made = ""
for _, document, variables in others:
    given = ask(headers, document, json.loads(json.dumps(variables).replace("$made", made)))
    made = made or given.get("made", {}).get("id", "")
    print(json.dumps(given))

"""The walk of ../condo-clients/walk.mjs by gql, as it comes."""

import json
import sys

from gql import Client, gql
from gql.transport.requests import RequestsHTTPTransport

question = json.loads(sys.argv[1])


def connect(headers):
    return Client(transport=RequestsHTTPTransport(url=question["url"], headers=headers))


def ask(client, document, variables):
    query = gql(document)
    query.variable_values = variables
    return client.execute(query)


(_, sign_in, who), *others = question["steps"]
first = ask(connect({}), sign_in, who)
print(json.dumps(first))
client = connect({"Authorization": f"Bearer {first['signedIn']['token']}"})
made = ""
for _, document, variables in others:
    given = ask(client, document, json.loads(json.dumps(variables).replace("$made", made)))
    made = made or given.get("made", {}).get("id", "")
    print(json.dumps(given))

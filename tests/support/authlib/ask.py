"""Asks fedlink's authorization server as Authlib's users do: discovers it, then does what the first argument says, as JSON, and
prints what the library gave or raised, a line of JSON each."""

import json
import sys

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url

asked = json.loads(sys.argv[1])
method = asked["method"]

session = OAuth2Session(
    asked["id"],
    asked["key"] if method == "private_key_jwt" else asked["secret"],
    token_endpoint_auth_method=method,
    # Left out, it would be Basic, whatever the client proves itself by elsewhere.
    revocation_endpoint_auth_method=method,
)

described = session.get(get_well_known_url(asked["issuer"], external=True), withhold_token=True)
described.raise_for_status()
metadata = AuthorizationServerMetadata(described.json())
metadata.validate()
assert metadata["issuer"] == asked["issuer"]

if method == "private_key_jwt":
    # Its default audience is the token endpoint, as RFC 7523 had it before its revision.
    session.register_client_auth_method(PrivateKeyJWT(token_endpoint=asked.get("aud", metadata["issuer"])))

answers = []


def kept(answer):
    answers.append(answer)
    return answer


# Its error has the two members of RFC 6749; what else an answer says comes through its hook.
session.register_compliance_hook("access_token_response", kept)


def granted(parameters):
    return dict(session.fetch_token(metadata["token_endpoint"], **parameters))


def introspected(parameters):
    answer = session.introspect_token(metadata["introspection_endpoint"], **parameters)
    answer.raise_for_status()
    return answer.json()


def revoked(parameters):
    answer = session.revoke_token(metadata["revocation_endpoint"], **parameters)
    if not answer.ok:
        # Here the library gives the answer as it is.
        raise OAuthError(**{"error": answer.json()["error"], "description": answer.json()["error_description"]})
    return None


actions = {
    "metadata": lambda _: metadata,
    "grant": granted,
    "credentials": lambda parameters: granted({"grant_type": "client_credentials", **parameters}),
    "introspect": introspected,
    "revoke": revoked,
}

for action, parameters in asked["steps"]:
    answers.clear()
    try:
        outcome = {"gave": actions[action](parameters)}
    except OAuthError as error:
        said = {"error": error.error, "error_description": error.description}
        for answer in answers:
            said = {**answer.json(), **said, "status": answer.status_code}
        outcome = {"threw": said}
    print(json.dumps(outcome))

"""Asks fedlink by the client that openapi-python-client made of openapi.yaml: gets a token, then does what the first argument
says, as JSON, and prints what each call gave or was refused with, a line of JSON each."""

import json
import sys
from http import HTTPStatus

from fedlink_client import AuthenticatedClient, Client
from fedlink_client.api.links import link_by_id, list_links, search_links, unlink, unlink_v2
from fedlink_client.api.o_auth import token
from fedlink_client.api.tokens import fed_token, fed_tokens
from fedlink_client.models import (
    FederatedTokenOfEntry,
    FederatedTokensRequest,
    FederatedTokensRequestTokensItem,
    FedTokenResponse200,
    LinkDetail,
    LinkNotFound,
    LinkPage,
    LinkRequest,
    OAuthError,
    TokenBody,
    TokenBodyGrantType,
    TokenResponse,
    UserNotFound,
)

asked = json.loads(sys.argv[1])
base, subject, sid = asked["base"], asked["subject"], asked["sid"]


def token_by(secret):
    body = TokenBody(
        grant_type=TokenBodyGrantType.CLIENT_CREDENTIALS,
        client_id=asked["id"],
        client_secret=secret,
        scope="blitz_api_sys_ufa blitz_api_sys_ufa_chg fed_tkn_any",
    )
    return token.sync_detailed(client=Client(base_url=base), body=body)


def say(answer, gave=None, *, error=None):
    told = {"status": HTTPStatus(answer.status_code).value}
    print(json.dumps(told | ({"gave": gave} if error is None else {"error": error.to_dict()})))


def a(kind, answer):
    assert isinstance(answer.parsed, kind), f"{answer.parsed} is no {kind}"
    return answer.parsed


issued = a(TokenResponse, token_by(asked["secret"]))
client = AuthenticatedClient(base_url=base, token=issued.access_token, raise_on_unexpected_status=True)
box = (subject, "box", "box_1")

wrong = token_by("wrong")
say(wrong, error=a(OAuthError, wrong))
linked = link_by_id.sync_detailed(*box, sid, client=client, body=LinkRequest(federated_account_name="Elle Woods"))
say(linked, linked.parsed)
links = list_links.sync_detailed(subject, client=client)
say(links, [link.to_dict() for link in links.parsed])
detailed = list_links.sync_detailed(subject, client=client, detail=True)
say(detailed, [link.to_dict() for link in detailed.parsed])
assert all(isinstance(link, LinkDetail) for link in detailed.parsed)
say(detailed, [link.health for link in detailed.parsed])
found = search_links.sync_detailed(client=client, fp="box:box_1", sid=sid)
say(found, [[link.subject, link.health] for link in a(LinkPage, found).links])
held = fed_token.sync_detailed(*box, client=client)
say(held, [[of, token.token] for of, token in a(FedTokenResponse200, held).additional_properties.items()])
entries = [FederatedTokensRequestTokensItem(subject=of, fp="box:box_1") for of in (subject, "nobody")]
many = fed_tokens.sync_detailed(client=client, body=FederatedTokensRequest(tokens=entries))
tokens = many.parsed.tokens
say(many, [entry.token if isinstance(entry, FederatedTokenOfEntry) else entry.error for entry in tokens])
removed = unlink.sync_detailed(*box, sid, client=client)
say(removed, removed.parsed)
again = unlink_v2.sync_detailed(*box, sid, client=client)
say(again, error=a(LinkNotFound, again))
unknown = list_links.sync_detailed("nobody", client=client)
say(unknown, error=a(UserNotFound, unknown))

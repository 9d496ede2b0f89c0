//! What the demo says: the calls to try, ready to paste.

use sandbox::Sandbox;
use secrecy::ExposeSecret as _;
use url::Url;

use super::stage::{
    APP, CHALLENGE, FIRST_LIFE, PARTNER, PHONE, PROVIDER_SECRET, SANDBOX_USERS, Stage, USERS, provider_settings,
};

/// The demo's words, with addresses and secrets filled in.
pub(super) fn script(stage: &Stage) -> String {
    let base = &stage.base;
    let callback = stage.callback();
    let (secret, password) = (stage.secret.expose_secret(), stage.password.expose_secret());
    let [(alice, _), (bob, _)] = USERS;
    let [(_, alice_there, _), (_, bob_there, _)] = SANDBOX_USERS;
    let (partner, client) = PARTNER;
    let life = FIRST_LIFE.as_secs();
    format!(
        r#"fedlink is at {base}, its provider (a sandbox) at {issuer}.
Users here: {alice}, {bob}. Their accounts at the sandbox: {alice_there}, {bob_there}. An app: {APP}.
Paste these into another terminal, one after the other; Ctrl-C here ends it all and leaves nothing behind.

1. The app gets a token of its own:

   TOKEN=$(curl -s -u {APP}:{secret} -d grant_type=client_credentials {base}/oauth/te | sed 's/.*"access_token":"\([^"]*\)".*/\1/'); echo $TOKEN

2. {alice} has no links yet:

   curl -sw '\n' -H "Authorization: Bearer $TOKEN" {base}/api/v3/users/{alice}/fa

3. The app asks for a link to send its user to:

   curl -sw '\n' -u {APP}:{password} -H 'Content-Type: application/json' -d '{{"fp":"sandbox:sandbox_1","callback":"{callback}","code_challenge":"{CHALLENGE}"}}' {base}/api/v2/users/current/fa/bind

4. Open its redirectTo in a browser, choose {alice_there}, connect. The last page is the app's callback; it shows
   the curl line with which the app completes the bind. Paste that line too: 204 No Content.

5. The link is there, and so is a valid access token:

   curl -sw '\n' -H "Authorization: Bearer $TOKEN" {base}/api/v3/users/{alice}/fa
   curl -sw '\n' -H "Authorization: Bearer $TOKEN" {base}/api/v3/users/{alice}/fedToken/sandbox/sandbox_1

6. That token lives {life} s, and none is handed out with 30 s or less to go. So ask again in a quarter of a minute:
   the token is a new one, refreshed on the way:

   curl -sw '\n' -H "Authorization: Bearer $TOKEN" {base}/api/v3/users/{alice}/fedToken/sandbox/sandbox_1

7. The same by one standard request (RFC 8693), with the token that {alice}'s browser sends the app: a JWT of the company's
   identity server (the sandbox again), made for the app's API, good for an hour:

   JWT={jwt}
   curl -sw '\n' -u {APP}:{secret} -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange -d audience=sandbox:sandbox_1 -d subject_token=$JWT -d subject_token_type=urn:ietf:params:oauth:token-type:access_token {base}/oauth/te

8. Unlink, and look: nothing left.

   curl -s -i -X DELETE -H "Authorization: Bearer $TOKEN" {base}/api/v3/users/{alice}/fa/sandbox/sandbox_1/alice-42
   curl -sw '\n' -H "Authorization: Bearer $TOKEN" {base}/api/v3/users/{alice}/fa

9. No token, and why: with the JWT of step 7, the answer names a reason that a program can act on.

   curl -sw '\n' -u {APP}:{secret} -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange -d audience=sandbox:sandbox_1 -d subject_token=$JWT -d subject_token_type=urn:ietf:params:oauth:token-type:access_token {base}/oauth/te

10. Condo's dialect. A partner's app brings {bob_there}'s access token (the partner is the sandbox again). The first time,
   the phone number has to be confirmed here:

   URL='{origin}/api/auth/{partner}/callback?user_type=resident&client_id={client}&access_token={token}'
   curl -sw '\n' "$URL"
   CONFIRM=$(curl -s -H 'Content-Type: application/json' -d '{{"query":"mutation {{ startConfirmPhoneAction(data: {{ {who}, phone: \"{PHONE}\" }}) {{ token }} }}"}}' {origin}/admin/api | sed 's/.*"token":"\([^"]*\)".*/\1/'); echo $CONFIRM

11. The code is printed below, where it would be sent by SMS. Put it in; then the token of step 10 stands for the phone:

   CODE=1234
   curl -sw '\n' -H 'Content-Type: application/json' -d '{{"query":"mutation {{ completeConfirmPhoneAction(data: {{ {who}, token: \"'$CONFIRM'\", smsCode: '$CODE' }}) {{ status }} }}"}}' {origin}/admin/api

12. In it goes. The cookie keystone.sid, decoded and without its s:, is a bearer token:

   SESSION=$(curl -s -o /dev/null -D - "$URL&confirm_phone_action_token=$CONFIRM" | sed -n 's/^set-cookie: keystone.sid=s%3A\([^;]*\).*/\1/p' | sed 's/%2B/+/g; s/%2F/\//g'); echo $SESSION
   curl -sw '\n' -H "Authorization: Bearer $SESSION" -H 'Content-Type: application/json' -d '{{"query":"{{ authenticatedUser {{ id name phone }} }}"}}' {origin}/api/graphql
"#,
        issuer = stage.sandbox.issuer(),
        origin = stage.origin,
        jwt = stage.user_token.expose_secret(),
        token = stage.partner_token.expose_secret(),
        who = r#"dv: 1, sender: { dv: 1, fingerprint: \"demo-app\" }, captcha: \"1234\""#,
    )
}

/// What the provider alone says: the settings of the fedlink that it is for.
pub(super) fn provider_script(provider: &Sandbox, fedlink: &Url) -> String {
    let [(alice, ..), (bob, ..)] = SANDBOX_USERS;
    format!(
        r"A provider (a sandbox) is at {issuer}, for the fedlink at {fedlink}.
Accounts there: {alice}, {bob}. Ctrl-C ends it, and its tokens with it. The secret that fedlink has there is {PROVIDER_SECRET}, and its settings are

{settings}",
        issuer = provider.issuer(),
        settings = provider_settings(provider, r#"{ file = "secrets/sandbox" }"#),
    )
}

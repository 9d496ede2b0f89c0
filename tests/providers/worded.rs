//! Providers that want to be asked in words of their own: each is linked, and asked again.

use sandbox::{ClientAuth, ONCE, Pkce, Settings, Signed, Userinfo, UserinfoCall};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::row::{End, Row, play, row};
use super::signer::{self, Signer};
use crate::support::world::both_engines;

/// A provider of its own kind, at the sandbox's addresses.
fn plain(row: Row, lines: &str) -> Row {
    let settings = row.settings;
    let lines = lines.to_owned();
    let mut row = Row { settings: Box::new(|text| text), ..row }.with(format!("kind = \"oauth2\"\n{lines}"));
    let with = row.settings;
    row.settings = Box::new(move |text| with(settings(text)));
    row
}

/// `TikTok`: another name for our id, commas, and which members are wanted of userinfo.
fn tiktok() -> Row {
    let script = |to: &mut Settings| {
        to.client_auth = Some(ClientAuth::Post);
        to.wording.client_id_param = "client_key".to_owned();
        to.scope_separator = ',';
        to.wording.userinfo_params = vec![("fields".to_owned(), "open_id,display name".to_owned())];
    };
    plain(
        row("client_key", script, End::Fresh),
        "client_auth = \"post\"\nclient_id_param = \"client_key\"\nscope_separator = \",\"\nuserinfo_params = { fields = \"open_id,display name\" }",
    )
}

/// Notion: JSON bodies, and Basic beside them.
fn notion() -> Row {
    let script = |to: &mut Settings| {
        to.client_auth = Some(ClientAuth::Basic);
        to.wording.token_json = true;
    };
    row("JSON bodies", script, End::Fresh).with("token_body = \"json\"")
}

/// Sber ID: an id of each request, at the token endpoint and at userinfo.
fn sber() -> Row {
    let script = |to: &mut Settings| {
        to.client_auth = Some(ClientAuth::Post);
        to.wording.token_headers = vec![("RqUID".to_owned(), ONCE.to_owned())];
        to.userinfo_headers = vec![
            ("x-introspect-rquid".to_owned(), ONCE.to_owned()),
            ("x-ibm-client-id".to_owned(), "fedlink".to_owned()),
        ];
    };
    plain(
        row("an id of each request", script, End::Fresh),
        "client_auth = \"post\"\ntoken_headers = { RqUID = \"{request_id}\" }\nuserinfo_headers = { x-introspect-rquid = \"{request_id}\", x-ibm-client-id = \"{client_id}\" }",
    )
}

/// Mail.ru: the access token in the address of userinfo.
fn mail_ru() -> Row {
    let script = |to: &mut Settings| to.userinfo_call = UserinfoCall::Query;
    plain(row("a token in an address", script, End::Fresh), "userinfo_call = \"query\"")
}

/// Odnoklassniki: calls are signed by the access token and the client secret.
fn odnoklassniki() -> Row {
    let script = |to: &mut Settings| {
        to.userinfo_call = UserinfoCall::Ok;
        to.scope_separator = ';';
        let wanted = [("application_key", "CPUBLIC"), ("method", "users.getCurrentUser"), ("format", "json")];
        to.wording.userinfo_params = wanted.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    };
    let mut row = plain(
        row("a sig of its parameters", script, End::Fresh),
        "userinfo_call = \"ok\"\nscope_separator = \";\"\nuserinfo_params = { application_key = \"CPUBLIC\" }",
    );
    // What is in the address is a parameter, too.
    let settings = row.settings;
    row.settings = Box::new(move |text| {
        let text = settings(text);
        let issuer = value(&text, "issuer");
        format!("{text}userinfo_endpoint = \"{issuer}/userinfo?method=users.getCurrentUser&format=json\"\n")
    });
    row
}

/// Linear: a GraphQL query, in JSON.
fn linear() -> Row {
    let query = "{ viewer { id \"name\" } }";
    let script = move |to: &mut Settings| {
        to.userinfo_call = UserinfoCall::PostJson;
        to.wording.userinfo_params = vec![("query".to_owned(), query.to_owned())];
    };
    plain(
        row("a query in JSON", script, End::Fresh),
        &format!("userinfo_call = \"post_json\"\nuserinfo_params = {{ query = '{query}' }}"),
    )
}

/// ESIA: requests are signed by a program, and the access token says whose it is.
fn esia(folder: &TempDir) -> Row {
    let Signer { program, public } = signer::write(folder);
    let script = move |to: &mut Settings| {
        to.client_auth = Some(ClientAuth::Signature);
        to.pkce = Pkce::Refused;
        to.userinfo = Userinfo::Absent;
        let parts = ["scope", "timestamp", "client_id", "state"].map(str::to_owned).to_vec();
        let timestamp = "%Y.%m.%d %H:%M:%S %z".to_owned();
        to.wording.signed = Some(Signed { parts, timestamp, public: public.clone(), authorize: true });
        let Value::Object(claims) = json!({"urn:esia:sbj_id": 1_000_299_353, "client_id": "fedlink"}) else { return };
        to.wording.access_claims = Some(claims);
    };
    let mut row = plain(
        row("signed by a program", script, End::Fresh),
        &format!(
            "client_auth = \"external\"\nclient_command = [\"{}\"]\npkce = false\nclaims_in = \"access_token\"\nsid = \"{{urn:esia:sbj_id}}\"\nuser_name = \"\"",
            program.display()
        ),
    );
    row.sid = "1000299353";
    let settings = row.settings;
    row.settings = Box::new(move |text| settings(text.replace("client_secret = \"sandbox-secret\"\n", "")));
    row
}

/// The text under a key of the provider's settings.
fn value(text: &str, key: &str) -> String {
    let line = text.lines().rev().find_map(|line| line.strip_prefix(&format!("{key} = ")));
    line.expect("it is there").trim_matches('"').to_owned()
}

both_engines! {
    async fn a_provider_is_asked_in_its_own_words(engine: Engine) {
        let folder = tempfile::tempdir().expect("a folder");
        play(engine, vec![tiktok(), notion(), sber(), mail_ru(), odnoklassniki(), linear(), esia(&folder)]).await;
    }
}

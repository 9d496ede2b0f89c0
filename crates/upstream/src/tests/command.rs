//! A program that proves us: what it is told, what is made of its answers, and that it can't hold anybody up.

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use url::Url;

use super::network::Fake;
use super::provider::{form, params};
use super::{WITHIN, provider, request, secret, settings};
use crate::{Outcome, PassingKind, Prepared, Provider, Redemption};
use domain::clock::MovableClock;
use domain::params::Texts;
use settings::{Asking, ClientAuth, ProviderKind};

/// A provider at which this shell script proves us.
fn signed_by(fake: &Fake, script: &str) -> settings::Provider {
    let mut settings = settings(&fake.issuer);
    settings.kind = ProviderKind::OAuth2;
    settings.client_auth = ClientAuth::External;
    settings.client_secret = None;
    settings.client_command = ["/bin/sh", "-c", script, "sign", "an argument; with $words"].map(str::to_owned).to_vec();
    settings.asking = Asking { client_id_param: "client".to_owned(), ..settings.asking };
    settings
}

fn told(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn reason(failed: Result<Prepared, crate::Passing>) -> (&'static str, PassingKind) {
    failed.map_or_else(|why| (why.reason, why.kind), |_| panic!("it is proved"))
}

/// Tells in a parameter what it was told, and what else it could see.
const ECHO: &str = r#"
quoted=$(sed 's/\\/\\\\/g; s/"/\\"/g')
printf '{"told": "%s", "seen": "%s|%s", "state": "its own", "prompt": "login"}' "$quoted" "$1" "$(env | sort | cut -d= -f1 | tr '\n' ' ')"
"#;

#[tokio::test]
async fn it_is_told_what_the_request_is_for_and_what_it_answers_is_sent() {
    let fake = Fake::with_metadata();
    fake.json("/token", 200, &json!({ "access_token": "a", "refresh_token": "r" }));
    let provider = provider(signed_by(&fake, ECHO)).0;
    let (uri, request) = (Url::parse("https://a.example/callback").unwrap(), request());
    let common = |request: &str, more: Value| {
        let mut all = json!({
            "request": request, "endpoint": format!("{}/token", fake.issuer), "client_id": "fed link", "scope": "openid email",
            "now": "2027-01-15T08:00:00Z",
        });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let redemption = Redemption {
        code: &secret("c"),
        redirect_uri: &uri,
        code_verifier: &request.code_verifier,
        params: &Texts::default(),
    };
    assert!(matches!(provider.exchange(redemption).await, Outcome::Granted(_)));
    let prepared = provider.prepare().await.unwrap();
    assert!(matches!(provider.refresh(&prepared, &secret("r"), &params(), WITHIN).await, Outcome::Granted(_)));
    let asked = fake.asked("/token");
    for (asked, wanted) in asked
        .iter()
        .zip([common("code", json!({ "redirect_uri": uri.as_str(), "code": "c" })), common("refresh", json!({}))])
    {
        let sent = form(&asked.body);
        let find = |wanted: &str| {
            let mut all = sent.iter().filter(|(name, _)| name == wanted);
            let one = all.next().map(|(_, value)| value.clone());
            assert!(all.next().is_none(), "{wanted} stands twice: {sent:?}");
            one.unwrap_or_default()
        };
        assert_eq!(told(&find("told")), wanted);
        // Arguments are no shell's, and of our environment it sees nothing.
        assert_eq!(find("seen"), "an argument; with $words|PATH PWD ");
        // What was there under a name of its own gives way; our id has the provider's name.
        assert_eq!(
            (find("state"), find("client"), find("client_id")),
            ("its own".into(), "fed link".into(), String::new())
        );
        assert_eq!(asked.authorization, None);
    }
}

#[tokio::test]
async fn the_browser_brings_what_it_answers_but_no_other_flows_state() {
    let fake = Fake::with_metadata();
    let script =
        |more: &str| format!("cat >/dev/null; printf '{{\"client_secret\": \"s+/=\", \"prompt\": \"login\"{more}}}'");
    let good = provider(signed_by(&fake, &script(""))).0;
    let url = good.authorization_url(&request()).await.unwrap().unwrap();
    let brought = form(url.query().unwrap());
    for (name, value) in
        [("client", "fed link"), ("client_secret", "s+/="), ("prompt", "login"), ("state", "the-state")]
    {
        let found: Vec<_> = brought.iter().filter(|(brought, _)| brought == name).map(|(_, value)| value).collect();
        assert_eq!(found, [value], "{name}");
    }
    assert!(!url.as_str().contains("client_id"), "{url}");
    for more in [", \"state\": \"x\"", ", \"redirect_uri\": \"https://b.example\"", ", \"nonce\": \"x\""] {
        let bad = provider(signed_by(&fake, &script(more))).0;
        assert!(bad.authorization_url(&request()).await.is_err(), "{more}");
    }
}

#[tokio::test]
async fn an_answer_that_is_none_proves_nobody() {
    let fake = Fake::with_metadata();
    for (script, why) in [
        ("printf '{\"a\": \"b\"}'; exit 3", "the program that proves us fails"),
        ("kill -9 $$", "the program that proves us fails"),
        ("cat", "the program that proves us answers no JSON object of texts"),
        ("printf '[]'", "the program that proves us answers no JSON object of texts"),
        ("printf '{\"a\": 1}'", "the program that proves us answers no JSON object of texts"),
        ("printf '{\"a\": \"b\"} and more'", "the program that proves us answers no JSON object of texts"),
        ("head -c 20000 /dev/zero", "the program that proves us answers more than 16 KiB"),
        ("cat /dev/zero", "the program that proves us answers more than 16 KiB"),
        ("printf '{\"client\": \"b\"}'", "the program that proves us answers a parameter that is not its own"),
        ("printf '{\"grant_type\": \"b\"}'", "the program that proves us answers a parameter that is not its own"),
        ("printf '{\"refresh_token\": \"b\"}'", "the program that proves us answers a parameter that is not its own"),
    ] {
        // Whatever it was told stands in none of these answers, but for `cat`, whose object has a list of its own.
        let script = if script == "cat" { "printf '{\"a\": [\"b\"]}'" } else { script };
        let failed = provider(signed_by(&fake, script)).0.prepare().await;
        assert_eq!(reason(failed), (why, PassingKind::Definite), "{script}");
    }
    let mut gone = signed_by(&fake, "");
    gone.client_command = vec!["/nowhere/sign".to_owned()];
    let why = "the program that proves us cannot be started";
    assert_eq!(reason(provider(gone).0.prepare().await), (why, PassingKind::Definite));
    assert!(fake.asked("/token").is_empty());
}

/// `fedlink check` runs it.
#[tokio::test]
async fn a_check_tells_that_it_fails() {
    let fake = Fake::with_metadata();
    let told = provider(signed_by(&fake, "exit 3")).0.check().await.unwrap_err();
    assert_eq!(told, "the program that proves us fails");
    let told = provider(signed_by(&fake, "cat >/dev/null; printf '{}'")).0.check().await.unwrap();
    assert!(told.starts_with("token endpoint "), "{told}");
}

#[tokio::test]
async fn one_that_answers_without_reading_is_believed() {
    let fake = Fake::with_metadata();
    let answered =
        provider(signed_by(&fake, "exec 0<&-; printf '{\"client_secret\": \"s\"}'")).0.prepare().await.unwrap();
    let added: Vec<_> = answered.added.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
    assert_eq!(added, [("client_secret", "s")]);
}

/// The clock that is moved is the provider's: nothing here waits for time.
#[tokio::test]
async fn who_hangs_is_given_up_and_ended() {
    let fake = Fake::with_metadata();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    // What hangs is a program that the program has started.
    let script = format!("sh -c 'echo $$ > {}; exec tail -f /dev/null'; exit 1", file.display());
    let (provider, clock) = provider(signed_by(&fake, &script));
    // Metadata is fetched by then, so that the program is what is waited for.
    provider.token_endpoint().await.unwrap();
    let waiting = prepare(&provider);
    tokio::pin!(waiting);
    let started = async {
        while !std::fs::read_to_string(&file).is_ok_and(|pid| pid.ends_with('\n')) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        failed = &mut waiting => panic!("it hangs: {failed:?}"),
        () = started => {}
    }
    let id = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    clock.advance(Duration::from_secs(5));
    let why = "the program that proves us does not answer in time";
    assert_eq!(reason(waiting.await), (why, PassingKind::Definite));
    let is_it = |line: String| line.starts_with("tail");
    while std::fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(is_it) {
        tokio::task::yield_now().await;
    }
}

/// Browsers come as often as they like, and take no refresh its turn.
#[tokio::test]
async fn browsers_take_none_of_what_refreshes_run_by() {
    let fake = Fake::with_metadata();
    let folder = tempfile::tempdir().unwrap();
    let ran = folder.path().join("ran");
    let script = format!(
        "asked=$(cat); case $asked in *authorization*) echo >> {}; exec tail -f /dev/null;; esac; printf '{{}}'",
        ran.display()
    );
    let (provider, clock) = provider(signed_by(&fake, &script));
    provider.token_endpoint().await.unwrap();
    let request = request();
    let ready = async { drop(provider.prepare().await.unwrap()) };
    let crowd = crowd(2, &ran, &clock, &async || provider.authorization_url(&request).await, ready).await;
    assert!(crowd.iter().all(Result::is_err), "{crowd:?}");
    assert_eq!(std::fs::read_to_string(&ran).unwrap().len(), 4);
}

#[tokio::test]
async fn what_nobody_got_a_turn_for_says_nothing_of_the_provider() {
    let fake = Fake::with_metadata();
    let folder = tempfile::tempdir().unwrap();
    let ran = folder.path().join("ran");
    let (provider, clock) = provider(signed_by(&fake, &format!("echo >> {}; exec tail -f /dev/null", ran.display())));
    provider.token_endpoint().await.unwrap();
    let crowd = crowd(4, &ran, &clock, &async || prepare(&provider).await, async {}).await;
    let whose: Vec<_> = crowd.into_iter().map(|ended| ended.unwrap_err()).map(|why| (why.whose, why.reason)).collect();
    let late = (crate::Whose::Provider, "the program that proves us does not answer in time");
    let crowded = (crate::Whose::Ours, "too many wait for the program that proves us");
    assert_eq!(whose, [late, late, late, late, late, late, late, late, crowded]);
}

/// So many run at a time, and hang. As many who come a second later have a turn when those are given up, and one more has none until
/// its own time is up: how they ended, in this order. What is to be done `meanwhile` is done while all wait.
async fn crowd<T: std::fmt::Debug>(
    at_once: usize,
    ran: &Path,
    clock: &MovableClock,
    ask: &impl AsyncFn() -> T,
    meanwhile: impl Future<Output = ()>,
) -> Vec<T> {
    let wave = || Box::pin(futures_util::future::join_all((0..at_once).map(|_| ask())));
    let mut first = wave();
    tokio::select! {
        biased;
        ended = &mut first => panic!("they hang: {ended:?}"),
        () = have_run(ran, at_once) => {}
    }
    clock.advance(Duration::from_secs(1));
    let (mut second, mut one_more) = (wave(), Box::pin(ask()));
    assert!(futures_util::poll!(&mut second).is_pending());
    assert!(futures_util::poll!(&mut one_more).is_pending());
    tokio::select! {
        biased;
        ended = &mut first => panic!("they hang: {ended:?}"),
        () = meanwhile => {}
    }
    assert_eq!(std::fs::read_to_string(ran).unwrap().len(), at_once, "the others wait");
    clock.advance(Duration::from_secs(4));
    let mut ended = first.await;
    tokio::select! {
        biased;
        ended = &mut second => panic!("they hang: {ended:?}"),
        () = have_run(ran, 2 * at_once) => {}
    }
    assert!(futures_util::poll!(&mut one_more).is_pending());
    clock.advance(Duration::from_secs(1));
    let crowded = one_more.await;
    clock.advance(Duration::from_secs(4));
    ended.extend(second.await);
    ended.push(crowded);
    ended
}

/// Waits until the program has been started so many times.
async fn have_run(ran: &Path, times: usize) {
    while std::fs::read_to_string(ran).unwrap_or_default().len() < times {
        tokio::task::yield_now().await;
    }
}

async fn prepare(provider: &Provider) -> Result<Prepared, crate::Passing> {
    provider.prepare().await
}

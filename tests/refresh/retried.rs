//! `fedlink links retry`: an operator gives dead links another try.

use serde_json::{Value, json};

use crate::support::database::{execute, texts};
use crate::support::fed::{asked, fed_token, health, refused_for_good, token};
use crate::support::site::Site;
use crate::support::world::{Engine, both_engines};

/// Two dead links of a site, with a refresh token each.
async fn dead(engine: Engine) -> Site {
    let site = Site::ready(engine, "http://127.0.0.1:9");
    let line = |subject: &str| {
        let line = json!({"subject": subject, "fpType": "tcs", "fpName": "tcs_1", "sid": format!("sid-{subject}"), "refreshToken": "r"});
        format!("{line}\n")
    };
    site.feed(&["import", "--register", "-"], &[line("41"), line("42")].concat()).good();
    execute(&site.database_url(), "UPDATE token_sets SET health = 'needs_consent'").await;
    site
}

async fn healths(site: &Site) -> Vec<String> {
    texts(&site.database_url(), "SELECT health AS value FROM token_sets JOIN links ON id = link_id ORDER BY subject")
        .await
}

both_engines! {
    async fn the_command_says_how_many_it_revived(engine: Engine) {
        let site = dead(engine).await;
        let retry = |more: &[&str]| site.run(&[&["links", "retry", "--provider", "tcs:tcs_1"], more].concat());
        assert!(retry(&["--subject", "40"]).good().starts_with("0 dead links"));
        assert!(retry(&["--sid", "sid-41", "--subject", "42"]).good().starts_with("0 dead links"));
        assert_eq!(healths(&site).await, ["needs_consent", "needs_consent"]);
        let told: Value = serde_json::from_str(retry(&["--sid", "sid-42", "--json"]).good()).unwrap();
        assert_eq!(told, json!({"retried": 1}));
        assert_eq!(healths(&site).await, ["needs_consent", "degraded"]);
        assert!(retry(&[]).good().starts_with("1 dead links"));
        assert_eq!(healths(&site).await, ["degraded", "degraded"]);
        let record = "SELECT subject AS value FROM audit WHERE event = 'FEDERATION_REFRESH_RETRIED' ORDER BY at";
        assert_eq!(texts(&site.database_url(), record).await, ["42", "41"]);
    }

    async fn a_revived_link_is_asked_for_again(engine: Engine) {
        let (world, console) = refused_for_good(engine).await;
        assert_eq!((fed_token(&world, &console, "?force=true").await.status, asked(&world)), (404, 1));
        let provider = domain::ids::ProviderId::parse("box", "box_1").expect("a provider");
        let all = service::refresh::Which { provider, subject: None, sid: None };
        assert_eq!(service::refresh::retry(&world.app.parts, &all).await.expect("it revives"), 1);
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));
        assert_eq!((health(&world, &console, "oleg").await, asked(&world)), ("ok".to_owned(), 2));
    }
}

#[test]
fn what_cannot_be_revived_is_told() {
    let site = Site::alone();
    let unknown = site.run(&["links", "retry", "--provider", "tcs:tcs_2"]);
    assert!(unknown.complaint().contains("tcs:tcs_2 is no configured provider"), "{unknown:?}");
    let malformed = site.run(&["links", "retry", "--provider", "tcs"]);
    assert!(malformed.complaint().contains("type:name"), "{malformed:?}");
}

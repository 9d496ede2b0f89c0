//! Pages of other origins at GraphQL: whose calls count with the cookie they bring, and which headers they may send.

use serde_json::{Value, json};

use crate::support::condo::{by_email, staff, with_sessions};
use crate::support::world::{Answer, As, Body, Engine, World, both_engines};

const LISTED: &str = "https://app.example";
const WEB_VIEWS: [&str; 4] =
    ["capacitor://localhost", "ionic://localhost", "tauri://localhost", "http://tauri.localhost"];
/// An app whose backend is a proxy: its own pages' Origin comes through.
const PROXIED: &str = "https://proxied.example";
const SITE: &str = "sec-fetch-site";

async fn with_origins(engine: Engine, origins: &[&str]) -> World {
    let origins = json!(origins);
    World::start_with(engine, |settings| with_sessions(format!("cors_origins = {origins}\n{settings}"))).await
}

async fn ask(world: &World, headers: &[(&str, &str)]) -> Answer {
    world.ask_with(&As::Nobody, "{ authenticatedUser { id } }", json!({}), headers).await
}

async fn asks_to_post(world: &World, headers: &[(&str, &str)]) -> Answer {
    let question = [&[("access-control-request-method", "POST")], headers].concat();
    world.call_with("OPTIONS", world.api(), &As::Nobody, Body::None, &question).await
}

/// Jane's cookie.
async fn cookie(world: &World) -> String {
    world.person(staff("jane")).await;
    let answer = by_email::ask(world, json!({})).await;
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

#[track_caller]
fn assert_is_jane(answer: &Answer, case: &str) {
    assert_eq!(answer.status, 200, "{case}: {}", answer.text());
    assert_eq!(answer.json()["data"]["authenticatedUser"], json!({"id": "jane"}), "{case}");
}

#[track_caller]
fn assert_refused(answer: &Answer, case: &str) {
    assert_eq!((answer.status, answer.error()["extensions"]["code"].as_str()), (403, Some("FORBIDDEN")), "{case}");
    assert_eq!(answer.header("access-control-allow-origin"), None, "{case}");
}

both_engines! {
    /// A browser says `same-origin` of an app's own page, whose backend passes the call on with the page's Origin.
    async fn what_a_browser_says_of_the_page_decides_with_its_origin(engine: Engine) {
        let world = with_origins(engine, &[LISTED]).await;
        let cookie = cookie(&world).await;
        let ours = world.base.clone();
        let sites = [None, Some("same-origin"), Some("none"), Some("same-site"), Some("cross-site"), Some("any"), Some("")];
        // Who gets in for each of these, in order.
        let rows = [
            (None, [true, true, true, false, false, true, true]),
            (Some(ours.as_str()), [true; 7]),
            (Some(LISTED), [true; 7]),
            (Some(PROXIED), [false, true, false, false, false, false, false]),
            (Some("null"), [false, true, false, false, false, false, false]),
            (Some("https://APP.example"), [false, true, false, false, false, false, false]),
            (Some(""), [false, true, false, false, false, false, false]),
        ];
        for (origin, expected) in rows {
            for (site, gets_in) in sites.into_iter().zip(expected) {
                let said = [origin.map(|origin| ("origin", origin)), site.map(|site| (SITE, site))];
                let said: Vec<_> = said.into_iter().flatten().collect();
                let answer = ask(&world, &[&[("cookie", cookie.as_str())], &said[..]].concat()).await;
                let case = format!("{said:?}");
                if gets_in { assert_is_jane(&answer, &case) } else { assert_refused(&answer, &case) }
                // Without the cookie there is nothing to protect.
                assert_eq!(ask(&world, &said).await.data()["authenticatedUser"], Value::Null, "{case}");
            }
        }
    }

    /// A browser says each once. What came twice, somebody in between made, and nothing of it overrules.
    async fn what_is_said_twice_overrules_nothing(engine: Engine) {
        let world = with_origins(engine, &[LISTED]).await;
        let cookie = cookie(&world).await;
        let cookie = ("cookie", cookie.as_str());
        let (same, cross) = ((SITE, "same-origin"), (SITE, "cross-site"));
        let (evil, listed) = (("origin", "https://evil.example"), ("origin", LISTED));
        for refused in [
            &[evil, same, same][..], &[evil, same, cross], &[evil, cross, same], &[evil, (SITE, "same-origin, same-origin")],
            &[evil, evil, same], &[listed, evil, same], &[evil, listed, same], &[same, cross], &[cross, same], &[same, same],
            &[(SITE, "same-origin, cross-site")],
        ] {
            assert_refused(&ask(&world, &[&[cookie], refused].concat()).await, &format!("{refused:?}"));
        }
        for welcome in [&[listed, listed][..], &[listed, cross, same]] {
            assert_is_jane(&ask(&world, &[&[cookie], welcome].concat()).await, &format!("{welcome:?}"));
        }
    }

    async fn a_listed_page_may_send_the_headers_it_asks_for(engine: Engine) {
        let world = with_origins(engine, &[LISTED]).await;
        let ask = async |asked: &str| {
            asks_to_post(&world, &[("origin", LISTED), ("access-control-request-headers", asked)]).await
        };
        let allowed = |answer: &Answer| answer.header("access-control-allow-headers").map(str::to_owned);
        // What the vendor's own client, and Apollo's, send.
        let clients = "apollo-require-preflight,apollographql-client-name,authorization,content-type,x-request-id,x-start-request-id,x-target";
        let yes = ask(clients).await;
        assert_eq!((yes.status, allowed(&yes)), (204, Some(clients.replace(',', ", "))));
        let vary: Vec<&str> =
            yes.headers.iter().filter(|(name, _)| name == "vary").map(|(_, value)| value.as_str()).collect();
        assert_eq!(vary, ["Origin", "Access-Control-Request-Headers"]);
        // What is no name of a header is left out, and so is what no browser would ask of anybody.
        for (asked, expected) in [
            ("X-Upper, x-lower", Some("X-Upper, x-lower")),
            (" x-a ,, x-b,", Some("x-a, x-b")),
            ("x a, x-b, x(c), x:d", Some("x-b")),
            ("*", None),
            ("", None),
        ] {
            let answer = ask(asked).await;
            assert_eq!((answer.status, allowed(&answer).as_deref()), (204, expected), "{asked:?}");
        }
        let many = (0..200).map(|n| format!("x-{n}")).collect::<Vec<_>>().join(",");
        assert_eq!(allowed(&ask(&many).await).unwrap().split(", ").count(), 64);
        assert_eq!(allowed(&ask(&format!("{},x-b", "a".repeat(200))).await).as_deref(), Some("x-b"));
        // Whoever asks nothing is told nothing; a stranger, too.
        assert_eq!(allowed(&asks_to_post(&world, &[("origin", LISTED)]).await), None);
        let stranger = [("origin", "https://evil.example"), ("access-control-request-headers", "x-a")];
        let no = asks_to_post(&world, &stranger).await;
        assert_eq!((no.status, allowed(&no)), (405, None));
    }

    async fn a_web_view_is_an_origin_like_any_other(engine: Engine) {
        let world = with_origins(engine, &WEB_VIEWS).await;
        let cookie = cookie(&world).await;
        for origin in WEB_VIEWS {
            let answer = ask(&world, &[("cookie", &cookie), ("origin", origin), (SITE, "cross-site")]).await;
            assert_is_jane(&answer, origin);
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
            let yes = asks_to_post(&world, &[("origin", origin)]).await;
            assert_eq!((yes.status, yes.header("access-control-allow-origin")), (204, Some(origin)));
        }
        for origin in ["capacitor://localhost:80", "capacitor://else", "tauri://localhost/", "https://tauri.localhost"] {
            assert_refused(&ask(&world, &[("cookie", &cookie), ("origin", origin)]).await, origin);
        }
    }
}

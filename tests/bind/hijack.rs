//! Bind under attack: stolen addresses, swapped parameters, replays, look-alike callbacks. Nothing is ever stored.

use serde_json::{Value, json};

use crate::support::browser::{Browser, Callback, complete, field, instruct, instruction, query};
use crate::support::database::{assert_nothing_stored, bind_refusals, count};
use crate::support::world::{
    ALL_SCOPES, As, Body, CALLBACK, CONSOLE, CONSOLE_PASSWORD, RIVAL, VERIFIER, World, both_engines,
};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);
const OF_ANOTHER_SESSION: &str = "the-verifier-in-the-session-of-another-browser-0";

/// The address with its query parameters changed: a value replaces, none removes.
fn with(url: &str, changes: &[(&str, Option<&str>)]) -> String {
    let mut address = url::Url::parse(url).unwrap();
    let kept: Vec<_> =
        address.query_pairs().into_owned().filter(|(name, _)| changes.iter().all(|(n, _)| n != name)).collect();
    let set = changes.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    address.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(set);
    address.into()
}

/// The flow as the database has it, to see that nothing moved.
async fn flow(world: &World, redirect_to: &str) -> Vec<String> {
    let id = redirect_to.rsplit('/').next().unwrap();
    let as_text = |column: &str| format!("COALESCE(CAST({column} AS TEXT), '-')");
    let encode = if world.database_url.starts_with("sqlite:") { "hex(" } else { "md5(" };
    let hex = |column: &str| format!("COALESCE({encode}{column}), '-')");
    let columns = [
        as_text("state"),
        hex("cookie_hash"),
        hex("state_hash"),
        hex("code_hash"),
        hex("sealed"),
        as_text("sid"),
        as_text("expires"),
    ];
    let query = format!("SELECT {} AS value FROM flows WHERE id = '{id}'", columns.join(" || ' ' || "));
    crate::support::database::texts(&world.database_url, &query).await
}

/// A request gets our page and moves nothing.
async fn assert_gone(world: &World, browser: &mut Browser, (method, url, body): (&str, &str, Body), redirect_to: &str) {
    let before = flow(world, redirect_to).await;
    let (cookies, refusals) = (browser.cookies().clone(), bind_refusals(world).await.len());
    let answer = browser.go(world, method, url, body).await;
    assert_eq!(answer.status, 410, "{method} {url}");
    assert_eq!((answer.header("location"), answer.header("set-cookie")), (None, None), "{method} {url}");
    assert_eq!(flow(world, redirect_to).await, before, "{method} {url} moved the flow");
    assert_eq!((browser.cookies(), bind_refusals(world).await.len()), (&mut cookies.clone(), refusals));
}

both_engines! {
    async fn a_stolen_address_opens_in_no_second_browser(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let redirect_to = instruct(&world, &BASIC).await;
        let (mut victim, mut thief) = (Browser::default(), Browser::default());
        let get = |url: &str| ("GET", url.to_owned(), Body::None);
        let yes = |csrf: &str| Body::Form(vec![("csrf", csrf.to_owned()), ("decision", "yes".to_owned())]);
        let confirm = format!("{redirect_to}/confirm");

        let back = victim.arrive(&world, &redirect_to, "oleg").await;
        for (method, url, body) in [get(&redirect_to), get(&back), get(&confirm)] {
            assert_gone(&world, &mut thief, (method, &url, body), &redirect_to).await;
        }
        assert_eq!(victim.go(&world, "GET", &back, Body::None).await.location(), confirm);
        let csrf = field(&victim.go(&world, "GET", &confirm, Body::None).await.text(), "csrf");
        for (method, url, body) in [get(&redirect_to), get(&confirm), ("POST", confirm.clone(), yes(&csrf)), get(&back)] {
            assert_gone(&world, &mut thief, (method, &url, body), &redirect_to).await;
        }
        let callback = victim.decide(&world, &confirm, "yes").await;
        for (method, url, body) in [get(&redirect_to), get(&confirm), ("POST", confirm.clone(), yes(&csrf)), get(&back)] {
            assert_gone(&world, &mut thief, (method, &url, body), &redirect_to).await;
        }
        assert_nothing_stored(&world, "stolen").await;
        let done = complete(&world, &BASIC, callback.get("bind_code"), (VERIFIER, "alice")).await;
        assert_eq!(done.status, 204, "{}", done.text());
    }

    async fn a_stolen_bind_link_links_nothing(engine: Engine) {
        let world = World::start(engine).await;
        world.account("victim").await;
        world.account("attacker").await;
        // The thief is first, with an account of the thief's: the victim's browser stays outside, and the code comes to
        // the app in a browser whose session has another verifier, or none.
        let victims = instruct(&world, &BASIC).await;
        let (mut victim, mut thief) = (Browser::default(), Browser::default());
        let callback = thief.walk(&world, &victims, "elle").await;
        assert_gone(&world, &mut victim, ("GET", &victims, Body::None), &victims).await;
        for subject in ["victim", "attacker"] {
            let answer = complete(&world, &BASIC, callback.get("bind_code"), (OF_ANOTHER_SESSION, subject)).await;
            assert_eq!(answer.refusal(), (400, "bind_code_invalid".to_owned()));
        }
        // The victim follows the attacker's address: the code comes to the app in the victim's browser, whose session
        // does not have the attacker's verifier.
        let attackers = instruct(&world, &BASIC).await;
        let callback = victim.walk(&world, &attackers, "oleg").await;
        assert_gone(&world, &mut thief, ("GET", &attackers, Body::None), &attackers).await;
        let answer = complete(&world, &BASIC, callback.get("bind_code"), (OF_ANOTHER_SESSION, "victim")).await;
        assert_eq!(answer.refusal(), (400, "bind_code_invalid".to_owned()));
        let answer = complete(&world, &BASIC, callback.get("bind_code"), (VERIFIER, "attacker")).await;
        assert_eq!(answer.refusal(), (400, "bind_code_invalid".to_owned()), "burnt");
        assert_nothing_stored(&world, "stolen").await;
        assert_eq!((count(&world, "flows").await, bind_refusals(&world).await), (0, vec!["wrong_verifier".to_owned(); 2]));
    }

    async fn a_flow_works_once(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let back = browser.arrive(&world, &redirect_to, "oleg").await;
        let confirm = browser.go(&world, "GET", &back, Body::None).await.location();
        assert_gone(&world, &mut browser, ("GET", &back, Body::None), &redirect_to).await;
        let csrf = field(&browser.go(&world, "GET", &confirm, Body::None).await.text(), "csrf");
        let callback = browser.decide(&world, &confirm, "yes").await;
        let again = |decision: &str| Body::Form(vec![("csrf", csrf.clone()), ("decision", decision.to_owned())]);
        for round in ["pending", "complete"] {
            for (method, url, body) in [
                ("GET", &back, Body::None),
                ("GET", &confirm, Body::None),
                ("POST", &confirm, again("yes")),
                ("POST", &confirm, again("no")),
                ("GET", &redirect_to, Body::None),
            ] {
                assert_gone(&world, &mut browser, (method, url, body), &redirect_to).await;
            }
            let done = complete(&world, &BASIC, callback.get("bind_code"), (VERIFIER, "alice")).await;
            assert_eq!(done.status, if round == "pending" { 204 } else { 400 }, "{}", done.text());
        }
        assert_eq!(count(&world, "links").await, 1);
        assert_eq!(world.sandbox.counts().token_code, 1);

        // After a failure no more than after success.
        let redirect_to = instruct(&world, &BASIC).await;
        let back = browser.arrive(&world, &redirect_to, "elle").await;
        let refused = with(&back, &[("code", None), ("error", Some("access_denied"))]);
        assert_eq!(Callback::of(&browser.go(&world, "GET", &refused, Body::None).await).get("error"), "access_denied");
        for url in [&back, &refused, &redirect_to] {
            assert_gone(&world, &mut browser, ("GET", url, Body::None), &redirect_to).await;
        }
        assert_eq!(count(&world, "links").await, 1);
    }

    async fn a_callback_needs_the_cookie_of_its_own_flow(engine: Engine) {
        let world = World::start(engine).await;
        let (one, other) = (instruct(&world, &BASIC).await, instruct(&world, &BASIC).await);
        let (mut victim, mut attacker) = (Browser::default(), Browser::default());
        let back = victim.arrive(&world, &one, "oleg").await;
        attacker.open(&world, &other).await;
        let (name, value) = victim.cookies().clone().into_iter().next().unwrap();
        let others = attacker.cookies().values().next().unwrap().clone();
        let flipped = format!("{}{}", value.split_at(value.len() - 1).0, if value.ends_with('A') { 'Q' } else { 'A' });
        let secret = value.split_once('.').unwrap().1.to_owned();
        for wrong in [others, flipped, secret, String::new(), value.to_uppercase(), format!("{value}.")] {
            let mut forger = Browser::default();
            forger.cookies().insert(name.clone(), wrong);
            for url in [&back, &one, &format!("{one}/confirm")] {
                assert_gone(&world, &mut forger, ("GET", url, Body::None), &one).await;
            }
        }
        assert_gone(&world, &mut attacker, ("GET", &back, Body::None), &one).await;
        assert_eq!(world.sandbox.counts().token_code, 0, "no code was redeemed");
        assert_eq!(victim.go(&world, "GET", &back, Body::None).await.location(), format!("{one}/confirm"));
    }

    async fn a_code_of_another_flow_is_worth_nothing(engine: Engine) {
        let world = World::start(engine).await;
        // The victim's code, got hold of, under the attacker's own state and cookie; and the other way round.
        for attack_runs_in_the_victims_browser in [false, true] {
            let (theirs, own) = (instruct(&world, &BASIC).await, instruct(&world, &BASIC).await);
            let (mut victim, mut attacker) = (Browser::default(), Browser::default());
            let victims_back = victim.arrive(&world, &theirs, "oleg").await;
            let attackers_back = attacker.arrive(&world, &own, "elle").await;
            let (mut browser, back, injected, flow_id) = if attack_runs_in_the_victims_browser {
                (victim, victims_back, query(&attackers_back)["code"].clone(), theirs)
            } else {
                (attacker, attackers_back, query(&victims_back)["code"].clone(), own)
            };
            let answer = browser.go(&world, "GET", &with(&back, &[("code", Some(&injected))]), Body::None).await;
            assert_eq!(Callback::of(&answer).get("error"), "provider_error", "PKCE ties a code to its flow");
            assert!(flow(&world, &flow_id).await.is_empty());
        }
        // In one browser: the state of one tab with the code of another.
        let (left, right) = (instruct(&world, &BASIC).await, instruct(&world, &BASIC).await);
        let mut browser = Browser::default();
        let left_back = browser.arrive(&world, &left, "oleg").await;
        let right_back = browser.arrive(&world, &right, "elle").await;
        let swapped = with(&left_back, &[("state", Some(&query(&right_back)["state"]))]);
        let answer = browser.go(&world, "GET", &swapped, Body::None).await;
        let callback = Callback::of(&answer);
        assert_eq!(callback.get("error"), "provider_error");
        assert!(right.ends_with(callback.get("bind")));
        assert_nothing_stored(&world, "another flow's code").await;
        assert_eq!(bind_refusals(&world).await, ["exchange_failed"; 3]);
    }

    async fn a_state_that_is_not_the_flows_moves_nothing(engine: Engine) {
        let world = World::start(engine).await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let back = browser.arrive(&world, &redirect_to, "oleg").await;
        let state = query(&back)["state"].clone();
        for wrong in ["", "unknown", state.split_at(42).0, &state.to_lowercase(), &format!("{state} ")] {
            let url = with(&back, &[("state", Some(wrong))]);
            assert_gone(&world, &mut browser, ("GET", &url, Body::None), &redirect_to).await;
        }
        for url in [with(&back, &[("state", None)]), format!("{back}&state={state}"), format!("{back}&code=x")] {
            let before = flow(&world, &redirect_to).await;
            assert_eq!(browser.go(&world, "GET", &url, Body::None).await.status, 400, "{url}");
            assert_eq!(flow(&world, &redirect_to).await, before);
        }
        assert_eq!(browser.go(&world, "GET", &back, Body::None).await.status, 303);
    }

    async fn a_mixed_up_callback_is_refused(engine: Engine) {
        let world = World::start_with(engine, |text| {
            let (_, provider) = text.split_once("[[providers]]").unwrap();
            let second = provider.replace("box_1", "box_2");
            format!("{text}[[providers]]{second}")
        })
        .await;
        // At the redirect URI of another provider, a configured one or not: RFC 9700 §4.4.
        for elsewhere in ["box/box_2", "box/box_9", "BOX/box_1", "box/box_1%00", "b%20x/box_1"] {
            let redirect_to = instruct(&world, &BASIC).await;
            let mut browser = Browser::default();
            let back = browser.arrive(&world, &redirect_to, "oleg").await.replace("box/box_1", elsewhere);
            let answer = browser.go(&world, "GET", &back, Body::None).await;
            if elsewhere.contains("%00") {
                assert_eq!(answer.status, 400, "{elsewhere}");
                continue;
            }
            let callback = Callback::of(&answer);
            assert_eq!((callback.get("error"), callback.get("fp")), ("provider_error", "box:box_1"), "{elsewhere}");
            assert!(flow(&world, &redirect_to).await.is_empty());
        }
        // In the name of another issuer: RFC 9207.
        let issuer = world.sandbox.issuer();
        let others = ["https://evil.example", &format!("{issuer}/"), &issuer.to_uppercase(), ""];
        for iss in others {
            let redirect_to = instruct(&world, &BASIC).await;
            let mut browser = Browser::default();
            let back = browser.arrive(&world, &redirect_to, "oleg").await;
            let answer = browser.go(&world, "GET", &with(&back, &[("iss", Some(iss))]), Body::None).await;
            assert_eq!(Callback::of(&answer).get("error"), "provider_error", "{iss}");
        }
        assert_eq!(world.sandbox.counts().token_code, 0, "no code is redeemed anywhere");
        assert_nothing_stored(&world, "mixed up").await;
        let refusals = bind_refusals(&world).await;
        assert_eq!(refusals, [["mixed_up"; 4], ["wrong_issuer"; 4]].concat());
    }

    async fn a_confirmation_needs_the_forms_own_token(engine: Engine) {
        let world = World::start(engine).await;
        let (one, other) = (instruct(&world, &BASIC).await, instruct(&world, &BASIC).await);
        let mut browser = Browser::default();
        let confirm = browser.identify(&world, &one, "oleg").await;
        let others = browser.identify(&world, &other, "elle").await;
        let others = field(&browser.go(&world, "GET", &others, Body::None).await.text(), "csrf");
        let cookie = browser.cookies().values().next().unwrap().clone();
        for forged in [others, cookie, String::new(), "x".repeat(43)] {
            for decision in ["yes", "no"] {
                let before = flow(&world, &one).await;
                let form = Body::Form(vec![("csrf", forged.clone()), ("decision", decision.to_owned())]);
                let answer = browser.go(&world, "POST", &confirm, form).await;
                assert_eq!((answer.status, answer.header("location")), (400, None));
                assert_eq!(flow(&world, &one).await, before);
            }
        }
        assert_nothing_stored(&world, "forged").await;
    }

    async fn a_callback_off_the_list_is_refused(engine: Engine) {
        let world = World::start(engine).await;
        let off = [
            "",
            "/callback",
            "//app.example/callback",
            "javascript:alert(1)",
            "javascript://app.example/callback",
            "data:text/html,x",
            "http://app.example/callback",
            "HTTPS://app.example/callback",
            "https://APP.example/callback",
            "https://app.example/Callback",
            "https://app.example/callback/",
            "https://app.example/callback/..",
            "https://app.example/x/../callback",
            "https://app.example//callback",
            "https://app.example/callback?",
            "https://app.example/callback?x=1",
            "https://app.example/callback#",
            "https://app.example/callback#fragment",
            "https://app.example/%63allback",
            "https://app.example:443/callback",
            "https://app.example:8443/callback",
            "https://app.example.evil.example/callback",
            "https://evil.example/https://app.example/callback",
            "https://evil.example?https://app.example/callback",
            "https://evil.example#https://app.example/callback",
            "https://app.example@evil.example/callback",
            "https://evil.example@app.example/callback",
            "https://user:pw@app.example/callback",
            "https://evil.example\\@app.example/callback",
            "https:\\\\app.example\\callback",
            "https://app.example\\callback",
            "https:/app.example/callback",
            "https:app.example/callback",
            "https:///app.example/callback",
            "https://app.example./callback",
            "https://\u{0430}pp.example/callback",
            "https://xn--pp-6kc.example/callback",
            "https://app\u{3002}example/callback",
            "https://app.example/callback\r\nSet-Cookie: a=b",
            "https://app.example/callback\n",
            "https://app.example/callback\t",
            "https://app.example/callback\u{0}",
            " https://app.example/callback",
            "https://app.example/callback ",
            "https://app.example/other",
            "https://app.example/other?x=2",
            "https://app.example/other?x=1&y=2",
            "https://app.example/other?x=1&",
            "https://app.example/callback,https://app.example/other?x=1",
        ];
        let mut cases: Vec<Value> = off.iter().map(|callback| json!(callback)).collect();
        cases.extend([json!([CALLBACK]), json!({"url": CALLBACK}), json!(17), json!(null)]);
        for callback in cases {
            let mut body = instruction();
            body["callback"] = callback.clone();
            let answer = world.call("POST", "/api/v2/users/current/fa/bind", &BASIC, Body::Json(body)).await;
            assert_eq!(answer.refusal(), (400, "wrong_values".to_owned()), "{callback}");
            assert!(answer.json()["desc"].as_str().unwrap().starts_with("callback"), "{callback}: {}", answer.text());
        }
        // What is on one application's list is not on another's.
        let rival = world.system(RIVAL, &ALL_SCOPES).await;
        let mut body = instruction();
        body["callback"] = json!("https://app.example/other?x=1");
        let answer = world.call("POST", "/api/v2/users/current/fa/bind", &rival, Body::Json(body)).await;
        assert_eq!(answer.refusal(), (400, "wrong_values".to_owned()));
        assert_eq!(count(&world, "flows").await, 0);
        // And none of a request's own parameters leads anywhere else.
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let detour = format!("{redirect_to}?callback=https://evil.example/&redirect_uri=https://evil.example/");
        let to_provider = browser.open(&world, &detour).await;
        assert!(!to_provider.contains("evil"));
        let back = browser.consent(&world, &to_provider, "oleg").await;
        let confirm = browser.go(&world, "GET", &format!("{back}&callback=https://evil.example/"), Body::None).await;
        assert_eq!(confirm.location(), format!("{redirect_to}/confirm"));
        assert!(browser.decide(&world, &confirm.location(), "yes").await.url.starts_with(CALLBACK));
    }

    async fn an_id_that_is_none_is_as_gone_as_any(engine: Engine) {
        let world = World::start(engine).await;
        let redirect_to = instruct(&world, &BASIC).await;
        let (start, id) = redirect_to.rsplit_once('/').unwrap();
        let ids = ["x", "00000000-0000-4000-8000-000000000000", "%01", "'%20OR%201=1", &"a".repeat(300), id.split_at(1).1];
        for wrong in ids {
            for url in [format!("{start}/{wrong}"), format!("{start}/{wrong}/confirm")] {
                assert_gone(&world, &mut Browser::default(), ("GET", &url, Body::None), &redirect_to).await;
            }
        }
        Browser::default().open(&world, &redirect_to).await;
    }
}

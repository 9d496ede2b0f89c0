//! Bind, the browser's half: one browser per instruction, its cookie, the confirm page and what every page carries.

use serde_json::json;

use crate::support::browser::{Browser, complete, field, instruct, instruct_with, instruction, query};
use crate::support::database::{assert_nothing_stored, bind_refusals, count};
use crate::support::world::{
    ALL_SCOPES, As, Body, CALLBACK, CONSOLE, CONSOLE_PASSWORD, PUBLIC, VERIFIER, World, both_engines,
};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);

/// The form's answer to a confirm page.
fn form(csrf: &str, decision: &str) -> Body {
    Body::Form(vec![("csrf", csrf.to_owned()), ("decision", decision.to_owned())])
}

both_engines! {
    async fn a_reload_starts_the_providers_leg_afresh(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let first = browser.open(&world, &redirect_to).await;
        let second = browser.open(&world, &redirect_to).await;
        let (first_query, second_query) = (query(&first), query(&second));
        for fresh in ["state", "nonce", "code_challenge"] {
            assert_ne!(first_query[fresh], second_query[fresh], "{fresh}");
        }
        assert_eq!(first_query["redirect_uri"], second_query["redirect_uri"]);
        assert_eq!(second_query["code_challenge_method"], "S256");

        let stale = browser.consent(&world, &first, "elle").await;
        assert_eq!(browser.go(&world, "GET", &stale, Body::None).await.status, 410, "the first leg is over");
        let back = browser.consent(&world, &second, "elle").await;
        let confirm = browser.go(&world, "GET", &back, Body::None).await.location();
        let csrf = field(&browser.go(&world, "GET", &confirm, Body::None).await.text(), "csrf");

        let third = browser.open(&world, &redirect_to).await;
        assert_eq!(browser.go(&world, "GET", &confirm, Body::None).await.status, 410, "nothing to confirm any more");
        assert_eq!(browser.go(&world, "POST", &confirm, form(&csrf, "yes")).await.status, 410);
        let back = browser.consent(&world, &third, "oleg").await;
        let confirm = browser.go(&world, "GET", &back, Body::None).await.location();
        let callback = browser.decide(&world, &confirm, "yes").await;
        assert_eq!(callback.get("status"), "pending");

        assert_eq!(browser.go(&world, "GET", &redirect_to, Body::None).await.status, 410, "the app has the code");
        let done = complete(&world, &BASIC, callback.get("bind_code"), (VERIFIER, "alice")).await;
        assert_eq!(done.status, 204, "{}", done.text());
    }

    async fn a_prefetch_ties_nothing(engine: Engine) {
        let world = World::start(engine).await;
        let redirect_to = instruct(&world, &BASIC).await;
        let ahead = [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("purpose", "prefetch"),
            ("x-moz", "prefetch"),
        ];
        for header in ahead {
            let mut browser = Browser::default();
            let answer = browser.go_with(&world, ("GET", &redirect_to), Body::None, &[header]).await;
            assert_eq!(answer.status, 400, "{header:?}");
            assert!(browser.cookies().is_empty());
        }
        let head = world.send("HEAD", &redirect_to, &As::Nobody, Body::None, &[]).await;
        assert_eq!((head.status, head.header("set-cookie")), (405, None));
        Browser::default().open(&world, &redirect_to).await;
    }

    async fn the_confirm_page_names_both_sides_and_no_subject(engine: Engine) {
        let world = World::start(engine).await;
        world.account("subject-4711").await;
        let alice = world.user(CONSOLE, "subject-4711", &ALL_SCOPES).await;
        let names = [
            ("Oleg", "Oleg"),
            ("\u{202E}gelO\u{2066} \u{200F}Petrov\u{2069}", "gelO Petrov"),
            ("<img src=x onerror=alert(1)>\"'&", "&#60;img src=x onerror=alert(1)&#62;&#34;&#39;&#38;"),
            // Nothing to read in the name: the id stands in its place.
            ("\u{202E}\u{200B} \u{2066}", "oleg"),
        ];
        for (name, shown) in names {
            let claimed = json!({"name": name});
            world.sandbox.script().set(|settings| settings.claims = claimed.as_object().unwrap().clone());
            let redirect_to = instruct(&world, &alice).await;
            let mut browser = Browser::default();
            let confirm = browser.identify(&world, &redirect_to, "oleg").await;
            let page = browser.go(&world, "GET", &confirm, Body::None).await.text();
            assert!(page.contains("Connect this Sandbox account to Console?"), "{page}");
            assert!(page.contains(&format!("<bdi>{shown}</bdi>")), "{shown}: {page}");
            assert!(!page.contains("subject-4711"), "{page}");
            let marks = |c: char| matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
            assert!(!page.contains(marks), "{page}");
        }
    }

    async fn an_account_without_a_name_is_shown_by_its_id(engine: Engine) {
        let world = World::start_with(engine, |text| text.replace("{name}", "{nickname}")).await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let confirm = browser.identify(&world, &redirect_to, "elle").await;
        let page = browser.go(&world, "GET", &confirm, Body::None).await.text();
        assert!(page.contains("<bdi>elle</bdi>"), "{page}");
    }

    async fn saying_no_ends_it(engine: Engine) {
        let world = World::start(engine).await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let confirm = browser.identify(&world, &redirect_to, "oleg").await;
        let callback = browser.decide(&world, &confirm, "no").await;
        assert_eq!((callback.get("status"), callback.get("error")), ("error", "access_denied"));
        assert_eq!(callback.get("fp"), "box:box_1");
        assert!(redirect_to.ends_with(callback.get("bind")));
        assert_eq!(callback.get("bind_code"), "");
        assert_eq!(browser.go(&world, "GET", &confirm, Body::None).await.status, 410);
        assert_eq!(browser.go(&world, "GET", &redirect_to, Body::None).await.status, 410);
        assert_nothing_stored(&world, "declined").await;
        assert_eq!((count(&world, "flows").await, bind_refusals(&world).await), (0, vec!["declined_at_confirm".into()]));
    }

    async fn a_form_that_is_not_the_pages_changes_nothing(engine: Engine) {
        let world = World::start(engine).await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let confirm = browser.identify(&world, &redirect_to, "oleg").await;
        let csrf = field(&browser.go(&world, "GET", &confirm, Body::None).await.text(), "csrf");
        let twice = format!("csrf={csrf}&decision=no&decision=yes");
        let cases = [
            (form(&csrf, "maybe"), 400),
            (form(&csrf, ""), 400),
            (form(&csrf, "YES"), 400),
            (form("", "yes"), 400),
            (form(csrf.split_at(42).0, "yes"), 400),
            (Body::Form(vec![("decision", "yes".to_owned())]), 400),
            (Body::Form(vec![("csrf", csrf.clone())]), 400),
            (Body::Raw("application/x-www-form-urlencoded", twice.into_bytes()), 400),
            (Body::None, 400),
            (Body::Json(json!({"csrf": csrf, "decision": "yes"})), 415),
            (Body::Raw("application/x-www-form-urlencoded", vec![b'a'; 65 * 1024]), 413),
        ];
        for (body, status) in cases {
            let answer = browser.go(&world, "POST", &confirm, body.clone()).await;
            assert_eq!(answer.status, status, "{body:?}");
        }
        let callback = browser.decide(&world, &confirm, "yes").await;
        assert_eq!(callback.get("status"), "pending");
    }

    async fn a_provider_may_spare_the_question(engine: Engine) {
        let world = World::start_with(engine, |text| format!("{text}confirm = false\n")).await;
        world.account("alice").await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let back = browser.arrive(&world, &redirect_to, "oleg").await;
        let to_app = browser.go(&world, "GET", &back, Body::None).await;
        let callback = crate::support::browser::Callback::of(&to_app);
        assert_eq!(callback.get("status"), "pending");
        let done = complete(&world, &BASIC, callback.get("bind_code"), (VERIFIER, "alice")).await;
        assert_eq!(done.status, 204, "{}", done.text());
    }

    async fn the_callbacks_own_query_stays_as_it_is(engine: Engine) {
        let world = World::start(engine).await;
        let mut body = instruction();
        body["callback"] = json!("https://app.example/other?x=1");
        let redirect_to = instruct_with(&world, &BASIC, body).await;
        let mut browser = Browser::default();
        let confirm = browser.identify(&world, &redirect_to, "oleg").await;
        let page = browser.go(&world, "GET", &confirm, Body::None).await;
        let to_app = browser.go(&world, "POST", &confirm, form(&field(&page.text(), "csrf"), "yes")).await;
        let url = to_app.location();
        assert!(url.starts_with("https://app.example/other?x=1&fp=box%3Abox_1&bind="), "{url}");
        assert_eq!(query(&url)["status"], "pending");
        assert_eq!(query(&url)["bind_code"].len(), 43);
    }

    async fn every_page_and_redirect_keeps_to_itself(engine: Engine) {
        let world = World::start(engine).await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let opened = browser.go(&world, "GET", &redirect_to, Body::None).await;
        let back = browser.consent(&world, &opened.location(), "oleg").await;
        let arrived = browser.go(&world, "GET", &back, Body::None).await;
        let confirm = arrived.location();
        let page = browser.go(&world, "GET", &confirm, Body::None).await;
        let refused = browser.go(&world, "POST", &confirm, form("wrong", "yes")).await;
        let gone = Browser::default().go(&world, "GET", &redirect_to, Body::None).await;
        let csrf = field(&page.text(), "csrf");
        let left = browser.go(&world, "POST", &confirm, form(&csrf, "yes")).await;
        let statuses = [(&opened, 303), (&arrived, 303), (&page, 200), (&refused, 400), (&gone, 410), (&left, 303)];
        for (answer, status) in statuses {
            assert_eq!(answer.status, status);
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{status}");
            assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{status}");
        }
        let own = "'self' https://app.example";
        for (answer, form_action, script) in [(&page, own, true), (&refused, "'none'", false), (&gone, "'none'", false)] {
            let policy = answer.header("content-security-policy").expect("a policy");
            let directives: Vec<&str> = policy.split("; ").collect();
            for directive in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
                assert!(directives.contains(&directive), "{directive}: {policy}");
            }
            assert!(directives.contains(&format!("form-action {form_action}").as_str()), "{policy}");
            assert!(!policy.contains("unsafe"), "{policy}");
            let nonce = policy.split_once("'nonce-").unwrap().1.split_once('\'').unwrap().0;
            assert!(answer.text().contains(&format!("<style nonce=\"{nonce}\">")));
            assert_eq!(directives.contains(&format!("script-src 'nonce-{nonce}'").as_str()), script, "{policy}");
            assert_eq!(answer.text().contains(&format!("<script nonce=\"{nonce}\">")), script);
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        }
        assert!(left.location().starts_with(CALLBACK));
    }

    async fn the_flow_cookie_is_bound_to_the_host(engine: Engine) {
        let http = World::start(engine).await;
        let redirect_to = instruct(&http, &BASIC).await;
        let id = redirect_to.rsplit('/').next().unwrap().split_at(8).0.to_owned();
        let opened = Browser::default().go(&http, "GET", &redirect_to, Body::None).await;
        let set = opened.header("set-cookie").expect("a cookie");
        assert!(set.starts_with(&format!("fedlink-flow-{id}=")), "{set}");
        assert!(!set.contains("Secure"), "{set}");

        let https = World::start_with(engine, |text| {
            let (_, rest) = text.split_once("\ndatabase_url").unwrap();
            format!("public_url = \"{PUBLIC}\"\ndatabase_url{rest}")
        })
        .await;
        let redirect_to = instruct(&https, &BASIC).await;
        assert!(redirect_to.starts_with(&format!("{PUBLIC}/blitz/")), "{redirect_to}");
        let id = redirect_to.rsplit('/').next().unwrap().split_at(8).0.to_owned();
        let mut browser = Browser::default();
        let opened = browser.go(&https, "GET", &redirect_to, Body::None).await;
        let set = opened.header("set-cookie").expect("a cookie").to_owned();
        let (name, attributes) = set.split_once('=').unwrap();
        assert_eq!(name, format!("__Host-fedlink-flow-{id}"));
        // RFC 6265bis: the prefix wants Secure, Path=/ and no Domain.
        for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=1800"] {
            assert!(attributes.split("; ").any(|one| one == attribute), "{attribute}: {set}");
        }
        assert!(!attributes.contains("Domain"), "{set}");

        // Names that a browser lets any host of the domain set prove nothing, whatever their value.
        let value = browser.cookies()[name].clone();
        let bare = format!("fedlink-flow-{id}");
        for planted in [
            bare.clone(),
            format!("__host-{bare}"),
            format!("__Host%2D{bare}"),
            format!("%5F_Host-{bare}"),
            format!("\u{2000}__Host-{bare}"),
            format!("\u{a0}__Host-{bare}"),
            format!("\t__Host-{bare}"),
            format!("x=__Host-{bare}"),
        ] {
            let cookies = format!("a=b; {planted}={value}; c=d");
            let headers = [("cookie", cookies.as_str())];
            let answer = Browser::default().go_with(&https, ("GET", &redirect_to), Body::None, &headers).await;
            assert_eq!(answer.status, 410, "{planted:?}");
        }
        let callback = browser.walk(&https, &redirect_to, "oleg").await;
        assert_eq!(callback.get("status"), "pending");
    }

    async fn the_same_flow_goes_on_at_the_root_and_under_the_base_path(engine: Engine) {
        let world = World::start(engine).await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let back = browser.arrive(&world, &redirect_to, "oleg").await;
        let (name, value) = browser.cookies().clone().into_iter().next().expect("a cookie");
        let cookie = format!("{name}={value}");
        // A registration made for Blitz may say `true`.
        let at_root = back.replace("/blitz/", "/").replace("/false?", "/true?");
        let stranger = world.send("GET", &at_root, &As::Nobody, Body::None, &[]).await;
        assert_eq!(stranger.status, 410);
        let arrived = world.send("GET", &at_root, &As::Nobody, Body::None, &[("cookie", &cookie)]).await;
        assert_eq!((arrived.status, arrived.location()), (303, format!("{redirect_to}/confirm")));
        assert_eq!(browser.decide(&world, &arrived.location(), "yes").await.get("status"), "pending");
    }

    async fn two_tabs_do_not_collide(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let (left, right) = (instruct(&world, &BASIC).await, instruct(&world, &BASIC).await);
        let mut browser = Browser::default();
        let left_back = browser.arrive(&world, &left, "oleg").await;
        let right_back = browser.arrive(&world, &right, "elle").await;
        assert_eq!(browser.cookies().len(), 2);
        let left_confirm = browser.go(&world, "GET", &left_back, Body::None).await.location();
        let right_confirm = browser.go(&world, "GET", &right_back, Body::None).await.location();
        for (confirm, flow) in [(right_confirm, &right), (left_confirm, &left)] {
            let callback = browser.decide(&world, &confirm, "yes").await;
            assert!(flow.ends_with(callback.get("bind")));
            let done = complete(&world, &BASIC, callback.get("bind_code"), (VERIFIER, "alice")).await;
            assert_eq!(done.status, 204, "{}", done.text());
        }
        assert_eq!(count(&world, "links").await, 2);
    }

    async fn a_ninth_flow_forgets_the_oldest(engine: Engine) {
        let world = World::start(engine).await;
        let mut browser = Browser::default();
        let mut flows = Vec::new();
        for _ in 0..9 {
            flows.push(instruct(&world, &BASIC).await);
            browser.open(&world, flows.last().unwrap()).await;
            world.advance(1);
        }
        assert_eq!(browser.cookies().len(), 8);
        assert_eq!(browser.go(&world, "GET", &flows[0], Body::None).await.status, 410, "the first is forgotten");
        for flow in &flows[1..] {
            browser.open(&world, flow).await;
        }
    }

    async fn a_cookie_of_somebody_elses_does_not_hide_ours(engine: Engine) {
        let world = World::start(engine).await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        browser.open(&world, &redirect_to).await;
        let ours = browser.cookies().clone().into_iter().next().expect("a cookie");
        // Other applications on the host set what they like: without a name, without a value, with broken escapes.
        for strange in ["", "flag; ", "=; ", "lang=%ZZ%; ", "user=Ол\u{435}г; ", "a=b=c;;; "] {
            let cookies = format!("{strange}{}={}", ours.0, ours.1);
            let headers = [("cookie", cookies.as_str())];
            let answer = Browser::default().go_with(&world, ("GET", &redirect_to), Body::None, &headers).await;
            assert_eq!(answer.status, 303, "{strange:?}");
        }
    }
}

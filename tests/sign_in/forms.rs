//! The sign-in form takes nothing from another site, and leads nowhere but to pages of ours.

use crate::support::browser::{Browser, field, instruct_with, persons_instruction};
use crate::support::database::{count, texts};
use crate::support::person::{PASSWORD, person};
use crate::support::world::{As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);
const AUTHORIZE: &str = "/blitz/oauth/ae?client_id=console&state=a%20b&scope=x+y";

async fn with_elle(engine: Engine) -> World {
    let world = World::start_with(engine, |settings| format!("{settings}[limits]\nsign_in_per_hour = 1000\n")).await;
    world.person(person("elle")).await;
    world
}

/// What is said of a form, the token it brings instead of its own, its headers, and the answer.
type Row<'a> = (&'a str, Option<&'a str>, &'a [(&'a str, &'a str)], u16);

/// The sign-in page that is to lead to `to`.
fn leading_to(world: &World, to: &str) -> String {
    let mut url = url::Url::parse(&world.sign_in_page()).expect("an address");
    url.query_pairs_mut().append_pair("to", to);
    url.to_string()
}

/// Where a page leads by itself.
fn led_to(page: &str) -> String {
    let (_, rest) = page.split_once("http-equiv=\"refresh\" content=\"0;url=").unwrap_or_else(|| panic!("{page}"));
    rest.split('"').next().unwrap_or_default().replace("&#38;", "&")
}

both_engines! {
    async fn a_form_of_another_site_signs_nobody_in(engine: Engine) {
        let world = with_elle(engine).await;
        let mut mallory = Browser::default();
        let mallorys = mallory.open_sign_in(&world, &world.sign_in_page()).await;
        let ours = world.base.clone();
        let (good, not_ours) = ([("origin", ours.as_str())], format!("{ours}0"));
        let rows: [Row<'_>; 12] = [
            ("the page's own", None, &[], 303),
            ("from a browser that says so", None, &[("sec-fetch-site", "same-origin"), ("origin", &ours)], 303),
            ("with the origin alone", None, &good, 303),
            ("of a page without a referrer", None, &[("origin", "null"), ("sec-fetch-site", "same-origin")], 303),
            ("no token", Some(""), &[], 403),
            ("a guess", Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), &[], 403),
            ("another browser's token", Some(&mallorys), &[], 403),
            ("sent by another site", None, &[("sec-fetch-site", "cross-site")], 403),
            ("sent by another host of the domain", None, &[("sec-fetch-site", "same-site")], 403),
            ("of another origin", None, &[("origin", "https://evil.example")], 403),
            ("of another port", None, &[("origin", &not_ours)], 403),
            ("sent by a frame", None, &[("origin", "null"), ("sec-fetch-site", "cross-site")], 403),
        ];
        for (what, token, headers, status) in rows {
            let mut elle = Browser::default();
            let own = elle.open_sign_in(&world, &world.sign_in_page()).await;
            let answer = elle.send_sign_in(&world, token.unwrap_or(&own), ("elle", PASSWORD), headers).await;
            assert_eq!(answer.status, status, "{what}: {}", answer.text());
            assert_eq!(elle.signed_in_as(&world).await.is_some(), status == 303, "{what}");
            if status == 403 {
                // The page that says so is good for another try.
                let again = field(&answer.text(), "csrf");
                assert_eq!(elle.send_sign_in(&world, &again, ("elle", PASSWORD), &[]).await.status, 303, "{what}");
            }
        }
        // A browser without the cookie, whatever token it brings; and one whose cookie is too short to be ours.
        assert_eq!(Browser::default().send_sign_in(&world, &mallorys, ("elle", PASSWORD), &[]).await.status, 403);
        let mut short = Browser::default();
        short.cookies().insert("fedlink-form".to_owned(), String::new());
        let token = service::forms::token(&"".into(), "sign-in");
        let token = secrecy::ExposeSecret::expose_secret(&token).to_owned();
        assert_eq!(short.send_sign_in(&world, &token, ("elle", PASSWORD), &[]).await.status, 403);
        // What was refused so was not looked at.
        let refusals = "SELECT detail AS value FROM audit WHERE event = 'SIGN_IN_REFUSED'";
        assert!(texts(&world.database_url, refusals).await.is_empty());
    }

    async fn a_form_out_of_shape_is_told_so(engine: Engine) {
        let world = with_elle(engine).await;
        let (mut browser, page) = (Browser::default(), world.sign_in_page());
        let csrf = browser.open_sign_in(&world, &page).await;
        let twice = format!("csrf={csrf}&login=a&login=b&password=c").into_bytes();
        let form = "application/x-www-form-urlencoded";
        for (content_type, body, status) in [
            (form, twice, 400),
            (form, vec![b'x'; 70_000], 413),
            ("application/json", b"{}".to_vec(), 415),
            (form, b"csrf".to_vec(), 403),
            (form, format!("csrf={csrf}").into_bytes(), 422),
        ] {
            let told = String::from_utf8_lossy(&body).chars().take(20).collect::<String>();
            let answer = browser.go(&world, "POST", &page, Body::Raw(content_type, body)).await;
            assert_eq!(answer.status, status, "{told}");
        }
        assert_eq!(browser.go(&world, "GET", &format!("{page}?to=a&to=b"), Body::None).await.status, 400);
    }

    async fn signing_in_on_the_way_leads_back_into_the_bind(engine: Engine) {
        let world = with_elle(engine).await;
        let mut elle = Browser::default();
        let redirect_to = instruct_with(&world, &BASIC, persons_instruction()).await;
        let to_sign_in = elle.go(&world, "GET", &redirect_to, Body::None).await.location();
        let page = elle.go(&world, "GET", &to_sign_in, Body::None).await.text();
        let (csrf, to) = (field(&page, "csrf"), field(&page, "to"));
        let send = |csrf: String, password: &str| {
            Body::Form(vec![("csrf", csrf), ("to", to.clone()), ("login", "elle".to_owned()), ("password", password.to_owned())])
        };
        // A slip on the way forgets nothing.
        let slip = elle.go(&world, "POST", &world.sign_in_page(), send(csrf, "wrong")).await;
        assert_eq!((slip.status, field(&slip.text(), "to")), (422, to.clone()));
        let done = elle.go(&world, "POST", &world.sign_in_page(), send(field(&slip.text(), "csrf"), PASSWORD)).await;
        assert_eq!(done.status, 200, "a page, not a redirect, which form-action would hold against the provider's address");
        let onward = led_to(&done.text());
        assert_eq!(format!("{}{onward}", world.base), redirect_to);
        assert!(done.text().contains(&format!("href=\"{onward}\"")), "{}", done.text());
        assert_eq!(elle.walk(&world, &redirect_to, "oleg").await.get("status"), "linked");

        // Who is signed in already is asked whether it is they who go on.
        let page = elle.go(&world, "GET", &to_sign_in, Body::None).await.text();
        assert!(page.contains(&format!("href=\"{onward}\"")) && page.contains("Sign in as somebody else"), "{page}");
        let (_, again) = page.split_once("class=\"button\" href=\"").expect("a way for somebody else");
        let again = again.split('"').next().unwrap_or_default().replace("&#38;", "&");
        let form = elle.go(&world, "GET", &again, Body::None).await.text();
        assert_eq!((field(&form, "to"), form.contains("type=\"password\"")), (to, true));
    }

    async fn the_page_leads_nowhere_but_on_with_what_began_here(engine: Engine) {
        let world = with_elle(engine).await;
        let bind = "/blitz/api/v2/users/current/fa/bind/auth/9f2c1c4e-6a53-4c0e-9d53-1f2a3b4c5d6e";
        for to in [bind, AUTHORIZE] {
            let mut elle = Browser::default();
            let page = elle.go(&world, "GET", &leading_to(&world, to), Body::None).await.text();
            assert_eq!(field(&page, "to").replace("&#38;", "&"), to);
            let form = [("csrf", field(&page, "csrf")), ("login", "elle".to_owned()), ("password", PASSWORD.to_owned()), ("to", to.to_owned())];
            let done = elle.go(&world, "POST", &world.sign_in_page(), Body::Form(form.into())).await;
            assert_eq!(led_to(&done.text()), to);
        }
        let tricks = [
            "//evil.example", "///evil.example", "https://evil.example", "https:evil.example", "\\\\evil.example", "/\\evil.example",
            "javascript:alert(1)", "data:text/html,x", "/%2F..", "/%2F/evil.example", "/blitz/oauth/ae", "/blitz/oauth/ae#x",
            "/blitz/oauth/ae?x#y", "/blitz/oauth/ae?x\r\nset-cookie: a=b", "/blitz/oauth/ae?\"><script>", "/blitz/oauth/ae?a b",
            "/blitz/oauth/ae/../../..?x", "/blitz//evil.example/oauth/ae?x", "/blitz@evil.example/oauth/ae?x", "/blitz.evil.example/oauth/ae?x",
            "/oauth/ae?x", "/sps/oauth/ae?x", "/blitz/sign-out", "/blitz/sign-in?to=//evil.example", "/blitz/api/v3/users/elle/fa",
            "/blitz/api/v2/users/current/fa/bind/auth/", "/blitz/api/v2/users/current/fa/bind/auth/../../x",
            "/blitz/api/v2/users/current/fa/bind/auth/9f2c1c4e-6a53-4c0e-9d53-1f2a3b4c5d6e/confirm",
            "/blitz/api/v2/users/current/fa/bind/auth/9f2c1c4e-6a53-4c0e-9d53-1f2a3b4c5d6e?x", " /blitz/oauth/ae?x", "\t//evil.example", "",
        ];
        for to in tricks {
            let mut elle = Browser::default();
            let page = elle.go(&world, "GET", &leading_to(&world, to), Body::None).await.text();
            assert!(!page.contains("name=\"to\"") && !page.contains("evil"), "{to:?}: {page}");
            // In the form it is no more believed than in the address.
            let form = [("csrf", field(&page, "csrf")), ("login", "elle".to_owned()), ("password", PASSWORD.to_owned()), ("to", to.to_owned())];
            let done = elle.go(&world, "POST", &world.sign_in_page(), Body::Form(form.into())).await;
            assert_eq!((done.status, done.location()), (303, world.sign_in_page()), "{to:?}");
            assert!(!format!("{:?}", done.headers).contains("evil"), "{to:?}");
        }
        // Every form of an id is that id.
        let upper = leading_to(&world, &bind.to_uppercase().replace("/BLITZ/API/V2/USERS/CURRENT/FA/BIND/AUTH/", "/blitz/api/v2/users/current/fa/bind/auth/"));
        let page = Browser::default().go(&world, "GET", &upper, Body::None).await.text();
        assert_eq!(field(&page, "to"), bind);
    }

    async fn every_page_is_guarded(engine: Engine) {
        let world = with_elle(engine).await;
        let mut elle = Browser::default();
        let (page, out) = (world.sign_in_page(), format!("{}/blitz/sign-out", world.base));
        let mut pages = vec![elle.go(&world, "GET", &page, Body::None).await, elle.go(&world, "POST", &page, Body::Form(vec![])).await];
        pages.push(elle.try_sign_in(&world, ("elle", "wrong"), &[]).await);
        pages.push(elle.try_sign_in(&world, ("elle", PASSWORD), &[]).await);
        pages.push(elle.go(&world, "GET", &leading_to(&world, AUTHORIZE), Body::None).await);
        pages.push(elle.go(&world, "GET", &out, Body::None).await);
        for answer in pages {
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
            if answer.status != 303 {
                let policy = answer.header("content-security-policy").unwrap();
                assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"), "{policy}");
                assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
                assert!(!answer.text().contains("<script"), "{}", answer.text());
            }
        }
        assert_eq!(count(&world, "sessions").await, 1);
    }

    async fn a_cookie_that_only_looks_like_ours_is_none(engine: Engine) {
        let world = with_elle(engine).await;
        let mut elle = Browser::default();
        elle.try_sign_in(&world, ("elle", PASSWORD), &[]).await;
        let cookie = elle.cookies()["fedlink"].clone();
        for (sent, known) in [
            (format!("fedlink={cookie}"), true),
            (format!("a=b; fedlink={cookie}; c=d"), true),
            (format!("FEDLINK={cookie}"), false),
            (format!("%66edlink={cookie}"), false),
            (format!("a=b;\tfedlink={cookie}"), false),
            (format!("fedlink={cookie}x"), false),
            (format!("fedlink=\"{cookie}\""), false),
            ("fedlink=".to_owned(), false),
        ] {
            let page = world.call_with("GET", "/sign-in", &As::Nobody, Body::None, &[("cookie", &sent)]).await;
            assert_eq!(page.text().contains("You are signed in"), known, "{sent}");
        }
    }
}

//! Signing in with a password at our own page, and out: who gets in, what the browser is given, what others learn.

use domain::account::AccountType;
use domain::ids::Subject;
use service::accounts::{self, New};

use crate::support::browser::{Browser, field};
use crate::support::database::{count, execute, texts};
use crate::support::person::{PASSWORD, email, person, phone};
use crate::support::world::{Answer, Body, Engine, PUBLIC, World, both_engines};

const MANY: &str = "[limits]\nsign_in_per_hour = 1000\n";

/// A world where nobody runs out of tries, with Elle Woods in it.
async fn with_elle(engine: Engine) -> World {
    let world = World::frozen_with(engine, |settings| format!("{settings}{MANY}")).await;
    let elle =
        New { name: Some("Elle Woods".to_owned()), email: Some(email("elle@example.com", true)), ..person("elle") };
    world.person(elle).await;
    world
}

/// A page without what is new in each.
fn bare(answer: &Answer, login: &str) -> String {
    let mut page = answer.text();
    let nonce = page.split_once("nonce=\"").expect("a style").1.split('"').next().unwrap_or_default().to_owned();
    for (changing, name) in [(field(&page, "csrf"), "CSRF"), (nonce, "NONCE"), (format!("value=\"{login}\""), "LOGIN")]
    {
        page = page.replace(&changing, name);
    }
    page
}

/// What a `Set-Cookie` says beside the value, sorted.
fn attributes(answer: &Answer, name: &str) -> Vec<String> {
    let start = format!("{name}=");
    let set = answer.headers.iter().find(|(header, value)| header == "set-cookie" && value.starts_with(&start));
    let (_, set) = set.unwrap_or_else(|| panic!("no {name} in {answer:?}"));
    let mut attributes: Vec<_> = set.split("; ").skip(1).map(str::to_owned).collect();
    attributes.sort();
    attributes
}

both_engines! {
    async fn the_right_password_signs_in_and_renews_the_session(engine: Engine) {
        let world = with_elle(engine).await;
        let (mut elle, mut planted) = (Browser::default(), Browser::default());
        assert_eq!(elle.signed_in_as(&world).await, None);
        // Somebody planted a session of their own in Elle's browser.
        world.account("mallory").await;
        planted.sign_in(&world, "mallory").await;
        elle.cookies().extend(planted.cookies().clone());
        assert_eq!(elle.signed_in_as(&world).await.as_deref(), Some("mallory"));

        let answer = elle.try_sign_in(&world, ("elle", PASSWORD), &[("user-agent", "a browser")]).await;
        assert_eq!((answer.status, answer.location()), (303, world.sign_in_page()));
        assert_eq!(elle.signed_in_as(&world).await.as_deref(), Some("Elle Woods"));
        assert_ne!(elle.cookies()["fedlink"], planted.cookies()["fedlink"]);
        assert_eq!(planted.signed_in_as(&world).await, None, "the old session lives on");
        assert_eq!(count(&world, "sessions").await, 1);
        let record = "SELECT subject || ' ' || claimed_ip || ' ' || claimed_agent AS value FROM audit WHERE event = 'SIGNED_IN'";
        assert_eq!(texts(&world.database_url, record).await, ["elle 127.0.0.1 a browser"]);
    }

    async fn a_session_is_over_after_twelve_hours(engine: Engine) {
        let world = with_elle(engine).await;
        let mut elle = Browser::default();
        elle.try_sign_in(&world, ("elle", PASSWORD), &[]).await;
        world.advance(12 * 3600 - 1);
        assert_eq!(elle.signed_in_as(&world).await.as_deref(), Some("Elle Woods"));
        world.advance(1);
        assert_eq!(elle.signed_in_as(&world).await, None);
    }

    async fn whatever_is_wrong_the_answer_is_the_same(engine: Engine) {
        let world = with_elle(engine).await;
        world.person(New { email: Some(email("unverified@example.com", false)), phone: Some(phone("+70000000001", false)), ..person("unverified") }).await;
        world.person(New { password: None, email: Some(email("bare@example.com", true)), ..person("bare") }).await;
        world.person(New { email: Some(email("disabled@example.com", true)), ..person("disabled") }).await;
        accounts::disable(&world.app.parts, Subject::parse("disabled").unwrap()).await.unwrap();
        let mut browser = Browser::default();
        let unknown = browser.try_sign_in(&world, ("nobody", PASSWORD), &[]).await;
        assert_eq!(unknown.status, 422);
        let long = "x".repeat(300);
        for (login, password) in [
            ("elle", "wrong horse battery staple"),
            ("elle@example.com", "wrong horse battery staple"),
            ("elle", ""),
            ("Elle", PASSWORD),
            ("elle", "Correct horse battery staple"),
            ("nobody@example.com", PASSWORD),
            ("+70000000009", PASSWORD),
            ("unverified@example.com", PASSWORD),
            ("+70000000001", PASSWORD),
            ("disabled", PASSWORD),
            ("disabled@example.com", PASSWORD),
            ("bare", PASSWORD),
            ("bare", ""),
            ("bare@example.com", ""),
            (long.as_str(), PASSWORD),
            ("a&#62;b", PASSWORD),
        ] {
            let refused = browser.try_sign_in(&world, (login, password), &[]).await;
            let shown = login.replace('&', "&#38;");
            assert_eq!(refused.status, 422, "{login}");
            assert_eq!(bare(&refused, &shown), bare(&unknown, "nobody"), "{login}");
            assert!(refused.text().contains(&format!("value=\"{shown}\"")), "what was typed is kept: {login}");
            assert!(!refused.text().contains(PASSWORD), "{login}");
        }
        assert_eq!((count(&world, "sessions").await, browser.signed_in_as(&world).await), (0, None));
        let reasons = "SELECT DISTINCT coalesce(subject, '-') || ' ' || detail AS value FROM audit WHERE event = 'SIGN_IN_REFUSED' ORDER BY 1";
        assert_eq!(
            texts(&world.database_url, reasons).await,
            ["- unknown_user", "bare no_password", "disabled account_disabled", "elle wrong_password"]
        );
    }

    async fn a_verified_address_signs_in_however_it_is_written(engine: Engine) {
        let world = with_elle(engine).await;
        world.person(New { phone: Some(phone("+79991234567", true)), ..person("paul") }).await;
        for (login, name) in [
            (" ELLE@Example.com ", "Elle Woods"),
            ("elle", "Elle Woods"),
            ("+7 (999) 123-45-67", "+79991234567"),
        ] {
            let mut browser = Browser::default();
            assert_eq!(browser.try_sign_in(&world, (login, PASSWORD), &[]).await.status, 303, "{login}");
            assert_eq!(browser.signed_in_as(&world).await.as_deref(), Some(name), "{login}");
        }
    }

    async fn an_address_of_several_accounts_signs_in_the_one_whose_password_it_is(engine: Engine) {
        let world = with_elle(engine).await;
        for (subject, kind, password) in [
            ("program", AccountType::Service, PASSWORD),
            ("clerk", AccountType::Staff, PASSWORD),
            ("other", AccountType::Resident, "another password"),
        ] {
            let new = person(subject);
            world.person(New { account_type: kind, email: Some(email("shared@example.com", true)), password: Some(password.into()), ..new }).await;
        }
        for (password, who) in [(PASSWORD, "clerk"), ("another password", "other")] {
            let mut browser = Browser::default();
            assert_eq!(browser.try_sign_in(&world, ("shared@example.com", password), &[]).await.status, 303);
            let signed_in = "SELECT subject AS value FROM sessions";
            assert_eq!(texts(&world.database_url, signed_in).await, [who]);
            execute(&world.database_url, "DELETE FROM sessions").await;
        }
    }

    async fn a_session_never_outlives_its_password(engine: Engine) {
        let world = with_elle(engine).await;
        let (mut old, parts) = (PASSWORD.to_owned(), &world.app.parts);
        for round in 0..6 {
            let new = format!("password number {round}");
            let mut browser = Browser::default();
            let setting = accounts::set_password(parts, Subject::parse("elle").unwrap(), new.as_str().into());
            let (tried, set) = tokio::join!(browser.try_sign_in(&world, ("elle", &old), &[]), setting);
            set.unwrap();
            // Either way round, what the old password opened is over.
            assert!(matches!(tried.status, 303 | 422), "{}", tried.text());
            assert_eq!(browser.signed_in_as(&world).await, None);
            old = new;
        }
    }

    async fn cookies_are_bound_to_this_host_and_kept_from_scripts(engine: Engine) {
        let plain = with_elle(engine).await;
        let secure = World::start_beside(&plain, |settings| {
            let base = settings.lines().find(|line| line.starts_with("public_url")).expect("an address").to_owned();
            settings.replace(&base, &format!("public_url = \"{PUBLIC}\""))
        }).await;
        let expected = ["HttpOnly", "Max-Age=43200", "Path=/", "SameSite=Lax", "Secure"];
        for (world, prefix, expected) in [(&plain, "", &expected[..4]), (&secure, "__Host-", &expected[..])] {
            let mut browser = Browser::default();
            let page = browser.go(world, "GET", &world.sign_in_page(), Body::None).await;
            assert_eq!(attributes(&page, &format!("{prefix}fedlink-form")), expected);
            let answer = browser.send_sign_in(world, &field(&page.text(), "csrf"), ("elle", PASSWORD), &[]).await;
            assert_eq!(answer.status, 303, "{}", answer.text());
            assert_eq!(attributes(&answer, &format!("{prefix}fedlink")), expected);
            assert_eq!(browser.cookies()[&format!("{prefix}fedlink")].len(), 43, "256 bits");
        }
    }

    async fn signing_out_ends_the_session(engine: Engine) {
        let world = with_elle(engine).await;
        let page = format!("{}/blitz/sign-out", world.base);
        let mut elle = Browser::default();
        assert!(elle.go(&world, "GET", &page, Body::None).await.text().contains("You are signed out"));
        elle.try_sign_in(&world, ("elle", PASSWORD), &[]).await;
        let mut stolen = elle.clone();
        let shown = elle.go(&world, "GET", &page, Body::None).await.text();
        let csrf = field(&shown, "csrf");

        // Another site may want it: nothing happens, and whoever sits there is asked.
        for (form, headers) in [
            (vec![], vec![]),
            (vec![("csrf", "guess".to_owned())], vec![]),
            (vec![("csrf", csrf.clone())], vec![("sec-fetch-site", "cross-site")]),
        ] {
            let refused = elle.go_with(&world, ("POST", &page), Body::Form(form), &headers).await;
            assert_eq!(refused.status, 403);
            assert_eq!(elle.signed_in_as(&world).await.as_deref(), Some("Elle Woods"));
        }

        let done = elle.go(&world, "POST", &page, Body::Form(vec![("csrf", csrf)])).await;
        assert_eq!(done.status, 200);
        assert!(done.text().contains("You are signed out") && !elle.cookies().contains_key("fedlink"), "{done:?}");
        assert_eq!((stolen.signed_in_as(&world).await, count(&world, "sessions").await), (None, 0));
        assert_eq!(elle.go(&world, "POST", &page, Body::Form(vec![])).await.status, 200, "once more does no harm");
        let record = "SELECT subject AS value FROM audit WHERE event = 'SIGNED_OUT'";
        assert_eq!(texts(&world.database_url, record).await, ["elle"]);
    }

    async fn where_users_live_elsewhere_nobody_signs_in(engine: Engine) {
        let world = World::start_with(engine, |settings| settings.replace("\"registered\"", "\"any\"")).await;
        for (method, body) in [("GET", Body::None), ("POST", Body::Form(vec![("login", "elle".to_owned())]))] {
            let page = Browser::default().go(&world, method, &world.sign_in_page(), body).await;
            assert_eq!(page.status, 404);
            assert!(page.text().contains("Nobody signs in here"), "{}", page.text());
        }
    }

    async fn the_pages_are_translated_whole(engine: Engine) {
        let world = with_elle(engine).await;
        let russian = [("accept-language", "ru-RU,ru;q=0.9,en;q=0.8")];
        let (mut browser, page, out) = (Browser::default(), world.sign_in_page(), format!("{}/blitz/sign-out", world.base));
        let onward = format!("{page}?to=/blitz/oauth/ae?client_id%3Dconsole");
        let mut pages = vec![browser.go_with(&world, ("GET", &page), Body::None, &russian).await];
        pages.push(browser.try_sign_in(&world, ("elle", "wrong"), &russian).await);
        pages.push(browser.go_with(&world, ("POST", &page), Body::Form(vec![]), &russian).await);
        pages.push(browser.go_with(&world, ("GET", &out), Body::None, &russian).await);
        browser.try_sign_in(&world, ("elle", PASSWORD), &russian).await;
        for url in [&page, &onward, &out] {
            pages.push(browser.go_with(&world, ("GET", url), Body::None, &russian).await);
        }
        assert_eq!(pages.iter().map(|page| page.status).collect::<Vec<_>>(), [200, 422, 403, 200, 200, 200, 200]);
        for page in pages.iter().map(Answer::text) {
            assert!(page.contains("<html lang=\"ru\">"), "{page}");
            let (_, content) = page.split_once("<main>").expect("a page");
            for english in ["Sign", "sign ", "Password", "Continue", "again", "You"] {
                assert!(!content.contains(english), "{english} in {content}");
            }
        }
    }
}

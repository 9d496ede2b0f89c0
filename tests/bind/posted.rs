//! Bind with a provider that answers by a form, which the browser brings from another site and so without our cookies.

use std::collections::BTreeMap;

use crate::support::browser::{Browser, Callback, complete, field, instruct};
use crate::support::database::{assert_nothing_stored, bind_refusals, count};
use crate::support::world::{As, Body, CONSOLE, CONSOLE_PASSWORD, VERIFIER, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);

/// What a provider that answers by a form is set to.
fn by_form(more: &str) -> impl FnOnce(String) -> String {
    move |text| format!("{text}{more}authorize_params = {{ response_mode = \"form_post\" }}\n")
}

/// Opens the instruction and consents; gives where the provider's form goes, and its fields.
async fn answered(world: &World, browser: &mut Browser, redirect_to: &str) -> (String, Vec<(&'static str, String)>) {
    let to_provider = browser.open(world, redirect_to).await;
    let consent = Body::Form(vec![("sub", "oleg".to_owned())]);
    let page = world.send("POST", &to_provider, &As::Nobody, consent, &[]).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let html = page.text();
    let action = html.split_once("action=\"").expect("a form").1.split('"').next().expect("in quotes").to_owned();
    (action, ["state", "code", "iss"].map(|name| (name, field(&html, name))).to_vec())
}

/// The fields of a page's form.
fn fields(html: &str) -> BTreeMap<String, String> {
    let inputs = html.split("<input type=\"hidden\" name=\"").skip(1);
    let pairs = inputs.map(|input| {
        let mut parts = input.split('"');
        (parts.next().expect("a name").to_owned(), parts.nth(1).expect("a value").to_owned())
    });
    pairs.collect()
}

fn again(mut fields: Vec<(&'static str, String)>) -> Body {
    fields.push(("fedlink_again", "1".to_owned()));
    Body::Form(fields)
}

both_engines! {
    async fn a_form_post_callback_keeps_its_flow(engine: Engine) {
        let world = World::start_with(engine, by_form("")).await;
        world.account("alice").await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let (callback, answer) = answered(&world, &mut browser, &redirect_to).await;

        // As from another site: no cookie. What else the provider posts goes no further.
        let mut posted = answer.clone();
        posted.extend([("id_token", "of-the-front-channel".to_owned()), ("user", "{\"name\":\"Oleg\"}".to_owned())]);
        let page = Browser::default().go(&world, "POST", &callback, Body::Form(posted)).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let mut expected: BTreeMap<String, String> =
            answer.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        expected.insert("fedlink_again".to_owned(), "1".to_owned());
        assert_eq!(fields(&page.text()), expected);
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.contains("form-action 'self' https://app.example;"), "{policy}");
        assert!(policy.contains("script-src 'nonce-"), "{policy}");

        // From our own page: with it.
        let arrived = browser.go(&world, "POST", &callback, again(answer.clone())).await;
        assert_eq!((arrived.status, arrived.location()), (303, format!("{redirect_to}/confirm")));
        let came = browser.decide(&world, &arrived.location(), "yes").await;
        let done = complete(&world, &BASIC, came.get("bind_code"), (VERIFIER, "alice")).await;
        assert_eq!(done.status, 204, "{}", done.text());
        // Over: nobody is sent round once more for it.
        assert_eq!(Browser::default().go(&world, "POST", &callback, Body::Form(answer)).await.status, 410);
        assert_eq!(count(&world, "links").await, 1);
    }

    async fn an_answer_goes_round_once_at_most(engine: Engine) {
        let world = World::start_with(engine, by_form("")).await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let (callback, answer) = answered(&world, &mut browser, &redirect_to).await;
        // A browser that opened nothing here, or that keeps no cookies.
        let stranger = Browser::default().go(&world, "POST", &callback, again(answer.clone())).await;
        assert_eq!((stranger.status, stranger.header("location")), (410, None));
        assert_nothing_stored(&world, "answered by a stranger").await;
        assert_eq!(bind_refusals(&world).await, Vec::<String>::new());
        // A provider on our own site comes with the cookies at once.
        let arrived = browser.go(&world, "POST", &callback, Body::Form(answer)).await;
        assert_eq!((arrived.status, arrived.location()), (303, format!("{redirect_to}/confirm")));
    }

    async fn a_form_that_makes_no_sense_is_refused(engine: Engine) {
        let world = World::start_with(engine, by_form("")).await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let (callback, answer) = answered(&world, &mut browser, &redirect_to).await;
        let form = |text: String| Body::Raw("application/x-www-form-urlencoded", text.into_bytes());
        let state = &answer[0].1;
        let cases = [
            (form(format!("state={state}&code=a&code=b")), 400),
            (form("code=a".to_owned()), 400),
            (Body::None, 400),
            (form(format!("state=unknown{state}&code=a")), 410),
            (form(format!("state={state}&code={}", "a".repeat(64 * 1024))), 413),
            (Body::Json(serde_json::json!({"state": state, "code": "a"})), 415),
        ];
        for (body, status) in cases {
            let answer = Browser::default().go(&world, "POST", &callback, body.clone()).await;
            assert_eq!((answer.status, answer.header("location")), (status, None), "{body:?}");
            assert!(answer.text().contains("<h1>"), "a page for people: {}", answer.text());
        }
        let arrived = browser.go(&world, "POST", &callback, again(answer)).await;
        assert_eq!((arrived.status, arrived.location()), (303, format!("{redirect_to}/confirm")));
    }

    async fn what_the_provider_wants_again_goes_round_too(engine: Engine) {
        let world = World::start_with(engine, by_form("resent_params = [\"device_id\", \"state\"]\n")).await;
        let redirect_to = instruct(&world, &BASIC).await;
        let (callback, mut answer) = answered(&world, &mut Browser::default(), &redirect_to).await;
        answer.push(("device_id", "of \"this\" device".to_owned()));
        let page = Browser::default().go(&world, "POST", &callback, Body::Form(answer)).await;
        assert_eq!(fields(&page.text())["device_id"], "of &#34;this&#34; device");
        assert_eq!(page.text().matches("name=\"state\"").count(), 1);
    }

    async fn without_a_confirm_page_the_form_ends_at_the_app(engine: Engine) {
        let world = World::start_with(engine, by_form("confirm = false\n")).await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let (callback, answer) = answered(&world, &mut browser, &redirect_to).await;
        let came = Callback::of(&browser.go(&world, "POST", &callback, again(answer)).await);
        assert_eq!(came.get("status"), "pending");
    }
}

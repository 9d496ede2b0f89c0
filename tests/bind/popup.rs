//! A popup that ends before anybody was asked to confirm: wherever it stands then, its last page tells its opener.

use serde_json::json;

use crate::support::browser::{Browser, instruct_with};
use crate::support::world::{Answer, As, Body, CALLBACK, CHALLENGE, CONSOLE, CONSOLE_PASSWORD, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);

async fn popup(world: &World) -> String {
    let instruction = json!({"fp": "box:box_1", "callback": CALLBACK, "isPopup": true, "code_challenge": CHALLENGE});
    instruct_with(world, &BASIC, instruction).await
}

#[track_caller]
fn tells(answer: &Answer, error: &str) {
    let page = answer.text();
    assert_eq!(answer.status, 200, "{page}");
    assert!(page.contains("window.opener") && page.contains(error) && page.contains("https://app.example"), "{page}");
}

both_engines! {
    async fn at_the_callback_where_the_provider_was_told_no(engine: Engine) {
        let world = World::frozen(engine).await;
        let mut browser = Browser::default();
        let url = browser.open(&world, &popup(&world).await).await;
        let no = Body::Form(vec![("cancel", "yes".to_owned())]);
        let back = world.send("POST", &url, &As::Nobody, no, &[]).await.location();
        tells(&browser.go(&world, "GET", &back, Body::None).await, "access_denied");
    }

    async fn where_it_begins_if_the_provider_is_gone(engine: Engine) {
        let world = World::frozen(engine).await;
        let address = popup(&world).await;
        world.decide(|text| {
            let (rest, _provider) = text.split_once("[[providers]]").expect("a provider");
            rest.replace(",\"fed_tkn_box_box_1\"", "")
        });
        tells(&Browser::default().go(&world, "GET", &address, Body::None).await, "provider_error");
    }
}

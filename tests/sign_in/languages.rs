//! Pages speak the language of who reads them, else the operator's.

use crate::support::browser::{Browser, instruct};
use crate::support::world::{As, Body, World, both_engines};

const ANY_FLOW: &str = "/api/v2/users/current/fa/bind/auth/9f2c1c4e-6a53-4c0e-9d53-1f2a3b4c5d6e";

async fn gone_page(world: &World, accept_language: &[(&str, &str)]) -> String {
    let answer = world.call_with("GET", ANY_FLOW, &As::Nobody, Body::None, accept_language).await;
    assert_eq!(answer.status, 410);
    answer.text()
}

both_engines! {
    async fn a_page_speaks_its_readers_language(engine: Engine) {
        let english = World::start(engine).await;
        let russian = World::start_beside(&english, |settings| format!("locale = \"ru\"\n{settings}")).await;
        let (en, ru) = (("<html lang=\"en\">", "no longer valid"), ("<html lang=\"ru\">", "больше не действует"));
        let rows = [
            (&english, vec![], en),
            (&russian, vec![], ru),
            (&english, vec![("accept-language", "ru-RU,ru;q=0.9,en-US;q=0.8")], ru),
            (&russian, vec![("accept-language", "en-US,en;q=0.9,ru;q=0.8")], en),
            (&russian, vec![("accept-language", "de")], ru),
        ];
        for (world, headers, (lang, words)) in rows {
            let page = gone_page(world, &headers).await;
            assert!(page.contains(lang) && page.contains(words), "{headers:?}: {page}");
        }
    }

    async fn the_confirm_page_is_translated_whole(engine: Engine) {
        let world = World::start(engine).await;
        let mut browser = Browser::default();
        let redirect_to = instruct(&world, &world.console().await).await;
        let confirm = browser.identify(&world, &redirect_to, "oleg").await;
        let page = browser.go_with(&world, ("GET", &confirm), Body::None, &[("accept-language", "ru")]).await.text();
        let (_, content) = page.split_once("<main>").expect("a page");
        assert!(content.contains("Подключить этот аккаунт Sandbox к приложению «Console»?"), "{page}");
        for english in ["Connect", "Cancel", "Account", "Only continue"] {
            assert!(!content.contains(english), "{english} in {page}");
        }
    }
}

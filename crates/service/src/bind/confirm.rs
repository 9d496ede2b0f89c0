//! The owner of the account is asked, in the browser that went to the provider: is this the account to connect, and to this?

use std::sync::Arc;

use secrecy::SecretString;

use super::callback::pending;
use super::missing_of;
use super::person::{self, standing};
use super::{Browser, Halt, Step, end, stop};
use crate::{Parts, boxed, forms};
use domain::flow::{Ended, Flow, FlowState, ProviderAccount, hash};
use domain::ids::{FlowId, Sid};
use domain::session::Session;
use domain::{Error, Result, name};

/// The longest name that a page shows, in characters.
const NAME_LIMIT: usize = 80;

/// What the confirm page asks.
#[derive(Debug)]
pub struct Question {
    /// The provider's title.
    pub provider: String,
    /// The account's name there, or its id.
    pub account: String,
    /// The application's name.
    pub client: String,
    /// What the account is to be connected to.
    pub whom: Whom,
    /// To be sent back with the answer.
    pub csrf: SecretString,
    /// Where the answer may lead off this site: the page's `form-action` has to name it.
    pub callback: String,
}

/// What an account is to be connected to.
#[derive(Debug, PartialEq, Eq)]
pub enum Whom {
    /// The application, which knows whom it is for.
    Application,
    /// The person who is signed in; with a name if the account has one.
    Person(Option<String>),
}

/// What a confirm page comes to.
#[derive(Debug)]
pub enum Shown {
    /// The question.
    Question(Question),
    /// There is nothing to ask any more.
    Instead(Step),
}

/// A flow that waits for this browser's answer, all that was asked of the browser being so.
struct Waiting<'b> {
    flow: Flow,
    cookie: &'b SecretString,
    /// Who is signed in, where that matters.
    session: Option<Session>,
}

/// What to ask at a flow's confirm page.
#[boxed]
pub async fn question(parts: &Arc<Parts>, flow: FlowId, browser: Browser) -> Result<Shown> {
    // It may end the flow, which is not to break off when the browser hangs up.
    parts.detached(async move |parts| ask(&parts, flow, &browser).await).await
}

async fn ask(parts: &Parts, flow: FlowId, browser: &Browser) -> Result<Shown> {
    let Waiting { flow, cookie, session } = match find(parts, flow, browser).await? {
        Ok(found) => found,
        Err(instead) => return Ok(Shown::Instead(instead)),
    };
    let provider = parts.settings.providers.get(&flow.provider);
    let client = parts.settings.clients.get(&flow.client);
    Ok(Shown::Question(Question {
        provider: provider.map_or_else(|| flow.provider.to_string(), |found| found.title.clone()),
        account: flow.stage.account().and_then(name_of).unwrap_or_default(),
        client: client.map_or_else(|| flow.client.to_string(), |client| client.name.clone()),
        whom: session.map_or(Whom::Application, |session| Whom::Person(session.name.as_deref().and_then(presentable))),
        csrf: forms::token(cookie, &purpose(&flow)),
        callback: flow.callback,
    }))
}

/// Takes the answer: `yes` makes the link or hands the app its code, `no` ends the flow.
#[boxed]
pub async fn confirm(
    parts: &Arc<Parts>,
    flow: FlowId,
    browser: Browser,
    sent_csrf: SecretString,
    decision: String,
) -> Result<Step> {
    parts.detached(async move |parts| answer(&parts, flow, &browser, &sent_csrf, &decision).await).await
}

async fn answer(
    parts: &Parts,
    flow: FlowId,
    browser: &Browser,
    sent_csrf: &SecretString,
    decision: &str,
) -> Result<Step> {
    let Waiting { flow, cookie, session } = match find(parts, flow, browser).await? {
        Ok(found) => found,
        Err(instead) => return Ok(instead),
    };
    if !forms::is_token(sent_csrf, cookie, &purpose(&flow)) {
        return Err(Error::input("csrf", "is not the form's; open the page again"));
    }
    match (decision, session) {
        ("yes", None) => hand_over(parts, &flow).await,
        ("yes", Some(_)) => person::link(parts, &flow, browser).await,
        ("no", _) => end(parts, &flow, browser, Ended::DeclinedAtConfirm).await,
        _ => Err(Error::input("decision", "must be yes or no")),
    }
}

/// Gives the app the code it completes with.
async fn hand_over(parts: &Parts, flow: &Flow) -> Result<Step> {
    let now = parts.clock.now();
    let code = parts.entropy.token();
    let (code_hash, expires) = (hash(&code), FlowState::Pending.runs_out(now, flow.opened()));
    let confirmed = store::claim!(parts.store, |conn| store::flows::confirm(conn, flow, &code_hash, now, expires))?;
    Ok(if confirmed { pending(parts, flow, &code, missing_of(parts, flow).as_deref()) } else { Step::Nothing })
}

/// The flow that waits for this browser's answer; else what to do instead.
async fn find<'b>(parts: &Parts, id: FlowId, browser: &'b Browser) -> Result<std::result::Result<Waiting<'b>, Step>> {
    let Some(flow) = store::read!(parts.store, |conn| store::flows::find(conn, id))? else {
        return Ok(Err(Step::Nothing));
    };
    match asked(parts, &flow, browser).await {
        Ok((cookie, session)) => Ok(Ok(Waiting { flow, cookie, session })),
        Err(Halt::Stop(why)) => stop(parts, &flow, browser, why).await.map(Err),
        Err(Halt::Failed(error)) => Err(error),
    }
}

/// The flow's cookie, and who is signed in where that matters, if the owner of the account is asked in this browser.
async fn asked<'b>(
    parts: &Parts,
    flow: &Flow,
    browser: &'b Browser,
) -> std::result::Result<(&'b SecretString, Option<Session>), Halt> {
    let cookie = flow.asks(browser.cookie(&parts.settings, flow.id), parts.clock.now())?;
    let standing = standing(parts, flow, browser).await?;
    Ok((cookie, standing.person()?.cloned()))
}

/// What the form is for: the account it names. Another tab may have come back with another one since.
fn purpose(flow: &Flow) -> String {
    format!("confirm {} {}", flow.id, flow.sid().map_or("", Sid::as_str))
}

/// The account's name, or its id where there is nothing to read in the name.
fn name_of(account: &ProviderAccount) -> Option<String> {
    account.user_name.as_deref().and_then(presentable).or_else(|| presentable(account.sid.as_str()))
}

/// A name as this page may show it, who is asked having to know whom they connect: as names are kept, less what shows nothing of
/// its own, not long; none if nothing is left to see.
fn presentable(text: &str) -> Option<String> {
    let seen: String = text.chars().filter(|c| !is_unseen(*c)).collect();
    let mut clean = name::told(&seen)?;
    if let Some((cut, _)) = clean.char_indices().nth(NAME_LIMIT) {
        clean.truncate(cut);
        clean.push('…');
    }
    Some(clean)
}

/// Whether a character shows nothing of its own: controls, marks of direction, fillers, tags. Joiners are part of what they join.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::presentable;

    #[test]
    fn a_name_cannot_turn_the_page_around() {
        let shown = |name: &str| presentable(name).unwrap();
        assert_eq!(shown("Oleg\u{202E}gelO\u{2066}\u{0007}"), "OleggelO");
        assert_eq!(shown("Олег"), "Олег");
        assert_eq!(shown(&"a".repeat(100)), format!("{}…", "a".repeat(80)));
        assert_eq!(shown(&"a".repeat(80)), "a".repeat(80));
        assert_eq!(shown("Ole\u{E0001}\u{3164}g"), "Oleg");
        assert_eq!(shown("می\u{200C}خواهم"), "می\u{200C}خواهم");
    }

    #[test]
    fn a_name_of_which_nothing_can_be_seen_is_none() {
        for name in ["", " \u{00A0}", "\u{202E}", "\u{3164}\u{2800}", "\u{200B}\u{FEFF}", "\u{200C}\u{200D}"] {
            assert_eq!(presentable(name), None, "{name:?}");
        }
    }
}

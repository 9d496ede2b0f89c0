//! What our pages say, in the language of who reads them.

mod en;
mod ru;

use actix_web::HttpRequest;
use actix_web::http::header::ACCEPT_LANGUAGE;

use super::cookies;
use crate::app::App;
use domain::account::AccountType;
use settings::Locale;

/// Everything that a page says in one language. A function where a name goes into the sentence: languages place it differently.
#[derive(Debug)]
pub(super) struct Words {
    /// The language, as `lang` names it.
    pub(super) lang: &'static str,
    /// The same, as settings name it.
    pub(super) locale: Locale,

    pub(super) gone: &'static str,
    pub(super) gone_text: &'static str,
    pub(super) bad_request: &'static str,
    pub(super) prefetched: &'static str,
    pub(super) parameter_twice: &'static str,
    pub(super) state_missing: &'static str,
    pub(super) decision_missing: &'static str,
    pub(super) unknown_application: &'static str,
    pub(super) unknown_redirect_uri: &'static str,
    pub(super) too_many_parameters: &'static str,
    pub(super) not_a_form: &'static str,
    pub(super) too_large: &'static str,
    pub(super) too_large_text: &'static str,
    pub(super) too_slow: &'static str,
    pub(super) too_slow_text: &'static str,
    pub(super) unavailable: &'static str,
    /// Of the request's id.
    pub(super) unavailable_text: fn(&str) -> String,
    pub(super) internal: &'static str,
    /// Of the request's id.
    pub(super) internal_text: fn(&str) -> String,

    pub(super) too_many: &'static str,
    /// Of the minutes to wait.
    pub(super) too_many_text: fn(u64) -> String,

    /// Before the title of a page that says what went wrong.
    pub(super) problem: &'static str,
    pub(super) sign_in: &'static str,
    pub(super) sign_in_login: &'static str,
    pub(super) sign_in_password: &'static str,
    pub(super) sign_in_button: &'static str,
    pub(super) sign_in_refused: &'static str,
    pub(super) sign_in_by_phone: &'static str,
    pub(super) no_second_factor: &'static str,
    pub(super) no_codes: &'static str,
    pub(super) no_codes_text: &'static str,
    pub(super) phone: &'static str,
    pub(super) phone_number: &'static str,
    pub(super) phone_button: &'static str,
    pub(super) phone_password: &'static str,
    pub(super) phone_wrong: &'static str,
    pub(super) phone_nobody: &'static str,
    pub(super) code: &'static str,
    /// Of the masked number.
    pub(super) code_sent: fn(&str) -> String,
    pub(super) code_digits: &'static str,
    pub(super) code_again: &'static str,
    pub(super) code_wrong: &'static str,
    pub(super) code_late: &'static str,
    pub(super) code_gone: &'static str,
    pub(super) code_not_sent: &'static str,
    pub(super) choice: &'static str,
    pub(super) choice_staff: &'static str,
    pub(super) choice_resident: &'static str,
    pub(super) choice_service: &'static str,
    pub(super) form_stale: &'static str,
    pub(super) sign_in_switch: &'static str,
    pub(super) nobody_signs_in: &'static str,
    pub(super) nobody_signs_in_text: &'static str,
    pub(super) signed_in: &'static str,
    pub(super) signed_in_as: &'static str,
    pub(super) go_on: &'static str,
    pub(super) sign_out: &'static str,
    pub(super) signed_out: &'static str,
    pub(super) signed_out_text: &'static str,
    pub(super) signed_in_back: &'static str,

    /// Of the provider.
    pub(super) confirm_title: fn(&str) -> String,
    /// Of the provider and the application.
    pub(super) confirm: fn(&str, &str) -> String,
    pub(super) confirm_account: &'static str,
    pub(super) confirm_provider: &'static str,
    pub(super) confirm_client: &'static str,
    /// Of the provider: the account becomes one of the person's who is signed in.
    pub(super) confirm_person: fn(&str) -> String,
    pub(super) confirm_yours: &'static str,
    /// Instead of a name, where the account here has none.
    pub(super) confirm_nameless: &'static str,
    pub(super) confirm_asked_by: &'static str,
    pub(super) confirm_yes: &'static str,
    pub(super) cancel: &'static str,
    /// Of the application.
    pub(super) confirm_warning: fn(&str) -> String,

    pub(super) posted: &'static str,
    pub(super) posted_text: &'static str,
    pub(super) posted_go: &'static str,

    pub(super) popup: &'static str,
    pub(super) popup_back: &'static str,
}

impl Words {
    /// What people call themselves who have an account of this type.
    pub(super) fn account_type(&self, kind: AccountType) -> &'static str {
        match kind {
            AccountType::Staff => self.choice_staff,
            AccountType::Resident => self.choice_resident,
            AccountType::Service => self.choice_service,
        }
    }
}

/// The words for who sent the request.
pub(super) fn of(app: &App, request: &HttpRequest) -> &'static Words {
    match accepted(app, request) {
        Locale::En => &en::WORDS,
        Locale::Ru => &ru::WORDS,
    }
}

/// The language that the browser is set to.
fn accepted(app: &App, request: &HttpRequest) -> Locale {
    let accepted = request.headers().get_all(ACCEPT_LANGUAGE).filter_map(|header| header.to_str().ok());
    choose(accepted, app.parts.settings.locale)
}

/// The language of messages in the Condo dialect (`docs/condo-contract.md` 4.7): as a cookie says, or the query, or else the browser.
pub(super) fn asked(app: &App, request: &HttpRequest) -> Locale {
    let cookie =
        |wanted: &str| cookies::sent(request).find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned());
    let query = || {
        let query = request.query_string().as_bytes();
        url::form_urlencoded::parse(query).find(|(name, _)| name == "locale").map(|(_, value)| value.into_owned())
    };
    let said = [cookie("NEXT_LOCALE"), cookie("locale"), query()];
    // One that we don't have says nothing.
    said.iter().flatten().find_map(|tag| named(tag)).unwrap_or_else(|| accepted(app, request))
}

fn named(tag: &str) -> Option<Locale> {
    match tag.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "en" => Some(Locale::En),
        "ru" => Some(Locale::Ru),
        _ => None,
    }
}

/// The language wanted most among those we have (RFC 9110 §12.5.4); the first of equals.
fn choose<'h>(headers: impl Iterator<Item = &'h str>, default: Locale) -> Locale {
    let mut best = (0, default);
    for range in headers.flat_map(|header| header.split(',')) {
        let mut parts = range.split(';');
        let tag = parts.next().unwrap_or_default().trim();
        let wanted = if tag == "*" { Some(default) } else { named(tag) };
        let Some(locale) = wanted else { continue };
        let weight = parts.next().map_or(Some(1000), thousandths).unwrap_or(0);
        if weight > best.0 {
            best = (weight, locale);
        }
    }
    best.1
}

/// A weight such as `q=0.8`, in thousandths.
fn thousandths(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let is_weight = fraction.len() <= 3 && fraction.chars().all(|c| c.is_ascii_digit());
    match whole {
        "1" => Some(1000),
        "0" if is_weight => format!("{fraction:0<3}").parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_wanted_most_is_chosen() {
        let rows = [
            ("", Locale::En, Locale::En),
            ("", Locale::Ru, Locale::Ru),
            ("ru", Locale::En, Locale::Ru),
            ("RU-ru", Locale::En, Locale::Ru),
            ("en-GB", Locale::Ru, Locale::En),
            ("ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7", Locale::En, Locale::Ru),
            ("en-US,en;q=0.9,ru;q=0.8", Locale::Ru, Locale::En),
            ("ru;q=0.8, en;q=0.9", Locale::Ru, Locale::En),
            ("ru;q=0.85,en;q=0.9", Locale::Ru, Locale::En),
            ("de, fr;q=0.9", Locale::Ru, Locale::Ru),
            ("de, en;q=0.1", Locale::Ru, Locale::En),
            ("en;q=0", Locale::Ru, Locale::Ru),
            ("de, *;q=0.5, en;q=0.4", Locale::Ru, Locale::Ru),
            ("ru ; Q=1.000 , en", Locale::En, Locale::Ru),
            ("en;q=x, ru;q=0.001", Locale::En, Locale::Ru),
            ("en;q=0.5000, ru;q=0.001", Locale::En, Locale::Ru),
            ("rus, english", Locale::Ru, Locale::Ru),
            (";;,=,;q=", Locale::Ru, Locale::Ru),
        ];
        for (header, default, expected) in rows {
            assert_eq!(choose([header].into_iter(), default), expected, "{header:?} where {default:?} is the default");
        }
        assert_eq!(choose(["en;q=0.1", "ru;q=0.2"].into_iter(), Locale::En), Locale::Ru, "the header twice");
    }
}

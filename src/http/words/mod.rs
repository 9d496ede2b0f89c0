//! What our pages say, in the language of who reads them.

mod en;
mod ru;
mod text;

use actix_web::HttpRequest;
use actix_web::http::header::ACCEPT_LANGUAGE;

pub(super) use text::Words;

use super::cookies;
use crate::app::App;
use settings::Locale;

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

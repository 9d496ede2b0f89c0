//! Pages of other origins: whose calls count with the session's cookie, and what an origin's pages may send (Fetch Standard §3.2,
//! Fetch Metadata §2.3).

/// What a request's `Origin` makes of the page that sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// None is named: old browsers, and whatever is no browser.
    Unnamed,
    /// Ours, or one that the operator lists.
    Known,
    /// Another.
    Foreign,
    /// Several were named, at least one of them another: no browser's doing.
    Muddled,
}

impl Page {
    /// Of each `Origin` of a request, `None` where it is no text.
    pub fn of<'a>(origins: impl Iterator<Item = Option<&'a str>>, is_known: impl Fn(&str) -> bool) -> Self {
        let (mut count, mut known) = (0_usize, true);
        for origin in origins {
            count = count.saturating_add(1);
            known = known && origin.is_some_and(&is_known);
        }
        match (count, known) {
            (0, _) => Self::Unnamed,
            (_, true) => Self::Known,
            (1, false) => Self::Foreign,
            (_, false) => Self::Muddled,
        }
    }
}

/// What a browser says of where the page stands that sends the request, seen from the address that it calls (`Sec-Fetch-Site`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// It says nothing, or nothing that is known.
    Unsaid,
    /// No page sends it, but the person.
    None,
    /// That very origin.
    SameOrigin,
    /// Another origin of the same site.
    SameSite,
    /// Another site.
    CrossSite,
}

impl Site {
    /// Of each `Sec-Fetch-Site` of a request, `None` where it is no text. Several are no browser's: the worst is taken.
    pub fn of<'a>(mut values: impl Iterator<Item = Option<&'a str>>) -> Self {
        let Some(first) = values.next() else { return Self::Unsaid };
        if values.next().is_some() || first.is_some_and(|value| value.contains(',')) {
            return Self::CrossSite;
        }
        match first {
            Some("same-origin") => Self::SameOrigin,
            Some("same-site") => Self::SameSite,
            Some("cross-site") => Self::CrossSite,
            Some("none") => Self::None,
            // "SHOULD ignore this header if it contains an invalid value."
            _ => Self::Unsaid,
        }
    }
}

/// Whether a call counts. One that brings the session's cookie may be another site's page's, made by a browser that adds the
/// cookie by itself.
///
/// A browser's `same-origin` overrules a foreign `Origin`, since no page can set it: the page is an app's own, whose backend
/// passed the call on with the page's `Origin` and without its own.
pub const fn is_welcome(brings_cookie: bool, page: Page, site: Site) -> bool {
    if !brings_cookie {
        return true;
    }
    match page {
        Page::Known => true,
        Page::Unnamed => !matches!(site, Site::SameSite | Site::CrossSite),
        Page::Foreign => matches!(site, Site::SameOrigin),
        Page::Muddled => false,
    }
}

/// Whether a GET that brings the session's cookie, and is welcome with it, is one that a program meant. A form or a link anywhere
/// has a browser make one as well: without a header of its own, without the `Origin` that a script's call to elsewhere has, and, of
/// another site, never as `same-origin`.
pub const fn is_meant(has_own_header: bool, page: Page, site: Site) -> bool {
    has_own_header || matches!(page, Page::Known) || matches!(site, Site::SameOrigin)
}

/// The most headers that a page is told it may send; no client has as many of its own.
const MOST_NAMES: usize = 64;
/// How long the name of one may be.
const NAME_LIMIT: usize = 128;

/// The names of headers that a browser asks for in a page's name, of each `Access-Control-Request-Headers`: what is no name is
/// left out, and what is too much.
pub fn header_names<'a>(asked: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let names = asked.flat_map(|value| value.split(',')).map(str::trim);
    names.filter(|name| is_name(name)).take(MOST_NAMES).collect()
}

/// RFC 9110 §5.6.2. `*` is a name there and a wildcard elsewhere: nobody asks for it.
fn is_name(name: &str) -> bool {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    (1..=NAME_LIMIT).contains(&name.len()) && name != "*" && name.chars().all(is_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &str = "https://app.example";

    fn page(origins: &[&str]) -> Page {
        Page::of(origins.iter().map(|origin| Some(*origin)), |origin| origin == KNOWN)
    }

    fn site(values: &[&str]) -> Site {
        Site::of(values.iter().map(|value| Some(*value)))
    }

    #[test]
    fn a_cookie_counts_for_known_pages_and_for_what_a_browser_calls_same_origin() {
        use Page::{Foreign, Known, Muddled, Unnamed};
        use Site::{CrossSite, SameOrigin, SameSite, Unsaid};
        let sites = [Unsaid, Site::None, SameOrigin, SameSite, CrossSite];
        let rows = [
            (Unnamed, [true, true, true, false, false]),
            (Known, [true; 5]),
            (Foreign, [false, false, true, false, false]),
            (Muddled, [false; 5]),
        ];
        for (page, expected) in rows {
            for (site, welcome) in sites.into_iter().zip(expected) {
                assert_eq!(is_welcome(true, page, site), welcome, "{page:?} {site:?}");
                assert!(is_welcome(false, page, site), "{page:?} {site:?}, without a cookie");
            }
        }
    }

    #[test]
    fn a_get_with_a_cookie_is_meant_if_no_form_could_send_it() {
        for page in [Page::Unnamed, Page::Known, Page::Foreign, Page::Muddled] {
            for site in [Site::Unsaid, Site::None, Site::SameOrigin, Site::SameSite, Site::CrossSite] {
                let expected = page == Page::Known || site == Site::SameOrigin;
                assert_eq!(is_meant(false, page, site), expected, "{page:?} {site:?}");
                assert!(is_meant(true, page, site), "{page:?} {site:?}, with a header of its own");
            }
        }
    }

    #[test]
    fn a_page_is_known_if_all_that_is_said_of_it_is() {
        let evil = "https://evil.example";
        for (origins, expected) in [
            (&[][..], Page::Unnamed),
            (&[KNOWN], Page::Known),
            (&[KNOWN, KNOWN], Page::Known),
            (&[evil], Page::Foreign),
            (&["null"], Page::Foreign),
            (&[""], Page::Foreign),
            (&[evil, evil], Page::Muddled),
            (&[KNOWN, evil], Page::Muddled),
            (&[evil, KNOWN], Page::Muddled),
        ] {
            assert_eq!(page(origins), expected, "{origins:?}");
        }
        assert_eq!(Page::of([None].into_iter(), |_| true), Page::Foreign, "no text");
    }

    #[test]
    fn a_site_is_said_once_and_to_the_letter() {
        for (values, expected) in [
            (&[][..], Site::Unsaid),
            (&["none"], Site::None),
            (&["same-origin"], Site::SameOrigin),
            (&["same-site"], Site::SameSite),
            (&["cross-site"], Site::CrossSite),
            (&["Same-Origin"], Site::Unsaid),
            (&[""], Site::Unsaid),
            (&["same-origin", "same-origin"], Site::CrossSite),
            (&["same-origin", "cross-site"], Site::CrossSite),
            (&["same-origin, same-origin"], Site::CrossSite),
        ] {
            assert_eq!(site(values), expected, "{values:?}");
        }
        assert_eq!(Site::of([None].into_iter()), Site::Unsaid, "no text");
    }

    #[test]
    fn only_names_of_headers_are_told_and_not_too_many() {
        let names = |asked: &[&'static str]| header_names(asked.iter().copied());
        assert_eq!(names(&["x-target, Apollo-Require-Preflight"]), ["x-target", "Apollo-Require-Preflight"]);
        assert_eq!(names(&["a,,b", "c"]), ["a", "b", "c"]);
        assert_eq!(names(&["x a, x:b, \"x\", ж, *, x\tb, ok"]), ["ok"]);
        let (long, most) = ("x".repeat(NAME_LIMIT + 1), "x".repeat(NAME_LIMIT));
        assert_eq!(header_names([long.as_str(), &most].into_iter()), [most.as_str()]);
        let many = vec!["a"; 1000].join(",");
        assert_eq!(header_names([many.as_str()].into_iter()).len(), MOST_NAMES);
    }
}

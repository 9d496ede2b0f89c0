//! Which scope opens what: one table in one place.

use std::collections::BTreeMap;
use std::fmt;

use super::ids::ProviderId;

/// A scope that an application may be granted (`docs/blitz.md`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// `blitz_api_ufa`: list one's own links.
    ListOwn,
    /// `blitz_api_sys_ufa`: list anybody's links.
    ListAny,
    /// `blitz_api_ufa_chg`: change one's own links.
    ChangeOwn,
    /// `blitz_api_sys_ufa_chg`: change anybody's links.
    ChangeAny,
    /// `blitz_api_uaud`: read one's own record.
    ReadOwn,
    /// `blitz_api_sys_uaud`: read anybody's record, and everybody's.
    ReadAny,
    /// `fed_evt_any`: list events that wait or were given up, and have them told again.
    EventsOfAny,
    /// `fed_tkn_any`: tokens of every provider.
    TokenOfAny,
    /// `fed_tkn_{type}_{name}`: tokens of one provider.
    TokenOf(ProviderId),
}

/// The scopes that are asked for, each once, in their order: whoever asks may say one ten thousand times. `None` if one of them
/// is none.
pub fn each_once(asked: impl Iterator<Item = Option<Scope>>) -> Option<Vec<Scope>> {
    let mut scopes: Vec<Scope> = Vec::new();
    for scope in asked {
        let scope = scope?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Some(scopes)
}

impl Scope {
    /// The scopes that are there whatever the providers.
    pub const FIXED: [Self; 8] = [
        Self::ListOwn,
        Self::ListAny,
        Self::ChangeOwn,
        Self::ChangeAny,
        Self::ReadOwn,
        Self::ReadAny,
        Self::EventsOfAny,
        Self::TokenOfAny,
    ];

    /// Reads a scope; `None` if there is no such.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "blitz_api_ufa" => Some(Self::ListOwn),
            "blitz_api_sys_ufa" => Some(Self::ListAny),
            "blitz_api_ufa_chg" => Some(Self::ChangeOwn),
            "blitz_api_sys_ufa_chg" => Some(Self::ChangeAny),
            "blitz_api_uaud" => Some(Self::ReadOwn),
            "blitz_api_sys_uaud" => Some(Self::ReadAny),
            "fed_evt_any" => Some(Self::EventsOfAny),
            "fed_tkn_any" => Some(Self::TokenOfAny),
            // A type has no underscore, so the first one ends it: `fed_tkn_a_b_c` is type `a`, name `b_c`.
            _ => {
                let (fp_type, fp_name) = text.strip_prefix("fed_tkn_")?.split_once('_')?;
                ProviderId::parse(fp_type, fp_name).ok().map(Self::TokenOf)
            }
        }
    }

    /// Whether it opens tokens of a provider.
    pub fn is_of_tokens(&self) -> bool {
        matches!(self, Self::TokenOfAny | Self::TokenOf(_))
    }

    /// Whether it opens this provider's tokens.
    pub fn opens_tokens_of(&self, provider: &ProviderId) -> bool {
        match self {
            Self::TokenOfAny => true,
            Self::TokenOf(granted) => granted == provider,
            _ => false,
        }
    }

    /// Whether the scope counts in system mode only.
    pub fn is_system(&self) -> bool {
        matches!(self, Self::ListAny | Self::ChangeAny | Self::ReadAny | Self::EventsOfAny)
    }
}

/// Whether a scope may have this character (RFC 6749 §3.3).
pub fn is_scope_char(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | '\\')
}

/// The scopes that a provider states, one space between them; what no scope has is taken out. None if nothing is left.
pub fn told(text: &str) -> Option<String> {
    let scopes = text.split(|c: char| c.is_whitespace() || c.is_control());
    let scopes = scopes.map(|scope| scope.chars().filter(|c| is_scope_char(*c)).collect::<String>());
    let scopes: Vec<String> = scopes.filter(|scope| !scope.is_empty()).collect();
    Some(scopes.join(" ")).filter(|told| !told.is_empty())
}

/// What says who somebody is, or asks for a refresh token: it opens nothing, and some providers never name it among what they granted.
const OPENS_NOTHING: [&str; 4] = ["openid", "offline_access", "profile", "email"];

/// The wanted scopes of a provider's that are not among those it granted, as they are wanted, each once; none if nobody knows what
/// was granted. `aliases` are other names of a scope, with the one that counts. Some providers write commas between scopes.
pub fn missing<'w>(
    wanted: impl IntoIterator<Item = &'w str>,
    granted: Option<&str>,
    aliases: &BTreeMap<String, String>,
) -> Vec<String> {
    let Some(granted) = granted else { return Vec::new() };
    let named = |scope| aliases.get(scope).map_or(scope, String::as_str);
    let granted: Vec<&str> = each(granted).map(named).collect();
    let mut missing: Vec<String> = Vec::new();
    for scope in wanted.into_iter().flat_map(each) {
        let is_there = OPENS_NOTHING.contains(&named(scope)) || granted.contains(&named(scope));
        if !is_there && !missing.iter().any(|other| other == scope) {
            missing.push(scope.to_owned());
        }
    }
    missing
}

/// The scopes in a text.
pub fn each(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',']).filter(|scope| !scope.is_empty())
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ListOwn => f.write_str("blitz_api_ufa"),
            Self::ListAny => f.write_str("blitz_api_sys_ufa"),
            Self::ChangeOwn => f.write_str("blitz_api_ufa_chg"),
            Self::ChangeAny => f.write_str("blitz_api_sys_ufa_chg"),
            Self::ReadOwn => f.write_str("blitz_api_uaud"),
            Self::ReadAny => f.write_str("blitz_api_sys_uaud"),
            Self::EventsOfAny => f.write_str("fed_evt_any"),
            Self::TokenOfAny => f.write_str("fed_tkn_any"),
            Self::TokenOf(provider) => write!(f, "fed_tkn_{}_{}", provider.fp_type(), provider.fp_name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BTreeMap, Scope, each_once, missing, told};

    #[test]
    fn what_was_not_granted_is_missing() {
        let aliases = BTreeMap::from([("https://api.example/auth/mail".to_owned(), "mail".to_owned())]);
        let missing = |wanted: &str, granted| missing(wanted.split(' '), granted, &aliases);
        for (wanted, granted, lacks) in [
            ("mail files", Some("mail files"), ""),
            ("mail files", Some("files"), "mail"),
            ("mail files mail", Some("openid"), "mail files"),
            ("mail", None, ""),
            ("mail", Some("https://api.example/auth/mail"), ""),
            ("https://api.example/auth/mail", Some("mail"), ""),
            ("openid offline_access profile email", Some("files"), ""),
            ("repo gist", Some("repo,gist"), ""),
            ("repo gist", Some("repo"), "gist"),
            ("Mail", Some("mail"), "Mail"),
            ("", Some(""), ""),
        ] {
            assert_eq!(missing(wanted, granted).join(" "), lacks, "{wanted:?} of {granted:?}");
        }
    }

    #[test]
    fn a_scope_said_twice_is_one() {
        let read = |text: &str| each_once(text.split(' ').map(Scope::parse));
        assert_eq!(
            read("fed_tkn_any blitz_api_ufa fed_tkn_any fed_tkn_any"),
            Some(vec![Scope::TokenOfAny, Scope::ListOwn])
        );
        assert_eq!(read("blitz_api_ufa nonsense blitz_api_ufa"), None);
        assert_eq!(each_once([].into_iter()), Some(Vec::new()));
    }

    #[test]
    fn what_no_scope_has_is_taken_out_of_those_that_a_provider_states() {
        for (stated, kept) in [
            ("openid email", Some("openid email")),
            ("  openid \t email\r\n", Some("openid email")),
            ("user,repo https://a.example/auth/drive", Some("user,repo https://a.example/auth/drive")),
            ("open\u{0}id", Some("open id")),
            ("openid\u{7F}\u{9F}email", Some("openid email")),
            ("open\u{202E}id em\u{200B}ail", Some("openid email")),
            ("\"openid\" e\\mail", Some("openid email")),
            ("почта openid", Some("openid")),
            ("open\u{FFFD}id", Some("openid")),
            ("\u{0}", None),
            (" \" ", None),
            ("", None),
        ] {
            assert_eq!(told(stated).as_deref(), kept, "{stated:?}");
        }
    }
}

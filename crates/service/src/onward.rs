//! Where a person goes once signed in. Only our own pages that need a person: anything else would be an open redirect.

use url::Url;
use url::form_urlencoded;
use uuid::Uuid;

use domain::ids::FlowId;
use domain::{Error, Result};
use settings::Settings;

/// Where a person goes once signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Onward {
    /// Nowhere: they wanted to sign in.
    Home,
    /// On with a bind that is waiting for them.
    Bind(FlowId),
    /// Back to the authorization endpoint, with its query as it came.
    Authorize(String),
}

/// Where instructions are opened, under the base path.
const BIND: &str = "/api/v2/users/current/fa/bind/auth/";
/// Where applications send their users, under the base path.
const AUTHORIZE: &str = "/oauth/ae?";

impl Onward {
    /// Reads what [`Onward::path`] wrote, out of an address that anybody may have made; anything else leads home.
    pub fn parse(settings: &Settings, text: &str) -> Self {
        let under_base = text.strip_prefix(settings.base_path.as_str()).unwrap_or_default();
        if let Some(query) = under_base.strip_prefix(AUTHORIZE) {
            // A query goes back as it came, so it must not end the header or the attribute that it stands in.
            let plain = query.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '#' | '"' | '<' | '>' | '\\'));
            return if plain { Self::Authorize(query.to_owned()) } else { Self::Home };
        }
        match under_base.strip_prefix(BIND).map(Uuid::try_parse) {
            Some(Ok(id)) => Self::Bind(FlowId(id)),
            _ => Self::Home,
        }
    }

    /// Its path and query on this host; the sign-in page's own for [`Onward::Home`].
    pub fn path(&self, settings: &Settings) -> String {
        let base_path = &settings.base_path;
        match self {
            Self::Home => format!("{base_path}/sign-in"),
            Self::Bind(flow) => format!("{base_path}{BIND}{flow}"),
            Self::Authorize(query) => format!("{base_path}{AUTHORIZE}{query}"),
        }
    }

    /// The sign-in page that leads there, and asks whoever is signed in to do so again.
    pub fn sign_in_again_url(&self, settings: &Settings) -> Result<Url> {
        let mut url = self.sign_in_url(settings)?;
        url.query_pairs_mut().append_pair("switch", "1");
        Ok(url)
    }

    /// The sign-in page that leads there.
    pub fn sign_in_url(&self, settings: &Settings) -> Result<Url> {
        self.url(settings, "/sign-in")
    }

    /// The page that leads there by a code to a phone.
    pub fn sign_in_by_phone_url(&self, settings: &Settings) -> Result<Url> {
        self.url(settings, "/sign-in/phone")
    }

    fn url(&self, settings: &Settings, path: &str) -> Result<Url> {
        let mut url = settings.public_url.join(&format!("{}{path}", settings.base_path)).map_err(Error::internal)?;
        if *self != Self::Home {
            let query =
                form_urlencoded::Serializer::new(String::new()).append_pair("to", &self.path(settings)).finish();
            url.set_query(Some(&query));
        }
        Ok(url)
    }
}

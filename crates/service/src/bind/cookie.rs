//! The cookie that ties a flow to the one browser that opened it: one cookie a flow, so that two tabs don't collide,
//! aged and capped, so that they don't pile up.

use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};

use crate::door::{Origin, actor};
use domain::entropy::Entropy;
use domain::event::Actor;
use domain::flow::{FLOW_LIMIT, Flow};
use domain::ids::{FlowId, Subject};
use settings::Settings;

/// Flows that one browser may have open; the oldest beyond are forgotten.
const FLOWS_PER_BROWSER: usize = 8;

const NAME: &str = "fedlink-flow-";
/// `__Host-` binds a cookie to this host and to https; browsers refuse it on plain http.
const SECURE_NAME: &str = "__Host-fedlink-flow-";

fn prefix(settings: &Settings) -> &'static str {
    if settings.is_secure() { SECURE_NAME } else { NAME }
}

fn name(settings: &Settings, flow: FlowId) -> String {
    let id = flow.0.simple().to_string();
    format!("{}{}", prefix(settings), id.get(..8).unwrap_or(&id))
}

/// Whether a cookie of this name is one of ours.
pub fn is_flow_cookie(settings: &Settings, name: &str) -> bool {
    name.starts_with(prefix(settings))
}

/// A cookie for a browser that opened a flow.
#[derive(Debug)]
pub struct FlowCookie {
    /// Its name.
    pub name: String,
    /// Its value: when it was made, and 256 random bits.
    pub value: SecretString,
    /// How long it lives.
    pub max_age: Duration,
    /// Whether it is for https alone.
    pub secure: bool,
    /// Older cookies of the browser's that it is to forget.
    pub forget: Vec<String>,
}

/// A browser as far as a bind looks at it: the cookies that it sent, and from where.
#[derive(Debug)]
pub struct Browser {
    cookies: Vec<(String, SecretString)>,
    session: Option<SecretString>,
    origin: Origin,
}

impl Browser {
    /// A browser there that sent these flow cookies and this session cookie.
    pub fn new(cookies: Vec<(String, SecretString)>, session: Option<SecretString>, origin: Origin) -> Self {
        Self { cookies, session, origin }
    }

    /// Who acts in it, as the audit record has it; `subject` is whose session it is, where that was looked up.
    pub(super) fn actor(&self, flow: &Flow, subject: Option<&Subject>) -> Actor {
        let client = Some(flow.client.as_str().to_owned());
        Actor { client, subject: subject.map(|subject| subject.as_str().to_owned()), ..actor(&self.origin) }
    }

    /// Whether it sent any flow's cookie. One that comes from another site by POST sends none of them.
    pub fn has_flows(&self) -> bool {
        !self.cookies.is_empty()
    }

    /// The session cookie.
    pub(super) fn session(&self) -> Option<&SecretString> {
        self.session.as_ref()
    }

    /// What it sent as the flow's cookie; [`domain::flow::Flow::opened_by`] says whether it is.
    pub(super) fn cookie(&self, settings: &Settings, flow: FlowId) -> Option<&SecretString> {
        let name = name(settings, flow);
        self.cookies.iter().find(|(sent, _)| *sent == name).map(|(_, value)| value)
    }

    /// A new cookie for a flow that this browser opens.
    pub(super) fn cookie_for(
        &self,
        settings: &Settings,
        flow: FlowId,
        entropy: &dyn Entropy,
        now: DateTime<Utc>,
    ) -> FlowCookie {
        let mut others: Vec<&(String, SecretString)> = self.cookies.iter().collect();
        // The value begins with its age in seconds, of a fixed width for centuries.
        others
            .sort_by_key(|(_, value)| value.expose_secret().split('.').next().and_then(|age| age.parse::<i64>().ok()));
        let surplus = (others.len() + 1).saturating_sub(FLOWS_PER_BROWSER);
        FlowCookie {
            name: name(settings, flow),
            value: format!("{}.{}", now.timestamp(), entropy.token().expose_secret()).into(),
            max_age: FLOW_LIMIT,
            secure: settings.is_secure(),
            forget: others.into_iter().take(surplus).map(|(name, _)| name.clone()).collect(),
        }
    }
}

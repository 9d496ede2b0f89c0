//! The pushed requests that wait for their browser.

use std::collections::HashMap;
use std::fmt;

use actix_web::web::Bytes;
use chrono::{DateTime, Utc};

use super::form::Form;

/// The requests that wait for their browser, by `request_uri`.
#[derive(Default)]
pub(super) struct Pushed(pub(super) HashMap<String, Waiting>);

pub(super) struct Waiting {
    pub(super) client_id: String,
    /// The form as it came.
    pub(super) body: Bytes,
    pub(super) until: DateTime<Utc>,
}

/// Leaves the requests out: they came with their client's secret.
impl fmt::Debug for Pushed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pushed").finish_non_exhaustive()
    }
}

impl Pushed {
    /// The request that this client has pushed, if it may still be answered.
    pub(super) fn find(&self, request_uri: &str, client_id: Option<&str>, now: DateTime<Utc>) -> Option<Form> {
        let waiting = self.0.get(request_uri).filter(|waiting| waiting.until > now)?;
        Form::parse(&waiting.body).filter(|_| client_id == Some(&waiting.client_id))
    }

    /// It has been answered.
    pub(super) fn forget(&mut self, request_uri: &str) {
        self.0.remove(request_uri);
    }
}

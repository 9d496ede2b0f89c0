//! A request as its resolvers see it, and what its answer gives the browser to keep.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::refusal::Refusal;
use domain::user::User;
use domain::{Error, Result};
use service::Parts;
use service::condo_sessions::{CondoSession, Ticket};
use service::door::Origin;
use service::places::DeviceCookie;
use settings::Locale;

/// A request as its resolvers see it.
#[derive(Clone)]
pub struct Visit {
    /// What services work with.
    pub parts: Arc<Parts>,
    /// Where the request comes from.
    pub origin: Origin,
    /// The language of messages for users.
    pub locale: Locale,
    /// The session that came with it, of a user or of somebody who has not signed in.
    pub session: Option<CondoSession>,
    cookies: Arc<Mutex<Left>>,
}

/// What an answer gives the browser to keep.
#[derive(Default)]
pub struct Left {
    /// The cookie of its session.
    pub session: Option<Ticket>,
    /// What it is known by.
    pub device: Option<DeviceCookie>,
}

impl Visit {
    /// A request of whoever brings `session`, from `origin`.
    pub fn new(parts: &Arc<Parts>, origin: Origin, locale: Locale, session: Option<CondoSession>) -> Self {
        Self { parts: Arc::clone(parts), origin, locale, session, cookies: Arc::default() }
    }

    /// Who asks; none who has not signed in. It may be a user who is deleted: [`Visit::user`] refuses those.
    pub fn who(&self) -> Option<&User> {
        self.session.as_ref()?.user.as_ref()
    }

    /// Who asks: [`Refusal::NotAuthenticated`] if nobody, [`Refusal::AccessDenied`] if somebody who is deleted.
    pub fn user(&self) -> Result<&User> {
        let user = self.who().ok_or_else(|| Error::refused(Refusal::NotAuthenticated))?;
        if user.may_sign_in() { Ok(user) } else { Err(Error::refused(Refusal::AccessDenied)) }
    }

    /// Gives the browser this session; the last one that a request leaves here wins.
    pub fn leave(&self, ticket: Ticket) {
        self.cookies().session = Some(ticket);
    }

    /// Gives the browser what it is known by from now on.
    pub fn leave_device(&self, device: DeviceCookie) {
        self.cookies().device = Some(device);
    }

    /// What is to be kept; it is handed out once.
    pub fn left(&self) -> Left {
        std::mem::take(&mut self.cookies())
    }

    fn cookies(&self) -> MutexGuard<'_, Left> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

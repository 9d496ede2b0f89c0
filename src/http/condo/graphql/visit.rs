//! A request as its resolvers see it, and what its answer gives the browser to keep.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::app::App;
use crate::service::condo_sessions::{CondoSession, Ticket};
use crate::service::door::Origin;
use crate::service::places::DeviceCookie;
use domain::refusal::Refusal;
use domain::user::User;
use domain::{Error, Result};
use settings::Locale;

/// A request as its resolvers see it.
#[derive(Clone)]
pub(crate) struct Visit {
    /// What services work with.
    pub(crate) app: App,
    /// Where the request comes from.
    pub(crate) origin: Origin,
    /// The language of messages for users.
    pub(crate) locale: Locale,
    /// The session that came with it, of a user or of somebody who has not signed in.
    pub(crate) session: Option<CondoSession>,
    cookies: Arc<Mutex<Left>>,
}

/// What an answer gives the browser to keep.
#[derive(Default)]
pub(super) struct Left {
    pub(super) session: Option<Ticket>,
    pub(super) device: Option<DeviceCookie>,
}

impl Visit {
    pub(super) fn new(app: &App, origin: Origin, locale: Locale, session: Option<CondoSession>) -> Self {
        Self { app: app.clone(), origin, locale, session, cookies: Arc::default() }
    }

    /// Who asks; none who has not signed in. It may be a user who is deleted: [`Visit::user`] refuses those.
    pub(crate) fn who(&self) -> Option<&User> {
        self.session.as_ref()?.user.as_ref()
    }

    /// Who asks: [`Refusal::NotAuthenticated`] if nobody, [`Refusal::AccessDenied`] if somebody who is deleted.
    pub(crate) fn user(&self) -> Result<&User> {
        let user = self.who().ok_or_else(|| Error::refused(Refusal::NotAuthenticated))?;
        if user.may_sign_in() { Ok(user) } else { Err(Error::refused(Refusal::AccessDenied)) }
    }

    /// Gives the browser this session; the last one that a request leaves here wins.
    pub(crate) fn leave(&self, ticket: Ticket) {
        self.cookies().session = Some(ticket);
    }

    /// Gives the browser what it is known by from now on.
    pub(crate) fn leave_device(&self, device: DeviceCookie) {
        self.cookies().device = Some(device);
    }

    pub(super) fn left(&self) -> Left {
        std::mem::take(&mut self.cookies())
    }

    fn cookies(&self) -> MutexGuard<'_, Left> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! What stands open in a person's name, over all the tables that have it: browsers, codes, tokens of applications.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::confirm_phone_actions;
use super::conn::{Conn, on};
use super::error::lift;
use super::schema::{oauth_codes, oauth_refresh_tokens, oauth_tokens, sessions};
use crate::domain::Result;

/// Ends every browser session of a subject, every confirmation asked for by its id, and every code and token that an application has for it.
pub(crate) async fn close_all(conn: &mut Conn, subject: &str) -> Result<()> {
    on!(conn, |c| diesel::delete(sessions::table.filter(sessions::subject.eq(subject))).execute(c)).map_err(lift)?;
    // Among them may be one that the old password has led to.
    confirm_phone_actions::delete_all(conn, subject).await?;
    on!(conn, |c| diesel::delete(oauth_codes::table.filter(oauth_codes::subject.eq(subject))).execute(c))
        .map_err(lift)?;
    on!(conn, |c| diesel::delete(oauth_refresh_tokens::table.filter(oauth_refresh_tokens::subject.eq(subject)))
        .execute(c))
    .map_err(lift)?;
    on!(conn, |c| diesel::delete(oauth_tokens::table.filter(oauth_tokens::subject.eq(subject))).execute(c))
        .map_err(lift)?;
    Ok(())
}

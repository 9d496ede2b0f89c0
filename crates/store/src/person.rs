//! What stands open in a person's name, over all the tables that have it: browsers, codes, tokens of applications.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::confirm_phone_actions;
use super::conn::{Conn, on};
use super::error::lift;
use super::schema::{oauth_codes, oauth_refresh_tokens, oauth_tokens, sessions};
use domain::Result;

/// Ends every browser session of a subject.
pub async fn end_sessions(conn: &mut Conn, subject: &str) -> Result<()> {
    on!(conn, |c| diesel::delete(sessions::table.filter(sessions::subject.eq(subject))).execute(c)).map_err(lift)?;
    Ok(())
}

/// Ends every authorization code of a subject, and every confirmation asked for by its id: among them may be one that an old
/// password has led to.
pub async fn end_codes(conn: &mut Conn, subject: &str) -> Result<()> {
    confirm_phone_actions::delete_all(conn, subject).await?;
    on!(conn, |c| diesel::delete(oauth_codes::table.filter(oauth_codes::subject.eq(subject))).execute(c))
        .map_err(lift)?;
    Ok(())
}

/// Ends every token that an application has for a subject.
pub async fn end_tokens(conn: &mut Conn, subject: &str) -> Result<()> {
    on!(conn, |c| diesel::delete(oauth_refresh_tokens::table.filter(oauth_refresh_tokens::subject.eq(subject)))
        .execute(c))
    .map_err(lift)?;
    on!(conn, |c| diesel::delete(oauth_tokens::table.filter(oauth_tokens::subject.eq(subject))).execute(c))
        .map_err(lift)?;
    Ok(())
}

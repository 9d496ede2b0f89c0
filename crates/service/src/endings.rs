//! Carries out what a change of an account ends (`domain::endings`), in the transaction that changes it.

use super::condo_sessions::SidHash;
use super::{Parts, bind};
use domain::Result;
use domain::endings::{Change, Endings, Fate};
use store::{Tx, condo_sessions, known_places, person};

/// Ends what these changes of a subject's account end. `own`: the Condo session in which its own holder makes them, if they
/// do. Once the transaction is committed, what is remembered of the subject's tokens is the caller's to forget.
pub(super) async fn carry_out(
    parts: &Parts,
    tx: &mut Tx,
    subject: &str,
    changes: &[Change],
    own: Option<&SidHash>,
) -> Result<()> {
    for change in changes {
        let Endings { sessions, condo_sessions, tokens, codes, flows, places } = change.ends();
        if is_over(sessions) {
            person::end_sessions(tx.conn(), subject).await?;
        }
        if is_over(condo_sessions) {
            let own = own.filter(|_| condo_sessions == Fate::EndsButOwn).map(SidHash::bytes);
            condo_sessions::delete_all_but(tx.conn(), subject, own).await?;
        }
        if is_over(tokens) {
            person::end_tokens(tx.conn(), subject).await?;
        }
        if is_over(codes) {
            person::end_codes(tx.conn(), subject).await?;
        }
        if is_over(flows) {
            let why = if *change == Change::Deleted { "account_deleted" } else { "account_changed" };
            bind::end_all(parts, tx, subject, why).await?;
        }
        if is_over(places) {
            known_places::delete_all(tx.conn(), subject).await?;
        }
    }
    Ok(())
}

/// Whether rows are to go: a session that is to be refused by name has to be there for that.
fn is_over(fate: Fate) -> bool {
    matches!(fate, Fate::Ends | Fate::EndsButOwn)
}

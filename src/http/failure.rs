//! What every dialect tells of a failure in its own words, and what only the log may see of it.

use uuid::Uuid;

use domain::Error;
use domain::entropy::SystemEntropy;
use service::report_as;

/// When to ask again, in whole seconds, where that can help.
pub(super) fn retry_after(error: &Error) -> Option<u64> {
    match error {
        Error::ProviderUnavailable { retry_after } | Error::TooManyAttempts { retry_after } => {
            let seconds = retry_after.as_millis().div_ceil(1000);
            Some(u64::try_from(seconds).unwrap_or(u64::MAX).max(1))
        }
        Error::StorageUnavailable(_) => Some(1),
        _ => None,
    }
}

/// Logs what only the log may see of a failure of ours, and gives the id to look for it by.
pub(super) fn report(error: &Error) -> Uuid {
    let request_id = SystemEntropy::shared().uuid();
    report_as(error, &request_id.to_string());
    request_id
}

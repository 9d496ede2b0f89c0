//! What only the log may see of a failure.

use domain::Error;

/// Logs what only the log may see of a failure of ours, under an id that the caller is told.
pub fn report_as(error: &Error, request_id: &str) {
    let mut causes = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        causes.push_str(": ");
        causes.push_str(&inner.to_string());
        cause = inner.source();
    }
    if matches!(error, Error::StorageUnavailable(_) | Error::ProviderUnavailable { .. }) {
        tracing::warn!(request_id, "{error}{causes}");
    } else {
        tracing::error!(request_id, "{error}{causes}");
    }
}

//! Checks the templates of account ids and user names, such as `{sub}` or `{name.first} {name.last}`.

/// A template of an account's id. A constant one would make all accounts one.
pub(super) fn sid(text: &str) -> Result<String, String> {
    if claims(text)? == 0 {
        return Err("must name a claim in braces, such as \"{sub}\"".to_owned());
    }
    Ok(text.to_owned())
}

/// A template of a user's name.
pub(super) fn user_name(text: &str) -> Result<String, String> {
    claims(text).map(|_count| text.to_owned())
}

/// How many claims the template names.
fn claims(text: &str) -> Result<usize, String> {
    let mut parts = text.split('{');
    if parts.next().is_some_and(|start| start.contains('}')) {
        return Err("has a } without its {".to_owned());
    }
    let mut count = 0;
    for part in parts {
        let (claim, rest) = part.split_once('}').ok_or("has a { without its }")?;
        if rest.contains('}') {
            return Err("has a } without its {".to_owned());
        }
        if claim.split('.').any(|name| name.trim() != name || name.is_empty()) {
            return Err(format!(
                "has {{{}}}, which names no claim: write one as in {{sub}} or {{address.country}}",
                claim.escape_debug()
            ));
        }
        count += 1;
    }
    Ok(count)
}

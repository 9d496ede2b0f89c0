//! Where secrets come from, and that none is shown.

use super::*;

#[test]
fn secrets_come_from_variables_and_files_only() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "out of some file\n").unwrap();
    fs::write(folder.path().join("empty"), "\n").unwrap();
    let parse = |secret: &str, literals| {
        let text = format!("public_url = \"https://a.example\"\n[[clients]]\nid = \"app\"\nsecret = {secret}");
        let env = |name: &str| match name {
            "SET" => Some("from the environment".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let read = Configuration::parse(&text, folder.path(), &env, literals).map_err(|errors| errors.to_string())?;
        Ok(read.settings.clients.into_values().next().unwrap().secrets[0].expose_secret().to_owned())
    };
    let refuse = |secret: &str| -> String { parse(secret, Literals::Refuse).unwrap_err() };
    let at = "clients[0].secret";
    assert_eq!(parse("{ file = \"secret\" }", Literals::Refuse), Ok("out of some file".to_owned()));
    assert_eq!(parse("{ env = \"SET\" }", Literals::Refuse), Ok("from the environment".to_owned()));
    assert_eq!(parse("\"literal, and long\"", Literals::Allow), Ok("literal, and long".to_owned()));
    assert_eq!(parse("\"\"", Literals::Allow), Err(format!("{at} (app): must not be empty")));
    assert!(!refuse("\"literal, and long\"").contains("literal"));
    assert_eq!(refuse("{ env = \"X\" }"), format!("{at}.env (app): the environment variable \"X\" is not set"));
    assert_eq!(refuse("{ env = \"EMPTY\" }"), format!("{at}.env (app): the environment variable \"EMPTY\" is empty"));
    assert_eq!(
        refuse("{ file = \"none\" }"),
        format!(
            "{at}.file (app): {}/none cannot be read: No such file or directory (os error 2)",
            folder.path().display()
        )
    );
    assert_eq!(refuse("{ file = \"empty\" }"), format!("{at}.file (app): {}/empty is empty", folder.path().display()));
    assert_eq!(
        refuse("{ env = \"SET\", file = \"secret\" }"),
        format!("{at} (app): must have either env or file, not both")
    );
    assert!(refuse("7").ends_with("not a number"));
}

#[test]
fn what_the_service_manager_has_loaded_comes_before_what_stands_beside_the_settings() {
    let (folder, loaded) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir(folder.path().join("secrets")).unwrap();
    fs::write(folder.path().join("secrets/app"), "beside the settings").unwrap();
    fs::write(loaded.path().join("secrets_app"), "what has been loaded").unwrap();
    fs::write(loaded.path().join("secrets_keyring"), "").unwrap();
    let parse = |secret: &str, credentials: Option<String>| {
        let keyring = "[vault]\nkeyring = { file = \"secrets/keyring\" }";
        let client = format!("[[clients]]\nid = \"app\"\nsecret = {{ file = \"{secret}\" }}");
        let text = format!("public_url = \"https://a.example\"\n{keyring}\n{client}");
        let env = |name: &str| credentials.clone().filter(|_| name == "CREDENTIALS_DIRECTORY");
        let read = Configuration::parse(&text, folder.path(), &env, Literals::Refuse).map_err(|e| e.to_string())?;
        let secret = read.settings.clients.into_values().next().unwrap().secrets[0].expose_secret().to_owned();
        Ok::<_, String>((secret, read.start.keyring))
    };
    let credentials = || Some(loaded.path().to_str().unwrap().to_owned());
    let by_a_service = ("what has been loaded".to_owned(), KeyringSource::File(loaded.path().join("secrets_keyring")));
    assert_eq!(parse("secrets/app", credentials()), Ok(by_a_service.clone()));
    let by_a_command = ("beside the settings".to_owned(), KeyringSource::File(folder.path().join("secrets/keyring")));
    assert_eq!(parse("secrets/app", None), Ok(by_a_command.clone()));
    // A whole path is what it says.
    let whole = folder.path().join("secrets/app");
    let (secret, _) = parse(whole.to_str().unwrap(), credentials()).unwrap();
    assert_eq!(secret, by_a_command.0);
    let refused = parse("secrets/new", credentials()).unwrap_err();
    assert!(refused.contains("/secrets/new cannot be read: No such file"), "{refused}");
    assert!(refused.ends_with("; what is new among the secrets is loaded at the next start"), "{refused}");
}

#[test]
fn no_secret_is_shown() {
    let text = EXAMPLE
        .replace("{ file = \"fedlink.keys\" }", "{ env = \"KEYS\" }")
        .replace("\"sqlite:fedlink.db\"", "{ env = \"URL\" }");
    let env = |name: &str| match name {
        "URL" => Some(format!("postgres://fedlink:{SECRET}@db/fedlink")),
        other => filled(other),
    };
    let read = Configuration::parse(&text, Path::new(""), &env, Literals::Refuse).unwrap();
    assert!(read.start.database_url.expose_secret().contains(SECRET));
    assert!(!format!("{read:?} {read:#?}").contains(SECRET));
    // The same where the secrets are no good.
    let told = mistakes(&text);
    assert!(told.starts_with("database_url: "), "{told}");
    assert!(!told.contains(SECRET), "{told}");
}

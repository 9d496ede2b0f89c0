//! The schema as it is printed, held against the names of the contract.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::program;

/// What the contract names and is not here; it only shrinks. `docs/compatibility.md` says why.
const MISSING: [&str; 3] = ["inviteNewOrganizationEmployee", "sendMessage", "signinAsUser"];

fn schema() -> String {
    program::run(&["schema"], &[], "").good().to_owned()
}

/// Whether a word of the contract is the name of an operation, or of a type.
fn is_named(word: &str) -> bool {
    let starts =
        |verb: &&str| word.strip_prefix(verb).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()));
    let verbs = [
        "start",
        "resend",
        "complete",
        "authenticate",
        "unauthenticate",
        "register",
        "all",
        "_all",
        "invite",
        "signin",
        "send",
    ];
    verbs.iter().any(starts) || word.ends_with("FieldInput") || word.ends_with("TypeType")
}

#[test]
fn the_printed_schema_has_the_names_of_the_contract() {
    let schema = schema();
    let has = |word: &str| schema.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|name| name == word);
    let contract =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/condo-contract.md")).unwrap();
    let (_, contract) = contract.split_once("## 3. Phone confirmation").expect("what is asked by GraphQL");
    let words: BTreeSet<&str> =
        contract.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| is_named(word)).collect();
    assert!(words.len() > 12, "{words:?}");
    let missing: Vec<&str> = words.into_iter().filter(|word| !has(word)).collect();
    assert_eq!(missing, MISSING);
    for name in [
        "AuthenticateUserWithEmailAndPasswordSecondFactorInput",
        "AuthenticateUserWithEmailAndPasswordSecondFactorType",
        "AuthenticateUserWithPhoneAndPasswordSecondFactorInput",
        "AuthenticateUserWithPhoneAndPasswordSecondFactorType",
        "OrganizationRelateToOneInput",
        "OrganizationEmployeeRoleRelateToOneInput",
        "UserRelateToOneInput",
        "UserRightsSetRelateToOneInput",
        "OrganizationWhereUniqueInput",
        "UserWhereUniqueInput",
        "OrganizationTypeType",
        "SenderField",
        "File",
    ] {
        assert!(has(name), "{name}");
    }
}

#[test]
fn every_record_has_what_records_have() {
    let schema = schema();
    for kind in ["User", "Organization", "OrganizationEmployee", "OrganizationEmployeeRole", "UserRightsSet"] {
        let (_, rest) = schema.split_once(&format!("\ntype {kind} {{\n")).expect(kind);
        let (fields, _) = rest.split_once("\n}\n").expect("an end");
        for field in [
            "id: ID!",
            "dv: Int",
            "sender: SenderField",
            "v: Int",
            "newId: String",
            "createdBy: User",
            "updatedBy: User",
            "createdAt: String",
            "updatedAt: String",
            "deletedAt: String",
        ] {
            assert!(fields.lines().any(|line| line.trim() == field), "{kind}: {field}");
        }
    }
    assert!(!schema.contains("type Record"), "records are no type of their own");
}

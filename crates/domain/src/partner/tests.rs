//! What a userinfo may say and what follows from it, one line a case.

use serde_json::{Value, json};

use super::*;
use crate::account::{Address, Email, Phone};
use crate::ids::{Sid, Subject};

fn fields(replaced: &[(&str, &str)]) -> Fields {
    let path = |name: &str, default: &str| {
        let text = replaced.iter().find(|(field, _)| *field == name).map_or(default, |(_, path)| *path);
        FieldPath::parse(text).unwrap()
    };
    Fields {
        id: path("id", "sub"),
        name: path("name", "name"),
        phone: path("phone", "phone_number"),
        phone_verified: path("phone_verified", "phone_number_verified"),
        email: path("email", "email"),
        email_verified: path("email_verified", "email_verified"),
        absent_means_verified: true,
        text_booleans: false,
    }
}

fn read(userinfo: &Value) -> Option<Profile> {
    fields(&[]).read(userinfo)
}

/// The userinfo `{"sub": "1"}` with one claim more.
fn with(claim: &str, value: &Value) -> Option<Profile> {
    read(&json!({ "sub": "1", claim: value }))
}

#[test]
fn an_id_is_a_text_or_a_whole_number() {
    let rows = [
        (json!("cmd30383l"), Some("cmd30383l")),
        (json!("0"), Some("0")),
        (json!(17), Some("17")),
        (json!(0), Some("0")),
        (json!(u64::MAX), Some("18446744073709551615")),
        (json!(17.0), Some("17")),
        (json!(-0.0), Some("0")),
        (json!(-1), None),
        (json!(1.5), None),
        (json!(1e300), None),
        (json!(""), None),
        (json!("a\u{0}b"), None),
        (json!("a".repeat(256)), None),
        (json!(null), None),
        (json!(true), None),
        (json!(["1"]), None),
        (json!({"id": "1"}), None),
    ];
    for (claim, expected) in rows {
        let profile = read(&json!({ "sub": claim }));
        assert_eq!(profile.as_ref().map(|profile| profile.sid.as_str()), expected, "{claim}");
    }
    for userinfo in [json!({}), json!(null), json!([]), json!("1"), json!(1)] {
        assert_eq!(read(&userinfo), None, "{userinfo}");
    }
}

#[test]
fn true_and_false_are_texts_where_the_operator_says_so() {
    let lenient = Fields { text_booleans: true, ..fields(&[]) };
    for (told, by_text, strictly) in [
        (json!("true"), Some(true), None),
        (json!("false"), Some(false), None),
        (json!(true), Some(true), Some(true)),
        (json!(false), Some(false), Some(false)),
        (json!("True"), None, None),
        (json!(" true"), None, None),
        (json!("yes"), None, None),
        (json!("1"), None, None),
        (json!(""), None, None),
        (json!(1), None, None),
        (json!(null), None, None),
    ] {
        for claim in ["phone_number_verified", "email_verified"] {
            let userinfo = json!({ "sub": "1", claim: told });
            let read = |fields: &Fields| {
                let profile = fields.read(&userinfo)?;
                Some(if claim == "email_verified" { profile.email_verified } else { profile.phone_verified })
            };
            assert_eq!((read(&lenient), read(&fields(&[]))), (by_text, strictly), "{claim} {told}");
        }
    }
}

#[test]
fn what_a_profile_leaves_out_is_null_and_verified() {
    let profile = read(&json!({ "sub": "1" })).unwrap();
    let sid = Sid::parse("1").unwrap();
    let bare = Profile { sid, name: None, phone: None, phone_verified: true, email: None, email_verified: true };
    assert_eq!(profile, bare);
    assert_eq!(read(&json!({ "sub": "1", "name": null, "phone_number": null, "email": null })), Some(bare));
}

#[test]
fn what_a_profile_leaves_out_is_unverified_where_the_operator_says_so() {
    let strict = Fields { absent_means_verified: false, ..fields(&[]) };
    for (said, verified) in [(None, false), (Some(true), true), (Some(false), false)] {
        let mut userinfo = json!({ "sub": "1" });
        if let Some(said) = said {
            userinfo["phone_number_verified"] = said.into();
            userinfo["email_verified"] = said.into();
        }
        let profile = strict.read(&userinfo).unwrap();
        assert_eq!((profile.phone_verified, profile.email_verified), (verified, verified), "{said:?}");
    }
    assert_eq!(strict.read(&json!({ "sub": "1", "email_verified": null })), None);
}

#[test]
fn a_phone_number_is_of_e164_to_the_letter() {
    let rows = [
        (json!("+79990001234"), Some("+79990001234")),
        (json!("+1234567"), Some("+1234567")),
        (json!("+123456789012345"), Some("+123456789012345")),
        (json!("+123456"), None),
        (json!("+1234567890123456"), None),
        (json!("79990001234"), None),
        (json!("+7 999 000 12 34"), None),
        (json!(" +79990001234"), None),
        (json!(""), None),
        (json!(79_990_001_234_u64), None),
        (json!(true), None),
    ];
    for (claim, expected) in rows {
        let profile = with("phone_number", &claim);
        let phone = profile.as_ref().and_then(|profile| profile.phone.as_ref()).map(Phone::as_str);
        assert_eq!((profile.is_some(), phone), (expected.is_some(), expected), "{claim}");
    }
}

#[test]
fn an_email_address_is_one_in_small_letters() {
    let rows = [
        (json!("J.Doe@Example.com"), Some("j.doe@example.com")),
        (json!("j.doe"), None),
        (json!(" j.doe@example.com"), None),
        (json!("j.doe@example.com\n"), None),
        (json!(""), None),
        (json!(1), None),
    ];
    for (claim, expected) in rows {
        let profile = with("email", &claim);
        let email = profile.as_ref().and_then(|profile| profile.email.as_ref()).map(Email::as_str);
        assert_eq!((profile.is_some(), email), (expected.is_some(), expected), "{claim}");
    }
}

#[test]
fn a_flag_is_true_or_false_and_nothing_like_it() {
    for claim in ["phone_number_verified", "email_verified"] {
        let flag =
            |profile: Profile| if claim == "email_verified" { profile.email_verified } else { profile.phone_verified };
        for truth in [true, false] {
            assert_eq!(with(claim, &json!(truth)).map(flag), Some(truth), "{claim}");
        }
        for wrong in [json!(null), json!("true"), json!(1), json!([]), json!({})] {
            assert_eq!(with(claim, &wrong), None, "{claim} {wrong}");
        }
    }
}

#[test]
fn a_name_is_fit_to_be_shown() {
    let long = "я".repeat(300);
    let rows = [
        (json!("John Doe"), Some("John Doe")),
        (json!("  John\u{0} Doe\n"), Some("John Doe")),
        (json!(""), None),
        (json!(" "), None),
    ];
    for (claim, expected) in rows {
        let profile = with("name", &claim).unwrap();
        assert_eq!(profile.name.as_deref(), expected, "{claim}");
    }
    assert_eq!(with("name", &json!(long)).unwrap().name.unwrap(), "я".repeat(255), "characters, not bytes");
    assert_eq!(with("name", &json!(7)), None);
    assert_eq!(with("name", &json!({"first": "John"})), None);
}

#[test]
fn fields_are_found_by_their_paths() {
    let userinfo = json!({
        "user": { "ids": [{ "value": 17 }, { "value": 18 }], "full.name": "no" },
        "phones": [["+1"], ["+79990001234"]],
        "https://claims.example/email": "a@example.com",
        "full.name": "John",
        "full": { "name": "Jim" },
    });
    let moved = [
        ("id", "user.ids[1].value"),
        ("phone", "phones[1][0]"),
        ("email", "https://claims.example/email"),
        ("name", "full.name"),
    ];
    let profile = fields(&moved).read(&userinfo).unwrap();
    assert_eq!(profile.sid.as_str(), "18");
    assert_eq!(profile.phone.unwrap().as_str(), "+79990001234");
    assert_eq!(profile.email.unwrap().as_str(), "a@example.com");
    assert_eq!(profile.name.as_deref(), Some("John"), "a member's own name wins over a path");
    let dotted = fields(&[("id", "user.ids.0.value")]).read(&userinfo).unwrap();
    assert_eq!(dotted.sid.as_str(), "17");
    let listed = fields(&[("id", "[0].id")]).read(&json!([{ "id": "a" }])).unwrap();
    assert_eq!(listed.sid.as_str(), "a");
    assert_eq!(fields(&[("id", "phones[2][0]")]).read(&userinfo), None);
}

#[test]
fn a_path_is_written_as_one() {
    for good in ["sub", "a.b.c", "a[0].b", "a.0.b", "a[0][1]", "https://claims.example/phone", "номер"] {
        assert!(FieldPath::parse(good).is_ok(), "{good:?}");
    }
    for bad in [
        "", ".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[-1]", "a[0]b", "a[0", "a]", "a[99999]", " a", "a.[0]",
        "a\n",
    ] {
        assert!(FieldPath::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn nobody_is_told_by_a_text_of_which_something_was_lost() {
    let read = |text: &[u8]| fields(&[]).read(&crate::json::lenient(text).unwrap());
    for lost in [
        b"{\"sub\": \"\xe8\xe2\"}".as_slice(),
        br#"{"sub": "a\ud83d"}"#,
        b"{\"sub\": \"1\", \"email\": \"\xe8@example.com\"}",
        br#"{"sub": "1", "email": "a\ude00@example.com"}"#,
    ] {
        assert_eq!(read(lost), None, "{}", String::from_utf8_lossy(lost));
    }
    assert_eq!(read(br#"{"sub": "1", "name": "half \ud83d"}"#).unwrap().sid.as_str(), "1", "a name is for people");
}

#[test]
fn a_confirmed_address_stands_where_the_partner_would_have_it() {
    let phone = Address::Phone(Phone::parse("+79990000002").unwrap());
    let plain = fields(&[]).with_confirmed(json!({ "sub": "1", "phone_number": "+79990000001" }), &phone);
    assert_eq!(plain, json!({ "sub": "1", "phone_number": "+79990000002", "phone_number_verified": true }));
    let moved = fields(&[("phone", "contacts[0].phone"), ("phone_verified", "contacts[0].checked")]);
    let userinfo = moved.with_confirmed(json!({ "contacts": [{ "phone": null }] }), &phone);
    assert_eq!(userinfo, json!({ "contacts": [{ "phone": "+79990000002", "checked": true }] }));
    let deep = fields(&[("phone", "a.b.c"), ("phone_verified", "a.d")]);
    assert_eq!(
        deep.with_confirmed(json!({ "a": null }), &phone),
        json!({ "a": { "b": { "c": "+79990000002" }, "d": true } })
    );
    let email = Address::Email(Email::parse("elle@example.com").unwrap());
    let plain = fields(&[]).with_confirmed(json!({ "sub": "1", "email": null }), &email);
    assert_eq!(plain, json!({ "sub": "1", "email": "elle@example.com", "email_verified": true }));
}

/// An account as a row of the table below writes it: how it has its phone number and its e-mail address, `-` (not), `?`
/// (unverified) or `!` (verified) each, then what else there is to it.
fn holder(id: &str, text: &str) -> Holder {
    let standing = |c: u8| match c {
        b'-' => Standing::Absent,
        b'?' => Standing::Unverified,
        b'!' => Standing::Verified,
        _ => panic!("{text}"),
    };
    Holder {
        subject: Subject::parse(id).unwrap(),
        is_named: text.contains("named"),
        phone: standing(text.as_bytes()[0]),
        email: standing(text.as_bytes()[1]),
        opens_to_partners: !text.contains("super"),
        is_deleted: text.contains("deleted"),
    }
}

/// A plan in a line: who, the phone number, the e-mail address, the name.
fn told(plan: &Plan) -> String {
    let address = |placing: &Placing| {
        let given = match placing.given {
            None => "-",
            Some(false) => "?",
            Some(true) => "!",
        };
        let taken = placing.taken_from.as_ref().map(|from| format!("<{from}")).unwrap_or_default();
        given.to_owned() + &taken
    };
    let user = plan.user.as_ref().map_or("new", Subject::as_str);
    let name = if plan.takes_name { " name" } else { "" };
    format!("{user} {} {}{name}", address(&plan.phone), address(&plan.email))
}

#[test]
fn a_first_sign_in_goes_by_the_table() {
    // The profile's phone and e-mail (`-` none, `?` unverified, `!` verified), which are trusted (p, e), and who has the
    // phone and the e-mail: an account `A` or `B` with its own standings. The same letter is the same account.
    let rows = [
        // Nobody has anything.
        ("-- ", "", "", "new - - name"),
        ("!! ", "", "", "new ? ? name"),
        ("!! pe", "", "", "new ! ! name"),
        ("!! p", "", "", "new ! ? name"),
        ("?? pe", "", "", "new ? ? name"),
        // Step 1: the phone finds its account, if all agrees.
        ("!- p", "A !-", "", "A - - name"),
        ("!- p", "A !- named", "", "A - -"),
        ("!- ", "A !-", "", "new - - name"),
        ("?- p", "A !-", "", "new - - name"),
        ("!- p", "A ?-", "", "new !<A - name"),
        ("?- p", "A ?-", "", "new ?<A - name"),
        ("!- ", "A ?-", "", "new - - name"),
        ("!- p", "A !- super", "", "new - - name"),
        ("!- p", "A ?- super", "", "new !<A - name"),
        ("!- p", "A !- deleted", "", "new - - name"),
        ("!- p", "A ?- deleted", "", "new - - name"),
        ("!- ", "A ?- deleted", "", "new - - name"),
        // Step 2: the e-mail, under the mirrored conditions.
        ("-! e", "", "A -!", "A - - name"),
        ("-! ", "", "A -!", "new - - name"),
        ("-? e", "", "A -!", "new - - name"),
        ("-! e", "", "A -?", "new - !<A name"),
        ("-? e", "", "A -?", "new - ?<A name"),
        ("-! ", "", "A -?", "new - - name"),
        ("-! e", "", "A -! super", "new - - name"),
        ("-! e", "", "A -! deleted", "new - - name"),
        ("-! e", "", "A -? deleted", "new - - name"),
        // The phone wins over the e-mail.
        ("!! pe", "A !-", "B -!", "A - - name"),
        ("!! pe", "A !! named", "A !!", "A - -"),
        ("!! pe", "A !- super", "B -!", "B - - name"),
        ("!! pe", "A ?-", "B -!", "B !<A - name"),
        ("!! e", "A !-", "B -!", "B - - name"),
        ("?! pe", "A !-", "B -!", "B - - name"),
        // Both are claims of the same account: it loses both.
        ("!! pe", "A ??", "A ??", "new !<A !<A name"),
        // Found by phone, the e-mail is filled in.
        ("!! pe", "A !-", "", "A - ! name"),
        ("!! p", "A !-", "", "A - ? name"),
        ("!? pe", "A !-", "", "A - ? name"),
        ("!! p", "A !-", "B -?", "A - ?<B name"),
        ("!! pe", "A !-", "B -?", "A - !<B name"),
        ("!! p", "A !-", "B -!", "A - - name"),
        ("!! p", "A !-", "B -? deleted", "A - - name"),
        ("!! p", "A !-", "B -! deleted", "A - - name"),
        ("!! pe", "A !?", "", "A - ! name"),
        ("!! pe", "A !!", "", "A - - name"),
        ("!! pe", "A !!", "B -?", "A - - name"),
        ("!! pe", "A !?", "A !?", "A - - name"),
        // Found by e-mail, the phone is.
        ("!! e", "", "A -!", "A ? - name"),
        ("!! pe", "", "A -!", "A ! - name"),
        ("!! e", "B ?-", "A -!", "A ?<B - name"),
        ("!! pe", "B ?-", "A -!", "A !<B - name"),
        ("!! pe", "B ?- deleted", "A -!", "A - - name"),
        ("!! pe", "B !- deleted", "A -!", "A - - name"),
        ("!! pe", "", "A !!", "A - - name"),
        ("!! e", "A ?!", "A ?!", "A - - name"),
    ];
    for (stated, phone, email, expected) in rows {
        let bytes = stated.as_bytes();
        let profile = Profile {
            sid: Sid::parse("1").unwrap(),
            name: Some("John Doe".to_owned()),
            phone: (bytes[0] != b'-').then(|| Phone::parse("+79990001234").unwrap()),
            phone_verified: bytes[0] == b'!',
            email: (bytes[1] != b'-').then(|| Email::parse("j.doe@example.com").unwrap()),
            email_verified: bytes[1] == b'!',
        };
        let trust = Trust { phone: stated.contains('p'), email: stated.contains('e') };
        let account = |text: &str| text.split_once(' ').map(|(id, facts)| holder(id, facts));
        let holders = Holders { phone: account(phone), email: account(email) };
        let plan = plan(&profile, trust, &holders);
        assert_eq!(told(&plan), expected, "{stated:?}, phone: {phone:?}, e-mail: {email:?}");
    }
}

#[test]
fn a_profile_without_a_name_gives_none() {
    let profile = read(&json!({ "sub": "1", "phone_number": "+79990001234" })).unwrap();
    let trust = Trust { phone: true, email: true };
    assert!(!plan(&profile, trust, &Holders::default()).takes_name);
    let holders = Holders { phone: Some(holder("A", "!-")), email: None };
    assert!(!plan(&profile, trust, &holders).takes_name);
}

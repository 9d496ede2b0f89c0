//! Every content coding that may come unasked, and every end that a body may come to.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use oauth2::http::{HeaderMap, HeaderValue};

use super::super::body::{Body, Flaw, LIMIT};

const TEXT: &[u8] = br#"{"access_token":"a","refresh_token":"r","scope":"openid openid openid openid"}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bare(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn decoded(bytes: Vec<u8>, came: bool, codings: &[&'static str]) -> Body {
    let mut headers = HeaderMap::new();
    for coding in codings {
        headers.append("content-encoding", HeaderValue::from_static(coding));
    }
    Body::decoded(bytes, came, &headers)
}

#[test]
fn a_coding_that_comes_unasked_is_taken_off() {
    let twice = [gzip(b"{\"access_token\":\"a\","), gzip(&TEXT[20..])].concat();
    for (bytes, codings) in [
        (TEXT.to_vec(), &[][..]),
        (TEXT.to_vec(), &["identity"]),
        (TEXT.to_vec(), &[""]),
        (gzip(TEXT), &["gzip"]),
        (gzip(TEXT), &["GZip"]),
        (gzip(TEXT), &["x-gzip"]),
        (gzip(TEXT), &[" identity , gzip "]),
        (twice, &["gzip"]),
        (zlib(TEXT), &["deflate"]),
        (bare(TEXT), &["deflate"]),
        (gzip(&zlib(TEXT)), &["deflate, gzip"]),
        (gzip(&bare(TEXT)), &["deflate", "gzip"]),
        (zlib(&gzip(&gzip(TEXT))), &["gzip", "x-gzip, DEFLATE"]),
        // What the header says is not so, or it says nothing.
        (TEXT.to_vec(), &["gzip"]),
        (TEXT.to_vec(), &["deflate"]),
        (gzip(TEXT), &[]),
        (TEXT.to_vec(), &["utf-8"]),
        (TEXT.to_vec(), &["br"]),
        (gzip(TEXT), &["utf-8, gzip"]),
    ] {
        let body = decoded(bytes, true, codings);
        assert_eq!((body.whole(), body.flaw()), (Some(TEXT), None), "{codings:?}");
    }
}

#[test]
fn a_coding_that_is_not_known_is_named() {
    let opaque: Vec<u8> = TEXT.iter().map(|byte| !byte).collect();
    for (bytes, codings, name) in [
        (opaque.clone(), &["br"][..], "br"),
        (opaque.clone(), &["ZSTD"], "zstd"),
        (opaque.clone(), &["gzip, br"], "br"),
        (gzip(&opaque), &["br, gzip"], "br"),
        (gzip(TEXT), &["compress"], "compress"),
        (opaque.clone(), &["x y\"z<\u{e9}"], "xy\"z<"),
        (opaque.clone(), &["abcdefghijklmnopqrstuvwxyz0123456789abcdefgh"], "abcdefghijklmnopqrstuvwxyz012345"),
    ] {
        let mut headers = HeaderMap::new();
        for coding in codings {
            headers.append("content-encoding", HeaderValue::from_bytes(coding.as_bytes()).unwrap());
        }
        let body = Body::decoded(bytes, true, &headers);
        assert_eq!(body.flaw(), Some(&Flaw::Coding(name.to_owned())), "{codings:?}");
        assert_eq!((body.whole(), body.arrived()), (None, &[][..]));
    }
}

#[test]
fn what_came_of_a_coding_that_breaks_off_counts() {
    for (coded, codings) in [(gzip(TEXT), "gzip"), (zlib(TEXT), "deflate"), (bare(TEXT), "deflate")] {
        for lost in 1..coded.len() {
            let body = decoded(coded[..coded.len() - lost].to_vec(), false, &[codings]);
            assert_eq!(body.whole(), None, "{codings} -{lost}");
            // All but its last bytes has most of the text, in whatever frame.
            let text = body.arrived();
            assert!(TEXT.starts_with(text) || coded.starts_with(text), "{codings} -{lost}");
            assert!(lost > 12 || text.len() > 24, "{codings} -{lost}: {}", text.len());
        }
        // The coding has an end of its own, whatever the length said.
        assert_eq!(decoded(coded, false, &[codings]).whole(), Some(TEXT));
    }
    assert_eq!(decoded(TEXT.to_vec(), false, &[]).whole(), None);
    assert_eq!(decoded(TEXT.to_vec(), false, &[]).flaw(), Some(&Flaw::CutOff));
}

#[test]
fn a_body_is_bounded_after_it_is_decoded() {
    let most = vec![b' '; LIMIT];
    for bomb in [vec![b' '; LIMIT + 1], vec![b' '; 64 * LIMIT]] {
        for (coded, coding) in [(gzip(&bomb), "gzip"), (zlib(&bomb), "deflate"), (bare(&bomb), "deflate")] {
            let body = decoded(coded, true, &[coding]);
            assert_eq!((body.arrived().len(), body.flaw()), (LIMIT, Some(&Flaw::CutOff)), "{coding}");
        }
        let body = decoded(gzip(&gzip(&bomb)), true, &["gzip, gzip"]);
        assert_eq!((body.arrived().len(), body.flaw()), (LIMIT, Some(&Flaw::CutOff)));
    }
    for (coded, coding) in [(gzip(&most), "gzip"), (zlib(&most), "deflate"), (bare(&most), "deflate")] {
        assert_eq!(decoded(coded, true, &[coding]).whole(), Some(most.as_slice()), "{coding}");
    }
}

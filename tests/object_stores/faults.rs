//! Stores that fail: what can be had in the end gives the same tables as from disk, and what cannot is said with its
//! URL in time.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::file_server::{Fault, FileServer, Manners, Version};
use super::{HEAD_BYTES, dumps, stderr, tables, tracescan};

/// How to try for a short time.
const SHORT: [&str; 2] = ["--retry-timeout", "3s"];

/// More than the first request fetches, in every format.
const SPANS: u32 = 6_000;

/// As many spans of another seed, in the directory of changed files.
fn changed_dumps(directory: &Path) {
    let changed = directory.join("changed");
    fs::create_dir(&changed).expect("a directory");
    for name in ["spans.flat.parquet", "spans.jsonl.gz", "spans.binpb", "spans.parquet"] {
        let path = changed.join(name).display().to_string();
        let output = tracescan(&["generate", "--spans", &SPANS.to_string(), "--seed", "4", "-o", &path], &[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
}

/// Every format gives the tables of its file, whatever half of all requests or two thirds of all bodies come to. What
/// was cut goes on where it broke: no byte is sent twice.
#[test]
fn failures_that_pass_cost_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let dumps = dumps(directory.path(), SPANS);
    let expected = tables(&[&dumps[0].1], &[]);
    for version in [Version::Tag, Version::TagOnly, Version::WeakTag, Version::Time, Version::Nothing] {
        for fault in [Fault::Busy, Fault::Cuts] {
            let server = FileServer::start(directory.path(), Manners { version, fault, ..Manners::default() });
            for (name, path) in &dumps {
                let url = format!("{}/{name}", server.address);
                let context = format!("{name}, {fault:?}, {version:?}");
                assert_eq!(tables(&[&url], &[]), expected, "{context}");
                let traffic = server.take_traffic();
                let length = fs::metadata(path).expect("the dump").len() as usize;
                if name.ends_with("parquet") {
                    assert!(traffic.bytes <= length + HEAD_BYTES, "{context}: {traffic:?}");
                } else {
                    assert_eq!(traffic.bytes, length, "{context}: {traffic:?}");
                }
            }
        }
    }
}

/// The pages of a list come in spite of failures, and so do the objects of S3.
#[test]
fn lists_go_on_after_failures() {
    let directory = tempfile::tempdir().expect("a directory");
    let day = directory.path().join("bucket/day/deep");
    fs::create_dir_all(&day).expect("directories");
    let mut files = Vec::new();
    for (seed, name) in ["a.parquet", "b.binpb", "c.jsonl", "d.flat.parquet", "deep/e.jsonl.gz"].into_iter().enumerate()
    {
        let path = directory.path().join("bucket/day").join(name).display().to_string();
        let output = tracescan(&["generate", "--spans", "1500", "--seed", &seed.to_string(), "-o", &path], &[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        files.push(path);
    }
    fs::write(directory.path().join("bucket/days"), "no traces").expect("a file");
    let expected = tables(&files.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    for fault in [Fault::None, Fault::Busy, Fault::Cuts] {
        let manners = Manners { version: Version::TagAndTime, fault, ..Manners::default() };
        let server = FileServer::start(directory.path(), manners);
        let environment = [
            ("AWS_ENDPOINT_URL", server.address.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_SKIP_SIGNATURE", "true"),
        ];
        for url in ["s3://bucket/day/", "s3://bucket/day", "s3://bucket/d*/**/*.*"] {
            assert_eq!(tables(&[url], &environment), expected, "{url}, {fault:?}");
        }
    }
}

/// A server that gives no parts is read from start to end, also if its bodies break: then what came is dropped when it
/// comes again.
#[test]
fn whole_objects_are_read_from_start_to_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let dumps = dumps(directory.path(), SPANS);
    let expected = tables(&[&dumps[0].1], &[]);
    for (says_length, fault, version) in [
        (true, Fault::None, Version::Nothing),
        (false, Fault::None, Version::Tag),
        (true, Fault::Cuts, Version::Tag),
        (false, Fault::Cuts, Version::Nothing),
        (true, Fault::Busy, Version::Time),
    ] {
        let server = FileServer::start(directory.path(), Manners { gives_ranges: false, says_length, version, fault });
        for (name, path) in &dumps {
            let context = format!("{name}, {says_length}, {fault:?}");
            assert_eq!(tables(&[&format!("{}/{name}", server.address)], &[]), expected, "{context}");
            let traffic = server.take_traffic();
            if fault == Fault::None {
                let length = fs::metadata(path).expect("the dump").len() as usize;
                assert_eq!((traffic.requests, traffic.bytes), (1, length), "{context}");
            }
        }
    }
}

/// Who is asked to come back later comes back then, and not before.
#[test]
fn a_busy_server_says_how_long_to_wait() {
    let directory = tempfile::tempdir().expect("a directory");
    let dumps = dumps(directory.path(), SPANS);
    let fault = Fault::BusyAtFirst(2);
    let server = FileServer::start(directory.path(), Manners { fault, ..Manners::default() });
    let (name, path) = &dumps[2];
    let before = Instant::now();
    assert_eq!(tables(&[&format!("{}/{name}", server.address)], &[]), tables(&[path], &[]));
    assert!(before.elapsed() >= Duration::from_secs(2), "{:?}", before.elapsed());
    assert_eq!(server.take_traffic().refused, 1);
}

/// The end of a run against a server: exit code 2 within the time, and one error that names the object and says what is
/// wrong.
fn ends(url: &str, arguments: &[&str], said: &str, within: Duration) {
    let before = Instant::now();
    let output = tracescan(&[&["analyze", url], arguments].concat(), &[]);
    let (text, took) = (stderr(&output), before.elapsed());
    assert_eq!(output.status.code(), Some(2), "{url}: {text}");
    assert!(took < within, "{url}: {took:?}: {text}");
    assert!(text.contains(url) && text.contains(said), "{url}: {text}");
    assert!(!text.contains("holds no spans") && !text.contains("panicked") && !text.contains(" is empty"), "{text}");
}

/// A server that stops to send, one that never answers and one that is busy for ever are given up in time.
#[test]
fn what_does_not_pass_ends_in_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let dumps = dumps(directory.path(), SPANS);
    for (fault, gives_ranges, said) in [
        (Fault::Stalls, true, "the server gave nothing for"),
        (Fault::Stalls, false, "the server gave nothing for"),
        (Fault::Silent, true, "the server gave nothing for"),
        (Fault::AlwaysBusy(0), true, "the server answered 503 (SlowDown)"),
        (Fault::AlwaysBusy(60), true, "it asks to come back in 1 min 0 s"),
    ] {
        let server = FileServer::start(directory.path(), Manners { fault, gives_ranges, ..Manners::default() });
        for (name, _) in &dumps {
            ends(&format!("{}/{name}", server.address), &SHORT, said, Duration::from_secs(15));
        }
    }
}

/// An object that becomes another one, or is removed, while it is read is an error, however the server tells its
/// versions apart.
#[test]
fn an_object_that_changes_is_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let dumps = dumps(directory.path(), SPANS);
    changed_dumps(directory.path());
    for (version, fault) in [
        (Version::Tag, Fault::Changes(1)),
        (Version::TagOnly, Fault::Changes(1)),
        (Version::WeakTag, Fault::Changes(1)),
        (Version::Time, Fault::Changes(1)),
        // Its length is another.
        (Version::Nothing, Fault::Changes(1)),
        (Version::Tag, Fault::Goes(1)),
    ] {
        for (name, _) in &dumps {
            let server = FileServer::start(directory.path(), Manners { version, fault, ..Manners::default() });
            let url = format!("{}/{name}", server.address);
            ends(&url, &[], "the object was changed while it was read", Duration::from_secs(10));
        }
    }
}

/// Where the whole has to be read again, another object is noticed by its bytes.
#[test]
fn a_whole_object_that_changes_is_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("spans.jsonl");
    let output = tracescan(&["generate", "--spans", "3000", "-o", &path.display().to_string()], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    fs::create_dir(directory.path().join("changed")).expect("a directory");
    let mut content = fs::read(&path).expect("the dump");
    content[1000] ^= 1;
    fs::write(directory.path().join("changed/spans.jsonl"), content).expect("a file");
    let manners = Manners { gives_ranges: false, version: Version::Nothing, ..Manners::default() };
    let server = FileServer::start(directory.path(), Manners { fault: Fault::CutsThenChanges, ..manners });
    let url = format!("{}/spans.jsonl", server.address);
    ends(&url, &[], "the object was changed while it was read", Duration::from_secs(10));
}

/// An input that was given up does not hold the next ones of the same host for as long.
#[test]
fn a_host_that_is_given_up_is_not_waited_for_again() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("spans"), "{}").expect("a file");
    let manners = Manners { fault: Fault::AlwaysBusy(0), ..Manners::default() };
    let server = FileServer::start(directory.path(), manners);
    let urls: Vec<String> = (0..6).map(|number| format!("{}/spans{number}", server.address)).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let before = Instant::now();
    let output = tracescan(&[&["analyze", "--threads", "1", "--retry-timeout", "9s"][..], &urls].concat(), &[]);
    let took = before.elapsed();
    assert_eq!(output.status.code(), Some(2));
    assert!(took < Duration::from_secs(9 + 5 * 5 + 8), "{took:?}");
    assert_eq!(stderr(&output).matches("given up after").count(), 6, "{}", stderr(&output));
}

/// The other commands heed the option, and do not add that there are no spans.
#[test]
fn other_commands_say_the_same() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("spans"), "{}").expect("a file");
    let server = FileServer::start(directory.path(), Manners { fault: Fault::AlwaysBusy(60), ..Manners::default() });
    let url = format!("{}/spans", server.address);
    let out = directory.path().join("out.parquet").display().to_string();
    for arguments in
        [&["convert", "-o", &out, &url][..], &["trace", &url, "1"], &["convert", "-o", &out, &url, "--service", "a"]]
    {
        let before = Instant::now();
        let output = tracescan(&[arguments, &SHORT].concat(), &[]);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("503") && !text.contains("hold no spans"), "{text}");
        assert!(before.elapsed() < Duration::from_secs(10), "{text}");
    }
}

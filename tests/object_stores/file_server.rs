//! A web server that gives the files of a directory, counts what it gave, and has the bad manners that it is told to
//! have. It also lists directories as S3 lists buckets.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a server was asked for, and gave.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) requests: usize,
    /// Of bodies.
    pub(crate) bytes: usize,
    /// Requests that were answered with 503.
    pub(crate) refused: usize,
}

/// How an answer tells which version of a file it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// A tag, and conditions are heeded.
    Tag,
    /// A tag, and conditions are not heeded.
    TagOnly,
    /// A weak tag.
    WeakTag,
    /// The time of the last change.
    Time,
    /// A tag and a time, as S3 has them.
    TagAndTime,
    /// Nothing but the length and the bytes.
    Nothing,
}

/// What a server does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Half of all requests are answered with 503, `Retry-After: 0`.
    Busy,
    /// The first request is, and asks to come back in so many seconds.
    BusyAtFirst(u64),
    /// All requests are, and ask to come back in so many seconds.
    AlwaysBusy(u64),
    /// Two thirds of all bodies end in the middle.
    Cuts,
    /// All bodies stop in the middle and do not go on.
    Stalls,
    /// No request is answered.
    Silent,
    /// The first body ends in the middle; then the files are others.
    CutsThenChanges,
    /// After so many requests the files are others: those of the directory `changed`.
    Changes(usize),
    /// After so many requests the files are gone.
    Goes(usize),
}

/// How a server behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manners {
    pub(crate) gives_ranges: bool,
    /// Whether answers with whole files say how long they are; else they are chunked.
    pub(crate) says_length: bool,
    pub(crate) version: Version,
    pub(crate) fault: Fault,
}

impl Default for Manners {
    fn default() -> Self {
        Self { gives_ranges: true, says_length: true, version: Version::Tag, fault: Fault::None }
    }
}

/// See the module.
pub(crate) struct FileServer {
    pub(crate) address: String,
    state: Arc<State>,
}

struct State {
    directory: PathBuf,
    manners: Manners,
    traffic: Mutex<Traffic>,
    /// Counted over the whole life of the server.
    requests: AtomicUsize,
}

impl FileServer {
    pub(crate) fn start(directory: &Path, manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let (directory, traffic) = (directory.to_owned(), Mutex::default());
        let state = Arc::new(State { directory, manners, traffic, requests: AtomicUsize::new(0) });
        let serving = Arc::clone(&state);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let state = Arc::clone(&serving);
                std::thread::spawn(move || {
                    // The client may leave at any time.
                    let _ = state.serve(&connection.expect("a connection"));
                });
            }
        });
        Self { address, state }
    }

    pub(crate) fn take_traffic(&self) -> Traffic {
        std::mem::take(&mut *self.state.traffic.lock().expect("no panic"))
    }
}

/// What of a request matters here.
#[derive(Default)]
struct Request {
    method: String,
    path: String,
    query: Option<String>,
    range: Option<Range<usize>>,
    if_match: Option<String>,
}

fn read_request(lines: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if lines.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query.to_owned())));
    let mut request = Request { method: method.to_owned(), path: path.to_owned(), query, ..Request::default() };
    loop {
        let mut header = String::new();
        lines.read_line(&mut header)?;
        let header = header.trim();
        if header.is_empty() {
            return Ok(Some(request));
        }
        let (name, value) = header.split_once(": ").unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                let (start, end) =
                    value.strip_prefix("bytes=").and_then(|range| range.split_once('-')).expect("a range");
                request.range = Some(start.parse().expect("a number")..end.parse::<usize>().expect("a number") + 1);
            }
            "if-match" => request.if_match = Some(value.to_owned()),
            _ => {}
        }
    }
}

/// Fewer keys than there are, so that lists have pages.
const KEYS_OF_PAGE: usize = 2;

/// A page of the list of files below a directory.
fn list_page(bucket: &Path, query: &str) -> String {
    let value = |name: &str| {
        let values = query.split('&').filter_map(|pair| pair.split_once('='));
        let value = values.filter(|(key, _)| *key == name).map(|(_, value)| value).next();
        value.unwrap_or_default().replace("%2F", "/")
    };
    let mut keys = Vec::new();
    keys_below(bucket, "", &mut keys);
    keys.sort();
    let after = value("continuation-token").max(value("start-after"));
    keys.retain(|(key, _)| key.starts_with(&value("prefix")) && *key > after);
    let is_truncated = keys.len() > KEYS_OF_PAGE;
    keys.truncate(KEYS_OF_PAGE);
    let contents: String = keys
        .iter()
        .map(|(key, size)| {
            let time = "<LastModified>2026-01-01T00:00:00.000Z</LastModified>";
            format!("<Contents><Key>{key}</Key>{time}<ETag>\"one\"</ETag><Size>{size}</Size></Contents>")
        })
        .collect();
    let last = keys.last().filter(|_| is_truncated).map(|(key, _)| key);
    let next = last.map(|key| format!("<NextContinuationToken>{key}</NextContinuationToken>")).unwrap_or_default();
    format!("<ListBucketResult><IsTruncated>{is_truncated}</IsTruncated>{next}{contents}</ListBucketResult>")
}

fn keys_below(directory: &Path, prefix: &str, keys: &mut Vec<(String, u64)>) {
    for entry in fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("a file")) {
        let key = format!("{prefix}{}", entry.file_name().display());
        let metadata = entry.metadata().expect("a file");
        if metadata.is_dir() {
            keys_below(&entry.path(), &format!("{key}/"), keys);
        } else {
            keys.push((key, metadata.len()));
        }
    }
}

impl State {
    fn serve(&self, mut connection: &TcpStream) -> io::Result<()> {
        let mut lines = BufReader::new(connection);
        while let Some(request) = read_request(&mut lines)? {
            let Manners { gives_ranges, says_length, version, fault } = self.manners;
            let number = self.requests.fetch_add(1, Ordering::SeqCst);
            // Neither all first requests nor all later ones, and the same in every run.
            let chance = (number + 1).wrapping_mul(2_654_435_761) >> 8;
            let busy = match fault {
                Fault::Silent => {
                    std::thread::sleep(Duration::from_secs(60));
                    return Ok(());
                }
                Fault::Busy if chance.is_multiple_of(2) => Some(0),
                Fault::BusyAtFirst(seconds) if number == 0 => Some(seconds),
                Fault::AlwaysBusy(seconds) => Some(seconds),
                _ => None,
            };
            if let Some(seconds) = busy {
                self.traffic.lock().expect("no panic").refused += 1;
                let body = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code></Error>";
                let length = body.len();
                let headers = format!("Retry-After: {seconds}\r\nContent-Length: {length}");
                write!(connection, "HTTP/1.1 503 Slow Down\r\n{headers}\r\n\r\n{body}")?;
                continue;
            }
            let is_changed = match fault {
                Fault::Changes(after) => number >= after,
                Fault::CutsThenChanges => number >= 1,
                _ => false,
            };
            let is_gone = matches!(fault, Fault::Goes(after) if number >= after);
            let directory = if is_changed { self.directory.join("changed") } else { self.directory.clone() };
            let path = directory.join(request.path.trim_start_matches('/'));
            let list = request.query.as_ref().filter(|query| query.contains("list-type=2"));
            let content = match list {
                Some(query) => Some(list_page(&path, query).into_bytes()),
                None => fs::read(path).ok().filter(|_| !is_gone),
            };
            let tag = if is_changed { "\"two\"" } else { "\"one\"" };
            let day = if is_changed { "Fri, 02" } else { "Thu, 01" };
            let mut headers = match version {
                Version::Tag | Version::TagOnly => format!("ETag: {tag}\r\n"),
                Version::WeakTag => format!("ETag: W/{tag}\r\n"),
                Version::Time => format!("Last-Modified: {day} Jan 2026 00:00:00 GMT\r\n"),
                Version::TagAndTime => format!("ETag: {tag}\r\nLast-Modified: {day} Jan 2026 00:00:00 GMT\r\n"),
                Version::Nothing => String::new(),
            };
            let heeds_conditions = matches!(version, Version::Tag | Version::TagAndTime);
            let is_other = heeds_conditions && request.if_match.as_ref().is_some_and(|wanted| wanted != tag);
            let (status, body) = match (&content, request.range.filter(|_| gives_ranges)) {
                _ if list.is_none() && request.query.as_deref().is_some_and(|query| query != "signature=right") => {
                    ("403 Forbidden", &b""[..])
                }
                (None, _) => ("404 Not Found", &b""[..]),
                _ if is_other => ("412 Precondition Failed", &b""[..]),
                (Some(content), Some(range)) if range.start >= content.len() => ("416 Range Not Satisfiable", &b""[..]),
                (Some(content), Some(range)) => {
                    let end = range.end.min(content.len());
                    let length = content.len();
                    headers.push_str(&format!("Content-Range: bytes {}-{}/{length}\r\n", range.start, end - 1));
                    ("206 Partial Content", &content[range.start..end])
                }
                (Some(content), None) => ("200 OK", &content[..]),
            };
            let is_chunked = !says_length && status.starts_with("200");
            if is_chunked {
                headers.push_str("Transfer-Encoding: chunked\r\n");
            } else {
                headers.push_str(&format!("Content-Length: {}\r\n", body.len()));
            }
            write!(connection, "HTTP/1.1 {status}\r\n{headers}\r\n")?;
            if request.method == "HEAD" {
                continue;
            }
            let is_cut = match fault {
                Fault::Cuts => body.len() > 1 && !chance.is_multiple_of(3),
                Fault::Stalls => body.len() > 1,
                Fault::CutsThenChanges => number == 0,
                _ => false,
            };
            let sent = if is_cut { &body[..body.len() / 2] } else { body };
            self.count(sent.len());
            if is_chunked {
                for chunk in sent.chunks(10_000) {
                    write!(connection, "{:x}\r\n", chunk.len())?;
                    connection.write_all(chunk)?;
                    connection.write_all(b"\r\n")?;
                }
                if !is_cut {
                    connection.write_all(b"0\r\n\r\n")?;
                }
            } else {
                connection.write_all(sent)?;
            }
            if is_cut {
                if fault == Fault::Stalls {
                    std::thread::sleep(Duration::from_secs(60));
                }
                return Ok(());
            }
        }
        Ok(())
    }

    fn count(&self, bytes: usize) {
        let mut traffic = self.traffic.lock().expect("no panic");
        traffic.requests += 1;
        traffic.bytes += bytes;
    }
}

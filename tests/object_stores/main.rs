//! Inputs in object stores: the same tables as from files, and no more traffic than is needed.
#![cfg(feature = "object-stores")]

mod faults;
mod file_server;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use file_server::{FileServer, Manners};

/// A simulation of S3.
const MOTO: &str = "moto[server]==5.2.5";

/// What is fetched of every object to recognise it.
const HEAD_BYTES: usize = 64 << 10;

const PROXIES: [&str; 6] = ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

fn tracescan(args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracescan"));
    PROXIES.iter().for_each(|name| {
        command.env_remove(name);
    });
    command.args(args).envs(environment.iter().copied()).output().expect("the binary runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// All result files but run.json, by name, with their bytes.
fn tables(inputs: &[&str], environment: &[(&str, &str)]) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("out").display().to_string();
    let args = [&["analyze", "--table-format", "json", "--output", &out], inputs].concat();
    let output = tracescan(&args, environment);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mut files: Vec<PathBuf> =
        fs::read_dir(&out).expect("results").map(|file| file.expect("a file").path()).collect();
    files.sort();
    files.retain(|file| !file.ends_with("run.json"));
    files.iter().map(|file| (file.file_name().expect("a name").into(), fs::read(file).expect("a table"))).collect()
}

/// So many generated spans in each format, by file name.
fn dumps(directory: &Path, spans: u32) -> Vec<(&'static str, String)> {
    let names = ["spans.flat.parquet", "spans.jsonl.gz", "spans.binpb", "spans.parquet"];
    let make = |name: &'static str| {
        let path = directory.join(name).display().to_string();
        let output = tracescan(&["generate", "--spans", &spans.to_string(), "--seed", "3", "-o", &path], &[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        (name, path)
    };
    names.map(make).into()
}

/// Every format gives the tables of its file, and a Parquet file is not fetched whole.
#[test]
fn files_of_a_web_server() {
    let directory = tempfile::tempdir().expect("a directory");
    let dumps = dumps(directory.path(), 20_000);
    let expected = tables(&[&dumps[0].1], &[]);
    let server = FileServer::start(directory.path(), Manners::default());
    for (name, path) in &dumps {
        let length = fs::metadata(path).expect("the dump").len() as usize;
        assert_eq!(tables(&[&format!("{}/{name}?signature=right", server.address)], &[]), expected, "{name}");
        let traffic = server.take_traffic();
        if name.ends_with("parquet") {
            assert!(traffic.requests <= 2 && traffic.bytes <= length + HEAD_BYTES, "{name}: {traffic:?}");
        } else {
            assert_eq!(traffic.bytes, length, "{name}");
        }
    }
}

/// Of a large Parquet file the columns that are needed are fetched, once and with few requests. Who looks for secrets needs all.
#[test]
fn parquet_is_read_in_ranges() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("spans.parquet").display().to_string();
    let output = tracescan(&["generate", "--spans", "150000", "-o", &path], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let length = fs::metadata(&path).expect("the dump").len() as usize;
    let server = FileServer::start(directory.path(), Manners::default());
    let url = format!("{}/spans.parquet", server.address);
    for (detectors, most) in [(&["--detector", "n-plus-one"][..], length - length / 8), (&[], length + length / 8)] {
        assert_eq!(tables(&[&[&*url], detectors].concat(), &[]), tables(&[&[&*path], detectors].concat(), &[]));
        let traffic = server.take_traffic();
        assert!(traffic.bytes < most, "{detectors:?}: {traffic:?} for {length} bytes");
        assert!(traffic.requests < 24, "{detectors:?}: {traffic:?}");
    }
}

/// What cannot be had is said with its URL and what to do, at once, and costs nothing of the other inputs.
#[test]
fn failures_name_the_url() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("spans"), "{}").expect("a file");
    fs::write(directory.path().join("empty"), "").expect("a file");
    let ranges = FileServer::start(directory.path(), Manners::default());
    let port = free_port();
    for (url, said) in [
        (format!("{}/absent", ranges.address), "there is no such object"),
        (format!("{}/spans?signature=wrong", ranges.address), "access was denied"),
        (format!("http://127.0.0.1:{port}/spans"), "check the URL"),
        ("http://".to_owned(), "empty host"),
        ("s3://bucket/a//b".to_owned(), "empty path segment"),
        ("s3:///b".to_owned(), "check the bucket"),
        ("az://container/a".to_owned(), "AZURE_STORAGE_ACCOUNT_NAME"),
    ] {
        let environment = [("AWS_SKIP_SIGNATURE", "true"), ("AZURE_SKIP_SIGNATURE", "true")];
        let output = tracescan(&["analyze", &url], &environment);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{url}: {text}");
        assert!(text.contains(&url) && text.contains(said) && !text.contains("panicked"), "{url}: {text}");
    }
}

/// A server that is stopped when the test ends, however it ends.
struct Moto {
    process: Child,
    port: u16,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

impl Moto {
    /// The server, or why there is none.
    fn start() -> Result<Self, String> {
        let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join(MOTO.replace(['[', ']', '='], "-"));
        let python = environment.join("bin/python");
        let is_ready = environment.join("is-ready");
        if !is_ready.exists() {
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
            run(Command::new(&python).args(["-m", "pip", "install", "--quiet", MOTO]))?;
            fs::write(&is_ready, "").map_err(|error| error.to_string())?;
        }
        let port = free_port();
        let process = Command::new(environment.join("bin/moto_server"))
            .args(["-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())?;
        let moto = Self { process, port };
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > deadline {
                return Err("moto_server does not answer".to_owned());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(moto)
    }

    fn put(&self, target: &str, body: &[u8]) {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).expect("the server");
        let length = body.len();
        write!(
            connection,
            "PUT {target} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nx-amz-acl: public-read\r\nContent-Length: {length}\r\n\r\n",
            self.port
        )
        .expect("a connection");
        connection.write_all(body).expect("a connection");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {}", stderr(&output))) }
}

/// Keys, prefixes and patterns in S3, and the same server over plain HTTP.
#[test]
fn objects_of_a_bucket() {
    let moto = match Moto::start() {
        Ok(moto) => moto,
        Err(reason) => {
            let _ = writeln!(std::io::stderr(), "skipped: there is no S3 server to test with: {reason}");
            return;
        }
    };
    let endpoint = format!("http://127.0.0.1:{}", moto.port);
    let environment = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    let directory = tempfile::tempdir().expect("a directory");
    let dumps = dumps(directory.path(), 20_000);
    moto.put("/dumps", b"");
    for (name, path) in &dumps {
        moto.put(&format!("/dumps/one/{name}"), &fs::read(path).expect("the dump"));
    }
    let expected = tables(&[&dumps[0].1], &[]);
    for (name, _) in &dumps {
        assert_eq!(tables(&[&format!("s3://dumps/one/{name}")], &environment), expected, "{name}");
        assert_eq!(tables(&[&format!("{endpoint}/dumps/one/{name}")], &environment), expected, "{name}");
    }
    let anonymous = [environment[0], environment[1], ("AWS_SKIP_SIGNATURE", "true")];
    assert_eq!(tables(&["s3://dumps/one/spans.binpb"], &anonymous), expected);
    let gzip_of_parquet = directory.path().join("gz");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&fs::read(&dumps[0].1).expect("the dump")).expect("memory");
    fs::write(&gzip_of_parquet, encoder.finish().expect("memory")).expect("a file");
    moto.put("/dumps/spans.parquet.gz", &fs::read(&gzip_of_parquet).expect("the dump"));
    assert_eq!(tables(&["s3://dumps/spans.parquet.gz"], &environment), expected);

    let day = fs::read(&dumps[1].1).expect("the dump");
    for key in ["day/spans.jsonl.gz", "day/_SUCCESS", "day/_delta_log/0.json", "day/_delta_log/1.json", "days/other"] {
        moto.put(&format!("/dumps/{key}"), if key.ends_with("gz") { &day } else { b"x" });
    }
    moto.put("/dumps/day/deep/", b"");
    for prefix in ["s3://dumps/day/", "s3://dumps/day", "s3://dumps/d*/*.jsonl.gz", "s3://dumps/**/day/*.gz"] {
        assert_eq!(tables(&[prefix], &environment), expected, "{prefix}");
    }
    let output = tracescan(&["analyze", "s3://dumps/day/", "-v"], &environment);
    let text = stderr(&output);
    let left_out: Vec<&str> = text.lines().filter(|line| line.contains("left out")).collect();
    assert!(text.contains("left out s3://dumps/day/_SUCCESS: its name"), "{text}");
    assert_eq!(left_out.len(), 2, "{text}");

    for (url, said) in [
        ("s3://dumps/absent", "there is no such object"),
        ("s3://dumps/absent/", "there is no object below it"),
        ("s3://dumps/day/*.parquet", "no object matches"),
        ("s3://absent/key", "there is no such object"),
        ("s3://absent/", "NoSuchBucket"),
    ] {
        let output = tracescan(&["analyze", url, &dumps[0].1], &environment);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{url}: {text}");
        assert!(text.contains(url) && text.contains(said) && text.contains("AWS_ACCESS_KEY_ID"), "{url}: {text}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("spans.flat.parquet"), "the rest is read");
    }
}

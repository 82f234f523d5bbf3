// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `--web.config.file` says: encryption, certificates of clients, users.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::certificates::{Authority, Client};
use crate::program::{Exporter, Folder, Log, ask, ask_bytes, complaint, get, promtool, run, shell};

/// A configuration in a folder of its own, with a certificate for `localhost`.
struct Web {
    folder: Folder,
    authority: Authority,
}

impl Web {
    fn new(test: &str) -> Self {
        let web = Self {
            folder: Folder::new(test),
            authority: Authority::new(),
        };
        fs::write(web.folder.file("ca.pem"), web.authority.pem()).unwrap();
        web.renew();
        web
    }

    fn file(&self) -> PathBuf {
        self.folder.file("web.yml")
    }

    /// Writes the file, and lets Prometheus' own tool judge it.
    fn write(&self, text: &str) {
        fs::write(self.file(), text).unwrap();
        if let Some(mut promtool) = promtool() {
            let judged = promtool
                .args(["check", "web-config"])
                .arg(self.file())
                .output()
                .unwrap();
            assert!(
                judged.status.success(),
                "{}",
                String::from_utf8_lossy(&judged.stderr)
            );
        }
    }

    /// A new certificate for the server; the result is what clients see of it.
    fn renew(&self) -> Vec<u8> {
        let identity = self.authority.sign(&["localhost"]);
        identity.write(&self.folder.file("cert.pem"), &self.folder.file("key.pem"));
        identity.der()
    }

    /// The same with keys that promtool of Debian 12 does not know yet.
    fn write_newer(&self, text: &str) {
        fs::write(self.file(), text).unwrap();
    }

    fn start(&self) -> Exporter {
        self.start_heard().0
    }

    fn start_heard(&self) -> (Exporter, Lines<Log>) {
        let file = format!("--web.config.file={}", self.file().display());
        let options = ["--web.listen-address=127.0.0.1:0", &file];
        Exporter::spawn_heard(&mut shell("true", &options), 1)
    }

    /// Why it does not start with this text.
    fn refusal(&self, text: &str) -> String {
        fs::write(self.file(), text).unwrap();
        let file = format!("--web.config.file={}", self.file().display());
        let message = complaint(&run(&["--web.listen-address=127.0.0.1:0", &file]));
        assert!(message.contains("web.yml"), "{message}");
        message
    }
}

const TLS: &str = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n";

fn scrape(exporter: &Exporter, client: &Client) -> Option<(String, String)> {
    let answer = ask_bytes(client.over(exporter.connect()), &get("/metrics"));
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.to_owned(), body.to_owned()))
}

#[track_caller]
fn served(exporter: &Exporter, client: &Client) {
    let (head, body) = scrape(exporter, client).expect("nothing was answered");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(body.contains("\nipcon_up "), "{body}");
}

#[track_caller]
fn shut_out(exporter: &Exporter, client: &Client) {
    assert_eq!(scrape(exporter, client), None);
}

#[test]
fn pages_are_encrypted() {
    let web = Web::new("encrypted");
    web.write(TLS);
    let exporter = web.start();
    assert!(
        exporter.places[0].starts_with("https://"),
        "{:?}",
        exporter.places
    );
    served(&exporter, &web.authority.client(None));
    served(&exporter, &web.authority.client_of(None, &[&TLS12]));
    // A client that trusts another authority does not go on, and one that does not encrypt hears nothing.
    shut_out(&exporter, &Authority::new().client(None));
    let plain = ask_bytes(exporter.connect(), &get("/metrics"));
    assert!(!String::from_utf8_lossy(&plain).contains("HTTP/1.1 200"));
}

#[test]
fn curl_and_a_certificate_in_the_file_itself() {
    let web = Web::new("curl");
    let inline = |name: &str| {
        let text = fs::read_to_string(web.folder.file(name)).unwrap();
        text.lines()
            .map(|line| format!("    {line}\n"))
            .collect::<String>()
    };
    let (cert, key) = (inline("cert.pem"), inline("key.pem"));
    let hash = bcrypt::hash("sesame", 4).unwrap();
    web.write_newer(&format!(
        "tls_server_config:\n  cert: |\n{cert}  key: |\n{key}basic_auth_users:\n  alice: {hash}\n"
    ));
    let exporter = web.start();
    let port = exporter.address().rsplit(':').next().unwrap();
    let curl = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--compressed",
            "--user",
            "alice:sesame",
        ])
        .args([
            "--resolve",
            &format!("localhost:{port}:127.0.0.1"),
            "--cacert",
        ])
        .arg(web.folder.file("ca.pem"))
        .arg(format!("https://localhost:{port}/metrics"))
        .output();
    let Ok(curl) = curl else {
        eprintln!("not tried with curl, which is not installed");
        return;
    };
    let page = String::from_utf8_lossy(&curl.stdout);
    assert!(
        page.contains("\nipcon_up "),
        "{page}{}",
        String::from_utf8_lossy(&curl.stderr)
    );
}

#[test]
fn a_renewed_certificate_is_used_at_once_and_a_wrong_one_never() {
    let web = Web::new("renewed");
    let first = web.renew();
    web.write(TLS);
    let (exporter, mut log) = web.start_heard();
    let seen = || {
        let mut stream = web.authority.client(None).over(exporter.connect());
        stream.write_all(get("/healthz").as_bytes()).unwrap();
        stream.read_exact(&mut [0]).unwrap();
        stream.conn.peer_certificates().unwrap()[0].to_vec()
    };
    assert_eq!(seen(), first);
    let second = web.renew();
    assert_eq!(seen(), second);

    // Half of a renewal, and then the other half.
    let third = web.authority.sign(&["localhost"]);
    fs::write(web.folder.file("cert.pem"), &third.certificate).unwrap();
    assert_eq!(seen(), second);
    let told = log.find_map(|line| line.unwrap().contains("do not fit").then_some(()));
    assert!(told.is_some());
    fs::write(web.folder.file("key.pem"), &third.key).unwrap();
    assert_eq!(seen(), third.der());
}

#[test]
fn certificates_of_clients() {
    let web = Web::new("clients");
    let required =
        format!("{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n");
    web.write(&required);
    let exporter = web.start();
    let stranger = Authority::new().sign(&["scraper.example"]);
    let scraper = web
        .authority
        .sign(&["scraper.example", "10.1.2.3", "spiffe://example/scraper"]);
    let sibling = web.authority.sign(&["other.example"]);
    let anonymous = || web.authority.client(None);
    let of = |identity| web.authority.client(Some(identity));
    served(&exporter, &of(&scraper));
    served(&exporter, &of(&sibling));
    shut_out(&exporter, &of(&stranger));
    shut_out(&exporter, &anonymous());

    for name in ["scraper.example", "10.1.2.3", "spiffe://example/scraper"] {
        web.write_newer(&format!("{required}  client_allowed_sans: ['{name}']\n"));
        served(&exporter, &of(&scraper));
        shut_out(&exporter, &of(&sibling));
    }

    web.write(&required.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven"));
    served(&exporter, &anonymous());
    shut_out(&exporter, &of(&stranger));
}

#[test]
fn versions_and_ciphers() {
    let web = Web::new("versions");
    let old = || web.authority.client_of(None, &[&TLS12]);
    let new = || web.authority.client_of(None, &[&TLS13]);
    web.write(&format!("{TLS}  min_version: TLS13\n"));
    let exporter = web.start();
    served(&exporter, &new());
    shut_out(&exporter, &old());
    web.write(&format!("{TLS}  max_version: TLS12\n"));
    served(&exporter, &old());
    shut_out(&exporter, &new());

    let suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
    // The suite of TLS 1.3 is taken for the sake of files that have it.
    web.write(&format!(
        "{TLS}  cipher_suites: [TLS_AES_128_GCM_SHA256, {suite}]\n  curve_preferences: [CurveP384]\n  prefer_server_cipher_suites: false\n"
    ));
    for client in [old(), new()] {
        let mut stream = client.over(exporter.connect());
        stream.write_all(get("/healthz").as_bytes()).unwrap();
        stream.read_exact(&mut [0]).unwrap();
        let group = stream.conn.negotiated_key_exchange_group().unwrap();
        assert_eq!(format!("{:?}", group.name()), "secp384r1");
        let spoken = stream.conn.negotiated_cipher_suite().unwrap();
        let spoken = spoken.suite().as_str().unwrap();
        assert!(spoken == suite || spoken.starts_with("TLS13_"), "{spoken}");
    }
}

#[test]
fn users_and_their_passwords() {
    let web = Web::new("users");
    let hash = |password: &str| bcrypt::hash(password, 4).unwrap();
    let alice = hash("sesame");
    web.write(&format!(
        "basic_auth_users:\n  alice: {alice}\n  bob: {}\n",
        hash("")
    ));
    let exporter = web.start();
    let status = |user: &str, path: &str| {
        let user = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, user);
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: t\r\nAuthorization: Basic {user}\r\n\r\n");
        exporter.ask(&request).0.lines().next().unwrap().to_owned()
    };
    for path in ["/metrics", "/healthz", "/", "/nothing"] {
        let (head, _) = exporter.get(path);
        assert!(head.starts_with("HTTP/1.1 401 "), "{path}: {head}");
        assert!(head.contains("www-authenticate: Basic "), "{head}");
    }
    for _ in 0..2 {
        assert_eq!(status("alice:sesame", "/metrics"), "HTTP/1.1 200 OK");
        assert_eq!(status("bob:", "/metrics"), "HTTP/1.1 200 OK");
        for wrong in [
            "alice:",
            "alice:Sesame",
            "bob:sesame",
            "carol:sesame",
            ":",
            "alice",
        ] {
            assert_eq!(
                status(wrong, "/metrics"),
                "HTTP/1.1 401 Unauthorized",
                "{wrong}"
            );
        }
    }

    // Whoever is taken out of the file, or gets another password, is out.
    web.write(&format!("basic_auth_users:\n  alice: {}\n", hash("other")));
    assert_eq!(status("bob:", "/metrics"), "HTTP/1.1 401 Unauthorized");
    assert_eq!(
        status("alice:sesame", "/metrics"),
        "HTTP/1.1 401 Unauthorized"
    );
    assert_eq!(status("alice:other", "/metrics"), "HTTP/1.1 200 OK");
    assert_eq!(status("alice:other", "/nothing"), "HTTP/1.1 404 Not Found");
}

#[test]
fn who_guesses_passwords_does_not_keep_a_user_out() {
    let web = Web::new("guesses");
    // As dear as is usual, or dearer: one comparison takes a good part of a second in a debug build.
    let hash = bcrypt::hash("sesame", 10).unwrap();
    web.write(&format!("basic_auth_users:\n  alice: {hash}\n"));
    let exporter = web.start();
    let request = |user: &str| {
        let user = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, user);
        format!("GET /metrics HTTP/1.1\r\nHost: t\r\nAuthorization: Basic {user}\r\n\r\n")
    };
    let right = request("alice:sesame");
    let (head, _) = exporter.ask(&right);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");

    let mut guesses: Vec<_> = (0..200)
        .map(|number| {
            let mut guess = exporter.connect();
            let request = request(&format!("alice:{number}"));
            guess.write_all(request.as_bytes()).unwrap();
            guess
        })
        .collect();
    // Most had to make room. Once one is refused, the others that are left have asked as well, and wait.
    let refused = guesses.iter_mut().any(|guess| {
        let mut answer = [0; 12];
        guess.read_exact(&mut answer).is_ok() && answer == *b"HTTP/1.1 401"
    });
    assert!(refused);
    // A user who takes his time does not make room for further ones, since those who guess are older.
    let mut user = exporter.connect();
    let others: Vec<_> = (0..10).map(|_| exporter.connect()).collect();
    let begun = Instant::now();
    let (head, _) = exporter.ask(&right);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let (head, _) = ask(&mut user, &right);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    drop((guesses, others));
}

#[test]
fn headers_and_rates() {
    let web = Web::new("headers");
    web.write("http_server_config:\n  http2: true\n  headers:\n    X-Frame-Options: deny\n");
    let exporter = web.start();
    for path in ["/", "/nothing"] {
        let (head, _) = exporter.get(path);
        assert!(head.contains("x-frame-options: deny"), "{head}");
    }
    web.write_newer("rate_limit:\n  interval: 1h\n  burst: 2\n");
    let statuses: Vec<_> = (0..3)
        .map(|_| {
            exporter
                .get("/metrics")
                .0
                .lines()
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(statuses[..2], ["HTTP/1.1 200 OK"; 2]);
    assert_eq!(statuses[2], "HTTP/1.1 429 Too Many Requests");
}

#[test]
fn a_client_that_never_says_who_it_is_is_shown_out() {
    let web = Web::new("handshake");
    web.write(TLS);
    let exporter = web.start();
    let begun = Instant::now();
    let mut silent = exporter.connect();
    // The beginning of a TLS record that does not come.
    silent.write_all(&[22, 3, 1, 2, 0]).unwrap();
    _ = silent.read_to_end(&mut Vec::new());
    assert!(
        begun.elapsed() < Duration::from_secs(9),
        "{:?}",
        begun.elapsed()
    );
    served(&exporter, &web.authority.client(None));
}

#[test]
fn what_is_wrong_in_the_file_is_told() {
    let web = Web::new("wrong");
    let message = web.refusal(&format!("{TLS}  cert_fill: a\n"));
    assert!(
        message.contains("line 4") && message.contains("cert_fill"),
        "{message}"
    );
    for (text, told) in [
        (
            "tls_server_config:\n  key_file: key.pem\n",
            "neither cert_file nor cert",
        ),
        (
            "tls_server_config:\n  min_version: TLS13\n",
            "neither cert_file nor cert",
        ),
        ("basic_auth_users:\n  alice: sesame\n", "alice"),
        ("rate_limit:\n  interval: 1s\n", "burst"),
    ] {
        let message = web.refusal(text);
        assert!(message.contains(told), "{message}");
        assert!(!message.contains("sesame"), "{message}");
    }
    for (more, told) in [
        ("cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]", "TLS_ECDHE_"),
        (
            "curve_preferences: [CurveP521]",
            "X25519, CurveP256, CurveP384",
        ),
        ("min_version: TLS10", "TLS12 and TLS13"),
        (
            "client_auth_type: RequireAnyClientCert",
            "RequireAndVerifyClientCert",
        ),
        ("client_ca_file: ca.pem", "RequireAndVerifyClientCert"),
        ("client_allowed_sans: [a]", "RequireAndVerifyClientCert"),
    ] {
        let message = web.refusal(&format!("{TLS}  {more}\n"));
        assert!(message.contains(told), "{message}");
    }
    // Also a hash in a wrong place is none to show.
    let hash = bcrypt::hash("sesame", 4).unwrap();
    for (text, told) in [
        (format!("basic_auth_users:\n  {hash}: alice\n"), "no bcrypt"),
        (
            format!("basic_auth_users:\n  {hash}: a\n  {hash}: b\n"),
            "duplicate",
        ),
        (
            format!("{hash}: alice\n"),
            "`$2…`, expected one of tls_server_config",
        ),
    ] {
        let message = web.refusal(&text);
        assert!(message.contains(told), "{message}");
        assert!(!message.contains(&hash[hash.len() - 9..]), "{message}");
    }
    // Whoever writes the key in the place of its file does not find it in the log.
    let key = fs::read_to_string(web.folder.file("key.pem")).unwrap();
    let pasted: String = key.lines().map(|line| format!("    {line}\n")).collect();
    let message = web.refusal(&format!(
        "tls_server_config:\n  cert_file: cert.pem\n  key_file: |\n{pasted}"
    ));
    assert!(message.contains("write that as key instead"), "{message}");
    assert!(!message.contains(key.lines().nth(1).unwrap()), "{message}");
    // Also not without the lines around it, whether it is short or long.
    let bare: String = key
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    for bare in [bare.clone(), bare.repeat(20)] {
        let message = web.refusal(&TLS.replace("key.pem", &bare));
        assert!(message.contains("cannot read the key_file"), "{message}");
        assert!(!message.contains(&bare[..20]), "{message}");
    }
    // What is there is named.
    let message = web.refusal(&TLS.replace("key.pem", "."));
    assert!(message.contains("the key_file .: it is no"), "{message}");
    let message = web.refusal(&TLS.replace("cert.pem", "nothing.pem"));
    assert!(message.contains("the cert_file nothing.pem"), "{message}");
    fs::write(
        web.folder.file("locked.pem"),
        key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
    )
    .unwrap();
    let message = web.refusal(&TLS.replace("key.pem", "locked.pem"));
    assert!(message.contains("encrypted with a password"), "{message}");
    let message = complaint(&run(&["--check", "--web.config.file=/nowhere/web.yml"]));
    assert!(message.contains("/nowhere/web.yml"), "{message}");
    let message = complaint(&run(&["--web.config.file=/nowhere/web.yml"]));
    assert!(message.contains("/nowhere/web.yml"), "{message}");
}

#[test]
fn what_only_capabilities_can_read_is_refused_at_the_start() {
    let web = Web::new("others-key");
    web.write(TLS);
    let file = format!("--web.config.file={}", web.file().display());
    let check = ["--check", "--no-probes", &file];
    let good = |options: &[&str]| {
        let report = String::from_utf8(run(options).stdout).unwrap();
        report.contains("web.yml: good, for https")
    };
    assert!(good(&check));

    // Another user's, as one renews certificates that is not the exporter's own.
    let key = web.folder.file("key.pem");
    let nobody = 65534;
    if chown(&key, Some(nobody), Some(nobody)).is_err() || fs::read(&key).is_err() {
        // Past the capture of the test harness, so that it is seen.
        _ = writeln!(
            std::io::stderr(),
            "not tried with another user's key: that takes root"
        );
        return;
    }
    for options in [&check[..], &["--web.listen-address=127.0.0.1:0", &file]] {
        let message = complaint(&run(options));
        assert!(message.contains("use --keep-capabilities"), "{message}");
        assert!(message.contains("the key_file key.pem"), "{message}");
    }
    let keep = "--keep-capabilities";
    assert!(good(&[keep, "--check", "--no-probes", &file]));
    let options = ["--web.listen-address=127.0.0.1:0", keep, &file];
    let exporter = Exporter::with(&options);
    served(&exporter, &web.authority.client(None));

    // The capabilities do not help where something else is wrong.
    fs::remove_file(&key).unwrap();
    let message = complaint(&run(&check));
    assert!(!message.contains("capabilities"), "{message}");
}

#[test]
fn a_key_that_is_open_to_everybody_is_warned_of() {
    let web = Web::new("open");
    web.write(TLS);
    let file = format!("--web.config.file={}", web.file().display());
    let key = web.folder.file("key.pem");
    for (mode, open) in [(0o600, false), (0o640, false), (0o644, true)] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let mut started = shell("true", &["--web.listen-address=127.0.0.1:0", &file]);
        let mut started = started.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(started.stderr.take().unwrap()).lines();
        let until_it_listens = log
            .map(Result::unwrap)
            .take_while(|line| !line.starts_with("listening on "));
        let until_it_listens: String = until_it_listens.collect();
        started.kill().unwrap();
        started.wait().unwrap();

        let checked = run(&["--check", "--no-probes", &file]);
        let checked = String::from_utf8(checked.stderr).unwrap();
        for told in [until_it_listens, checked] {
            let warnings = told.matches("the key_file key.pem has the permissions 0644");
            assert_eq!(warnings.count(), usize::from(open), "{mode:o}: {told}");
        }
    }
}

#[test]
fn an_error_is_one_line_that_controls_no_terminal() {
    let web = Web::new("controls");
    let hidden = r"\e[2J\nipcon-exporter: \u202eall is well";
    for text in [
        format!("\"{hidden}\": a\n"),
        TLS.replace("cert.pem", &format!("\"{}\"", hidden.replace(r"\n", ""))),
        format!("{TLS}  min_version: \"{hidden}\"\n"),
        format!("{TLS}  client_auth_type: \"{hidden}\"\n"),
        format!("http_server_config:\n  headers:\n    \"{hidden}\": a\n"),
        format!("basic_auth_users:\n  \"{hidden}\": a\n"),
    ] {
        let message = web.refusal(&text);
        let shown = message.trim_end();
        assert!(shown.contains("all is well"), "{shown:?}");
        assert!(!shown.contains(char::is_control), "{shown:?}");
        assert!(!shown.contains('\u{202e}'), "{shown:?}");
    }
}

#[test]
fn encryption_can_begin_while_it_runs() {
    let web = Web::new("begin");
    web.write("");
    let exporter = web.start();
    let (head, _) = ask(exporter.connect(), &get("/metrics"));
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    web.write(TLS);
    served(&exporter, &web.authority.client(None));
}

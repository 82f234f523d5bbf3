// SPDX-License-Identifier: MIT OR Apache-2.0
//! A real Prometheus scrapes the real exporter, encrypted, with a certificate and a password.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::certificates::Authority;
use crate::program::{DEADLINE, Exporter, Folder, ask, connect};

/// Prometheus, where it was unpacked together with its tool, or from PATH.
fn program() -> PathBuf {
    let promtool = std::env::var_os("PROMTOOL").map(PathBuf::from);
    promtool.map_or_else(
        || "prometheus".into(),
        |tool| tool.with_file_name("prometheus"),
    )
}

struct Prometheus {
    process: Child,
    address: String,
}

impl Prometheus {
    fn start(folder: &Folder) -> Option<Self> {
        let mut command = Command::new(program());
        command.arg(format!(
            "--config.file={}",
            folder.file("prometheus.yml").display()
        ));
        command.arg(format!(
            "--storage.tsdb.path={}",
            folder.file("data").display()
        ));
        command.arg("--web.listen-address=127.0.0.1:0");
        let mut process = match command.stderr(Stdio::piped()).spawn() {
            Ok(process) => process,
            Err(error) => {
                _ = writeln!(
                    std::io::stderr(),
                    "not scraped by Prometheus ({error}): install the package prometheus"
                );
                return None;
            }
        };
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let address = log.by_ref().map(Result::unwrap).find_map(|line| {
            let address = line.split_once("msg=\"Listening on\" address=");
            let address = address.map(|(_, address)| address.to_owned());
            said.push(line);
            address
        });
        // It does not go on when nobody reads its log.
        std::thread::spawn(move || log.for_each(drop));
        let address = address.unwrap_or_else(|| panic!("it does not listen: {said:#?}"));
        Some(Self { process, address })
    }

    /// The values of a query, once there are any.
    fn values(&self, query: &str) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let (_, body) = ask(connect(&self.address), &asking(query));
            // Before it is ready, it answers with a text.
            let answer: Value = serde_json::from_str(&body).unwrap_or_default();
            let result = answer["data"]["result"].as_array();
            if let Some(result) = result.filter(|result| !result.is_empty()) {
                let value = |sample: &Value| sample["value"][1].as_str().unwrap().to_owned();
                return result.iter().map(value).collect();
            }
            assert!(begun.elapsed() < DEADLINE, "no answer to {query}");
            // Nothing tells when a scrape has come in; this only paces the asking.
            sleep(Duration::from_millis(50));
        }
    }
}

/// As HTTP/1.0, so that the answer ends with the connection.
fn asking(query: &str) -> String {
    let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    format!("GET /api/v1/query?query={query} HTTP/1.0\r\n\r\n")
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

#[test]
fn prometheus_scrapes_it() {
    let folder = Folder::new("prometheus");
    let authority = Authority::new();
    fs::write(folder.file("ca.pem"), authority.pem()).unwrap();
    for name in ["server", "client"] {
        let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
        let identity = authority.sign(&["localhost"]);
        identity.write(&folder.file(&certificate), &folder.file(&key));
    }
    let hash = bcrypt::hash("sesame", 4).unwrap();
    let web = format!(
        "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  client_ca_file: ca.pem\n  \
         client_auth_type: RequireAndVerifyClientCert\nbasic_auth_users:\n  prometheus: {hash}\n"
    );
    fs::write(folder.file("web.yml"), web).unwrap();
    let option = format!("--web.config.file={}", folder.file("web.yml").display());
    let exporter = Exporter::with(&["--web.listen-address=127.0.0.1:0", &option]);
    let port = exporter.address().rsplit(':').next().unwrap();

    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/mixin/alerts.yml");
    let scrapes = ["right", "wrong"].map(|password| {
        let password = (password, password.replace("right", "sesame"));
        format!(
            "- job_name: {}\n  scheme: https\n  static_configs: [{{targets: ['localhost:{port}']}}]\n  \
             tls_config: {{ca_file: ca.pem, cert_file: client.pem, key_file: client.key}}\n  \
             basic_auth: {{username: prometheus, password: {}}}\n",
            password.0, password.1
        )
    });
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{rules}]\nscrape_configs:\n{}",
        scrapes.concat()
    );
    fs::write(folder.file("prometheus.yml"), config).unwrap();
    let Some(prometheus) = Prometheus::start(&folder) else {
        return;
    };
    assert_eq!(prometheus.values("up{job='right'}"), ["1"]);
    assert_eq!(prometheus.values("up{job='wrong'}"), ["0"]);
    assert_eq!(
        prometheus.values("ipcon_exporter_build_info{job='right'}"),
        ["1"]
    );
    let scraped = prometheus.values("scrape_samples_scraped{job='right'}");
    assert!(scraped[0].parse::<u32>().unwrap() > 5, "{scraped:?}");
}

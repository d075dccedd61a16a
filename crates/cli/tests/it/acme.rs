//! Certificates by ACME, from a real authority: acme2certifier, which looks at the server's answer to its challenge.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustls::{
    pki_types::{CertificateDer, pem::PemObject},
    version::TLS13,
};

use crate::support::{Installation, LONG, Server, project_file, shake_hands, within};

const DOMAIN: &str = "audit.example.com";

/// A running authority; it ends with the test.
struct Authority {
    process: Child,
    directory: PathBuf,
    url: String,
}

impl Authority {
    fn start(directory: &Path) -> Self {
        fs::create_dir(directory).unwrap();
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/acme/bin/python");
        let log = fs::File::create(directory.join("log")).unwrap();
        let mut process = Command::new(python)
            .arg(project_file("tools/acme/authority.py"))
            .arg(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{error}; scripts/test-setup.sh installs the authority"));
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("https://"), "{}", fs::read_to_string(directory.join("log")).unwrap());
        Self { process, directory: directory.to_owned(), url: url.trim().to_owned() }
    }

    /// Tells it where the domain is.
    fn look_at(&self, server: &Server) {
        let (_, port) = server.address().rsplit_once(':').unwrap();
        let new = self.directory.join("port.new");
        fs::write(&new, port).unwrap();
        fs::rename(new, self.directory.join("port")).unwrap();
    }

    fn root(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.directory.join("root.pem")).unwrap()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        // One that ended already can't be killed, and need not.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!(
                "--- the authority wrote:\n{}---",
                fs::read_to_string(self.directory.join("log")).unwrap()
            );
        }
    }
}

fn says(server: &Server, what: &str) {
    within(LONG, what, || server.log().contains(what).then_some(()));
}

#[test]
fn a_certificate_is_ordered_proven_and_kept() {
    let mut installation = Installation::new();
    let authority = Authority::start(&installation.path("authority"));
    let root = authority.root();
    for (setting, value) in [
        ("ACME_DOMAINS", DOMAIN),
        ("ACME_CONTACT", "ops@example.com"),
        ("ACME_DIRECTORY", &authority.url),
        ("ACME_CA_FILE", authority.directory.join("root.pem").to_str().unwrap()),
    ] {
        installation.set(setting, value);
    }
    let server = installation.start();
    assert!(shake_hands(server.address(), DOMAIN, &root, &[&TLS13]).is_err(), "there is no certificate yet");
    authority.look_at(&server);
    says(&server, "got a TLS certificate by ACME");
    let first = shake_hands(server.address(), DOMAIN, &root, &[&TLS13]).unwrap();
    // It is good for ten days.
    says(&server, "the TLS certificate expires soon");
    server.stop();

    let kept = installation.data().join("acme");
    let mode = |file: &Path| fs::metadata(file).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&kept), 0o700);
    let files: Vec<_> = fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    drop(authority);
    let server = installation.start();
    says(&server, "the TLS certificate by ACME is there already");
    let again = shake_hands(server.address(), DOMAIN, &root, &[&TLS13]).unwrap();
    assert_eq!(again.certificate, first.certificate);
    server.stop();

    fs::set_permissions(&files[0], fs::Permissions::from_mode(0o644)).unwrap();
    let ended = installation.refuse();
    assert!(ended.code == Some(2) && ended.stderr.contains("(mode 0644); run: chmod o= "), "{ended:?}");
}

#[test]
fn an_authority_that_can_not_be_reached_stops_nothing_and_is_asked_again() {
    let installation = Installation::new()
        .with("ACME_DOMAINS", DOMAIN)
        // Nobody listens there.
        .with("ACME_DIRECTORY", "https://127.0.0.1:1/directory");
    let server = installation.start();
    let failures = || server.log().matches("no TLS certificate by ACME; it will be tried again").count();
    within(LONG, "it is tried again", || (failures() >= 2).then_some(()));
    server.stop();
}

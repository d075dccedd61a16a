//! TLS: real handshakes with the real server, certificates that are wrong, old, renewed.

use std::{fs, os::unix::fs::PermissionsExt};

use rustls::{
    ProtocolVersion,
    version::{TLS12, TLS13},
};

use crate::support::{
    ADMIN_KEY, Api, Certificate, Installation, LONG, Server, connect, event, raw, rest, within,
};

/// An installation with this certificate in its files.
fn with(certificate: &Certificate) -> Installation {
    let installation = Installation::new();
    let (file, key) = (installation.path("tls.pem"), installation.path("tls.key"));
    certificate.write(&file, &key);
    installation.with("TLS_CERTIFICATE", file.to_str().unwrap()).with("TLS_KEY", key.to_str().unwrap())
}

fn admin(server: &Server, certificate: &Certificate) -> Api {
    Api::trusting(&server.url, Some(ADMIN_KEY), &certificate.pem)
}

#[test]
fn everything_goes_over_tls() {
    let certificate = Certificate::days(90);
    let installation = with(&certificate);
    let server = installation.start();
    assert!(server.url.starts_with("https://"), "{}", server.url);
    let admin = admin(&server, &certificate);
    admin.tenant("acme");
    admin.send(&event("acme", "a")).expect(201);
    admin.found("", 1);
    let hsts = admin.get("/healthz");
    assert_eq!(hsts.header("strict-transport-security"), "max-age=31536000; includeSubDomains");
    for (versions, expected) in
        [(&[&TLS12, &TLS13][..], ProtocolVersion::TLSv1_3), (&[&TLS12], ProtocolVersion::TLSv1_2)]
    {
        let shaken = certificate.shake_hands(server.address(), versions).unwrap();
        assert_eq!((shaken.version, shaken.protocol.as_deref()), (expected, Some(&b"http/1.1"[..])));
    }
    let metrics = admin.get("/metrics").expect(200).text();
    let ends = metrics
        .lines()
        .find_map(|line| line.strip_prefix("indelible_tls_certificate_expiry_timestamp_seconds "));
    assert!(ends.unwrap().parse::<f64>().unwrap() > 1.7e9, "{metrics}");
    assert!(!server.log().contains("expire"), "{}", server.log());
    let stranger = Certificate::days(90).shake_hands(server.address(), &[&TLS13]);
    assert!(stranger.is_err(), "{stranger:?}");
    // The command line speaks it too, and trusts nobody whom it does not know.
    let output = server.command(&installation, &["tenants", "list"]).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(3) && words.to_lowercase().contains("certificate"), "{words}");
    server.stop();
}

#[test]
fn a_handshake_that_fails_stops_nobody_else() {
    let certificate = Certificate::days(90);
    let installation = with(&certificate).with("HANDSHAKE_TIMEOUT_SECONDS", "3");
    let server = installation.start();
    let address = server.address();
    // Says nothing; another says half a record.
    let mut silent = connect(address);
    let mut half = connect(address);
    std::io::Write::write_all(&mut half, &[22, 3, 1]).unwrap();

    let plain = raw(address, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let plain = String::from_utf8(plain).unwrap();
    assert!(plain.starts_with("HTTP/1.1 400 ") && plain.ends_with("takes https://, not http://"), "{plain}");
    // TLS 1.1 in a form that a client of then would send, but with the signature schemes that 1.2 brought.
    let extensions: &[u8] = &[0, 13, 0, 6, 0, 4, 4, 3, 8, 4, 0, 10, 0, 4, 0, 2, 0, 23];
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0xc0, 0x0a, 0xc0, 0x14, 1, 0, 0, extensions.len() as u8]);
    hello.extend(extensions);
    let mut record = vec![22, 3, 1, 0, hello.len() as u8 + 4, 1, 0, 0, hello.len() as u8];
    record.extend(hello);
    // A fatal alert, protocol_version.
    let answer = raw(address, &record);
    assert_eq!((answer.first(), answer.get(5..)), (Some(&21), Some(&[2, 70][..])), "{answer:?}");
    for garbage in [&b"\x16\x03\x01\xff\xffgarbage"[..], &[0; 300], b"SSH-2.0-x\r\n"] {
        let mut stream = connect(address);
        std::io::Write::write_all(&mut stream, garbage).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        rest(&mut stream);
    }
    certificate.shake_hands(address, &[&TLS13]).unwrap();
    assert_eq!(rest(&mut silent), b"");
    rest(&mut half);
    let metrics = admin(&server, &certificate).get("/metrics").expect(200).text();
    for why in ["plain_http\"} ", "too_slow\"} 2", "failed\"} "] {
        let line = format!("indelible_tls_handshakes_failed_total{{why=\"{why}");
        assert!(metrics.lines().any(|found| found.starts_with(&line)), "{line} in {metrics}");
    }
    server.stop();
}

#[test]
fn a_pair_that_can_not_be_served_is_refused_before_anything_is_made() {
    let certificate = Certificate::days(90);
    let exposed = with(&certificate);
    fs::set_permissions(exposed.path("tls.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let other = with(&certificate);
    fs::write(other.path("tls.key"), Certificate::days(90).key).unwrap();
    let empty = with(&certificate);
    fs::write(empty.path("tls.pem"), "").unwrap();
    let missing = with(&certificate);
    fs::remove_file(missing.path("tls.key")).unwrap();
    for (installation, expected) in [
        (exposed, "tls.key may be read or written by everybody on this machine (mode 0644); run: chmod o= "),
        (other, "do not work together"),
        (empty, "tls.pem is not usable, expected certificates in PEM"),
        (missing, "can't read"),
        (Installation::new().with("TLS_KEY", "k"), "tls_certificate is not set, expected a file"),
    ] {
        let ended = installation.refuse();
        assert_eq!(ended.code, Some(2), "{expected}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{expected}: {}", ended.stderr);
        assert!(!installation.data().exists(), "{expected}");
    }
}

#[test]
fn a_renewed_certificate_is_taken_without_a_restart_and_a_wrong_one_is_not() {
    let first = Certificate::days(10);
    let installation = with(&first);
    let (file, key) = (installation.path("tls.pem"), installation.path("tls.key"));
    let server = installation.start();
    let says = |what: &str| within(LONG, what, || server.log().contains(what).then_some(()));
    says("the TLS certificate expires soon");
    let is_served = |certificate: &Certificate| {
        certificate
            .shake_hands(server.address(), &[&TLS13])
            .is_ok_and(|shaken| shaken.certificate == certificate.der)
    };
    assert!(is_served(&first));

    let second = Certificate::days(90);
    fs::write(&file, &second.pem).unwrap();
    says("the new TLS certificate can't be used; the old one stays");
    assert!(is_served(&first), "a certificate without its key is not taken");
    second.write(&file, &key);
    says("took the new TLS certificate");
    assert!(is_served(&second) && !is_served(&first));

    Certificate::days(-1).write(&file, &key);
    says("the new TLS certificate is not valid now; the old one stays");
    fs::remove_file(&file).unwrap();
    says("can't read");
    assert!(is_served(&second));
    server.stop();
}

#[test]
fn an_expired_certificate_is_served_and_told() {
    let certificate = Certificate::days(-1);
    let installation = with(&certificate);
    let server = installation.start();
    assert!(server.log().contains("the TLS certificate has expired"), "{}", server.log());
    let refused = certificate.shake_hands(server.address(), &[&TLS13]).unwrap_err();
    assert!(refused.to_lowercase().contains("expired"), "{refused}");
    server.stop();
}

#[test]
fn listening_to_others_without_tls_is_told() {
    let warning = "listening without TLS where other machines can connect";
    let certificate = Certificate::days(90);
    for (installation, address, expected) in [
        (Installation::new(), "0.0.0.0:0", true),
        (Installation::new(), "127.0.0.1:0", false),
        (with(&certificate), "0.0.0.0:0", false),
    ] {
        let installation = installation.with("LISTEN", address);
        let server = installation.start();
        assert_eq!(server.log().contains(warning), expected, "{address}: {}", server.log());
        server.stop();
    }
}

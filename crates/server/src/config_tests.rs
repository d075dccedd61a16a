use super::*;

fn parse(text: &str) -> Result<Config, String> {
    toml::from_str::<Settings>(text)
        .map_err(|error| error.to_string())?
        .resolve(None)
        .map_err(|error| error.to_string())
}

/// Settings of mail that go together, without one of them, and with some more.
fn mail(without: &str, more: &str) -> String {
    let all = [
        "data = 'd'",
        "smtp_host = 'smtp.example.com'",
        "mail_from = 'Audit trail <audit@example.com>'",
        "public_url = 'https://audit.example.com'",
    ];
    let kept = all.into_iter().filter(|line| without.is_empty() || !line.starts_with(without));
    kept.chain([more]).collect::<Vec<_>>().join("\n")
}

#[test]
fn refuses_what_it_does_not_know_and_what_is_out_of_range() {
    for (text, expected) in [
        ("data = 'd'\nlisten = '0.0.0.0:1'", ""),
        ("data = 'd'\nlistn = '0.0.0.0:1'", "unknown field `listn`"),
        ("listen = '0.0.0.0:1'", "data is not set"),
        ("data = 'd'\nrequest_events_max = 0", "request_events_max is 0, expected 1 to 100000"),
        ("data = 'd'\nquery_timeout_seconds = 3601", "query_timeout_seconds is 3601, expected 1 to 3600"),
        ("data = 'd'\nqueries_max = 0", "queries_max is 0, expected 1 to 1024"),
        ("data = 'd'\nqueries_waiting_max = 0", ""),
        ("data = 'd'\nqueries_waiting_max = 65537", "queries_waiting_max is 65537, expected 0 to 65536"),
        ("data = 'd'\nstreams_max = 0", "streams_max is 0, expected 1 to 8192"),
        ("data = 'd'\njobs_max = 0", "jobs_max is 0, expected 1 to 64"),
        ("data = 'd'\nexport_days = 0", "export_days is 0, expected 1 to 3650"),
        ("data = 'd'\nexport_link_hours = 721", "export_link_hours is 721, expected 1 to 720"),
        ("data = 'd'\nstreams_per_key_max = 8193", "streams_per_key_max is 8193, expected 1 to 8192"),
        ("data = 'd'\ntail_queue_events = 0", "tail_queue_events is 0, expected 1 to 1000000"),
        ("data = 'd'\ntail_patience_seconds = 0", ""),
        ("data = 'd'\ntail_patience_seconds = 3601", "tail_patience_seconds is 3601, expected 0 to 3600"),
        ("data = 'd'\nsession_idle_minutes = 0", "session_idle_minutes is 0, expected 1 to 43200"),
        ("data = 'd'\nsession_hours = 2161", "session_hours is 2161, expected 1 to 2160"),
        ("data = 'd'\nlooking_window_seconds = 0", "looking_window_seconds is 0, expected 1 to 3600"),
        ("data = 'd'\ntenants_on_first_use = 1", "expected a boolean"),
        ("data = 'd'\nheartbeat_seconds = 301", "heartbeat_seconds is 301, expected 1 to 300"),
        ("data = 'd'\npath_prefix = 'audit'", "expected a path such as /audit"),
        ("data = 'd'\npublic_url = 'https://a.example/log'", ""),
        (
            "data = 'd'\npublic_url = 'a.example'",
            "public_url is \"a.example\", expected an address such as https",
        ),
        ("data = 'd'\npublic_url = 'https://a.example/log'\npath_prefix = '/log/'", ""),
        (
            "data = 'd'\npublic_url = 'https://a.example'\npath_prefix = '/log'",
            "path_prefix is \"/log\", expected the path of public_url",
        ),
        ("data = 'd'\ntls_key = 'k'", "tls_certificate is not set, expected a file, since tls_key is set"),
        ("data = 'd'\ntls_certificate = 'c'", "tls_key is not set, expected a file"),
        ("data = 'd'\ntls_certificate = 'c'\ntls_key = 'k'", ""),
        (
            "data = 'd'\ntls_certificate = 'c'\ntls_key = 'k'\nacme_domains = ['a.example']",
            "expected either acme_domains, or tls_certificate and tls_key",
        ),
        ("data = 'd'\nacme_domains = ['a.example', 'b.example']\nacme_contact = ['ops@example.com']", ""),
        ("data = 'd'\nacme_domains = ['*.example']", "acme_domains is \"*.example\", expected host names"),
        ("data = 'd'\nacme_domains = ['192.0.2.1']", "expected host names"),
        ("data = 'd'\nacme_domains = ['']", "expected host names"),
        ("data = 'd'\nacme_domains = ['a.example']\nacme_contact = ['ops']", "expected e-mail addresses"),
        (
            "data = 'd'\nacme_domains = ['a.example']\nacme_directory = 'http://ca.example/'",
            "expected an address that begins with https://",
        ),
        ("data = 'd'\nacme_contact = ['ops@example.com']", "acme_domains is not set, expected host names"),
        ("data = 'd'\ntrusted_proxies = ['127.0.0.1', '10.0.3.0/24', '::1', 'fd00::/8']", ""),
        (
            "data = 'd'\ntrusted_proxies = ['10.0.3.1/24']",
            "trusted_proxies is \"10.0.3.1/24\", expected an address",
        ),
        ("data = 'd'\ntrusted_proxies = ['proxy.example']", "expected an address such as 127.0.0.1"),
        ("data = 'd'\nsign_in_networks = ['10.0.3.0/24', '2001:db8::/32']", ""),
        ("data = 'd'\nsign_in_networks = ['10.0.3.1/24']", "sign_in_networks is \"10.0.3.1/24\", expected"),
        ("data = 'd'\nsecond_factor = 'required'", ""),
        ("data = 'd'\nsecond_factor = 'yes'", "unknown variant `yes`"),
        (mail("", "").as_str(), ""),
        (mail("", "smtp_tls = 'none'\nsmtp_port = 2525\nsmtp_timeout_seconds = 5").as_str(), ""),
        (mail("mail_from", "").as_str(), "mail_from is not set, expected a sender such as audit@example.com"),
        (
            mail("public_url", "").as_str(),
            "public_url is not set, expected the address that links in mails lead to",
        ),
        (mail("smtp_host", "").as_str(), "smtp_host is not set, expected a mail server"),
        ("data = 'd'\nsmtp_port = 25", "smtp_host is not set, expected a mail server"),
        (mail("", "smtp_port = 0").as_str(), "smtp_port is 0, expected 1 to 65535"),
        (mail("", "smtp_tls = 'ssl'").as_str(), "unknown variant `ssl`"),
        (mail("", "smtp_timeout_seconds = 301").as_str(), "smtp_timeout_seconds is 301, expected 1 to 300"),
        (
            mail("", "smtp_username = 'audit'").as_str(),
            "smtp_username: username and password belong together",
        ),
        (mail("", "smtp_password_file = 'nowhere'").as_str(), "can't read nowhere"),
        (mail("", "smtp_ca_file = 'nowhere'").as_str(), "smtp_ca_file: the certificates in nowhere"),
        ("data = 'd'\nproxy_header = 'forwarded'", ""),
        ("data = 'd'\nproxy_header = 'x-real-ip'", "unknown variant `x-real-ip`"),
        (
            "data = 'd'\nconnections_per_address_max = 0",
            "connections_per_address_max is 0, expected 1 to 65536",
        ),
        (
            "data = 'd'\nhandshake_timeout_seconds = 301",
            "handshake_timeout_seconds is 301, expected 1 to 300",
        ),
        ("data = 'd'\nhead_timeout_seconds = 0", "head_timeout_seconds is 0, expected 1 to 3600"),
        ("data = 'd'\nhead_bytes_max = 8191", "head_bytes_max is 8191, expected 8192 to 1048576"),
        ("data = 'd'\nhead_fields_max = 15", "head_fields_max is 15, expected 16 to 1000"),
        ("data = 'd'\nbody_timeout_seconds = 0", "body_timeout_seconds is 0, expected 1 to 3600"),
        ("data = 'd'\nbody_rate_min = 0", "body_rate_min is 0, expected 1 to 1073741824"),
        ("data = 'd'\nwrite_timeout_seconds = 0", "write_timeout_seconds is 0, expected 1 to 3600"),
        ("data = 'd'\norigin = 'a b'", "origin is \"a b\""),
        ("data = 'd'\nreceipts = 'some'", "unknown variant `some`"),
    ] {
        match parse(text) {
            Ok(_) => assert_eq!(expected, "", "{text}"),
            Err(message) => {
                assert!(!expected.is_empty() && message.contains(expected), "{text}: {message}")
            }
        }
    }
}

#[test]
fn the_upper_layer_wins() {
    let file = Settings { log: Some("debug".into()), drain_seconds: Some(5), ..Settings::default() };
    let flags = Settings { data: Some("d".into()), log: Some("warn".into()), ..Settings::default() };
    let config = flags.over(file).resolve(None).unwrap();
    assert_eq!((config.log.as_str(), config.drain_seconds, config.request_events_max), ("warn", 5, 10_000));
}

#[test]
fn the_path_of_the_public_address_is_the_prefix() {
    let config = parse("data = 'd'\npublic_url = 'https://a.example/log/'").unwrap();
    assert_eq!(config.path_prefix, "/log");
    assert_eq!(config.public_url.unwrap().link("/x"), "https://a.example/log/x");
}

#[test]
fn an_administrator_key_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("admin.key");
    std::fs::write(&file, "0123456789abcdef").unwrap();
    for (mode, refused) in [(0o600, false), (0o640, false), (0o644, true)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let read = read_admin_key(None, Some(file.clone()));
        assert_eq!(matches!(read, Err(ConfigError::Exposed(_))), refused, "{mode:o}");
    }
}

#[test]
fn a_short_administrator_key_is_refused() {
    let settings = || Settings { data: Some("d".into()), ..Settings::default() };
    assert!(settings().resolve(Some("short".into())).is_err());
    assert!(settings().resolve(Some("0123456789abcdef".into())).is_ok());
}

#[test]
fn the_committed_reference_page_is_the_generated_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operate/settings.md");
    if std::env::var_os("INDELIBLE_BLESS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, Settings::reference()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap_or_default(), Settings::reference());
}

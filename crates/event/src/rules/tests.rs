//! The built-in rules against the seeds' own strings, NetSapiens' lists, and names of real feeds; editing rule sets.

use proptest::prelude::*;

use super::*;
use crate::{Code, Limits, Timestamp, parse};

fn event(json: &str) -> Event {
    let now = Timestamp::from_micros(1_795_262_400_000_000);
    parse(json, &Limits::default(), now)
        .unwrap_or_else(|problems| panic!("{}: {problems:?}", &json[..json.len().min(400)]))
        .event
}

fn derive(json: &str) -> Derived {
    RuleSet::builtin().derive(&event(json))
}

fn type_of(action: &str) -> String {
    derive(&serde_json::json!({ "action": action }).to_string()).action_type.to_string()
}

/// The whole Details strings of the five seeds, each from an event as its product would naturally send it.
#[test]
fn details_of_the_seeds_come_out_letter_for_letter() {
    for (json, details) in [
        (
            r#"{"time":"2019-01-08T09:00:00+01:00","source":{"application":"CallRecording","node":"ias-01"},
                "actor":{"username":"u101","first_name":"Ada","last_name":"Li","tenant":"acme"},"client":{"ip":"10.0.0.7"},
                "action":"Unpreserve recording","parameters":{
                "Recording Id":"c333d58a-7ba6-4d69-91e4-175816aa5d0b","Recording PBX Call Id":28787197,
                "Recording duration":"00:00:01.9674372","Recording Ref. Number":2019000000003,
                "Recording start time (Server Time Zone)":"2019-01-07T11:18:16.1670000+01:00",
                "Recording owner username":"u205","Recording owner first name":"Utente",
                "Recording owner last name":"Duecentocinque","Recording group":"Group1"}}"#,
            "Recording Id {c333d58a-7ba6-4d69-91e4-175816aa5d0b}, Recording PBX Call Id {28787197}, Recording duration {00:00:01.9674372}, Recording Ref. Number {2019000000003}, Recording start time (Server Time Zone) {2019-01-07T11:18:16.1670000+01:00}, Recording owner username {u205}, Recording owner first name {Utente}, Recording owner last name {Duecentocinque}, Recording group {Group1}",
        ),
        (
            r#"{"source":{"application":"miarec","component":"celery"},"action":"send_email",
                "targets":[{"type":"reports","id":"d67fcacc-617c-4f3e-b507-d3415680bd0b"}]}"#,
            "Action send_email on resource reports",
        ),
        (
            r#"{"source":{"application":"web"},"action":"send_email","targets":[{"type":"reports"}]}"#,
            "Action send_email on resource reports",
        ),
        (
            r#"{"source":{"data_source":"yonex"},"actor":{"username":"admin"},"action":"User Logged in",
                "client":{"ip":"::ffff:172.16.177.202","channel":"API"},"outcome":{"result":"success"}}"#,
            "Login success: username:[admin], host/ device:[::ffff:172.16.177.202], logged in from: [API]",
        ),
        (
            r#"{"actor":{"username":"admin"},"action":"User Logged in","client":{"ip":"172.16.192.137","channel":"AdminConsole"}}"#,
            "Login success: username:[admin], host/ device:[172.16.192.137], logged in from: [AdminConsole]",
        ),
        (
            r#"{"actor":{"username":"admin"},"action":"User Logged out","client":{"host":"yonex"}}"#,
            "Logout : Login name: [admin], Host: [yonex]",
        ),
        (
            r#"{"source":{"data_source":"yonex"},"actor":{"username":"admin"},"action":"User Logged out"}"#,
            "Logout : Login name: [admin], Host: [yonex]",
        ),
        (
            r#"{"actor":{"username":"admin"},"action":"Add New User",
                "targets":[{"type":"user","name":"testUser5509811719323152"}],"changes":[
                {"field":"User Principal Name","new":"171932315250981test@company.com"},{"field":"Enabled","new":true},
                {"field":"Description","new":"backup admin user"},{"field":"Email","new":"171932315250981test@company.com"},
                {"field":"Full Name","new":"Jane Doe"},
                {"field":"User Entity","new":{"User Name":"testUser5509811719323152"}}]}"#,
            NEW_USER,
        ),
        (
            r#"{"actor":{"username":"admin"},"action":"Add New User","targets":[{"username":"testUser5509811719323152"}],
                "parameters":{"User Principal Name":"171932315250981test@company.com","Enabled":"Yes",
                "Description":"backup admin user","Email":"171932315250981test@company.com","Full Name":"Jane Doe",
                "User Entity":{"User Name":"testUser5509811719323152"}}}"#,
            NEW_USER,
        ),
    ] {
        assert_eq!(derive(json).details.as_deref(), Some(details), "{json}");
    }
}

const NEW_USER: &str = "User : testUser5509811719323152\nUser Principal Name Set to [171932315250981test@company.com]\nEnabled: Yes\nDescription Set to [backup admin user]\nEmail Set to [171932315250981test@company.com]\nFull Name Set to [Jane Doe]\n User Entity\n User Name Set to [testUser5509811719323152]";

#[test]
fn details_are_the_senders_or_a_templates_or_none() {
    let sent = r#"{"action":"User Logged in","actor":{"username":"a"},"details":"their own {{ words }}"}"#;
    assert_eq!(derive(sent).details.as_deref(), Some("their own {{ words }}"));
    // Values are inserted, never read as templates.
    let odd = r#"{"action":"User Logged out","actor":{"username":"{{ action }}]\n"},"client":{"host":"h"}}"#;
    assert_eq!(derive(odd).details.as_deref(), Some("Logout : Login name: [{{ action }}]\n], Host: [h]"));
    let failed = r#"{"action":"User Logged in","actor":{"username":"a"},"client":{"ip":"10.0.0.1"},"outcome":{"result":"failure","reason":"bad password"}}"#;
    assert_eq!(
        derive(failed).details.as_deref(),
        Some("Login failed: username:[a], host/ device:[10.0.0.1], reason: [bad password]")
    );
    for none in [r#"{"action":"x"}"#, r#"{"action":"User Logged in"}"#, r#"{"action":"Add New User"}"#] {
        assert_eq!(derive(none).details, None, "{none}");
    }
}

#[test]
fn names_of_real_feeds_have_their_types() {
    for (action_type, names) in [
        (
            "login",
            "User Logged in|Login|login failed|ConsoleLogin|AssumeRole|AssumeRoleWithSAML|GetSessionToken|user.login|UserLoggedIn|user.session.start|sign_in|USER_LOGIN|Logon|SwitchRole|user.authentication.sso",
        ),
        ("logout", "User Logged out|Logout|user.logout|user.session.end|sign-out|LogOff|UserLoggedOut"),
        (
            "create",
            "Add New User|CreateUser|repo.create|org.add_member|user.created|RunInstances|PutObject|RegisterTaskDefinition|create-user|oauth_access.create|Add member to role",
        ),
        (
            "delete",
            "Delete|DeleteBucket|user.delete|RemoveUserFromGroup|TerminateInstances|org.remove_member|DeregisterImage|deletecollection|repo.destroy",
        ),
        (
            "update",
            "user.update|UpdateUser|ModifyDBInstance|PutBucketPolicy|PutUserPolicy|AttachRolePolicy|DetachRolePolicy|TagResource|Unpreserve recording|edit|hook.config_changed|patch|AuthorizeSecurityGroupIngress|Modify/Update|Password change",
        ),
        (
            "view",
            "Play recording|GetBucketPolicy|ListBuckets|DescribeInstances|LookupEvents|HeadObject|BatchGetItem|page_viewed|watch",
        ),
        ("export", "ExportSnapshot|Export/Upload|UploadServerCertificate|report.export|data exported"),
        ("import", "ImportKeyPair|user import|Import"),
        ("load", "Load|config.load|reloaded"),
        ("activate", "EnableKey|StartInstances|user.activate|account_enabled|user.mfa.factor.activate"),
        ("deactivate", "DisableKey|StopInstances|user.suspend|account disabled"),
        ("restart", "RebootInstances|server.restart|Restart"),
        ("validate", "ValidateTemplate|VerifyDomain|email.verified|TestEventPattern"),
        ("mfa", "Google Authenticator|mfa_required|user.two_factor_requested|MFA challenge"),
        ("security_warning", "Security Warning|suspicious activity|account.security_alert"),
        ("download", "repo.download_zip|Download|file_downloaded"),
        ("send", "send_email|SendMessage|report_sent|NotifyUser"),
        ("execute", "Decrypt|Invoke|GenerateDataKey|InvokeFunction|run query|workflow.executed"),
        (
            "other",
            "Z\u{fc}rich.\u{dc}berpr\u{fc}fung_\u{2116}5|whatever|protected_branch.policy_override|Getaway|addressbook|Catalog in stock|---",
        ),
    ] {
        for name in names.split('|') {
            assert_eq!(type_of(name), action_type, "{name}");
        }
    }
}

#[test]
fn the_senders_type_wins_where_the_catalogue_has_it() {
    for (sent, derived) in [
        ("view", "view"),
        ("Modify/Update", "update"),
        ("GOOGLE authenticator", "mfa"),
        ("frobnicate", "delete"),
    ] {
        let json = format!(r#"{{"action":"Delete it","action_type":"{sent}"}}"#);
        assert_eq!(&*derive(&json).action_type, derived, "{sent}");
    }
}

/// EV2, EV3, SQC4 and NSV6, as the mission words them.
#[test]
fn the_catalogue_has_what_was_promised() {
    let rules = RuleSet::builtin();
    let labels: Vec<_> = rules.action_types().iter().map(|action_type| action_type.label.as_str()).collect();
    assert_eq!(
        labels.join(", "),
        "Login, Logout, Add/Create, Delete, Modify/Update, Export/Upload, Import, Load, Activate, Deactivate, Restart, Validate, Google Authenticator, Security Warning, View, Download, Send, Execute, Other"
    );
    let ids: Vec<_> = rules.action_types().iter().map(|action_type| &*action_type.id).collect();
    assert_eq!(
        ids.join(" "),
        "login logout create delete update export import load activate deactivate restart validate mfa security_warning view download send execute other"
    );
    for (category, labels) in [
        ("Authentication", "OAuth, API Key, MFA, JWT, API Refresh Token, User Logins"),
        (
            "Users & Domains",
            "Subscriber, Admin, Domain, Reseller, Territory, RBAC Management, User management",
        ),
        ("Communication", "Conference, Recording, Phone Number, Call Queue, Hunt Group, Meeting"),
        (
            "Configuration",
            "Timerange, Dialing, Answer Rule, Phone Config, UI Config, Route, MAC, Escalation Policy, Extensions, Runbook, Services",
        ),
        ("System", "Database, Server, System, Support Login, TAC, LEA License, NCS, NFR, NMS"),
        (
            "Other",
            "Address, Agent, Audio File, Code, Connection, Images, Message Session, Quota, Registrar, Reject Log, SBus, Vmailnag",
        ),
    ] {
        let id = &rules.categories().iter().find(|known| known.label == category).unwrap().id;
        let found: Vec<_> = rules
            .object_types()
            .iter()
            .filter(|known| known.category == *id)
            .map(|known| known.label.as_str())
            .collect();
        assert_eq!(found.join(", "), labels);
    }
    use Colour::{Blue, Cyan, Green, Grey, Orange, Purple, Red};
    for (colour, ids) in [
        (Blue, "login import validate"),
        (Green, "create activate"),
        (Orange, "update"),
        (Red, "delete"),
        (Purple, "logout export"),
        (Grey, "load deactivate restart mfa security_warning view download send execute other"),
    ] {
        let found =
            rules.action_types().iter().filter(|known| known.colour == colour).map(|known| &*known.id);
        assert_eq!(found.collect::<Vec<_>>().join(" "), ids);
    }
    for (colour, names) in [
        (Blue, "OAuth, JWT, API Key, MFA"),
        (Green, "Subscriber, User"),
        (Purple, "Domain, Admin, Reseller, Territory"),
        (Orange, "Conference, Recording, Phone Number"),
        (Cyan, "Timerange, Dial Plan, Answer Rule"),
        (Grey, "Database, System, Quota"),
    ] {
        for name in names.split(", ") {
            assert_eq!(rules.object_type(name).unwrap().colour, colour, "{name}");
        }
    }
}

#[test]
fn object_types_are_known_by_any_spelling() {
    for (sent, id, category) in [
        ("Dial Plan", "dialing", "configuration"),
        ("dial_plans", "dialing", "configuration"),
        ("USER", "subscriber", "users_domains"),
        ("users", "subscriber", "users_domains"),
        ("call-queue", "call_queue", "communication"),
        ("CallQueue", "call_queue", "communication"),
        ("Service", "service", "configuration"),
        ("services", "service", "configuration"),
        ("API refresh token", "api_refresh_token", "authentication"),
        ("AWS::S3::Bucket", "AWS::S3::Bucket", "other"),
        ("reports", "reports", "other"),
    ] {
        let derived = derive(
            &serde_json::json!({"action": "x", "targets": [{"type": sent}, {"type": "mfa"}]}).to_string(),
        );
        assert_eq!(derived.object_type.as_deref(), Some(id));
        assert_eq!(derived.object_category.as_deref(), Some(category));
    }
    for none in [r#"{"action":"x"}"#, r#"{"action":"x","targets":[{"id":"1"}]}"#] {
        assert_eq!((derive(none).object_type, derive(none).object_category), (None, None));
    }
}

#[test]
fn severity_by_rule_unless_sent() {
    use Severity::{Critical, High, Low, Medium};
    for (json, severity) in [
        (r#"{"action":"User Logged in"}"#, Low),
        (r#"{"action":"User Logged out"}"#, Low),
        (r#"{"action":"Add New User"}"#, High),
        (r#"{"action":"create","targets":[{"type":"user"}]}"#, High),
        (r#"{"action":"CreateUser","targets":[{"type":"AWS::IAM::User"}]}"#, High),
        (r#"{"action":"create","targets":[{"type":"recording"}]}"#, Medium),
        (r#"{"action":"Delete","targets":[{"type":"domain"}]}"#, Critical),
        (r#"{"action":"Delete","targets":[{"type":"domain"}],"severity":{"number":4}}"#, Low),
        (r#"{"action":"whatever"}"#, Low),
    ] {
        assert_eq!(derive(json).severity, severity, "{json}");
    }
}

#[test]
fn only_a_login_that_failed_for_a_bad_password_is_red() {
    for (json, colour) in [
        (r#"{"action":"login","outcome":{"result":"failure","reason":"bad password"}}"#, Colour::Red),
        (r#"{"action":"login","outcome":{"result":"denied","code":"WRONG_PASSWORD"}}"#, Colour::Red),
        (r#"{"action":"login","outcome":{"result":"failure","reason":"unknown user"}}"#, Colour::Blue),
        (
            r#"{"action":"login","outcome":{"result":"success","reason":"bad password earlier"}}"#,
            Colour::Blue,
        ),
        (r#"{"action":"update","outcome":{"result":"failure","reason":"bad password"}}"#, Colour::Orange),
        (r#"{"action":"delete"}"#, Colour::Red),
    ] {
        assert_eq!(RuleSet::builtin().action_colour(&event(json)), colour, "{json}");
    }
}

#[test]
fn tells_who_did_what_to_what_from_where_with_what_outcome() {
    for (json, summary) in [
        (
            r#"{"actor":{"username":"admin","aliases":["admin1@company.com"],"tenant":"company.com"},"action":"delete","client":{"ip":"192.168.1.1"},"targets":[{"type":"subscriber","id":"100","name":"user100","tenant":"customer.com"}]}"#,
            "admin (admin1@company.com) deleted subscriber user100 in customer.com from 192.168.1.1",
        ),
        (
            r#"{"actor":{"username":"admin","aliases":["admin1@company.com"]},"action":"delete","client":{"ip":"192.168.1.1"},"targets":[{"type":"subscriber","name":"user100","tenant":"customer.com"}],"outcome":{"result":"failure","reason":"bad password"}}"#,
            "admin (admin1@company.com) tried to delete subscriber user100 in customer.com from 192.168.1.1; it failed: bad password",
        ),
        (
            r#"{"actor":{"username":"admin1","first_name":"Ada","last_name":"Li","tenant":"company.com"},"action":"user.update","targets":[{"type":"user","username":"user100","tenant":"customer.com"}],"outcome":{"result":"success"}}"#,
            "admin1 (Ada Li, company.com) successfully updated user user100 in customer.com",
        ),
        // Commvault
        (
            r#"{"tenant":"Commcell","actor":{"username":"admin"},"action":"User Logged in","client":{"ip":"::ffff:172.16.177.202","channel":"API"},"outcome":{"result":"success"}}"#,
            "admin successfully logged in to Commcell from ::ffff:172.16.177.202 via API",
        ),
        (
            r#"{"tenant":"Commcell","actor":{"username":"admin"},"action":"User Logged out","client":{"host":"yonex"}}"#,
            "admin logged out of Commcell from yonex",
        ),
        (
            r#"{"tenant":"Commcell","actor":{"username":"admin"},"action":"Add New User","targets":[{"type":"user","name":"testUser5509811719323152"}]}"#,
            "admin created user testUser5509811719323152 in Commcell",
        ),
        // Imagicle and MiaRec
        (
            r#"{"actor":{"username":"u205","first_name":"Utente","last_name":"Duecentocinque"},"action":"Play recording","targets":[{"type":"recording","id":"c333d58a"}],"client":{"ip":"10.0.0.7"}}"#,
            "u205 (Utente Duecentocinque) viewed recording c333d58a from 10.0.0.7 (Play recording)",
        ),
        (
            r#"{"actor":{"type":"system"},"action":"send_email","targets":[{"type":"reports","id":"d67fcacc"}],"outcome":{"result":"success"}}"#,
            "System successfully sent reports d67fcacc (send_email)",
        ),
        // CloudTrail
        (
            r#"{"tenant":"123837392027","actor":{"type":"user","id":"AIDATFQR7NSC5U6Q3TMDR","aliases":["arn:aws:iam::123837392027:user/benjamin"],"username":"benjamin"},"action":"GetBucketPolicy","client":{"ip":"10.248.16.43"},"targets":[{"type":"AWS::S3::Bucket","id":"arn:aws:s3:::baker221b"}],"outcome":{"result":"failure","reason":"The bucket policy does not exist","code":"NoSuchBucketPolicy"}}"#,
            "benjamin (arn:aws:iam::123837392027:user/benjamin) tried to view AWS::S3::Bucket arn:aws:s3:::baker221b in 123837392027 from 10.248.16.43 (GetBucketPolicy); it failed: The bucket policy does not exist",
        ),
        (
            r#"{"tenant":"123837392027","actor":{"type":"service","id":"secretsmanager.amazonaws.com"},"action":"Decrypt","client":{"ip":"secretsmanager.amazonaws.com"},"targets":[{"type":"AWS::KMS::Key","id":"key/4b5c"}],"outcome":{"result":"success"}}"#,
            "Service secretsmanager.amazonaws.com successfully ran \"Decrypt\" on AWS::KMS::Key key/4b5c in 123837392027 from secretsmanager.amazonaws.com",
        ),
        (
            r#"{"tenant":"123837392027","actor":{"type":"role","username":"ops"},"on_behalf_of":{"username":"benjamin"},"action":"DescribeRegions","client":{"ip":"AWS Internal"},"outcome":{"result":"denied","code":"UnauthorizedOperation"}}"#,
            "Role ops tried to perform \"DescribeRegions\" in 123837392027 on behalf of benjamin from AWS Internal; it was denied: UnauthorizedOperation",
        ),
        (
            r#"{"tenant":"123837392027","actor":{"username":"benjamin"},"action":"ConsoleLogin","client":{"ip":"10.1.2.3"},"outcome":{"result":"failure","reason":"Failed authentication"}}"#,
            "benjamin tried to log in to 123837392027 from 10.1.2.3 (ConsoleLogin); it failed: Failed authentication",
        ),
        // Wikipedia
        (
            r##"{"tenant":"#vi.wikipedia","actor":{"username":"ThitxongkhoiAWB"},"action":"edit","targets":[{"type":"page","name":"Atractus apophis"}]}"##,
            "ThitxongkhoiAWB updated page Atractus apophis in #vi.wikipedia (edit)",
        ),
        (
            r##"{"tenant":"#de.wikipedia","actor":{"type":"anonymous","id":"93.221.150.186"},"action":"edit","targets":[{"type":"page","name":"Diskussion:Sebastian Schulz"}],"client":{"ip":"93.221.150.186"}}"##,
            "An anonymous user (93.221.150.186) updated page Diskussion:Sebastian Schulz in #de.wikipedia from 93.221.150.186 (edit)",
        ),
        // No actor: passive, and nobody is guessed.
        (
            r#"{"action":"delete","targets":[{"type":"domain","name":"customer.com"}],"client":{"ip":"192.168.1.1"},"outcome":{"result":"success"}}"#,
            "Domain customer.com was successfully deleted from 192.168.1.1",
        ),
        (
            r#"{"action":"delete","targets":[{"type":"domain","name":"customer.com"}],"outcome":{"result":"denied"}}"#,
            "An attempt was made to delete domain customer.com; it was denied",
        ),
        (
            r#"{"tenant":"acme","action":"login","client":{"ip":"fe80::1%eth0"},"outcome":{"result":"challenge"}}"#,
            "\"login\" was attempted in acme from fe80::1%eth0; it was challenged",
        ),
        (r#"{"action":"whatever"}"#, "\"whatever\" was performed"),
        // System is said of actors of that type only.
        (
            r#"{"actor":{"type":"system","username":"nightly"},"action":"restart","targets":[{"type":"server","name":"core1"}]}"#,
            "System (nightly) restarted server core1",
        ),
        (
            r#"{"actor":{"type":"user","username":"System"},"action":"restart","targets":[{"type":"server"}]}"#,
            "System restarted a server",
        ),
        (
            r#"{"actor":{"type":"api_key","id":"ci"},"action":"x.y","targets":[{"name":"a"},{"name":"b"},{"name":"c"}],"outcome":{"result":"unknown"}}"#,
            "API key ci performed \"x.y\" on a and 2 more; its outcome is unknown",
        ),
        (r#"{"actor":{"groups":["g"]},"action":"Delete"}"#, "Someone performed \"Delete\""),
        (
            r#"{"actor":{"id":"u1","username":"alice"},"action":"login","targets":[{"type":"user","id":"u1"}],"occurrences":{"count":3}}"#,
            "alice logged in as their own account, 3 times",
        ),
        (
            r#"{"actor":{"username":"alice"},"action":"user.login","targets":[{"type":"user","id":"bob"}]}"#,
            "alice logged in as user bob",
        ),
        (
            r#"{"actor":{"username":"alice"},"action":"login","tenant":"acme","targets":[{"type":"portal","name":"billing"}]}"#,
            "alice logged in to portal billing in acme",
        ),
        (
            r#"{"actor":{"username":"alice"},"action":"Security Warning","targets":[{"type":"mac","id":"00:11"}]}"#,
            "alice raised the security warning \"Security Warning\" about MAC 00:11",
        ),
        (
            r#"{"actor":{"username":"a\nb\u202e\u0007"},"action":"view","targets":[{"type":"api_key","name":"k"}]}"#,
            "a b viewed API key k",
        ),
    ] {
        assert_eq!(derive(json).summary, summary, "{json}");
    }
    let long = derive(
        &serde_json::json!({"action": "x".repeat(9000), "actor": {"id": "y".repeat(9000)}}).to_string(),
    );
    assert!(long.summary.len() < 400, "{}", long.summary);
}

#[test]
fn a_rule_set_reads_back_and_can_be_edited() {
    let builtin = RuleSet::builtin();
    let again = RuleSet::from_json(&builtin.to_json()).unwrap();
    assert_eq!((again.version(), again.to_json()), (1, builtin.to_json()));
    let mut edited: serde_json::Value = serde_json::from_str(&builtin.to_json()).unwrap();
    let rule = serde_json::json!({"type": "export", "action": "get *", "application": ["billing *"]});
    edited["mapping"].as_array_mut().unwrap().insert(0, rule);
    let edited = RuleSet::from_json(&edited.to_string()).unwrap().with_version(2);
    assert_eq!(edited.version(), 2);
    assert_eq!(RuleSet::from_json(&edited.to_json()).unwrap().version(), 2);
    for (application, action_type) in [("Billing-Portal", "export"), ("billing", "export"), ("web", "view")] {
        let json = format!(r#"{{"action":"GetInvoice","source":{{"application":"{application}"}}}}"#);
        assert_eq!(&*edited.derive(&event(&json)).action_type, action_type, "{application}");
    }
    assert_eq!(&*edited.derive(&event(r#"{"action":"GetInvoice"}"#)).action_type, "view");
}

#[test]
fn the_first_rule_that_takes_a_name_wins() {
    let set = |mapping: serde_json::Value| {
        let mut set: serde_json::Value = serde_json::from_str(&RuleSet::builtin().to_json()).unwrap();
        set["mapping"] = mapping;
        RuleSet::from_json(&set.to_string()).unwrap()
    };
    let rules = [
        serde_json::json!({"type": "view", "action": "* x"}),
        serde_json::json!({"type": "send", "first_word": ["a"]}),
        serde_json::json!({"type": "load", "any_word": "x"}),
        serde_json::json!({"type": "create", "action": ["a *", "a x"]}),
        serde_json::json!({"type": "delete", "last_word": "x"}),
    ];
    for n in 0..rules.len() {
        let mut rotated = rules.to_vec();
        rotated.rotate_left(n);
        let expected = rotated[0]["type"].as_str().unwrap().to_owned();
        assert_eq!(*set(rotated.into()).derive(&event(r#"{"action":"a x"}"#)).action_type, *expected);
    }
}

#[test]
fn a_rule_set_is_refused_with_a_pointer_to_each_problem() {
    let with = |pointer: &str, value: serde_json::Value| {
        let mut set: serde_json::Value = serde_json::from_str(&RuleSet::builtin().to_json()).unwrap();
        match set.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => {
                let (parent, name) = pointer.rsplit_once('/').unwrap();
                set.pointer_mut(parent).unwrap()[name] = value;
            }
        }
        set.to_string()
    };
    use Code::*;
    use serde_json::json;
    for (pointer, value, code, field) in [
        ("/extra", json!(1), UnknownField, "/extra"),
        ("/version", json!(0), NumberOutOfRange, "/version"),
        ("/version", json!("1"), NumberOutOfRange, "/version"),
        ("/version", json!(null), MissingField, "/version"),
        ("/mapping", json!(null), MissingField, "/mapping"),
        ("/mapping", json!({}), WrongType, "/mapping"),
        ("/mapping/0", json!(["x"]), WrongType, "/mapping/0"),
        ("/mapping/0/typo", json!("x"), UnknownField, "/mapping/0/typo"),
        ("/mapping/0/type", json!("logn"), InvalidEnum, "/mapping/0/type"),
        ("/mapping/0/type", json!(["login", "view"]), WrongType, "/mapping/0/type"),
        ("/mapping/0", json!({"type": "login"}), MissingField, "/mapping/0/action"),
        ("/mapping/0/action", json!([]), WrongType, "/mapping/0/action"),
        ("/mapping/0/action/1", json!("--"), InvalidString, "/mapping/0/action/1"),
        (
            "/mapping/0",
            json!({"type": "login", "first_word": ["log in"]}),
            InvalidString,
            "/mapping/0/first_word/0",
        ),
        ("/object_types/0/category", json!("nowhere"), InvalidEnum, "/object_types/0/category"),
        ("/object_types/0/colour", json!("pink"), InvalidEnum, "/object_types/0/colour"),
        ("/object_types/0/id", json!("O Auth"), InvalidId, "/object_types/0/id"),
        ("/object_types/0/aliases", json!(["call_queue"]), DuplicateKey, "/object_types/16"),
        ("/categories/1/id", json!("authentication"), DuplicateKey, "/categories/1"),
        ("/action_types/0/label", json!(" "), MissingField, "/action_types/0/label"),
        ("/action_types/0/alone", json!("yes"), WrongType, "/action_types/0/alone"),
        ("/severities/0/severity", json!("High"), InvalidEnum, "/severities/0/severity"),
        ("/severities/0/object_type", json!(["nothing"]), InvalidEnum, "/severities/0/object_type/0"),
        ("/colours/0/outcome", json!(["maybe"]), InvalidEnum, "/colours/0/outcome/0"),
        ("/details/0/template", json!("{{ nobody }}"), InvalidString, "/details/0/template"),
    ] {
        let json = with(pointer, value);
        let error = RuleSet::from_json(&json).expect_err(pointer);
        let found = error.problems.iter().any(|problem| problem.code == code && problem.field == field);
        assert!(found, "{pointer}: {:?}", error.problems);
    }
    let no_other = RuleSet::from_json(
        r#"{"version":1,"action_types":[],"categories":[],"object_types":[],"mapping":[]}"#,
    );
    assert_eq!(no_other.unwrap_err().problems[0].field, "/action_types");
    for (json, code) in [
        ("", EmptyBody),
        ("{", MalformedJson),
        ("[]", WrongType),
        (r#"{"version":1,"version":2}"#, DuplicateKey),
        (&"[".repeat(100_000), TooDeep),
    ] {
        assert_eq!(RuleSet::from_json(json).unwrap_err().problems[0].code, code);
    }
}

/// The tables of `docs/events.md` are the catalogue's.
#[test]
fn the_documentation_lists_the_catalogue() {
    let docs = include_str!("../../../../docs/events.md");
    let rules = RuleSet::builtin();
    for known in rules.action_types() {
        let row =
            format!("| `{}` | {} | {} | {} |", known.id, known.label, known.colour, known.severity.as_str());
        assert!(docs.contains(&row), "{row}");
    }
    for category in rules.categories() {
        let row = docs.lines().find(|line| line.starts_with(&format!("| {} | ", category.label))).unwrap();
        let types = row.split(" | ").nth(1).unwrap().trim_end_matches(" |");
        let listed: Vec<_> = types.split(", ").map(|label| label.split(" (").next().unwrap()).collect();
        let known = rules.object_types().iter().filter(|known| known.category == category.id);
        assert_eq!(listed, known.map(|known| known.label.as_str()).collect::<Vec<_>>());
    }
    let template = docs.lines().find(|line| line.starts_with("{% for p in parameters %}")).unwrap();
    let template = Template::new(template).unwrap();
    let event = r#"{"parameters":{"Recording Id":"c333","Recording group":"Group1"}}"#;
    let context =
        Context { event, action_type: "x", action_label: "x", object_type: None, object_label: None };
    assert_eq!(template.render(context), "Recording Id {c333}, Recording group {Group1}");
}

/// Every event gets an answer from the built-in rules, in bounded space.
#[test]
fn deriving_a_mebibyte_is_quick() {
    let targets: Vec<_> =
        (0..256).map(|n| serde_json::json!({"type": "user", "name": "n".repeat(n + 1)})).collect();
    let changes: Vec<_> = (0..256)
        .map(|n| serde_json::json!({"field": "f".repeat(n + 1), "new": {"a": "b".repeat(3000)}}))
        .collect();
    let json = serde_json::json!({"action": "Add New User", "actor": {"id": "x"}, "targets": targets, "changes": changes});
    let event = event(&json.to_string());
    let started = std::time::Instant::now();
    let derived = RuleSet::builtin().derive(&event);
    assert!(started.elapsed().as_secs() < 2, "took {:?}", started.elapsed());
    assert!(derived.details.unwrap().len() <= 64 << 10);
    for word in ["logged ", "bad password ", "x", "Play Recording"] {
        let json = serde_json::json!({"action": word.repeat((1 << 19) / word.len()), "actor": {"id": word.repeat(5000)},
            "source": {"application": word.repeat(5000)}, "outcome": {"result": "failure", "reason": word.repeat(5000)},
            "targets": [{"type": word.repeat(5000), "id": word.repeat(5000)}]});
        let event = self::event(&json.to_string());
        RuleSet::builtin().derive(&event);
        RuleSet::builtin().action_colour(&event);
    }
    assert!(started.elapsed().as_secs() < 4, "took {:?}", started.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever an editor makes of the built-in rules is refused with pointers or works for any event.
    #[test]
    fn a_damaged_rule_set_is_refused_or_works(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..40_usize, "[\\[\\]{}\",:a-z0-9 ]{0,6}"), 1..3),
        action in any::<String>(),
    ) {
        let mut text = RuleSet::builtin().to_json();
        for (at, remove, insert) in cuts {
            let at = at.index(text.len() + 1);
            let to = (at + remove).min(text.len());
            if text.is_char_boundary(at) && text.is_char_boundary(to) {
                text.replace_range(at..to, &insert);
            }
        }
        match RuleSet::from_json(&text) {
            Ok(rules) => {
                let json = serde_json::json!({"action": format!("x{action}"), "targets": [{"type": action}]});
                let derived = rules.derive(&event(&json.to_string()));
                prop_assert!(rules.action_type(&derived.action_type).is_some());
                prop_assert!(!derived.summary.is_empty());
            }
            Err(error) => prop_assert!(!error.problems.is_empty() && error.problems.len() <= 100),
        }
    }
}

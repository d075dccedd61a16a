//! The built-in mappings on real records.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use indelible_event::{ActorType, OutcomeResult};

use super::*;

fn sample(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/events").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every record of a sample as an event, with what was not understood and how often.
fn read_sample(mapping: &str, name: &str) -> (Vec<Event>, BTreeMap<String, usize>) {
    let mapping = Registry::builtin().get(mapping).unwrap();
    let (mut events, mut unknown) = (Vec::new(), BTreeMap::new());
    for (line, record) in sample(name).lines().enumerate() {
        let mapped = apply(mapping, record);
        assert_eq!(mapped.warnings, [], "line {}", line + 1);
        assert_eq!(mapped.event.data.as_ref().unwrap().get(), record);
        for path in mapped.not_understood {
            *unknown.entry(path).or_default() += 1;
        }
        // What is stored reads back as the same event.
        let again = Registry::builtin().decode_stored(
            4,
            "application/x-ndjson",
            mapping.name(),
            mapping.version(),
            record.as_bytes(),
        );
        assert_eq!(again, mapped.event, "line {}", line + 1);
        events.push(mapped.event);
    }
    (events, unknown)
}

fn counts<T: Ord>(items: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    items.fold(Default::default(), |mut counts, item| {
        *counts.entry(item).or_default() += 1;
        counts
    })
}

#[test]
fn cloudtrail_is_understood() {
    let (events, unknown) = read_sample("aws-cloudtrail", "aws-cloudtrail.ndjson");
    assert_eq!(events.len(), 2900);
    assert_eq!(unknown, Default::default());
    let ids: HashSet<_> = events.iter().map(|event| event.id.as_deref().unwrap()).collect();
    assert_eq!(ids.len(), 2900, "ids repeat");
    assert!(
        events.iter().all(|event| event.time.is_some() && event.tenant.as_deref() == Some("123837392027"))
    );
    let outcomes = counts(events.iter().map(|event| event.outcome.result.map_or("-", OutcomeResult::as_str)));
    assert_eq!(outcomes, [("denied", 60), ("failure", 240), ("success", 2600)].into());
    let actors = counts(
        events
            .iter()
            .map(|event| event.actor.as_ref().and_then(|actor| actor.kind).map_or("-", ActorType::as_str)),
    );
    assert_eq!(actors, [("role", 76), ("service", 76), ("user", 2748)].into());
    let named = events.iter().filter(|event| !event.targets.is_empty()).count();
    assert!(named > 1200, "{named} with a target");
}

#[test]
fn wikipedia_is_understood() {
    let (events, unknown) = read_sample("wikipedia", "wikipedia-edits.ndjson");
    assert_eq!(events.len(), 6048);
    assert_eq!(unknown, Default::default());
    assert_eq!(counts(events.iter().filter_map(|event| event.tenant.as_deref())).len(), 50);
    let actions = counts(events.iter().map(|event| event.action.as_str()));
    assert_eq!(actions, [("create page", 362), ("edit", 5686)].into());
    let actors = counts(
        events
            .iter()
            .map(|event| event.actor.as_ref().and_then(|actor| actor.kind).map_or("-", ActorType::as_str)),
    );
    assert_eq!(actors, [("anonymous", 539), ("service", 2505), ("user", 3004)].into());
    let with_address = events.iter().filter(|event| event.client.ip.is_some()).count();
    assert_eq!(with_address, 539);
    let ids: HashSet<_> = events.iter().map(|event| event.id.as_deref().unwrap()).collect();
    assert_eq!(ids.len(), 6048, "ids repeat");
}

#[test]
fn events_come_out_as_a_reader_of_the_vendor_s_documentation_expects() {
    for (name, file, part, want) in GOLDEN {
        let sample = sample(file);
        let record =
            sample.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("no line has {part}"));
        let got = without_data(apply(Registry::builtin().get(name).unwrap(), record).event);
        let want: serde_json::Value = serde_json::from_str(want).unwrap();
        assert_eq!(got, want, "{part}: {got}");
    }
}

/// Mapping, sample, what the record's line holds, and its event without `data`.
const GOLDEN: [(&str, &str, &str, &str); 10] = [
    (
        "aws-cloudtrail",
        "aws-cloudtrail.ndjson",
        r#""errorCode":"AccessDenied""#,
        r###"{"id":"e4bad408-6272-4892-bf47-bd41b435ce40","time":"2023-07-10T11:54:42Z","tenant":"123837392027","source":{"application":"sts","component":"AwsApiCall","node":"us-east-1","data_source":"aws-cloudtrail"},"actor":{"type":"user","id":"arn:aws:iam::123837392027:user/bert-jan","aliases":["AIDATFQR7NSC5AU2ZV3IE","AKIDBA7EBE4A1ADE6518"],"username":"bert-jan","tenant":"123837392027"},"client":{"ip":"192.168.10.20","user_agent":"stratus-red-team_39f95f43-cd2f-4beb-b69e-be60b6fe1f57","channel":"API"},"action":"AssumeRole","outcome":{"result":"denied","reason":"User: arn:aws:iam::123837392027:user/bert-jan is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123837392027:role/stratus-red-team-ec2-get-password-data-role","code":"AccessDenied"},"parameters":{"readOnly":true},"request_id":"e4ca758e-8abd-4be9-aeb1-04e7c92ed72e"}"###,
    ),
    (
        "aws-cloudtrail",
        "aws-cloudtrail.ndjson",
        r#""eventName":"UpdateInstanceInformation""#,
        r###"{"id":"6bf8950b-f1ed-439d-8fc8-211645bfbe0f","time":"2023-07-10T11:57:16Z","tenant":"123837392027","source":{"application":"ssm","component":"AwsApiCall","node":"us-east-1","data_source":"aws-cloudtrail"},"actor":{"type":"role","id":"arn:aws:sts::123837392027:assumed-role/stratus-red-team-ec2-steal-credentials-role/i-0dbc91f429e48eeed","aliases":["i-0dbc91f429e48eeed","AROATFQR7NSC6Q6YRQ2Q7:i-0dbc91f429e48eeed","arn:aws:iam::123837392027:role/stratus-red-team-ec2-steal-credentials-role","AROATFQR7NSC6Q6YRQ2Q7","AKIDA5AF4D3AF0820452"],"username":"stratus-red-team-ec2-steal-credentials-role","tenant":"123837392027"},"client":{"ip":"3.225.16.109","user_agent":"aws-sdk-go/1.41.4 (go1.18.3; linux; amd64) amazon-ssm-agent/","channel":"API"},"action":"UpdateInstanceInformation","outcome":{"result":"success"},"targets":[{"type":"AWS::EC2::Instance","id":"i-0dbc91f429e48eeed"}],"parameters":{"instanceId":"i-0dbc91f429e48eeed","agentVersion":"3.1.1732.0","platformType":"Linux","agentName":"amazon-ssm-agent","readOnly":false,"mfaAuthenticated":"false","ec2RoleDelivery":"2.0"},"request_id":"1bad62b2-0ac5-4236-872b-53b306ad0db3"}"###,
    ),
    (
        "aws-cloudtrail",
        "aws-cloudtrail.ndjson",
        r#""type":"AWSService""#,
        r###"{"id":"55e25aa9-7165-446e-aef6-815c7a79a961","time":"2023-07-10T11:55:22Z","tenant":"123837392027","source":{"application":"sts","component":"AwsApiCall","node":"us-east-1","data_source":"aws-cloudtrail"},"actor":{"type":"service","id":"ec2.amazonaws.com"},"client":{"host":"ec2.amazonaws.com","user_agent":"ec2.amazonaws.com","channel":"API"},"action":"AssumeRole","outcome":{"result":"success"},"targets":[{"type":"AWS::IAM::Role","id":"arn:aws:iam::123837392027:role/stratus-red-team-ec2-steal-credentials-role","aliases":["stratus-red-team-ec2-steal-credentials-role"],"tenant":"123837392027"}],"related":[{"type":"shared event","id":"9afb1ca1-b70a-480d-8475-233f825f865e"}],"parameters":{"roleArn":"arn:aws:iam::123837392027:role/stratus-red-team-ec2-steal-credentials-role","roleSessionName":"i-0dbc91f429e48eeed","readOnly":true,"invokedBy":"ec2.amazonaws.com"},"request_id":"95b435ce-68af-4a4b-b89c-f653d8946ebc"}"###,
    ),
    (
        "aws-cloudtrail",
        "aws-cloudtrail.ndjson",
        r#"SharedSnapshotVolumeCreated"#,
        r###"{"id":"895dc875-cb08-45a5-b8c2-9158838741c0","time":"2023-07-10T11:55:23Z","tenant":"123837392027","source":{"application":"ec2","component":"AwsServiceEvent","node":"us-east-1","data_source":"aws-cloudtrail"},"actor":{"type":"service","id":"ec2.amazonaws.com","tenant":"123837392027"},"client":{"host":"ec2.amazonaws.com","user_agent":"ec2.amazonaws.com"},"action":"SharedSnapshotVolumeCreated","outcome":{"result":"success"},"related":[{"type":"shared event","id":"b81f7fe5-36b5-49ea-bbc9-6a9007e733c0"}],"parameters":{"readOnly":false,"invokedBy":"ec2.amazonaws.com","serviceEventDetails":{"snapshotId":"snap-0e83092ae538da583"}}}"###,
    ),
    (
        "aws-cloudtrail",
        "aws-cloudtrail.ndjson",
        r#""eventName":"CreateAccessKey""#,
        r###"{"id":"64b7de64-bf53-47ae-b7e3-d30cb1b5136e","time":"2023-07-10T12:24:29Z","tenant":"123837392027","source":{"application":"iam","component":"AwsApiCall","node":"us-east-1","data_source":"aws-cloudtrail"},"actor":{"type":"user","id":"arn:aws:iam::123837392027:user/bert-jan","aliases":["AIDATFQR7NSC5AU2ZV3IE","AKIDBA7EBE4A1ADE6518"],"username":"bert-jan","tenant":"123837392027"},"client":{"ip":"192.168.10.20","user_agent":"stratus-red-team_61e3765a-ab18-4da8-b5ac-4ec10986ed4b","channel":"API"},"action":"CreateAccessKey","outcome":{"result":"success"},"targets":[{"type":"AWS::IAM::User","id":"stratus-red-team-backdoor-u-user"},{"type":"AWS::IAM::AccessKey","id":"AKIDD15F97EFF9DB6E16"}],"parameters":{"userName":"stratus-red-team-backdoor-u-user","readOnly":false},"request_id":"6e516ef1-9cd8-47ad-b467-3f672af5d137"}"###,
    ),
    (
        "aws-cloudtrail",
        "aws-cloudtrail.ndjson",
        r#""eventName":"CheckMfa""#,
        r###"{"id":"74b4a7d6-764d-4ec8-bbd4-91e7a84e6780","time":"2023-07-10T12:27:31Z","tenant":"123837392027","source":{"application":"signin","component":"AwsConsoleSignIn","node":"us-east-1","data_source":"aws-cloudtrail"},"actor":{"type":"user","id":"AIDATFQR7NSC5AU2ZV3IE","username":"bert-jan","tenant":"123837392027"},"client":{"ip":"10.8.8.10","user_agent":"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:102.0) Gecko/20100101 Firefox/102.0","channel":"AdminConsole"},"action":"CheckMfa","outcome":{"result":"success"},"parameters":{"MfaType":"Virtual MFA","readOnly":false}}"###,
    ),
    (
        "aws-cloudtrail",
        "aws-cloudtrail.ndjson",
        r#""eventName":"DeleteBucketPolicy""#,
        r###"{"id":"b921a62d-9241-42a2-bb3c-6821e55c20cd","time":"2023-07-10T12:28:24Z","tenant":"123837392027","source":{"application":"s3","component":"AwsApiCall","node":"us-east-1","data_source":"aws-cloudtrail"},"actor":{"type":"user","id":"arn:aws:iam::123837392027:user/bert-jan","aliases":["AIDATFQR7NSC5AU2ZV3IE","AKIDBA7EBE4A1ADE6518"],"username":"bert-jan","tenant":"123837392027"},"client":{"ip":"192.168.10.20","user_agent":"[stratus-red-team_b1d7e3ac-1a0f-40b2-b062-a4297558e42f]","channel":"API"},"action":"DeleteBucketPolicy","outcome":{"result":"success"},"targets":[{"type":"AWS::S3::Bucket","id":"stratus-red-team-bdbp-lhfzvgcamn","aliases":["arn:aws:s3:::stratus-red-team-bdbp-lhfzvgcamn"],"tenant":"123837392027"}],"parameters":{"bucketName":"stratus-red-team-bdbp-lhfzvgcamn","Host":"stratus-red-team-bdbp-lhfzvgcamn.s3.us-east-1.amazonaws.com","policy":"","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","bytesTransferredOut":0,"readOnly":false},"request_id":"Z8ACGF9H5JD4TYH9"}"###,
    ),
    (
        "aws-cloudtrail",
        "aws-cloudtrail.ndjson",
        r#""eventName":"Decrypt""#,
        r###"{"id":"c6ebc8b7-572c-4123-92bf-9d94933724ca","time":"2023-07-10T11:57:50Z","tenant":"123837392027","source":{"application":"kms","component":"AwsApiCall","node":"us-east-1","data_source":"aws-cloudtrail"},"actor":{"type":"user","id":"arn:aws:iam::123837392027:user/bert-jan","aliases":["AIDATFQR7NSC5AU2ZV3IE","AKID16627529725EE581"],"username":"bert-jan","tenant":"123837392027"},"client":{"host":"secretsmanager.amazonaws.com","user_agent":"secretsmanager.amazonaws.com","channel":"API"},"action":"Decrypt","outcome":{"result":"success"},"targets":[{"type":"AWS::SecretsManager::Secret","id":"arn:aws:secretsmanager:us-east-1:123837392027:secret:stratus-red-team-retrieve-secret-14-ZgthLn"},{"type":"AWS::KMS::Key","id":"arn:aws:kms:us-east-1:123837392027:key/dad21b23-9915-42bd-981b-2a9f3c8f20c8","name":"dad21b23-9915-42bd-981b-2a9f3c8f20c8","tenant":"123837392027"}],"related":[{"type":"AWS::EC2::VPCEndpoint","id":"vpce-0d985940f92611b87"}],"parameters":{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","encryptionContext":{"SecretARN":"arn:aws:secretsmanager:us-east-1:123837392027:secret:stratus-red-team-retrieve-secret-14-ZgthLn","SecretVersionId":"B2617553-D7AD-4E0A-B780-1FEE2DE64093"},"readOnly":true,"invokedBy":"secretsmanager.amazonaws.com","mfaAuthenticated":"false"},"request_id":"667f6ef8-c878-4517-bc4a-a6fb04ad2dac"}"###,
    ),
    (
        "wikipedia",
        "wikipedia-edits.ndjson",
        r#""isAnonymous":true"#,
        r###"{"id":"wp-00fa69b81a1a28eb80a0ea53f9ad1fb2","time":"2015-09-12T00:49:23.066Z","tenant":"de.wikipedia","source":{"application":"wikipedia","component":"Diskussion","data_source":"recent-changes"},"actor":{"type":"anonymous","id":"93.221.150.186"},"client":{"ip":"93.221.150.186"},"action":"edit","outcome":{"result":"success"},"targets":[{"type":"page","id":"Diskussion:Sebastian Schulz","name":"Diskussion:Sebastian Schulz"}],"details":"Neuer Abschnitt /* Mad Men */","parameters":{"namespace":"Diskussion","minor":false,"new":false,"robot":false,"unpatrolled":false,"delta":167,"added":167,"deleted":0,"countryIsoCode":"DE","country":"Germany","regionIsoCode":"HE","region":"Hesse","city":"Darmstadt"}}"###,
    ),
    (
        "wikipedia",
        "wikipedia-edits.ndjson",
        r#""isNew":true"#,
        r###"{"id":"wp-71d5cb625cc39c2851d6db535c7f869c","time":"2015-09-12T00:51:12.957Z","tenant":"ar.wikipedia","source":{"application":"wikipedia","component":"Main","data_source":"recent-changes"},"actor":{"type":"user","id":"عبد المؤمن","username":"عبد المؤمن"},"action":"create page","outcome":{"result":"success"},"targets":[{"type":"page","id":"شوط","name":"شوط"}],"details":"أنشأ الصفحة ب''''شوط''' [[المحرك المتردد]]<ref>[http://encyc.reefnet.gov.sy/?page=entry&id=198279 الموسوعة الميسرة]</ref> حركة ((ذهاب)) أو ((...'","parameters":{"namespace":"Main","minor":false,"new":true,"robot":false,"unpatrolled":false,"delta":552,"added":552,"deleted":0}}"###,
    ),
];

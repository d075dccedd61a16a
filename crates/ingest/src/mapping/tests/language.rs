//! What `docs/importing.md` says of the language.

use indelible_event::Code;
use serde_json::value::RawValue;

use super::*;

/// What `expr` gives for `record`, as JSON; `None` for nothing.
fn value(expr: &str, record: &str) -> Option<String> {
    let text = format!(
        "[tables.words]\nyes = \"success\"\n\"No*\" = 4\n[tables.rest]\n\"*\" = true\n[let]\nl = \"list\"\n\
         [event]\naction = \"'a'\"\n[event.parameters]\nv = '''{expr}'''"
    );
    let mapped = apply(&mapping(&text), record);
    mapped.event.parameters.first().map(|(_, raw)| raw.get().to_owned())
}

pub(super) const RECORD: &str = r#"{"a":{"b":"B","c.d":"CD","n":null},"list":[{"k":"x","v":1},{"k":"y","v":[2,3]},{"k":"y","v":"z"}],
 "big":12345678901234567890,"flag":true,"off":false,"empty":"","text":" Mail:ada@x.org ","csv":"a,b,,c","if":"word",
 "json":"{\"in\":{\"x\":[1.50]}}","hex":"2F7573722F","kv":"msg=audit(1.5:7): res=success cmd=\"a b\" msg='uid=0 x=1'",
 "@type":"T","2fa":"on","no":"No idea","before":{"p":1,"q":"old","r":true},"after":{"p":1,"q":"new","s":null}}"#;

#[test]
fn expressions_give_what_the_documentation_says() {
    for (expr, want) in [
        // Paths.
        ("a.b", Some(r#""B""#)),
        ("a.`c.d`", Some(r#""CD""#)),
        ("a.x", None),
        ("a.n", None),
        ("$.a.b", Some(r#""B""#)),
        ("$l[0].k", Some(r#""x""#)),
        ("list[-1].v", Some(r#""z""#)),
        ("list[9]", None),
        ("list[].k", Some(r#"["x","y","y"]"#)),
        ("list[].v", Some(r#"[1,[2,3],"z"]"#)),
        ("list[].v[]", Some(r#"[1,2,3,"z"]"#)),
        ("list[k='x'].v", Some("1")),
        ("list[k='y'].v", Some(r#"[[2,3],"z"]"#)),
        ("list[k='w']", None),
        ("list[v='1'].k", Some(r#""x""#)),
        ("@type", Some(r#""T""#)),
        ("2fa", Some(r#""on""#)),
        ("`if`", Some(r#""word""#)),
        ("a", Some(r#"{"b":"B","c.d":"CD","n":null}"#)),
        ("big", Some("12345678901234567890")),
        // Constants and texts.
        ("'it''s {{x}}'", Some(r#""it's {x}""#)),
        ("12", Some("12")),
        ("-1.5e3", Some("-1.5e3")),
        ("true", Some("true")),
        ("null", None),
        ("'{a.b}/{big}'", Some(r#""B/12345678901234567890""#)),
        ("'{a.b}/{a.x}'", None),
        ("'{a.b}/{a.x?}'", Some(r#""B/""#)),
        ("'{a.x ?? 'none'}'", Some(r#""none""#)),
        // First of, conditions.
        ("a.x ?? a.n ?? empty ?? a.b", Some(r#""B""#)),
        ("a.x ?? empty", Some(r#""""#)),
        ("if flag then 'y' else 'n'", Some(r#""y""#)),
        ("if off then 'y' else if empty then 'e' else 'n'", Some(r#""n""#)),
        ("if off then 'y'", None),
        ("if not off and (a.b == 'B' or a.b == 'C') then 1", Some("1")),
        ("a.b != 'C'", Some("true")),
        ("a.x == null", Some("true")),
        ("a.x != 'C'", Some("true")),
        ("big == 12345678901234567890", Some("true")),
        ("a.b in ('A', 'B')", Some("true")),
        ("a.b in ()", Some("false")),
        ("a.x ?? if flag then 'deep'", Some(r#""deep""#)),
        // Steps.
        ("text | trim | lower | strip 'mail:'", Some(r#""ada@x.org""#)),
        ("text | after '@' | trim | upper", Some(r#""X.ORG""#)),
        ("text | after '#'", None),
        ("text | before '#' ?? 'all'", Some(r#""all""#)),
        ("'a.b.c' | before_last '.'", Some(r#""a.b""#)),
        ("'a.b.c' | after_last '.'", Some(r#""c""#)),
        ("'a.b.c' | before '.'", Some(r#""a""#)),
        ("'file.txt' | strip_end '.txt' | strip 'x'", Some(r#""file""#)),
        ("csv | split ','", Some(r#"["a","b","","c"]"#)),
        ("csv | split ',' | none '' | join '+'", Some(r#""a+b+c""#)),
        ("csv | split ',' | at 1", Some(r#""b""#)),
        ("csv | split ',' | last", Some(r#""c""#)),
        ("csv | split ',' | at 7", None),
        ("'T3007W' | char -1", Some(r#""W""#)),
        ("'é' | char 0", Some(r#""é""#)),
        ("'é' | char 1", None),
        ("list[].k | distinct | count", Some("2")),
        ("a.x | count", Some("0")),
        ("empty | none ''", None),
        ("'yes' | lookup words", Some(r#""success""#)),
        ("no | lookup words", Some("4")),
        ("'maybe' | lookup words", None),
        ("'maybe' | lookup rest", Some("true")),
        ("flag | text", Some(r#""true""#)),
        ("' 12 ' | number", Some("12")),
        ("'1x' | number", None),
        ("hex | hex", Some(r#""/usr/""#)),
        ("'2F7' | hex", None),
        ("'zz' | hex", None),
        ("json | json", Some(r#"{"in":{"x":[1.50]}}"#)),
        ("a.b | json ?? a.b", Some(r#""B""#)),
        ("kv | keyvalues", Some(r#"{"msg":["audit(1.5:7):","uid=0 x=1"],"res":"success","cmd":"a b"}"#)),
        (
            "'n=2F62696E m=2F62696E q=\"3005\" x=GG a0=\"4142\" a1=4142 n2=zz' | keyvalues 'n' 'q' 'x' 'a*'",
            Some(r#"{"n":"/bin","m":"2F62696E","q":"3005","x":"GG","a0":"4142","a1":"AB","n2":"zz"}"#),
        ),
        ("list | pairs 'k' 'v'", Some(r#"{"x":1,"y":[[2,3],"z"]}"#)),
        ("list | pairs 'k' 'w' 'v'", Some(r#"{"x":1,"y":[[2,3],"z"]}"#)),
        ("list | pairs 'v' 'n' 'k' | keep '1'", Some(r#"{"1":"x"}"#)),
        ("list | pairs 'k' 'w'", Some("{}")),
        ("list(a, a) | pairs 'b' 'n' 'c.d'", Some(r#"{"B":["CD","CD"]}"#)),
        ("list(a) | pairs 'b' 'n'", Some(r#"{"B":null}"#)),
        ("before | entries | at 0", Some(r#"{"name":"p","value":1}"#)),
        ("before | keys", Some(r#"["p","q","r"]"#)),
        ("before | values", Some(r#"[1,"old",true]"#)),
        ("before | omit 'p' 'r'", Some(r#"{"q":"old"}"#)),
        ("list[0] | under 'k'", Some("{}")),
        ("before | under 'p'", Some("{}")),
        ("merge(a, before) | under 'c.' | keys", Some(r#"["d"]"#)),
        ("a.b | under 'B'", Some("{}")),
        ("'93' | pad 5 '0'", Some(r#""00093""#)),
        ("123456 | pad 5 '0'", Some(r#""123456""#)),
        ("list[v='1'].v | pad 2 'é'", Some(r#""é1""#)),
        ("'é' | pad 3 'x'", Some(r#""xxé""#)),
        ("'a=1 a=2 a=3' | keyvalues", Some(r#"{"a":["1","2","3"]}"#)),
        ("list[].k == list[].k", Some("true")),
        ("list[].k == list[].v", Some("false")),
        ("before | omit 'p*' 'x*'", Some(r#"{"q":"old","r":true}"#)),
        ("a | keep 'c*'", Some(r#"{"c.d":"CD"}"#)),
        ("before | keep 'p'", Some(r#"{"p":1}"#)),
        ("text | contains 'ada'", Some("true")),
        ("a.x | contains 'ada'", Some("false")),
        ("'abc' | starts 'ab'", Some("true")),
        ("'abc' | ends 'ab'", Some("false")),
        ("list(a.b, csv | split ',', a.x)", Some(r#"["B","a","b","","c"]"#)),
        ("merge(before, after) | keep 'q' 's'", Some(r#"{"q":"old","s":null}"#)),
        ("list(list[].v[], 1) | flat", Some(r#"[1,2,3,"z",1]"#)),
    ] {
        assert_eq!(value(expr, RECORD).as_deref(), want, "{expr}");
    }
    // Equal parts give equal hashes, and parts are not run together.
    let hash = |expr: &str| value(expr, RECORD).unwrap();
    assert_eq!(hash("hash('ab', 'c')"), hash("hash('ab', 'c')"));
    assert_ne!(hash("hash('ab', 'c')"), hash("hash('a', 'bc')"));
    assert_eq!(hash("hash($)").len(), 34);
}

#[test]
fn mistakes_name_file_line_column_and_field() {
    let text = r#"name = "Bad Name"
version = 0
colour = "red"
ignore = ["a[1]", 3]

[tables.t]
a = 1.5

[let]
x = "$y.z"

[event]
action = "eventName | shout"
idd = "x"
time = "t | time '%Y-%m-%d'"
severity = "'grave'"
details = "if a thn b"

[event.outcome]
result = "code | lookup nothing"

[[event.actor]]
type = "if x then 'user' else 'robot'"
id = 7

[[event.changes]]
field = "f"
before = "b"

[event.parameters]
p = "'{a'"
"#;
    let errors = Mapping::parse("bad.toml", text).unwrap_err().0;
    let got: Vec<_> = errors.iter().map(ToString::to_string).collect();
    let want = [
        "bad.toml:1:8: name: expected a name of a-z, 0-9 and -, at most 64 characters",
        "bad.toml:2:11: version: expected a whole number from 1 to 1000000",
        "bad.toml:3:1: colour: there is no `colour` here; there are name, version, title, about, input, shape, tables, let, ignore, event",
        "bad.toml:4:12: ignore: expected [] for the elements of a list",
        "bad.toml:4:19: ignore[1]: expected a text",
        "bad.toml:7:5: tables.t.a: expected a text, a whole number or true or false",
        "bad.toml:10:7: let.x: [let] has no `y` above",
        "bad.toml:13:23: event.action: no step is called `shout`",
        "bad.toml:14:1: event.idd: there is no `idd` here",
        "bad.toml:15:18: event.time: the pattern reads no offset",
        "bad.toml:16:12: event.severity: `grave` is not a value that this field can have",
        "bad.toml:17:17: event.details: expected `then`, found `t`",
        "bad.toml:20:25: event.outcome.result: [tables] has no `nothing`",
        "bad.toml:23:8: event.actor[0].type: `robot` is not a value that this field can have",
        "bad.toml:24:6: event.actor[0].id: expected an expression in quotes",
        "bad.toml:27:1: event.changes[0]: a change has either field",
        "bad.toml:31:9: event.parameters.p: expected `}`, found `'`",
    ];
    for (got, want) in got.iter().zip(want) {
        assert!(got.starts_with(want), "got  {got}\nwant {want}");
    }
    assert_eq!(got.len(), want.len(), "{got:#?}");

    let broken = Mapping::parse("x.toml", "name = \"x\"\nversion = ").unwrap_err().0;
    assert_eq!((broken.len(), broken[0].line), (1, 2));
}

#[test]
fn changes_come_in_every_shape() {
    let changes = |rule: &str, record: &str| {
        let text = format!("[event]\naction = \"'a'\"\n[[event.changes]]\n{rule}");
        let changes = apply(&mapping(&text), record).event.changes;
        let side =
            |raw: &Option<Box<RawValue>>| raw.as_ref().map_or("-".to_owned(), |raw| raw.get().to_owned());
        changes
            .iter()
            .map(|change| format!("{}:{}>{}", change.field, side(&change.old), side(&change.new)))
            .collect::<Vec<_>>()
    };
    // A list of old and new pairs; absent, null and "" are three things.
    assert_eq!(
        changes(
            "each = \"m\"\nfield = \"Name\"\nold = \"OldValue\"\nnew = \"NewValue\"",
            r#"{"m":[{"Name":"a","OldValue":"","NewValue":"x"},{"Name":"b","OldValue":null,"NewValue":2},{"Name":"c","NewValue":3},{"NewValue":4},{"Name":"d"}]}"#
        ),
        ["a:\"\">\"x\"", "b:null>2", "c:->3"]
    );
    // Whole objects before and after.
    assert_eq!(
        changes(
            "before = \"b\"\nafter = \"a\"",
            r#"{"b":{"p":1,"q":"old","r":true},"a":{"p":1,"q":"new","s":null}}"#
        ),
        ["q:\"old\">\"new\"", "s:->null", "r:true>-"]
    );
    // Only which fields changed.
    assert_eq!(
        changes("each = \"f\"\nfield = \"@\"", r#"{"f":["Groups",null,"E-mail"]}"#),
        ["Groups:->-", "E-mail:->-"]
    );
    // A list of them.
    assert_eq!(
        changes(
            "each = \"l\"\nwhen = \"a\"\nbefore = \"b\"\nafter = \"a\"",
            r#"{"l":[{"b":{"p":1},"a":{"p":2}},{"b":{"p":3}},{"a":{"q":4}}]}"#
        ),
        ["p:1>2", "q:->4"]
    );
    // New values only.
    assert_eq!(
        changes("field = \"'limit'\"\nnew = \"currentValue\"", r#"{"currentValue":12}"#),
        ["limit:->12"]
    );
    // JSON in a text.
    assert_eq!(
        changes(
            "each = \"m\"\nfield = \"Name\"\nnew = \"New | json ?? New\"",
            r#"{"m":[{"Name":"a","New":"[\"x\"]"},{"Name":"b","New":"plain"}]}"#
        ),
        ["a:->[\"x\"]", "b:->\"plain\""]
    );
    // Prose.
    assert_eq!(
        changes(
            "field = \"d | before ': from'\"\nold = \"d | after ': from ' | before ' to '\"\nnew = \"d | after ' to '\"",
            r#"{"d":"Recording: from On to Off"}"#
        ),
        ["Recording:\"On\">\"Off\""]
    );
    // Fields with old and new below their name.
    assert_eq!(
        changes(
            "each = \"c | entries\"\nfield = \"name\"\nold = \"value.from\"\nnew = \"value.to\"",
            r#"{"c":{"x":{"from":1,"to":2}}}"#
        ),
        ["x:1>2"]
    );
}

#[test]
fn odd_values_cost_a_warning_and_never_the_record() {
    let mapping = mapping(
        r#"[event]
id = "id"
time = "t | time 'ms'"
action = "what"
severity = "sev"
[event.actor]
type = "kind"
id = "who"
[event.client]
address = "ip"
port = "port"
[event.outcome]
result = "res"
[event.occurrences]
count = "n"
[[event.targets]]
each = "targets"
id = "@"
"#,
    );
    let targets = (0..300).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let record = format!(
        r#"{{"id":"a b","t":"soon","sev":"grave","kind":"robot","who":"ada","ip":"10.0.0.0/8","port":"99999","res":"maybe","n":0,"targets":[{targets}]}}"#
    );
    let Mapped { event, warnings, not_understood } = apply(&mapping, &record);
    let mut fields: Vec<_> = warnings.iter().map(|warning| (warning.code, warning.field.as_str())).collect();
    fields.sort_by_key(|(_, field)| *field);
    assert_eq!(
        fields,
        [
            (Code::MissingField, "/action"),
            (Code::InvalidEnum, "/actor/type"),
            (Code::InvalidIp, "/client/ip"),
            (Code::NumberOutOfRange, "/client/port"),
            (Code::InvalidId, "/id"),
            (Code::NumberOutOfRange, "/occurrences/count"),
            (Code::InvalidEnum, "/outcome/result"),
            (Code::InvalidEnum, "/severity"),
            (Code::TooManyItems, "/targets"),
            (Code::InvalidTime, "/time"),
        ]
    );
    assert_eq!((event.action.as_str(), event.targets.len()), (NO_ACTION, 256));
    assert!(event.id.as_deref().is_some_and(|id| is_event_id(id) && id.starts_with("t-")));
    assert_eq!(event.client.chain, ["10.0.0.0/8"]);
    assert_eq!(event.data.unwrap().get(), record);
    assert!(not_understood.is_empty(), "{not_understood:?}");
}

#[test]
fn times_out_of_range_are_not_believed() {
    let mapping = mapping("[event]\naction = \"'a'\"\ntime = \"t | time ?? t | time 's'\"");
    for (time, code) in [
        ("\"2025-01-01T00:00:00Z\"", None),
        ("1735689600", None),
        ("null", None),
        ("\"1969-12-31T23:59:59Z\"", Some(Code::TimeOutOfRange)),
        ("\"2026-01-02T00:00:01Z\"", Some(Code::TimeOutOfRange)),
        ("\"yesterday\"", Some(Code::InvalidTime)),
        ("[1]", Some(Code::InvalidTime)),
    ] {
        let mapped = apply(&mapping, &format!("{{\"t\":{time}}}"));
        assert_eq!(mapped.warnings.first().map(|warning| warning.code), code, "{time}");
        assert_eq!(mapped.event.time.is_some(), code.is_none() && time.len() > 4, "{time}");
    }
}

#[test]
fn says_what_it_did_not_take() {
    let mapping = mapping(
        r#"ignore = ["meta.*", "p_*", "rows[].skip"]
[event]
action = "what ?? name"
[event.actor]
id = "if kind == 'user' then uid else sid"
[event.parameters]
"*" = "args"
"#,
    );
    let record = r#"{"what":"w","name":"n","kind":"user","uid":"1","sid":"2","args":{"x":[1,{"y":2}]},"nothing":null,
        "meta":{"a":1,"b":{"c":2}},"p_row":1,"rows":[{"skip":1,"keep":2},{"keep":3,"odd name":4}],"e":{},"l":[]}"#;
    let mapped = apply(&mapping, record);
    assert_eq!(mapped.not_understood, ["sid", "rows[].keep", "rows[].`odd name`"]);
    let warnings = mapped.into_parsed().warnings;
    let fields: Vec<_> = warnings.iter().map(|warning| (warning.code, warning.field.as_str())).collect();
    assert_eq!(fields[2], (Code::UnknownField, "/rows/-/odd name"));
    // What it says can be put into `ignore` as it is.
    assert!(mapped_ignoring(&["sid", "rows[].keep", "rows[].`odd name`"]).is_empty());

    fn mapped_ignoring(paths: &[&str]) -> Vec<String> {
        let text = format!("ignore = {paths:?}\n[event]\naction = \"'a'\"");
        let record = r#"{"sid":"2","rows":[{"keep":2},{"keep":3,"odd name":4}],"e":{},"l":[]}"#;
        apply(&super::mapping(&text), record).not_understood
    }
}

#[test]
fn a_record_that_is_no_evidence_is_refused() {
    let mapping = mapping("[event]\naction = \"'a'\"");
    let limits = Limits { event_bytes_max: 200, ..Limits::default() };
    let deep = "{\"a\":".repeat(33) + "1" + &"}".repeat(33);
    for (record, code) in [
        ("", Code::EmptyBody),
        ("[]", Code::WrongType),
        ("null", Code::WrongType),
        ("{\"a\":1,\"a\":2}", Code::DuplicateKey),
        ("{\"a\":\"\\ud800\"}", Code::InvalidString),
        ("{\"a\":", Code::MalformedJson),
        ("{} x", Code::MalformedJson),
        (&deep, Code::TooDeep),
        (&format!("{{\"a\":\"{}\"}}", "x".repeat(200)), Code::EventTooLarge),
    ] {
        let problems = mapping.apply(record, &limits, NOW).unwrap_err();
        assert_eq!(problems[0].code, code, "{record}");
    }
}

#[test]
fn lets_a_mapping_of_ones_own_send_events_in_the_api_s_shape() {
    let mapping = mapping(
        "[event]\naction = \"'a'\"\ntime = \"t | time 's'\"\n[event.occurrences]\ncount = \"n\"\nfirst = \"t | time 's'\"",
    );
    let record = r#"{"t":1700000000.25,"n":3,"deep":{"big":12345678901234567890}}"#;
    let json = apply(&mapping, record).to_api_json();
    let event = indelible_event::parse(&json, &Limits::default(), NOW).unwrap().event;
    assert_eq!(event.time.unwrap().at.as_micros(), 1_700_000_000_250_000);
    assert_eq!(event.data.unwrap().get(), record);
}

#[test]
fn single_fields_make_a_mapping() {
    let fields = [
        ("action", "what ?? 'x \"y\"'"),
        ("actor.id", "user"),
        ("targets.type", "'thing'"),
        ("targets.id", "id"),
        ("parameters.a.b", "p"),
        ("parameters.*", "rest"),
    ];
    let mapping = Mapping::from_fields(fields).unwrap();
    let mapped = apply(&mapping, r#"{"user":"ada","id":7,"p":[1],"rest":{"q":2},"more":0}"#);
    assert_eq!(
        without_data(mapped.event),
        serde_json::json!({"action": "x \"y\"", "actor": {"id": "ada"}, "targets": [{"type": "thing", "id": "7"}],
            "parameters": {"a.b": [1], "q": 2}})
    );
    assert_eq!(mapped.not_understood, ["more"]);
    let errors =
        Mapping::from_fields([("action", "a"), ("actor.nmae", "b"), ("time", "t | tim")]).unwrap_err();
    assert_eq!(
        errors.0.iter().map(|error| (error.line, error.field.as_str())).collect::<Vec<_>>(),
        [(2, "event.actor.nmae"), (3, "event.time")]
    );
}

#[test]
fn a_file_that_can_not_be_read_is_not_a_mistake_in_it() {
    let missing = Mapping::load(std::path::Path::new("no/such/mapping.toml")).unwrap_err();
    assert!(matches!(missing, LoadError::Read { .. }), "{missing}");
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/wikipedia.toml");
    assert_eq!(Mapping::load(&path).unwrap().name(), "wikipedia");
}

#[test]
fn an_answer_lists_only_so_many_warnings() {
    let members: Vec<_> = (0..100).map(|n| format!("\"f{n}\":{n}")).collect();
    let mapped = apply(&mapping("[event]\naction = \"'a'\""), &format!("{{{}}}", members.join(",")));
    assert_eq!(mapped.not_understood.len(), 100);
    let warnings = mapped.into_parsed().warnings;
    assert_eq!(warnings.len(), 32);
    assert!(
        warnings[31].message.ends_with("(and 68 more fields of this record)"),
        "{}",
        warnings[31].message
    );
}

fn documentation() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/importing.md");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_documentation_s_mappings_and_examples_are_true() {
    let documentation = documentation();
    let blocks: Vec<_> =
        documentation.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let whole = blocks.iter().filter(|block| block.contains("version ="));
    let mut mappings = 0;
    for block in whole {
        Mapping::parse("importing.md", block).unwrap_or_else(|errors| panic!("{errors}"));
        mappings += 1;
    }
    assert!(mappings >= 1);
    let misspelt = blocks[0].replace("| time", "| tiem");
    let mistake = Mapping::parse("door-log.toml", &misspelt).unwrap_err().to_string();
    assert!(documentation.contains(&format!("``{mistake}``")), "{mistake}");
    // Rows of tables: | `expression` | `value` | ...
    let mut examples = 0;
    let record = documentation.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let expressions = documentation.split("## Expressions").nth(1).unwrap();
    for row in expressions.lines().filter(|row| row.starts_with("| `")) {
        let cells: Vec<_> = row.split(" | ").map(str::trim).collect();
        let code = |cell: &str| cell.trim_matches(['|', ' ']).trim_matches('`').trim().replace("\\|", "|");
        let [expr, want, ..] = cells.as_slice() else { continue };
        if !want.starts_with('`') && !want.starts_with("nothing") {
            continue;
        }
        let want = (!want.starts_with("nothing")).then(|| code(want));
        assert_eq!(value(&code(expr), record), want, "{row}");
        examples += 1;
    }
    assert!(examples > 40, "{examples}");
}

#[test]
fn the_documentation_s_list_of_formats_is_that_of_the_mappings() {
    let documentation = documentation();
    let (before, rest) = documentation.split_once("<!-- formats").unwrap();
    let (comment, rest) = rest.split_once("-->\n").unwrap();
    let (table, after) = rest.split_once("<!-- /formats -->").unwrap();
    let mut wanted = "\n| `--format` | product | reads |\n|---|---|---|\n".to_owned();
    for mapping in Registry::builtin().newest() {
        let about = mapping.about().replace('|', "\\|");
        wanted.push_str(&format!("| `{}` | {} | {about} |\n", mapping.name(), mapping.title()));
    }
    wanted.push('\n');
    if std::env::var("INDELIBLE_BLESS").is_ok_and(|value| value == "1") {
        let text = format!("{before}<!-- formats{comment}-->\n{wanted}<!-- /formats -->{after}");
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/importing.md");
        std::fs::write(path, text).unwrap();
    } else {
        assert!(table == wanted, "the list in docs/importing.md is stale; INDELIBLE_BLESS=1 writes it");
    }
}

#[test]
fn a_record_made_to_be_slow_is_not() {
    let mapping = mapping(
        r#"[let]
kv = "line | keyvalues"
[event]
action = "'a'"
[event.actor]
aliases = ["list[].id"]
[event.parameters]
"*" = ["$kv", "many", "merge(many, $kv)", "list | pairs 'id' 'v'"]
[[event.targets]]
each = "list"
id = "id"
aliases = ["id"]
primary = "true"
[[event.changes]]
before = "$kv"
after = "many"
[[event.changes]]
each = "many | entries"
field = "name"
new = "value"
"#,
    );
    let count = 15_000;
    let many: Vec<_> = (0..count).map(|n| format!("\"m{n}\":{n}")).collect();
    let list: Vec<_> = (0..count).map(|n| format!("{{\"id\":\"i{n}\",\"v\":{n}}}")).collect();
    let line: Vec<_> = (0..count).map(|n| format!("k{n}={n}")).collect();
    let record = format!(
        "{{\"many\":{{{}}},\"list\":[{}],\"line\":\"{}\"}}",
        many.join(","),
        list.join(","),
        line.join(" ")
    );
    let started = std::time::Instant::now();
    let mapped = apply(&mapping, &record);
    // Work that grows with the square of the record takes minutes here; what it takes is well under a second.
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    let event = &mapped.event;
    assert_eq!([event.targets.len(), event.parameters.len(), event.changes.len()], [256; 3]);
    let fields: Vec<_> = mapped.warnings.iter().map(|warning| warning.field.as_str()).collect();
    assert_eq!(fields, ["/targets", "/parameters", "/changes"]);
}

//! No mapping takes more of time and memory than a record's budget: the record stays, what is too much is left out.

use std::time::{Duration, Instant};

use indelible_event::Code;
use proptest::prelude::*;

use super::*;

/// Far above what the budget takes in a build for tests, far below what these mappings would take without one.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Applies a mapping that wants too much, and reads the record again as a stored one is read.
#[track_caller]
fn too_much(mapping: &Mapping, record: &str) -> Event {
    let begin = Instant::now();
    let Mapped { event, warnings, .. } = apply(mapping, record);
    let again = mapping.decode(record).unwrap();
    assert!(begin.elapsed() < TIME_MAX, "took {:?}", begin.elapsed());
    assert_eq!(event.data.as_ref().unwrap().get(), record, "the record is whole");
    let over: Vec<_> = warnings.iter().filter(|warning| warning.field.is_empty()).collect();
    assert!(over.len() == 1 && over[0].code == Code::TooManyItems, "{warnings:?}");
    assert_eq!(event.to_json(), again.to_json(), "a stored record is read as it was");
    event
}

/// `[let]` of `count` values, each made of ten of the one before.
fn tenfold(count: usize, first: &str, of_ten: impl Fn(&str) -> String) -> String {
    let line = |n: usize| match n {
        0 => format!("v0 = \"{first}\"\n"),
        n => format!("v{n} = \"{}\"\n", of_ten(&format!("$v{}", n - 1))),
    };
    format!("[let]\n{}", (0..count).map(line).collect::<String>())
}

fn ten(one: &str, between: &str) -> String {
    [one; 10].join(between)
}

#[test]
fn lists_of_lists_and_texts_of_texts_end_with_a_warning() {
    let list = |one: &str| format!("list({})", ten(one, ","));
    let lists = tenfold(12, &list("a"), list) + "[event]\naction = \"$v11 | flat | join ','\"\nid = \"i\"\n";
    let text = |one: &str| format!("'{}'", ten(&format!("{{{one}}}"), ""));
    let texts = tenfold(12, &text("a"), text) + "[event]\naction = \"$v11\"\nid = \"i\"\n";
    for text in [lists, texts] {
        let event = too_much(&mapping(&text), r#"{"a":"x","i":"e1"}"#);
        assert_eq!(event.action, NO_ACTION);
    }
}

#[test]
fn elements_that_list_every_element_again_end_with_a_warning() {
    let text = "[event]\naction = \"'read'\"\nid = \"i\"\n[[event.targets]]\neach = \"x[].y[].z[]\"\n\
                id = \"$.x[].y[].z[] | join ','\"\n";
    let z = format!("[{}]", vec!["1"; 30].join(","));
    let y = format!("[{}]", vec![format!("{{\"z\":{z}}}"); 30].join(","));
    let x = format!("[{}]", vec![format!("{{\"y\":{y}}}"); 30].join(","));
    let event = too_much(&mapping(text), &format!("{{\"i\":\"e1\",\"x\":{x}}}"));
    assert_eq!((event.id.as_deref(), event.action.as_str()), (Some("e1"), "read"), "what came before stays");
}

#[test]
fn every_way_to_make_much_of_little_ends_with_a_warning() {
    let words = format!("\"{}\"", vec!["a=1"; 20_000].join(" "));
    let (record, list) = (format!("{{\"a\":{words}}}"), "list($w, $w, $w, $w, $w, $w, $w, $w, $w, $w)");
    for expr in [
        "a | keyvalues | entries | pairs 'value' 'name'",
        "$big | join 'a separator that is longer than what it parts'",
        "hash($big, $big, $big, $big)",
        "$big | distinct | pad 64 'x'",
        "merge($m, $m, $m, $m, $m) | keep 'a*' | under 'a' | keys",
        "$big == $big",
        "$big | upper | lower | upper | hex | count",
        "$big[] | time '%Y-%m-%d' 'UTC'",
    ] {
        let text = format!(
            "[let]\nw = \"a | split ' '\"\nm = \"a | keyvalues\"\nbig = \"{list}\"\n[event]\naction = \"'x'\"\n\
             [event.parameters]\n{}",
            (0..60).map(|n| format!("p{n} = \"{expr}\"\n")).collect::<String>()
        );
        too_much(&mapping(&text), &record);
    }
}

/// Each is over the budget by what that one thing costs, and within it without.
#[test]
fn every_single_thing_that_costs_is_paid_for() {
    let numbered = |count: usize, one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<Vec<_>>();
    let list = |count: usize| vec!["1"; count].join(",");
    let object = |count: usize| numbered(count, &|n| format!("\"m{n}\":1")).join(",");
    let (text, elements) = ("x".repeat(100_000), list(2_000));
    let many = |one: &str, count: usize, between: &str| vec![one; count].join(between);
    for (what, rules, record) in [
        (
            "texts put together",
            format!("details = \"'{}'\"", many("{a}", 400, "")),
            format!("{{\"a\":\"{text}\"}}"),
        ),
        (
            "separators between the texts of a list",
            format!("details = \"if (l | join '{}') then 'x'\"", "s".repeat(20_000)),
            format!("{{\"l\":[{}]}}", list(1_000)),
        ),
        (
            "a text made anew by each step",
            format!("details = \"a{} | after 'y'\"", " | lower".repeat(100)),
            format!("{{\"a\":\"{text}\"}}"),
        ),
        (
            "parts of a text",
            (0..3).map(|n| format!("parameters.p{n} = \"a | split 'x' | count\"\n")).collect(),
            format!("{{\"a\":\"{text}\"}}"),
        ),
        (
            "addresses in a text",
            format!("client.address = [{}]", numbered(10, &|n| format!("\"'{{a}}{n}'\"")).join(",")),
            format!("{{\"a\":\"{}\"}}", "1,".repeat(50_000)),
        ),
        (
            "names of an object",
            "targets = [{ each = \"l\", id = \"$.o.zz\" }]".to_owned(),
            format!("{{\"l\":[{elements}],\"o\":{{{}}}}}", object(10_000)),
        ),
        (
            "parameters of one name",
            format!("parameters.\"*\" = [{}]", many("\"o\"", 100, ",")),
            format!("{{\"o\":{{{}}}}}", object(256)),
        ),
        (
            "objects compared for each element",
            "changes = [{ each = \"l\", before = \"$.p\", after = \"$.p\" }]".to_owned(),
            format!("{{\"l\":[{elements}],\"p\":{{\"x\":\"{}\"}}}}", "y".repeat(10_000)),
        ),
        (
            "targets compared with each other",
            "targets = [{ each = \"l\", id = \"'{@}'\", aliases = \"$.n\" }, { each = \"m\", id = \"'m{@}'\" }]".to_owned(),
            format!(
                "{{\"l\":[{}],\"m\":[{}],\"n\":[{}]}}",
                numbered(256, &|n| format!("\"l{n}\"")).join(","),
                numbered(3_000, &|n| n.to_string()).join(","),
                numbered(64, &|n| format!("\"n{n}\"")).join(","),
            ),
        ),
        (
            "rows of a table",
            format!(
                "details = \"l | lookup t | count\"\n[tables]\nt = {{{}}}",
                numbered(5_000, &|n| format!("r{n} = 1")).join(",")
            ),
            format!("{{\"l\":[{elements}]}}"),
        ),
        (
            "patterns of a table",
            format!(
                "details = \"l | lookup t | count\"\n[tables]\nt = {{{}}}",
                numbered(200, &|n| format!("\"*r{n}*\" = 1")).join(",")
            ),
            format!("{{\"l\":[{}]}}", vec![format!("\"{}\"", "x".repeat(2_000)); 200].join(",")),
        ),
    ] {
        let mapping = mapping(&format!("[event]\naction = \"'a'\"\n{rules}"));
        let warnings = apply(&mapping, &record).warnings;
        assert!(warnings.iter().any(|warning| warning.field.is_empty()), "{what}: {warnings:?}");
    }
}

#[test]
fn alternatives_that_are_not_taken_cost_the_event_nothing() {
    let lets = tenfold(5, "list(a,a,a,a,a,a,a,a,a,a)", |one| format!("list({})", ten(one, ",")));
    let untaken = vec!["($v4 | join ',')"; 40].join(" ?? ");
    let text = format!("{lets}[event]\naction = \"a ?? {untaken}\"\ndetails = \"a\"\n");
    let (mapping, record) = (mapping(&text), r#"{"a":"x"}"#);
    let Mapped { event, warnings, .. } = apply(&mapping, record);
    assert_eq!((event.details.as_deref(), &*warnings), (Some("x"), &[][..]));
    assert_eq!(event.to_json(), mapping.decode(record).unwrap().to_json());
}

#[test]
fn an_expression_and_a_path_have_an_end() {
    let errors = |expr: &str| {
        let text = format!("name = \"t\"\nversion = 1\n[event]\naction = \"{expr}\"\n");
        Mapping::parse("t.toml", &text).map(|_| ()).unwrap_err().to_string()
    };
    assert!(errors(&vec!["a"; 100_000].join(" or ")).contains("over 256 steps"));
    assert!(errors(&vec!["a"; 100_000].join(" and ")).contains("over 256 steps"));
    assert!(errors(&format!("a{}", " | lower".repeat(100_000))).contains("over 256 steps"));
    assert!(errors(&format!("a{}", "[]".repeat(100_000))).contains("over 64 names"));
    let nested = format!("{}a{}", "(a or ".repeat(60), ")".repeat(60));
    mapping(&format!("[event]\naction = \"{nested}{}\"\n", " | lower".repeat(190)));
}

#[test]
fn names_before_many_values_are_not_repeated_without_end() {
    let members: Vec<_> = (0..20_000).map(|n| format!("\"k{n}\":{{\"b\":1}}")).collect();
    let record = format!("{{\"{}\":{{{}}}}}", "n".repeat(200_000), members.join(","));
    let begin = Instant::now();
    let mapped = apply(&mapping("[event]\naction = \"'a'\"\n"), &record);
    let bytes: usize = mapped.not_understood.iter().map(String::len).sum();
    assert!((1..=(16 << 20)).contains(&bytes) && begin.elapsed() < TIME_MAX, "{bytes}");
}

#[test]
fn a_name_that_is_a_long_list_is_not_walked_over_for_every_element() {
    let lookups: String =
        (0..40).map(|n| format!("[[event.targets]]\neach = \"l\"\nid = \"$m[n='{n}'].x\"\n")).collect();
    let text = format!("[let]\nm = \"a | keyvalues\"\n[event]\naction = \"'a'\"\n{lookups}");
    let (names, elements) = ("n=1 ".repeat(100_000), vec!["1"; 100_000].join(","));
    too_much(&mapping(&text), &format!("{{\"a\":\"{names}\",\"l\":[{elements}]}}"));
}

#[test]
fn a_mapping_s_file_is_read_in_time_and_memory_proportional_to_it() {
    let numbered = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<String>();
    let paths = format!("list({})", vec!["a"; 250_000].join(","));
    let rows = numbered(20_000, &|n| format!("a{n} = \"user\"\n"));
    for (what, text, mistakes) in [
        ("paths in one line", format!("details = \"{paths}\"\n"), 0),
        ("paths in many lines", numbered(40_000, &|_| "[[event.targets]]\nid = \"a\"\n".to_owned()), 0),
        ("a long name of many paths", format!("parameters.{} = \"{paths}\"\n", "p".repeat(400_000)), 0),
        (
            "many actors with one table",
            numbered(10_000, &|_| "[[event.actor]]\ntype = \"a | lookup t\"\n".to_owned())
                + "[tables.t]\n"
                + &rows,
            0,
        ),
        (
            "many actors with one wrong table",
            numbered(10_000, &|_| "[[event.actor]]\ntype = \"a | lookup t\"\n".to_owned())
                + "[tables.t]\n"
                + &rows.replace("user", "success"),
            20_000,
        ),
        ("mistakes in many lines", numbered(80_000, &|n| format!("k{n} = 1\n")), 80_000),
        ("mistakes in one line", format!("client.address = [{}]\n", vec!["1"; 400_000].join(",")), 400_000),
    ] {
        let text = format!("name = \"t\"\nversion = 1\n[event]\naction = \"a\"\n{text}");
        let begin = Instant::now();
        let told = Mapping::parse("t.toml", &text).map_or_else(|mistakes| mistakes.0, |_| Vec::new());
        assert!(begin.elapsed() < TIME_MAX / 2, "{what} took {:?}", begin.elapsed());
        assert_eq!(told.len(), mistakes.min(100), "{what}");
        if let Some(last) = told.last() {
            let more = format!("(and {} more mistakes)", mistakes - 100);
            assert!(last.message.ends_with(&more), "{what}: {}", last.message);
        }
    }
}

/// Expressions that make more of what they are given.
fn growing() -> impl Strategy<Value = String> {
    let of = prop::sample::select(vec![
        "a", "l", "$last", "$last", "$last", "$last", "$last", "$last[]", "o", "$.l[].x",
    ]);
    let step = prop::sample::select(vec![
        "split ','",
        "join ',,'",
        "flat",
        "distinct",
        "entries",
        "keys",
        "values",
        "count",
        "json",
        "keyvalues",
        "pairs 'name' 'value'",
        "upper",
        "text",
        "omit 'q*'",
        "under 'x'",
        "pad 64 'p'",
        "time",
        "lookup t",
        "first",
    ]);
    (prop::collection::vec(of, 1..12), prop::collection::vec(step, 0..2), 0..8_u8).prop_map(
        |(of, steps, kind)| {
            let steps: String = steps.iter().map(|step| format!(" | {step}")).collect();
            match kind {
                0 => format!("list({}){steps}", of.join(", ")),
                1 => format!("'{}'{steps}", of.iter().map(|one| format!("{{{one}?}}")).collect::<String>()),
                2 => format!("merge({}){steps}", of.join(", ")),
                3 => format!("({}){steps}", of.join(" ?? ")),
                _ => format!("list({})", of.join(", ")),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any mapping over any record is done soon, says at most once that it was too much, keeps the record, and makes the
    /// same event of it when it is read again.
    #[test]
    fn any_mapping_over_any_record_stays_within_the_budget(
        lets in prop::collection::vec(growing(), 1..24),
        each in growing(),
        size in 1..200_usize,
    ) {
        let mut text = "[tables.t]\na = 1\n\"*b*\" = 2\n[let]\nv0 = \"l\"\n".to_owned();
        for (n, expr) in lets.iter().enumerate() {
            text.push_str(&format!("v{} = \"{}\"\n", n + 1, expr.replace("$last", &format!("$v{n}"))));
        }
        let last = format!("$v{}", lets.len());
        let each = each.replace("$last", &last);
        text.push_str(&format!(
            "[event]\naction = \"'x'\"\ndetails = \"{last} | join ','\"\n[[event.targets]]\neach = \"{each}\"\nid = \"@ ?? {last}\"\n\
             aliases = [\"{last}\", \"@\"]\n[event.parameters]\n\"*\" = \"{last}\"\nall = \"{last}\"\n\
             [[event.changes]]\nbefore = \"{last}\"\nafter = \"o\"\n"
        ));
        let item = r#"{"x":"p,q","name":"n","value":[1,2,3]}"#;
        let record = format!(
            r#"{{"a":"k=1 j={},{}","o":{{"xa":1,"q":{{"z":[{item}]}}}},"l":[{}]}}"#, "y".repeat(size), "z,".repeat(size), vec![item; size].join(","),
        );
        let mapping = mapping(&text);
        let begin = Instant::now();
        let mapped = apply(&mapping, &record);
        prop_assert!(begin.elapsed() < TIME_MAX, "took {:?}: {}", begin.elapsed(), text);
        let over = mapped.warnings.iter().filter(|warning| warning.field.is_empty()).count();
        prop_assert!(over <= 1);
        prop_assert_eq!(mapped.event.data.as_ref().unwrap().get(), &record);
        let json = mapped.event.to_json();
        prop_assert!(json.len() < (128 << 20));
        prop_assert_eq!(json, mapping.decode(&record).unwrap().to_json());
    }
}

//! Figures: totals, histograms and values are exact, by the calendar of a zone, as of one moment.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::{Installation, Numbers, sent};

fn counts(list: &Value) -> Vec<(String, u64)> {
    let pair =
        |value: &Value| (value["value"].as_str().unwrap().to_owned(), value["count"].as_u64().unwrap());
    list.as_array().unwrap().iter().map(pair).collect()
}

/// Most first, then by value.
fn sorted(counts: BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut list: Vec<_> = counts.into_iter().collect();
    list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    list
}

/// What to expect, added up from the events themselves.
fn tally<'e>(
    events: impl Iterator<Item = &'e Value>,
    of: impl Fn(&Value) -> Option<String>,
) -> Vec<(String, u64)> {
    let mut counts = BTreeMap::new();
    for value in events.filter_map(of) {
        *counts.entry(value).or_insert(0) += 1;
    }
    sorted(counts)
}

#[test]
fn figures_are_what_the_events_add_up_to() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    let mut numbers = Numbers::new(7);
    let outcomes = ["success", "failure", "denied"];
    let events: Vec<_> = (0..500)
        .map(|n| {
            let minute = numbers.within(0..60 * 24 * 40);
            let day = 1 + minute / 1440;
            let mut event = json!({
                "id": format!("e{n}"), "action": format!("Action {}", numbers.within(0..30)),
                "actor": {"type": "user", "username": format!("User{}", numbers.within(0..20)), "tenant": format!("Domain-{}.example", numbers.within(0..5))},
                "time": format!("2026-{:02}-{:02}T{:02}:{:02}:30Z", 1 + day / 29, 1 + day % 28, minute / 60 % 24, minute % 60),
            });
            if numbers.within(0..5) > 0 {
                event["outcome"] = json!({"result": outcomes[numbers.within(0..3) as usize]});
            }
            event
        })
        .collect();
    api.send(&Value::from(events.clone())).expect(201);
    api.found("", 500);
    let text =
        |event: &Value, pointer: &str| event.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    for (query, wanted) in [
        ("application=!indelible", &(|_: &Value| true) as &dyn Fn(&Value) -> bool),
        ("outcome=failure", &|event| event["outcome"]["result"] == "failure"),
        ("user=user7&user=user8", &|event| {
            ["User7", "User8"].iter().any(|user| event["actor"]["username"] == *user)
        }),
        ("actor_tenant=!domain-3.example&application=!indelible", &|event| {
            event["actor"]["tenant"] != "Domain-3.example"
        }),
        ("q=action", &|_| true),
    ] {
        let matching = || events.iter().filter(|event| wanted(event));
        let stats = api.read(&format!("/v1/stats?{query}"));
        assert_eq!(stats["total"], matching().count(), "{query}");
        let distinct = |pointer: &str| {
            matching().filter_map(|event| text(event, pointer)).collect::<BTreeSet<_>>().len()
        };
        // A user is one within its own tenant.
        let users: BTreeSet<_> =
            matching().map(|event| (text(event, "/actor/tenant"), text(event, "/actor/username"))).collect();
        assert_eq!(stats["users"], users.len(), "{query}");
        assert_eq!(
            (&stats["domains"], &stats["tenants"]),
            (&json!(distinct("/actor/tenant")), &json!(1)),
            "{query}"
        );
        assert_eq!(
            counts(&stats["by"]["outcome"]),
            tally(matching(), |event| text(event, "/outcome/result")),
            "{query}"
        );
        let times = || matching().map(|event| text(event, "/time").unwrap().replace("30Z", "30.000000Z"));
        assert_eq!(
            (stats["first"].as_str(), stats["last"].as_str()),
            (times().min().as_deref(), times().max().as_deref()),
            "{query}"
        );

        // By day, and by value in each.
        let histogram = api.read(&format!("/v1/histogram?interval=P1D&by=outcome&{query}"));
        assert_eq!(histogram["total"], stats["total"], "{query}");
        let buckets = histogram["buckets"].as_array().unwrap();
        let by_day: BTreeMap<_, u64> =
            tally(matching(), |event| text(event, "/time").map(|time| time[..10].to_owned()))
                .into_iter()
                .collect();
        for (at, bucket) in buckets.iter().enumerate() {
            let day = &bucket["start"].as_str().unwrap()[..10];
            assert_eq!(bucket["count"], by_day.get(day).copied().unwrap_or(0), "{query} {day}");
            let of_values: u64 = histogram["series"]
                .as_array()
                .unwrap()
                .iter()
                .map(|series| series["counts"][at].as_u64().unwrap())
                .sum();
            assert_eq!(
                of_values + histogram["without"][at].as_u64().unwrap(),
                bucket["count"].as_u64().unwrap(),
                "{query} {day}"
            );
            if let Some(next) = buckets.get(at + 1) {
                assert_eq!(bucket["end"], next["start"], "no gap, no overlap");
            }
        }
        let series: Vec<_> = histogram["series"]
            .as_array()
            .unwrap()
            .iter()
            .map(|series| (series["value"].as_str().unwrap().to_owned(), series["total"].as_u64().unwrap()))
            .collect();
        assert_eq!(series, tally(matching(), |event| text(event, "/outcome/result")), "{query}");

        // Values, spelt as they were sent.
        for (field, pointer) in [
            ("actor", "/actor/username"),
            ("actor_tenant", "/actor/tenant"),
            ("action", "/action"),
            ("outcome", "/outcome/result"),
        ] {
            let expected = tally(matching(), |event| text(event, pointer));
            let values = api.read(&format!("/v1/values/{field}?limit=1000&{query}"));
            assert_eq!(counts(&values["values"]), expected, "{query} {field}");
            assert_eq!(values["distinct"], expected.len(), "{query} {field}");
            let lacking = matching().filter(|event| event.pointer(pointer).is_none()).count();
            assert_eq!(values["missing"], lacking, "{query} {field}");
        }
    }
    // Of more values than a chart can show, the rest is told together.
    let histogram = api.read("/v1/histogram?interval=P1M&by=action&application=!indelible");
    let sum = |counts: &Value| counts.as_array().unwrap().iter().filter_map(Value::as_u64).sum::<u64>();
    let actions = tally(events.iter(), |event| text(event, "/action"));
    let others: u64 = actions[25..].iter().map(|(_, count)| count).sum();
    assert_eq!(histogram["series"].as_array().unwrap().len(), 25);
    assert_eq!((sum(&histogram["others"]), others > 0), (others, true));
    let values = api.read("/v1/values/actor?prefix=USER1&limit=3");
    let beginning =
        tally(events.iter(), |event| text(event, "/actor/username").filter(|name| name.starts_with("User1")));
    assert_eq!(counts(&values["values"]), beginning[..3]);
    assert_eq!(values["distinct"], beginning.len());
}

#[test]
fn buckets_follow_the_calendar_of_the_zone() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    // In New York the clocks went forward on 2026-03-08 at two and go back on 2026-11-01 at two.
    let times = [
        "2026-03-08T04:59:59Z",
        "2026-03-08T05:00:00Z",
        "2026-03-09T03:59:59Z",
        "2026-03-09T04:00:00Z",
        "2026-11-01T05:30:00Z",
        "2026-11-01T06:30:00Z",
    ];
    api.send(&Value::from_iter(times.iter().map(|time| json!({"action": "a", "time": time})))).expect(201);
    api.found("", 6);
    let read = |query: &str| {
        let answer = api.read(&format!("/v1/histogram?tz=America/New_York&{}", sent(query)));
        let bucket = |bucket: &Value| {
            (bucket["local"].as_str().unwrap().to_owned(), bucket["count"].as_u64().unwrap())
        };
        let buckets: Vec<_> = answer["buckets"].as_array().unwrap().iter().map(bucket).collect();
        (answer, buckets)
    };
    let pair = |local: &str, count: u64| (local.to_owned(), count);
    let (answer, days) = read("interval=P1D&since=2026-03-07T05:00:00Z&until=2026-03-10T04:00:00Z");
    assert_eq!(
        days,
        [
            pair("2026-03-07T00:00:00-05:00", 1),
            pair("2026-03-08T00:00:00-05:00", 2),
            pair("2026-03-09T00:00:00-04:00", 1)
        ]
    );
    assert_eq!(answer["buckets"][1]["start"], "2026-03-08T05:00:00.000000Z");
    assert_eq!(answer["buckets"][1]["end"], "2026-03-09T04:00:00.000000Z");
    // 23 hours, and then 25, of which one comes twice.
    let (_, hours) = read("interval=PT1H&since=2026-03-08T05:00:00Z&until=2026-03-09T04:00:00Z");
    assert_eq!(hours.len(), 23);
    let (_, hours) = read("interval=PT1H&since=2026-11-01T04:00:00Z&until=2026-11-02T05:00:00Z");
    assert_eq!(hours.len(), 25);
    assert_eq!(hours[1..3], [pair("2026-11-01T01:00:00-04:00", 1), pair("2026-11-01T01:00:00-05:00", 1)]);
    // Without a range: from the first event to the last, the empty months between them included.
    let (answer, months) = read("interval=P1M");
    assert_eq!(months.len(), 9);
    assert_eq!((answer["total"].as_u64(), months.iter().map(|(_, count)| count).sum()), (Some(6), 6));
    let (answer, auto) = read("interval=auto");
    assert_eq!(answer["interval"], "P1W");
    assert!((30..=120).contains(&auto.len()), "{}", auto.len());
    // A range that begins within a bucket counts only what lies in the range.
    let (_, days) = read("interval=P1D&since=2026-03-08T12:00:00Z&until=2026-03-09T12:00:00Z");
    assert_eq!(days, [pair("2026-03-08T00:00:00-05:00", 1), pair("2026-03-09T00:00:00-04:00", 1)]);
    let (answer, none) = read("action=nothing");
    assert_eq!((answer["total"].as_u64(), none.len()), (Some(0), 0));
    // With a beginning alone they reach to now, whether there is anything or not.
    let (_, recent) = read("action=nothing&interval=P1D&since=P2D");
    assert!((2..=3).contains(&recent.len()), "{recent:?}");
    let (_, empty) =
        read("action=nothing&interval=P1D&since=2026-03-08T05:00:00Z&until=2026-03-10T04:00:00Z");
    assert_eq!(empty.len(), 2);
}

#[test]
fn answers_as_of_one_moment_agree_while_events_come_in() {
    let (_installation, server, api) = Installation::with_acme(&[]);
    let batch = |from: u64| {
        Value::from_iter((from..from + 10).map(|n| json!({"id": format!("e{n}"), "action": "a", "time": format!("2026-03-01T00:00:{:02}Z", n % 60)})))
    };
    api.send(&batch(0)).expect(201);
    let page = api.found("", 10);
    let as_of = page["as_of"].as_str().unwrap();
    api.send(&batch(10)).expect(201);
    api.found("", 20);
    for path in ["/v1/events?total=true&", "/v1/stats?", "/v1/histogram?interval=PT1H&"] {
        let as_of = sent(&format!("as_of={as_of}"));
        assert_eq!(api.read(&format!("{path}{as_of}"))["total"], 10, "{path}");
        assert_eq!(api.read(&format!("{path}action=a"))["total"], 20, "{path}");
    }
    // What came in since is not in the answer, and the answer does not say that it is.
    let next = api.read(&format!("/v1/events?limit=1&as_of={as_of}"))["next"].as_str().unwrap().to_owned();
    for path in [
        format!("/v1/events?as_of={as_of}"),
        format!("/v1/stats?as_of={as_of}"),
        format!("/v1/events?limit=1&after={next}"),
    ] {
        assert_eq!(api.read(&path)["complete_through"], page["complete_through"], "{path}");
    }
    // Reach over everything is told to the microsecond.
    let exact = |as_of: &str| {
        let stats = server.admin().read(&format!("/v1/stats?{as_of}"));
        (stats["as_of"].as_str().unwrap().to_owned(), stats["complete_through"].clone())
    };
    let (then, through) = exact("");
    api.send(&batch(20)).expect(201);
    api.found("", 30);
    assert_eq!(exact(&format!("as_of={then}")).1, through);
    assert_ne!(exact("").1, through);
    let values = api.read(&format!("/v1/values/action?{}", sent(&format!("as_of={as_of}"))));
    assert_eq!(counts(&values["values"]), [("a".to_owned(), 10)]);
    // The moment is not bound to the question, and is not a page.
    assert_eq!(api.read(&format!("/v1/stats?id=e3&id=e13&as_of={as_of}"))["total"], 1);
    api.get("/v1/stats?as_of=nonsense").refused(400, "invalid_cursor");
    let next = api.read("/v1/events?limit=1")["next"].as_str().unwrap().to_owned();
    api.get(&format!("/v1/stats?as_of={next}")).refused(400, "invalid_cursor");
    api.get(&format!("/v1/events?as_of={as_of}&after={next}&limit=1")).refused(400, "invalid_cursor");
}

#[test]
fn what_can_not_be_answered_is_refused_with_what_could_be() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    api.send(&json!([{"action": "a", "time": "2020-01-01T00:00:00Z"}, {"action": "a", "time": "2026-01-01T00:00:00Z"}])).expect(201);
    api.found("", 2);
    for (path, code, words) in [
        ("/v1/values/colour", "invalid_filter", "actor_tenant"),
        ("/v1/values/q", "invalid_filter", "outcome"),
        ("/v1/values/actor?limit=1001", "invalid_filter", "1 to 1000"),
        ("/v1/values/actor?prefx=a", "unknown_parameter", "did you mean prefix?"),
        ("/v1/histogram?by=colour", "invalid_filter", "severity"),
        ("/v1/histogram?interval=PT7M", "invalid_filter", "PT15M"),
        ("/v1/histogram?interval=PT1M", "invalid_filter", "ask for P1M or for a shorter time"),
        (
            "/v1/histogram?since=1970-01-01T00:00:00Z&until=9999-01-01T00:00:00Z",
            "invalid_filter",
            "of P1Y; ask for a shorter time",
        ),
        ("/v1/histogram?tz=Mars/Olympus", "invalid_filter", "Europe/Rome"),
        ("/v1/histogram?intervall=P1D", "unknown_parameter", "did you mean interval?"),
        ("/v1/stats?limit=3", "unknown_parameter", ""),
        ("/v1/stats?outcome=bad", "invalid_filter", "success"),
        ("/v1/stats?explain=yes", "invalid_filter", "true or false"),
    ] {
        let problem = api.get(path).refused(400, code);
        let message = problem["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(words), "{path}: {message}");
    }
}

#[test]
fn a_question_can_be_explained_and_says_what_it_cost() {
    let (_installation, server, api) = Installation::with_acme(&[]);
    server.admin().tenant("other");
    api.send(&json!({"action": "a"})).expect(201);
    server.admin().send(&Value::from(vec![json!({"tenant": "other", "action": "a"}); 50])).expect(201);
    server.admin().found("", 51);
    for path in
        ["/v1/events?", "/v1/events?total=true&", "/v1/stats?", "/v1/histogram?", "/v1/values/action?"]
    {
        let answer = api.get(&format!("{path}q=a")).expect(200);
        assert!(answer.header("server-timing").contains("search;dur="), "{path}");
        let plain = answer.json();
        assert!(plain.get("explain").is_none() && plain.get("cost").is_none(), "{path}");
        // How much is looked at follows what everybody sends, so a narrow reach is told the time and its own events only.
        let own = api.get(&format!("{path}q=a&explain=true")).expect(200);
        let (own, timing) = (own.json(), own.header("server-timing").to_owned());
        assert!(own["explain"].is_object() && own["explain"].get("parts").is_none(), "{path}: {own}");
        let matches = own["explain"]["matches"].as_str().unwrap();
        assert!(
            matches.contains(r#"tenant in ("acme")"#) && !matches.contains("number"),
            "{path}: {matches}"
        );
        let members: Vec<_> = own["cost"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["elapsed_ms", "documents"], "{path}");
        assert!(!timing.contains("zones"), "{path}: {timing}");
        let all = server.admin().read(&format!("{path}q=a&explain=true"));
        assert!(all["cost"]["zones"].is_u64() && all["explain"].is_object(), "{path}: {all}");
    }
    let id = api.read("/v1/events")["data"][0]["id"].as_str().unwrap().to_owned();
    for path in ["", "/original", "/proof"] {
        let answer = api.get(&format!("/v1/events/{id}{path}")).expect(200);
        assert!(answer.header("server-timing").contains("search;dur="), "{path}");
    }
    let metrics = server.admin().get("/metrics").text();
    for kind in ["event", "page", "count", "stats", "histogram", "values"] {
        assert!(
            metrics.contains(&format!("indelible_search_seconds_count{{kind=\"{kind}\"}}")),
            "{kind}: {metrics}"
        );
    }
}

#[test]
fn the_command_counts_in_every_way() {
    let (installation, server, api) = Installation::with_acme(&[]);
    let events = (0..10).map(|n| {
        let outcome = if n < 3 { "failure" } else { "success" };
        json!({"action": "Play", "actor": {"username": format!("Ada{}", n % 2)}, "outcome": {"result": outcome}, "time": format!("2026-03-{:02}T12:00:00Z", 1 + n / 4)})
    });
    api.send(&Value::from_iter(events)).expect(201);
    api.found("", 10);
    let run = |arguments: &[&str]| {
        let output =
            server.run(&installation, &[arguments, &["--tenant", "acme", "application=!indelible"]].concat());
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(&["count", "--outcome", "failure"]).0, "3\n");
    assert_eq!(run(&["count", "play", "outcome=!failure"]).0, "7\n");
    let (values, words) = run(&["count", "--by", "actor"]);
    assert_eq!((values.as_str(), words.as_str()), ("5  Ada0\n5  Ada1\n", "2 values; 0 events without\n"));
    assert_eq!(
        run(&["count", "--by", "actor", "--limit", "1"]).1,
        "2 values, 1 of them not shown (--limit); 0 events without\n"
    );
    let (days, words) = run(&["count", "--histogram", "P1D", "--zone", "Europe/Rome"]);
    let lines: Vec<_> =
        days.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let bar = "█".repeat(50);
    assert_eq!(
        lines,
        [
            format!("2026-03-01 00:00:00+01:00 4 {bar}"),
            format!("2026-03-02 00:00:00+01:00 4 {bar}"),
            format!("2026-03-03 00:00:00+01:00 2 {}", "█".repeat(25)),
        ]
    );
    assert_eq!(words, "10 events in 3 buckets of P1D (Europe/Rome)\n");
    let (days, _) = run(&["count", "--histogram", "P1D", "--by", "outcome"]);
    assert!(days.lines().next().unwrap().contains("success"), "{days}");
    let (stats, _) = run(&["count", "--stats"]);
    assert!(
        stats.contains("unique users    2\n") && stats.contains("by outcome\n7  success\n3  failure\n"),
        "{stats}"
    );
    let (json, plan) = run(&["count", "--stats", "--json", "--explain"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["total"], 10);
    assert!(plan.contains("plan: {") && plan.contains("cost: {"), "{plan}");
    let (_, plan) = run(&["search", "play", "--explain"]);
    assert!(plan.contains("plan: {"), "{plan}");
    for arguments in [
        &["count", "--by", "colour"][..],
        &["count", "--histogram", "PT7M"],
        &["count", "--stats", "--by", "actor"],
    ] {
        let ended = server.command(&installation, arguments).output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}");
    }
}

use super::*;

fn parse(text: impl AsRef<[u8]>) -> Result<ConfigFile, String> {
    ConfigFile::parse(Path::new("tracescan.toml"), text.as_ref()).map_err(|error| error.to_string())
}

/// Every key is read, numbers in all their forms, and what is not said is as if there were no file.
#[test]
fn what_is_written_is_meant() {
    let file = parse(
        r#"
        detector = ["n-plus-one", "retry-storm"]
        skip = ["retry-storm"]
        overlap_tolerance = 0.5
        threads = 0x10
        count_every_call = true
        format = "ndjson"
        table_format = "csv"
        top = 1_000
        fail_on = ["any"]
        min_impact = "2.5s"
        min_total_impact = "1min"
        min_failed_requests = 3
        allow_empty = true
        retry_timeout = "10min"
        memory_limit = "2GiB"
        temp_dir = "/tmp/spans"
        sync-chain.max_hops = "9"
        [uncounted_calls]
        heartbeats = ["ping"]
        plumbing_spans = ["borrow"]
        brokers = ["nats"]
        broker_polls = []
        database_polls = ["tail"]
        plumbing = ["...", "warm-up"]
        [names]
        role_words = ["...", "Tier"]
        outbox_tables = ["shop.to_send*"]
        reading_commands = []
        [shared-database]
        reporting_words = ["lake", "..."]
        [n-plus-one]
        max_calls = 7
        [compare]
        min_requests = 50
        [[ignore]]
        pattern = "0123456789abcdef"
        reason = "known"
        owner = "ann"
        expires = 2030-01-31
        max_impact = "2s"
        [[ignore]]
        service = "web*"
        reason = "known too"
        expires = "2030-02-01"
        [budget."web GET /"]
        max_calls = 5
        max_p99 = "300ms"
        max_failed_share = 0.01
        [budget."app GET /"]
        max_depth = 2
        "#,
    )
    .unwrap();
    assert_eq!(
        (file.detector.len(), file.skip, file.fail_on),
        (2, vec!["retry-storm".to_owned()], vec!["any".to_owned()])
    );
    assert_eq!((file.overlap_tolerance, file.threads, file.top), (Some(0.5), Some(16), Some(1000)));
    assert_eq!((file.format, file.table_format), (Some(StdoutFormat::Ndjson), Some(TableFormat::Csv)));
    assert_eq!((file.min_impact_ns, file.memory_limit_bytes), (Some(2_500_000_000), Some(2 << 30)));
    assert_eq!((file.min_total_impact_ns, file.min_failed_requests), (Some(60_000_000_000), Some(3)));
    assert_eq!(file.comparison, ComparisonRules { min_requests: 50, ..ComparisonRules::default() });
    let text = |text: &str| Some(text.to_owned());
    let day = |text: &str| text.parse().ok();
    let [first, second] = file.ignore.as_slice() else { panic!("{:?}", file.ignore) };
    assert_eq!(
        *first,
        IgnoreRule {
            pattern: text("0123456789abcdef"),
            reason: "known".to_owned(),
            owner: text("ann"),
            expires: day("2030-01-31"),
            max_impact_ns: Some(2_000_000_000),
            line: first.line,
            ..IgnoreRule::default()
        }
    );
    assert_eq!((&second.service, second.expires), (&text("web*"), day("2030-02-01")));
    assert_eq!(second.line, first.line + 6);
    let budget = |entry: &str| Budget { entry: entry.to_owned(), ..Budget::default() };
    let web = Budget {
        max_calls: Some(5),
        max_p99_ns: Some(300_000_000),
        max_failed_share: Some(0.01),
        ..budget("web GET /")
    };
    assert_eq!(file.budgets, [web, Budget { max_depth: Some(2), ..budget("app GET /") }]);
    assert!(file.written.contains("compare.min_requests") && !file.written.contains("compare.min_ratio"));
    assert!(file.count_every_call && file.allow_empty);
    assert_eq!(file.retry_timeout_ns, Some(600_000_000_000));
    assert_eq!(file.temp_dir, Some(PathBuf::from("/tmp/spans")));
    assert_eq!(file.uncounted_calls.heartbeats, ["ping"]);
    let plumbing = [UncountedCalls::default().plumbing, vec!["warm-up".to_owned()]].concat();
    assert_eq!(file.uncounted_calls.plumbing, plumbing);
    assert_eq!(file.uncounted_calls.health_checks, UncountedCalls::default().health_checks);
    let NameLists { role_words, outbox_tables, reading_commands, .. } = &file.names;
    assert!(role_words.has("tier") && role_words.has("api") && !reading_commands.has("get"));
    assert!(outbox_tables.matches("shop.to_send_later") && !outbox_tables.matches("outbox"));
    assert_eq!(file.names.common_namespaces, NameLists::default().common_namespaces);
    assert_eq!(file.uncounted_calls.plumbing_spans, ["borrow"]);
    assert_eq!(
        (file.uncounted_calls.brokers, file.uncounted_calls.database_polls),
        (vec!["nats".into()], vec!["tail".into()])
    );
    assert!(file.uncounted_calls.broker_polls.is_empty());
    let mut detectors = Detectors::default();
    detectors.set("n-plus-one", "max_calls", "7").unwrap();
    detectors.set("sync-chain", "max_hops", "9").unwrap();
    detectors.set("shared-database", "reporting_words", "lake,...").unwrap();
    assert_eq!(file.detectors, detectors);
    assert_eq!(parse("overlap_tolerance = 0").unwrap().overlap_tolerance, Some(0.0));
    assert_eq!(parse("").unwrap().detectors, Detectors::default());
}

/// What is wrong is said in one sentence with its place, what is allowed there, and what was likely meant.
#[test]
fn what_is_wrong_is_told_with_its_place() {
    let listed = |is_meant: fn(&CatalogEntry) -> bool| names(is_meant).collect::<Vec<_>>().join(", ");
    let detectors = listed(|_| true);
    let with_findings = listed(|entry| entry.description.has_findings);
    let keys = "detector, skip, overlap_tolerance, threads, count_every_call, uncounted_calls, names, format, table_format, top, fail_on, \
        min_impact, min_total_impact, min_failed_requests, compare, ignore, budget, allow_empty, retry_timeout, memory_limit, \
        temp_dir, trace_url, report, report_size";
    let cases: &[(&str, &str)] = &[
        // Keys.
        (
            "top = 5\n\n[n-plus-one]\nmax_call = 5\n",
            "line 4, column 1: there is no key max_call in [n-plus-one]; did you mean max_calls?",
        ),
        (
            "n-plus-one.max_call = 5",
            "line 1, column 12: there is no key max_call in [n-plus-one]; did you mean max_calls?",
        ),
        (
            "n-plus-one = { max_call = 5 }",
            "line 1, column 16: there is no key max_call in [n-plus-one]; did you mean max_calls?",
        ),
        ("[n-plus-one]\nlimit = 5", "line 2, column 1: there is no key limit in [n-plus-one]; there is max_calls"),
        (
            "[latency-attribution]\nlimit = 5",
            "line 2, column 1: there is no key limit in [latency-attribution], which takes none",
        ),
        ("[n_plus_on]\nmax_calls = 5", "line 1, column 2: there is no key n_plus_on; did you mean n-plus-one?"),
        ("second = 1\nfirst = 1", "line 1, column 1: there is no key second; there are KEYS"),
        ("\u{feff}thread = 1", "line 1, column 1: there is no key thread; did you mean threads?"),
        ("# é\r\n\"\\u001b[2J\" = 1\r\n", "line 2, column 1: there is no key \"\\u{1b}[2J\"; there are KEYS"),
        (
            "[uncounted_calls]\nheartbeat = []",
            "line 2, column 1: there is no key heartbeat in [uncounted_calls]; did you mean heartbeats?",
        ),
        // Types.
        ("top = \"many\"", "line 1, column 7: top must be a whole number, not \"many\""),
        ("top = -1", "line 1, column 7: top must be a whole number, not -1"),
        ("threads = 1.5", "line 1, column 11: threads must be a whole number, not 1.5"),
        ("allow_empty = 1", "line 1, column 15: allow_empty must be true or false, not 1"),
        ("temp_dir = []", "line 1, column 12: temp_dir must be a text, not []"),
        ("skip = \"n-plus-one\"", "line 1, column 8: skip must be a list of texts, not \"n-plus-one\""),
        ("skip = [\n  1979-05-27,\n]", "line 2, column 3: skip must be a list of texts, not 1979-05-27"),
        ("n-plus-one = 5", "line 1, column 14: n-plus-one must be a table, not 5"),
        ("[top]\nx = 1", "line 1, column 1: top must be a whole number, not a table"),
        (
            "[n-plus-one]\nmax_calls = \"some\"",
            "line 2, column 13: max_calls in [n-plus-one] must be a whole number like 5, up to \
            4294967295, not \"some\"",
        ),
        (
            "[n-plus-one]\nmax_calls = true",
            "line 2, column 13: max_calls in [n-plus-one] must be a whole number like 5, up to \
            4294967295, not true",
        ),
        (
            "[uncounted_calls]\nheartbeats = [\"ping\", 3]",
            "line 2, column 23: heartbeats in [uncounted_calls] must be a list of texts, in which \"...\" stands for the \
            usual ones, not 3",
        ),
        (
            "[uncounted_calls]\nheartbeats = [\"ping\", \"\"]",
            "line 2, column 23: heartbeats in [uncounted_calls] must be a list of texts, in which \"...\" stands for the \
            usual ones, not \"\"",
        ),
        // Lists of words and names.
        (
            "[names]\nrole_word = [\"tier\"]",
            "line 2, column 1: there is no key role_word in [names]; did you mean role_words?",
        ),
        (
            "[names]\nrole_words = \"tier\"",
            "line 2, column 14: role_words in [names] must be a list of words of letters and digits, in which \"...\" \
            stands for the usual ones, not \"tier\"",
        ),
        (
            "[names]\nrole_words = [\"...\", \"\"]",
            "line 2, column 22: role_words in [names] must be a list of words of letters and digits, in which \"...\" \
            stands for the usual ones, not \"\"",
        ),
        (
            "[names]\noutbox_tables = [\"*\"]",
            "line 2, column 18: outbox_tables in [names] must be a list of names without spaces and commas, in which * \
            stands for anything and \"...\" for the usual ones, not \"*\"",
        ),
        (
            "[shared-database]\nreporting_words = [\"data-lake\"]",
            "line 2, column 20: reporting_words in [shared-database] must be a list of words of letters and digits, in \
            which \"...\" stands for the usual ones, not \"data-lake\"",
        ),
        (
            "[sensitive-data]\nurl_parameters = [1]",
            "line 2, column 19: url_parameters in [sensitive-data] must be a list of names without spaces and commas, \
            in which \"...\" stands for the usual ones, not 1",
        ),
        ("format = 1", "line 1, column 10: format must be a text, not 1"),
        ("top = '''\nmany'''", "line 1, column 7: top must be a whole number, not such a text"),
        // Ranges and words.
        (
            "[n-plus-one]\nmax_calls = 5000000000",
            "line 2, column 13: max_calls in [n-plus-one] must be a whole number like 5, up to \
            4294967295, not 5000000000",
        ),
        ("overlap_tolerance = 1.5", "line 1, column 21: overlap_tolerance must be a number between 0 and 1, not 1.5"),
        ("overlap_tolerance = nan", "line 1, column 21: overlap_tolerance must be a number between 0 and 1, not nan"),
        (
            "memory_limit = \"1MiB\"",
            "line 1, column 16: memory_limit must be a size of memory like 512MiB or 2GiB, and at least 64MiB, \
            not \"1MiB\"",
        ),
        ("min_impact = \"soon\"", "line 1, column 14: min_impact must be a duration like 1ms or 2.5s, not \"soon\""),
        (
            "detector = [\"n-plus-one\", \"sync-chains\"]",
            "line 1, column 27: detector cannot be \"sync-chains\"; did you mean \"sync-chain\"?",
        ),
        ("skip = [\"all\"]", "line 1, column 9: skip cannot be \"all\"; it can be DETECTORS"),
        (
            "fail_on = [\"latency-attribution\"]",
            "line 1, column 12: fail_on cannot be \"latency-attribution\"; it can be any, new, worse, budget, WITH_FINDINGS",
        ),
        ("format = \"tabel\"", "line 1, column 10: format cannot be \"tabel\"; did you mean \"table\"?"),
        ("table_format = \"xlsx\"", "line 1, column 16: table_format cannot be \"xlsx\"; it can be parquet, csv, json"),
        // What is known, and what requests may cost.
        ("[[ignore]]\nservice = \"x\"", "line 1, column 1: [[ignore]] needs a reason"),
        (
            "top = 1\n[[ignore]]\nreason = \"known\"\nowner = \"ann\"",
            "line 2, column 1: [[ignore]] needs a pattern, or one of detector, service, operation and target",
        ),
        (
            "[[ignore]]\nservice = \"x\"\nreason = \" \"",
            "line 3, column 10: reason in [ignore] must be a text, not \" \"",
        ),
        (
            "[[ignore]]\nservise = \"x\"\nservice = \"x\"\nreason = \"y\"",
            "line 2, column 1: there is no key servise in [ignore]; did you mean service?",
        ),
        (
            "[[ignore]]\nservice = \"[\"\nreason = \"y\"",
            "line 2, column 11: service in [ignore] must be a name, in which * and ? may stand for others, not \"[\"",
        ),
        (
            "[[ignore]]\nservice = \"x\"\nreason = \"y\"\nexpires = \"soon\"",
            "line 4, column 11: expires in [ignore] must be a day like 2026-03-01, not \"soon\"",
        ),
        ("ignore = 1", "line 1, column 10: ignore must be a list of tables, not 1"),
        ("ignore = [1]", "line 1, column 11: ignore must be a list of tables, not 1"),
        ("[ignore]\nservice = \"x\"", "line 1, column 1: ignore must be a list of tables, not a table"),
        (
            "[budget.\"web GET /\"]\nmax_call = 3",
            "line 2, column 1: there is no key max_call in [budget.\"web GET /\"]; did you mean max_calls?",
        ),
        ("[budget]\nmax_calls = 3", "line 2, column 13: max_calls in [budget] must be a table, not 3"),
        (
            "[budget.x]\nmax_failed_share = 2",
            "line 2, column 20: max_failed_share in [budget.\"x\"] must be a number between 0 and 1, not 2",
        ),
        (
            "[compare]\nmin_ratio = 0.5",
            "line 2, column 13: min_ratio in [compare] must be a number of at least 1, like 1.5, not 0.5",
        ),
        // The file itself.
        ("top = 1\ntop = 2", "line 2, column 1: the file is not TOML: duplicate key"),
        ("é = 1", "line 1, column 1: the file is not TOML: invalid unquoted key, expected letters, numbers, `-`, `_`"),
        (
            "top = 1 # é\nformat = csv",
            "line 2, column 10: the file is not TOML: string values must be quoted, expected literal string",
        ),
        ("skip = [ # é\n  \"retry-storm", "line 2, column 15: the file is not TOML: unclosed array, expected `]`"),
    ];
    for &(text, told) in cases {
        let told = told.replace("KEYS", &format!("{keys}, DETECTORS"));
        let told = told.replace("DETECTORS", &detectors).replace("WITH_FINDINGS", &with_findings);
        assert_eq!(parse(text).unwrap_err(), format!("tracescan.toml, {told}"), "{text}");
    }
    assert_eq!(
        parse(b"top = 1\n# \xff").unwrap_err(),
        "tracescan.toml, line 2, column 3: the file is not text in UTF-8"
    );
}

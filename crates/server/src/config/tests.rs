#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use super::*;
use clap::{ArgMatches, Command, FromArgMatches};
use parlor_api::limits_config::{MinuteRate, Rate};
use std::collections::BTreeSet;
use std::path::Path;

const SECRET: &str = "5d41c402abc4b2a76b9719d911017c592b7e151628aed2a6";

/// Reads flags only: the environment of whoever runs the tests is nobody's configuration.
fn matches(flags: &[&str]) -> ArgMatches {
    let command = Config::augment_args(Command::new("parlor")).mut_args(|arg| arg.env(None));
    command.try_get_matches_from(["parlor"].iter().chain(flags)).unwrap()
}

fn settings(flags: &[&str]) -> Result<Settings, ConfigError> {
    Settings::try_from(Config::from_arg_matches(&matches(flags)).unwrap())
}

fn root(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file)
}

#[test]
fn nothing_at_all_is_a_working_configuration() {
    let settings = settings(&[]).unwrap();
    assert_eq!(settings.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(settings.public_url, "http://127.0.0.1:8080");
    assert_eq!(settings.database, Database::Sqlite("./data/parlor.db".into()));
    assert_eq!(settings.secret_file(), Path::new("./data/secret"));
    assert_eq!((settings.writer_lanes, settings.query_tokens, settings.log_format), (1, true, LogFormat::Text));
    assert_eq!(
        (settings.allowed_origins, settings.trusted_proxies, settings.host_jwt),
        (AllowedOrigins::Listed(vec![]), vec![], None)
    );
    assert_eq!(settings.limits, Limits::default());
}

#[test]
fn an_empty_value_counts_as_none() {
    let empty: Vec<String> = variables().iter().map(|variable| format!("--{}=", variable.flag)).collect();
    let empty: Vec<&str> = empty.iter().map(String::as_str).collect();
    assert_eq!(settings(&empty), settings(&[]));
}

#[test]
fn each_value_arrives() {
    let read = settings(&[
        "--listen=[::1]:9000",
        "--public-url=https://chat.example.com/help/",
        "--data-dir=/srv/parlor",
        "--database-url=postgres://parlor:hush@db.example.com/parlor",
        "--writer-lanes=4",
        &format!("--secret-key={SECRET}"),
        "--allowed-origins=https://shop.example.com, HTTP://localhost:3000/",
        "--trusted-proxies=10.0.0.0/8, ::1",
        "--default-channel=0190d1f0-7b1c-7c7e-8a35-5a3f0a1c2b3d",
        "--host-jwt-secret=77de68daecd823babbb58edb1c8e14d7106e83bb",
        "--host-jwt-audience=parlor-chat",
        "--host-jwt-issuer=https://shop.example.com",
        "--host-jwt-role-claim=https://shop.example.com/role",
        "--geo-database=/srv/parlor/GeoLite2-City.mmdb",
        "--metrics-listen=127.0.0.1:9090",
        "--metrics-token=scrape",
        "--log=info,parlor_api=debug",
        "--log-format=json",
        "--query-tokens=off",
    ])
    .unwrap();
    assert_eq!(
        (read.public_url.as_str(), read.public_origin.as_str()),
        ("https://chat.example.com/help", "https://chat.example.com")
    );
    assert_eq!(
        read.database,
        Database::Postgres(SecretText("postgres://parlor:hush@db.example.com/parlor".into()))
    );
    assert_eq!(read.writer_lanes, 4);
    assert_eq!(read.secret_key, Some(ServerSecret::parse(SECRET).unwrap()));
    let origins = ["https://shop.example.com", "http://localhost:3000"].map(|origin| Origin::parse(origin).unwrap());
    assert_eq!(read.allowed_origins, AllowedOrigins::Listed(origins.to_vec()));
    assert_eq!(read.trusted_proxies, ["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()]);
    assert!(read.default_channel.is_some());
    let host = read.host_jwt.unwrap();
    assert_eq!(
        (host.audience.as_deref(), host.issuer.as_deref(), host.role_claim.as_str()),
        (Some("parlor-chat"), Some("https://shop.example.com"), "https://shop.example.com/role")
    );
    assert_eq!(read.geo_database, Some("/srv/parlor/GeoLite2-City.mmdb".into()));
    assert_eq!(
        (read.metrics_listen, read.metrics_token),
        (Some("127.0.0.1:9090".parse().unwrap()), Some(SecretText("scrape".into())))
    );
    assert_eq!(
        (read.log.as_str(), read.log_format, read.query_tokens),
        ("info,parlor_api=debug", LogFormat::Json, false)
    );
    assert_eq!(settings(&["--allowed-origins=*"]).unwrap().allowed_origins, AllowedOrigins::Any);
    assert_eq!(settings(&["--listen=0.0.0.0:8080"]).unwrap().public_url, "http://localhost:8080");
}

#[test]
fn limits_are_numbers_rates_or_off() {
    let limits = |flags: &[&str]| settings(flags).unwrap().limits;
    assert_eq!(
        limits(&["--limit-visitors=0", "--limit-bytes=1024"]),
        Limits {
            visitors_per_minute: 0,
            bytes_per_second: 1024,
            ..Limits::default()
        }
    );
    for (written, read) in [
        ("2/20", Rate { per_second: 2, burst: 20 }),
        ("2", Rate { per_second: 2, burst: 10 }),
        ("50", Rate { per_second: 50, burst: 50 }),
        ("0", Rate::OFF),
        ("0/10", Rate::OFF),
    ] {
        assert_eq!(limits(&["--limit-visitor-messages", written]).visitor_messages, read, "{written}");
    }
    for (written, per_minute, burst) in [("60/10", 60, 10), ("60", 60, 5), ("0/3", 0, 0)] {
        assert_eq!(limits(&["--limit-questions", written]).questions, MinuteRate { per_minute, burst }, "{written}");
    }
    assert_eq!(limits(&["--limits=off", "--limit-visitors=7"]), Limits::OFF);
}

#[test]
fn a_value_that_cannot_be_used_is_answered_with_its_variable_and_what_to_write() {
    for (flag, begin) in [
        ("--listen=localhost", "PARLOR_LISTEN must be an address and port such as"),
        ("--public-url=chat.example.com", "PARLOR_PUBLIC_URL must be a URL such as"),
        ("--public-url=https://someone@chat.example.com", "PARLOR_PUBLIC_URL must be"),
        ("--public-url=https://chat.example.com/?a=b", "PARLOR_PUBLIC_URL must be"),
        ("--database-url=mysql://hush@db", "PARLOR_DATABASE_URL must begin with postgres://"),
        ("--writer-lanes=0", "PARLOR_WRITER_LANES must be a number from 1"),
        (
            "--secret-key=hush",
            "PARLOR_SECRET_KEY must have at least 32 bytes, this has 4; make one with: openssl",
        ),
        ("--secret-key=changeme-changeme-changeme-changeme", "PARLOR_SECRET_KEY is a well-known"),
        (
            "--allowed-origins=https://shop.example.com/cart",
            "PARLOR_ALLOWED_ORIGINS has `https://shop.example.com/cart`: each must be an origin",
        ),
        ("--allowed-origins=https://shop.example.com,*", "PARLOR_ALLOWED_ORIGINS has `*`"),
        ("--trusted-proxies=proxy", "PARLOR_TRUSTED_PROXIES has `proxy`: each must be an address"),
        ("--default-channel=website", "PARLOR_DEFAULT_CHANNEL must be the id"),
        ("--host-jwt-secret=hush", "PARLOR_HOST_JWT_SECRET must have at least 32 bytes"),
        (
            "--host-jwt-issuer=shop",
            "PARLOR_HOST_JWT_ISSUER needs PARLOR_HOST_JWT_SECRET or PARLOR_HOST_JWT_JWKS",
        ),
        ("--host-jwt-jwks=ftp://example.com/jwks.json", "PARLOR_HOST_JWT_JWKS must be an http(s) address"),
        ("--host-jwt-jwks=https://me:hush@example.com/jwks.json", "PARLOR_HOST_JWT_JWKS must be"),
        ("--metrics-listen=9090", "PARLOR_METRICS_LISTEN must be an address and port"),
        ("--log=a=b=c", "PARLOR_LOG must be"),
        ("--log-format=xml", "PARLOR_LOG_FORMAT must be text or json"),
        ("--query-tokens=yes", "PARLOR_QUERY_TOKENS must be on or off"),
        ("--limits=0", "PARLOR_LIMITS must be on or off"),
        ("--limit-visitors=-1", "PARLOR_LIMIT_VISITORS must be a whole number"),
        ("--limit-commands=10/5", "PARLOR_LIMIT_COMMANDS must be a rate"),
        ("--limit-questions=30/0", "PARLOR_LIMIT_QUESTIONS must be a rate"),
    ] {
        let error = settings(&[flag]).unwrap_err().to_string();
        assert!(error.starts_with(begin), "{flag}: {error}");
        assert!(!error.contains("hush"), "{error}");
    }
}

#[test]
fn a_host_site_has_a_secret_or_a_key_set_and_never_both() {
    let secret = format!("--host-jwt-secret={SECRET}");
    let keys = |flags: &[&str]| settings(flags).map(|read| read.host_jwt.map(|host| host.keys));
    assert_eq!(keys(&[&secret]).unwrap(), Some(HostKeys::Shared(SecretText(SECRET.into()))));
    for place in [
        "https://id.example.com/jwks.json?p=login",
        "http://127.0.0.1:9000/keys",
        "/etc/parlor/jwks.json",
    ] {
        let flag = format!("--host-jwt-jwks={place}");
        let published = HostKeys::Published(place.parse().unwrap());
        assert_eq!(keys(&[&flag, "--host-jwt-audience=parlor-chat"]).unwrap(), Some(published), "{place}");
        let error = keys(&[&flag, &secret]).unwrap_err();
        assert_eq!(error.variable, "PARLOR_HOST_JWT_JWKS");
        assert!(error.advice.contains("leave out the secret") && !error.to_string().contains(SECRET), "{error}");
    }
}

#[test]
fn postgres_demands_the_secret_and_says_how_to_make_one() {
    let error = settings(&["--database-url=postgres://db/parlor"]).unwrap_err();
    assert_eq!(error.variable, "PARLOR_SECRET_KEY");
    assert!(error.to_string().contains("openssl rand -hex 32"));
}

#[test]
fn the_description_tells_value_and_source_and_no_secret() {
    let secrets = [
        &format!("--secret-key={SECRET}"),
        "--database-url=postgres://parlor:hush@db.example.com/parlor?password=hush",
        "--host-jwt-secret=hush-77de68daecd823babbb58edb1c8e14d7106e83bb",
        "--metrics-token=hush",
        "--limits=off",
    ];
    let (matches, settings) = (matches(&secrets), settings(&secrets).unwrap());
    let text = settings.describe(&matches);
    for line in [
        "PARLOR_LISTEN 127.0.0.1:8080 default",
        "PARLOR_PUBLIC_URL http://127.0.0.1:8080 default",
        "PARLOR_DATABASE_URL postgres://db.example.com/parlor flag",
        "PARLOR_SECRET_KEY (hidden) flag",
        "PARLOR_METRICS_TOKEN (hidden) flag",
        "PARLOR_LIMIT_VISITORS off default",
        "PARLOR_TRUSTED_PROXIES – default",
    ] {
        assert!(text.lines().any(|told| told.split_whitespace().eq(line.split(' '))), "{line} in\n{text}");
    }
    for shown in [text, format!("{settings:?}"), format!("{:?}", Config::from_arg_matches(&matches).unwrap())] {
        assert!(!shown.contains("hush") && !shown.contains(SECRET), "{shown}");
    }
}

#[test]
fn on_sqlite_the_description_tells_where_database_and_secret_are() {
    let text = settings(&["--data-dir=/srv/parlor"]).unwrap().describe(&matches(&["--data-dir=/srv/parlor"]));
    assert!(
        text.contains("SQLite in /srv/parlor/parlor.db") && text.contains("in /srv/parlor/secret"),
        "{text}"
    );
}

#[test]
fn each_variable_is_also_a_flag_and_help_shows_no_value_of_the_environment() {
    for variable in variables() {
        assert_eq!(variable.name, format!("PARLOR_{}", variable.flag.to_uppercase().replace('-', "_")));
        assert!(!variable.help.is_empty(), "{}", variable.name);
    }
    let command = Config::augment_args(Command::new("parlor"));
    for id in ["database_url", "secret_key", "host_jwt_secret", "metrics_token"] {
        assert!(command.get_arguments().any(|arg| arg.get_id() == id && arg.is_hide_env_values_set()), "{id}");
    }
}

#[test]
fn flags_stand_before_or_after_a_subcommand() {
    let command = || {
        everywhere(Config::augment_args(Command::new("parlor")))
            .mut_args(|arg| arg.env(None))
            .subcommand(Command::new("serve"))
    };
    for words in [["parlor", "--log=warn", "serve"], ["parlor", "serve", "--log=warn"]] {
        let matches = command().try_get_matches_from(words).unwrap();
        assert_eq!(Config::from_arg_matches(&matches).unwrap().log, "warn", "{words:?}");
        assert!(
            Settings::try_from(Config::from_arg_matches(&matches).unwrap())
                .unwrap()
                .describe(&matches)
                .contains("flag")
        );
    }
}

/// With `UPDATE=1` in the environment it writes the file instead.
#[test]
fn the_example_file_is_what_the_struct_says() {
    let file = root(".env.example");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, env_example()).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == env_example(),
        ".env.example is not what the configuration says; run the tests with UPDATE=1 and look at the difference"
    );
}

#[test]
fn the_guide_names_every_variable_and_no_other() {
    let guide = std::fs::read_to_string(root("docs/configuration.md")).unwrap();
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let told: BTreeSet<&str> = guide.split(|c| !is_name(c)).filter(|word| word.starts_with("PARLOR_")).collect();
    let known = variables();
    assert_eq!(told, known.iter().map(|variable| variable.name.as_str()).collect());
    for Variable { name, default, .. } in &known {
        let row = guide
            .lines()
            .find(|line| line.starts_with('|') && line.contains(&format!("`{name}`")))
            .unwrap_or_else(|| panic!("{name} has no row"));
        assert!(
            default.as_ref().is_none_or(|default| row.contains(&format!("`{default}`"))),
            "the row of {name} lacks its default"
        );
    }
}

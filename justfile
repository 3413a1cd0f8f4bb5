# Short names for what CI and CONTRIBUTING.md call by `cargo xtask`.

# What there is
default:
    @just --list

# The server on SQLite, in ./data
run *arguments:
    cargo run -- {{arguments}}

# Format, lints, dependency rules, files and links
check:
    cargo xtask check

# The whole suite; what follows goes to `cargo xtask test`
test *arguments:
    cargo xtask test {{arguments}}

# The domain's own tests, fast enough for every save
quick:
    cargo test --package parlor-domain

# Clients that nobody of this project wrote
interop *arguments:
    cargo xtask interop {{arguments}}

# Everything CI does
ci:
    .ci/run

# Format the code
fmt:
    cargo fmt --all

//! What a `User-Agent` tells about browser, system and device.

use woothee::parser::Parser;

/// A visitor's device, each part as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Device {
    /// The browser.
    pub browser: Option<String>,
    /// The system it runs on.
    pub os: Option<String>,
    /// `desktop`, `phone`, `tablet`, `console` or `bot`.
    pub kind: Option<String>,
}

impl Device {
    /// Reads a `User-Agent`.
    #[must_use]
    pub fn of(user_agent: &str) -> Self {
        let Some(found) = Parser::new().parse(user_agent) else {
            return Self::default();
        };
        let known = |word: &str| (!word.is_empty() && !word.starts_with("UNKNOWN")).then(|| word.to_owned());
        // Android's browsers say `Mobile` on phones only.
        let is_tablet = found.os == "iPad" || found.os == "Android" && !user_agent.contains("Mobile");
        let kind = match found.category {
            "smartphone" if is_tablet => Some("tablet"),
            "smartphone" | "mobilephone" => Some("phone"),
            "pc" => Some("desktop"),
            "appliance" => Some("console"),
            "crawler" => Some("bot"),
            _ => None,
        };
        Self {
            browser: known(found.name),
            os: match found.os {
                "iPhone" | "iPad" | "iPod" => Some("iOS".to_owned()),
                "Mac OSX" => Some("macOS".to_owned()),
                "Windows UNKNOWN Ver" => Some("Windows".to_owned()),
                other => known(other),
            },
            kind: kind.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browser_system_and_device_are_read_as_far_as_they_are_told() {
        for (user_agent, told) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
                [Some("Firefox"), Some("Windows 10"), Some("desktop")],
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
                [Some("Safari"), Some("iOS"), Some("phone")],
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
                [Some("Chrome"), Some("macOS"), Some("desktop")],
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
                [Some("Chrome"), Some("Android"), Some("tablet")],
            ),
            ("curl/8.5.0", [Some("HTTP Library"), None, None]),
            ("something of our own", [None, None, None]),
            ("-", [None, None, None]),
            ("", [None, None, None]),
        ] {
            let Device { browser, os, kind } = Device::of(user_agent);
            assert_eq!([browser.as_deref(), os.as_deref(), kind.as_deref()], told, "{user_agent}");
        }
    }
}

//! What to ask and what to expect, in words that several protocols share: the
//! options of `check` and `probe` that a plan can give for each check.

use crate::units::enumerate;

use super::{SCHEMES, Scheme, copies, http, script, tls, udp};

/// What is asked of a target, beyond what its protocol's name says.
#[derive(Debug, Clone, Default, PartialEq, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// The conversation.
    #[command(flatten)]
    pub script: script::Script,
    /// Datagrams.
    #[command(flatten)]
    pub udp: udp::Settings,
    /// TLS.
    #[command(flatten)]
    pub tls: tls::Settings,
    /// HTTP.
    #[command(flatten)]
    pub http: http::Settings,
    /// The file service.
    #[command(flatten)]
    pub copies: copies::Settings,
}

impl Settings {
    /// Whether `scheme` uses the option of this long name; those that every
    /// protocol has are used by each.
    #[must_use]
    pub fn reach(&self, option: &str, scheme: &Scheme) -> bool {
        let users = self.users(option);
        users.is_empty() || users.contains(&scheme.name)
    }

    /// That an option is for other protocols than this, in words.
    #[must_use]
    pub fn misplaced(&self, option: &str) -> String {
        let users = self.users(option).into_iter().map(String::from);
        let users = enumerate(users.collect());
        format!("`--{option}` is for {users}")
    }

    /// The first option given that no protocol of `schemes` uses: whoever gave
    /// it believes that it is heeded.
    ///
    /// # Errors
    /// There is one: in words.
    pub fn all_reach<'a>(
        &self,
        schemes: impl IntoIterator<Item = &'a Scheme>,
    ) -> Result<(), String> {
        let schemes: Vec<&Scheme> = schemes.into_iter().collect();
        let given = self.tls.given().into_iter();
        let given = given.chain(self.http.given()).chain(self.udp.given());
        let given = given.chain(self.copies.given());
        let mut given = given.filter(|(_, is_given)| *is_given);
        let idle = given.find(|(option, _)| !schemes.iter().any(|it| self.reach(option, it)));
        match idle {
            Some((option, _)) => Err(format!(
                "{}: no target is one of them",
                self.misplaced(option)
            )),
            None => Ok(()),
        }
    }

    fn users(&self, option: &str) -> Vec<&'static str> {
        let uses = |it: &&Scheme| (it.options)(self).contains(&option);
        SCHEMES.iter().filter(uses).map(|it| it.name).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Args as _;

    use super::*;

    #[test]
    fn each_option_is_some_protocol_s_and_each_such_name_an_option() {
        let settings = Settings {
            http: http::Settings {
                follow: true,
                ..http::Settings::default()
            },
            ..Settings::default()
        };
        let all = Settings::augment_args(clap::Command::new("all"));
        let steps = script::Script::augment_args(clap::Command::new("steps"));
        let names = |it: &clap::Command| -> Vec<String> {
            let names = it.get_arguments().filter_map(clap::Arg::get_long);
            names.map(String::from).collect()
        };
        let steps = names(&steps);
        let own: Vec<String> = names(&all);
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        for option in own
            .iter()
            .filter(|it| !steps.iter().any(|step| step == *it))
        {
            assert!(!settings.users(option).is_empty(), "{option}");
        }
        let tls = settings.tls.given().map(|it| it.0);
        let http = settings.http.given().map(|it| it.0);
        let udp = settings.udp.given().map(|it| it.0);
        let copies = settings.copies.given().map(|it| it.0);
        let given = [&tls[..], &http, &udp, &copies].concat();
        assert_eq!(given.len() + steps.len(), own.len());
        assert!(given.iter().all(|it| own.contains(it)), "{given:?}");
    }

    #[test]
    fn an_option_that_nothing_uses_is_named() {
        let settings = Settings {
            tls: tls::Settings {
                min_days: Some(14),
                ..tls::Settings::default()
            },
            ..Settings::default()
        };
        let judge = |names: &[&str]| {
            let named = SCHEMES.iter().filter(|it| names.contains(&it.name));
            settings.all_reach(named)
        };
        assert_eq!(judge(&["tcp", "tls"]), Ok(()));
        let said = "`--min-days` is for tls and https: no target is one of them";
        assert_eq!(judge(&["tcp", "http"]), Err(said.into()));
    }
}

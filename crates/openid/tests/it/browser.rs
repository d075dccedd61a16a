//! As much of a browser as a sign-in needs: redirects, cookies, a form.

use std::collections::BTreeMap;

use indelible_openid::Callback;
use tokio::task::block_in_place;
use ureq::{Agent, Body, http::Response};

use crate::REDIRECT;

pub(crate) struct Browser {
    agent: Agent,
    cookies: BTreeMap<String, String>,
}

impl Default for Browser {
    fn default() -> Self {
        let config = Agent::config_builder()
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .proxy(None);
        Self { agent: config.build().new_agent(), cookies: BTreeMap::new() }
    }
}

/// Where a way of redirects ended.
pub(crate) enum Place {
    /// At the redirect URI, with what its query says.
    Back(Callback),
    /// On a page with this address and text.
    Page(String, String),
}

impl Browser {
    /// Goes there and on to wherever it is sent.
    pub(crate) fn go(&mut self, url: &str) -> Place {
        self.follow(url, None)
    }

    /// Sends a form and goes on to wherever it is sent.
    pub(crate) fn send(&mut self, url: &str, form: &[(&str, &str)]) -> Place {
        self.follow(url, Some(form))
    }

    /// Goes there, where no form is in the way.
    pub(crate) fn callback(&mut self, url: &str) -> Callback {
        match self.go(url) {
            Place::Back(callback) => callback,
            Place::Page(url, text) => panic!("a page at {url}: {text}"),
        }
    }

    fn follow(&mut self, url: &str, mut form: Option<&[(&str, &str)]>) -> Place {
        let mut url = url.to_owned();
        for _ in 0..20 {
            if let Some(query) = url.strip_prefix(REDIRECT) {
                let uri = format!("http://back/{query}").parse().unwrap();
                return Place::Back(axum::extract::Query::try_from_uri(&uri).unwrap().0);
            }
            let answer = block_in_place(|| self.request(&url, form.take()));
            self.keep_cookies(&answer);
            let Some(next) = answer.headers().get("location") else {
                return Place::Page(url, block_in_place(|| answer.into_body().read_to_string().unwrap()));
            };
            let next = next.to_str().unwrap();
            url = if next.starts_with('/') { format!("{}{next}", origin(&url)) } else { next.to_owned() };
        }
        panic!("redirected in circles, last to {url}");
    }

    fn request(&self, url: &str, form: Option<&[(&str, &str)]>) -> Response<Body> {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        match form {
            Some(form) => self.agent.post(url).header("cookie", cookies).send_form(form.iter().copied()),
            None => self.agent.get(url).header("cookie", cookies).call(),
        }
        .unwrap()
    }

    fn keep_cookies(&mut self, answer: &Response<Body>) {
        for cookie in answer.headers().get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = value.split(';').next().unwrap_or_default();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

fn origin(url: &str) -> &str {
    let host = url.find("://").unwrap() + 3;
    &url[..host + url[host..].find('/').unwrap()]
}

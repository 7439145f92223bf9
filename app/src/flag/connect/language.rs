//! The languages in which an application can be connected, and what of each is needed: packages that are published, the
//! file, how it is run. OpenFeature's SDK with its OFREP provider where there is one.

use store::TokenKind;

engine::words! {
    /// What an application is written in.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum Language {
        #[default]
        Node = "node",
        Web = "web",
        Python = "python",
        Go = "go",
        Java = "java",
        DotNet = "dotnet",
        Php = "php",
        Ruby = "ruby",
        Rust = "rust",
        Curl = "curl",
    }
}

impl Language {
    pub fn label(self) -> &'static str {
        match self {
            Self::Node => "JavaScript, server",
            Self::Web => "JavaScript, web page",
            Self::Python => "Python",
            Self::Go => "Go",
            Self::Java => "Java",
            Self::DotNet => ".NET",
            Self::Php => "PHP",
            Self::Ruby => "Ruby",
            Self::Rust => "Rust",
            Self::Curl => "curl",
        }
    }

    /// What a program in it asks with.
    pub fn token_kind(self) -> TokenKind {
        match self {
            Self::Web => TokenKind::Client,
            Self::Node
            | Self::Python
            | Self::Go
            | Self::Java
            | Self::DotNet
            | Self::Php
            | Self::Ruby
            | Self::Rust
            | Self::Curl => TokenKind::Server,
        }
    }

    /// What gets the packages; nothing where none are needed.
    pub fn install(self) -> Option<&'static str> {
        match self {
            Self::Node => Some("npm install @openfeature/server-sdk @openfeature/ofrep-provider"),
            Self::Web => Some("npm install @openfeature/web-sdk @openfeature/ofrep-web-provider"),
            Self::Python => Some("pip install openfeature-sdk openfeature-provider-ofrep"),
            Self::Go => Some(
                "go get github.com/open-feature/go-sdk github.com/open-feature/go-sdk-contrib/providers/ofrep",
            ),
            Self::Java => Some(
                "implementation 'dev.openfeature:sdk:1.20.2'\nimplementation 'dev.openfeature.contrib.providers:ofrep:0.0.2'",
            ),
            Self::DotNet => {
                Some("dotnet add package OpenFeature\ndotnet add package OpenFeature.Providers.Ofrep")
            }
            Self::Ruby => Some("gem install openfeature-sdk openfeature-ofrep-provider"),
            Self::Rust => {
                Some("cargo add open-feature open-feature-ofrep reqwest\ncargo add tokio --features full")
            }
            Self::Php | Self::Curl => None,
        }
    }

    /// Where the packages are named, when no command does it.
    pub fn install_title(self) -> &'static str {
        match self {
            Self::Java => "Name the packages in build.gradle",
            Self::Node
            | Self::Web
            | Self::Python
            | Self::Go
            | Self::DotNet
            | Self::Php
            | Self::Ruby
            | Self::Rust
            | Self::Curl => "Get the packages",
        }
    }

    /// Said where somebody would look for a package in vain.
    pub fn note(self) -> Option<&'static str> {
        match self {
            Self::Php => Some("OpenFeature has no OFREP provider for PHP: one request with cURL does it."),
            Self::Node => Some("The same in TypeScript: call the file ask.mts."),
            Self::Web => Some(
                "For a page with a bundler, in TypeScript as well. The hook in examples/openfeature-hook sends exposures of all flags by itself.",
            ),
            Self::Python | Self::Go | Self::Java | Self::DotNet | Self::Ruby | Self::Rust | Self::Curl => {
                None
            }
        }
    }

    /// The file that the program is saved as.
    pub fn file(self) -> &'static str {
        match self {
            Self::Node => "ask.mjs",
            Self::Web => "ask.js",
            Self::Python => "ask.py",
            Self::Go => "main.go",
            Self::Java => "Ask.java",
            Self::DotNet => "Program.cs",
            Self::Php => "ask.php",
            Self::Ruby => "ask.rb",
            Self::Rust => "src/main.rs",
            Self::Curl => "ask.sh",
        }
    }

    /// What runs it; nothing for a page, which is opened.
    pub fn run(self) -> Option<&'static str> {
        match self {
            Self::Node => Some("node ask.mjs"),
            Self::Web => None,
            Self::Python => Some("python ask.py"),
            Self::Go => Some("go run ."),
            Self::Java => Some("gradle run"),
            Self::DotNet => Some("dotnet run"),
            Self::Php => Some("php ask.php"),
            Self::Ruby => Some("ruby ask.rb"),
            Self::Rust => Some("cargo run"),
            Self::Curl => Some("sh ask.sh"),
        }
    }
}
